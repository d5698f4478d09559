"""The persons that rows name: registered once, and kept up with what later rows say of them.

An address belongs to one person. Whom the desk knows by it already is who the row means: their own
id stands in the ticket, and what the desk says of them stays. Rows are told apart by the id
that is derived from the file, so that it is the same row whichever person has the address by now.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import orjson
from pydantic import ValidationError

from ticketlog.domain.base import Actor, Command, Context, Refused, kind_and_id
from ticketlog.domain.parties import person
from ticketlog.domain.parties.contact import AddAddress, Address, compared
from ticketlog.domain.parties.person import RegisterPerson, RenamePerson
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.errors import Conflict
from ticketlog.importing.people import NamedPerson
from ticketlog.importing.row import ImportRow, RowProblem
from ticketlog.log.commit import Commit, Verdict, commit_of, recorded_of
from ticketlog.log.port import Log

ATTEMPTS = 50


def emailed(address: str) -> Address | None:
    """An address of a file as addresses are compared; None where it can't be anybody's."""
    try:
        return Address(kind="email", value=compared("email", address))
    except ValidationError:
        return None


class _Said(NamedTuple):
    """A person as a row describes them."""

    row: ImportRow
    person: NamedPerson
    commit: Commit


class AddressHolders(NamedTuple):
    """The persons and agents whom a desk knows. `persons`: those who have an address, by it.
    `agents`: those whom its settings say to be a person, by all ids of that person."""

    persons: Mapping[Address, Sequence[str]] = MappingProxyType({})
    agents: Mapping[str, str] = MappingProxyType({})


class ImportedPersons:
    """The persons of one import."""

    def __init__(
        self,
        log: Log,
        settings: Settings,
        source: str,
        writer: str | None,
        secret: bytes,
        holders: AddressHolders,
    ) -> None:
        self._log = log
        self._settings = settings
        self._actor = Actor(source, "import")
        self._writer = writer
        self._secret = secret
        self._holders = holders
        self._meant: dict[NamedPerson, str] = {}
        """The id of whom the desk knows by the address; else the derived one."""
        self._met: set[NamedPerson] = set()
        self._states: dict[str, person.Person] = {}
        self._said: list[_Said] = []
        self.registered = 0

    def meet(self, row: ImportRow, problem: Callable[[RowProblem], None]) -> None:
        """Takes note of whom a row names; what can't be recorded of them is a problem."""
        for each in row.people:
            if each not in self._met:
                self._met.add(each)
                for why in self._note(row, each) if self._of(each) == each.id else ():
                    problem(RowProblem(row.line, "bad-person", why))

    def named(self, row: ImportRow) -> RecordActivity:
        """The row's command with the ids of those whom the desk knows by their addresses."""
        command, holders = row.command, self._holders
        if not holders.persons and not holders.agents:
            return command
        people = {each.id: each for each in row.people}
        author = self._of if command.comment_by_requester else self._agent
        ways = {"requester": self._of, "assignee": self._agent, "actor": self._agent}
        changed: dict[str, str] = {}
        for field, way in {**ways, "comment_author": author}.items():
            each = people.get(getattr(command, field) or "")
            if each is not None and (id := way(each)) != each.id:
                changed[field] = id
        return command.model_copy(update=changed) if changed else command

    def _of(self, each: NamedPerson) -> str:
        """The id of a person: of several who have the address the derived one, if it is there."""
        id = self._meant.get(each)
        if id is None:
            id, held = each.id, self._holders.persons
            if each.address and held and (named := emailed(each.address)):
                known = held.get(named, ())
                id = id if id in known or not known else known[0]
            self._meant[each] = id
        return id

    def _agent(self, each: NamedPerson) -> str:
        """The id of an acting person: that of the agent whom the settings say to be that person."""
        id = self._of(each)
        return self._holders.agents.get(id, id)

    def flush(self) -> None:
        """Writes what was noted, before the rows that name them. Raises Conflict, Unreachable,
        Damaged."""
        for _ in range(ATTEMPTS):
            said, self._said = self._said, []
            if not said:
                return
            outcomes = self._log.append_all([each.commit for each in said])
            refused = []
            for each, outcome in zip(said, outcomes, strict=True):
                if isinstance(outcome, Verdict):
                    refused.append(each)
                else:
                    self.registered += outcome.version == 0
            for each in refused:
                self._states.pop(each.commit.stream, None)
            for each in refused:
                list(self._note(each.row, each.person))
        raise Conflict(
            f"other writers changed the persons of this import {ATTEMPTS} times in a row: start "
            "it again when they rest; what is in the log stays"
        )

    def _note(self, row: ImportRow, each: NamedPerson) -> Iterator[str]:
        """Prepares the commits; gives what can't be recorded."""
        stream = f"person/{each.id}"
        try:
            commands = list(_commands(row, each, self._state(stream)))
        except ValidationError as error:
            yield f"what is said of a person can't be recorded: {error.errors()[0]['msg']}"
            return
        for command in commands:
            try:
                commit = self._decided(command, stream, row.at)
            except Refused as refusal:
                yield str(refusal)
                continue
            if commit is not None:
                self._said.append(_Said(row, each, commit))

    def _decided(self, command: Command, stream: str, at: int) -> Commit | None:
        state = self._state(stream)
        # Keyed: what is known of a person can't be guessed from a digest of it.
        said = orjson.dumps(command.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
        digest = hmac.digest(self._secret, command.NAME.encode() + said, "sha256").hex()
        seed = f"{stream}\0{digest}\0{state.version}"
        context = Context(
            settings=self._settings,
            now=max(at, state.clock),
            actor=self._actor,
            stream=stream,
            channel="import",
            command_id=hmac.digest(self._secret, seed.encode(), "sha256").hex()[:32],
        )
        events = person.decide(command, state, context)
        if not events:
            return None
        commit = commit_of(
            context,
            command.NAME,
            digest,
            state.version + 1,
            events,
            recorded_at=time.time_ns() // 1000,
            source=self._actor.id,
            writer=self._writer,
        )
        for event in recorded_of(commit):
            state = person.evolve(state, event)
        self._states[stream] = state
        return commit

    def _state(self, stream: str) -> person.Person:
        state = self._states.get(stream)
        if state is None:
            state = person.initial(kind_and_id(stream)[1])
            for record in self._log.stream(stream):
                for event in self._log.codec.decode(record.data, record.partition, record.offset):
                    state = person.evolve(state, event)
            self._states[stream] = state
        return state


def _commands(row: ImportRow, each: NamedPerson, known: person.Person) -> Iterator[Command]:
    """The commands by which the desk learns what the row says. A name counts where the row isn't
    older than what is known. Raises ValidationError."""
    address = Address(kind="email", value=each.address) if each.address else None
    if not known.exists:
        if each.name or address:
            yield RegisterPerson(name=each.name, addresses=(address,) if address else ())
        return
    if known.merged_into is not None:
        return
    if each.name and each.name != known.name and row.at >= known.clock:
        yield RenamePerson(name=each.name)
    if address is not None and address.value not in {one.value for one in known.addresses}:
        yield AddAddress(kind="email", value=address.value)

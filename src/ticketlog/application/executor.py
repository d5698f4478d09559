"""The executor: from a command to a commit: load, decide, append; again where another commit was
first.

A command's id makes it safe to send again: whatever became of it the first time is its answer.
`now` is fixed when the command is received, so that every attempt decides about the same moment.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeGuard

import orjson
from eventsourcing.persistence import PersistenceError
from uuid_utils import uuid7

from ticketlog.application.unseen_replies import with_words
from ticketlog.domain import text
from ticketlog.domain.aggregates import ACCOUNT_AGGREGATES, AGGREGATES, aggregate_of, informed
from ticketlog.domain.base import (
    FIRST,
    LAST,
    Actor,
    Aggregate,
    Closed,
    Command,
    Context,
    Event,
    Invalid,
    Recorded,
    Refused,
    Stale,
    kind_and_id,
    stream_key,
)
from ticketlog.domain.parties.contact import Address, RemoveAddress
from ticketlog.domain.parties.person import RegisterPerson, addresses_of, taken, takes_address
from ticketlog.domain.recorded_refusal import CommandRefused, recorded, refused_again
from ticketlog.domain.rights import check_known
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket import KIND as TICKET
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Reopen
from ticketlog.domain.ticket.mentions import called
from ticketlog.domain.ticket.relations import ACYCLIC, LinkTo, Unlink, cycle
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.time.receipt import LIVE, LIVE_CREATION, SIMULATED, believed
from ticketlog.errors import CommandReused, Conflict, InDoubt, TicketlogError, Usage
from ticketlog.log.commit import Commit, commit_of, digest, digest_of, recorded_of
from ticketlog.log.eventsourcing.repository import SNAPSHOT_EVERY, Repository
from ticketlog.log.partitioner import partition_of
from ticketlog.log.port import Log, Placed

ATTEMPTS = 50
"""Conflicts in a row after which a command gives up; each means that another one got through."""


class Outcome(NamedTuple):
    """The outcome of a command.

    `version` is the stream's version after it: what a later command may name as `seen`. `events`
    is empty where there was nothing to do, and `offset` None. `repeated`: the id was known, and
    this is its first answer. `follow_up_of` names the closed ticket that the command was sent to,
    where `stream` is the follow-up ticket that was opened instead. `unknown`: names that a note
    calls, and nobody has.
    """

    stream: str
    version: int
    events: tuple[Recorded, ...]
    partition: int
    offset: int | None
    repeated: bool = False
    follow_up_of: str | None = None
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """A command with everything that was fixed when it was received."""

    command: Command
    aggregate: Aggregate
    stream: str
    id: str
    digest: str
    received_at: int
    occurred_at: int
    """As its sender states it; that of receipt where nothing is stated."""
    actor: Actor
    channel: str
    source: str | None
    reason: str | None
    seen: int | None
    cause: str | None
    correlation: str | None
    anyway: bool = False
    """Whatever has changed since `seen`, it is meant."""
    fresh: bool = False
    """Its id was made for it just now: nobody can have sent it before, or will send it again."""
    internal: bool = False
    """The desk itself sends it: a policy, or what keeps an outbox."""


def request(
    command: Command,
    on: str | None,
    *,
    id: str,
    received_at: int,
    occurred_at: int | None,
    actor: Actor,
    channel: str,
    source: str | None = None,
    reason: str | None = None,
    seen: int | None = None,
    cause: str | None = None,
    correlation: str | None = None,
    anyway: bool = False,
    fresh: bool = False,
    internal: bool = False,
    kinds: Mapping[str, Aggregate] = AGGREGATES,
) -> Request:
    """A command as it was received, for a log with streams of these kinds. Raises Usage where it
    can't go where it is sent to, or happened at no time that a record can hold."""
    if occurred_at is not None and not FIRST <= occurred_at <= LAST:
        raise Usage(f"occurred_at lies beyond the years 1000 to 9999: {occurred_at} microseconds")
    aggregate, stream = stream_of(type(command), on, id, kinds)
    return Request(
        command=command,
        aggregate=aggregate,
        stream=stream,
        id=id,
        digest=digest_of(command),
        received_at=received_at,
        occurred_at=received_at if occurred_at is None else occurred_at,
        actor=actor,
        channel=channel,
        source=source,
        reason=reason,
        seen=seen,
        cause=cause,
        correlation=correlation,
        anyway=anyway,
        fresh=fresh,
        internal=internal,
    )


def new_id() -> str:
    return str(uuid7())


def derived_id(*parts: str) -> str:
    """The id of a command that another one causes: the same whenever it is derived."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def stream_name(stream: str) -> str:
    """'KIND/ID' of a stream that is named so, or by a ticket's ID alone. Raises Usage."""
    kind, slash, id = stream.rpartition("/")
    if (slash and kind not in AGGREGATES) or not id:
        kinds = ", ".join(sorted(AGGREGATES))
        raise Usage(f"{stream!r} names no stream: write KIND/ID, KIND one of {kinds}")
    return stream if slash else f"{TICKET}/{id}"


def account_stream_name(stream: str) -> str:
    """'KIND/ID' of a stream of the log of access, as it is named. Raises Usage."""
    kind, slash, id = stream.partition("/")
    if not slash or kind not in ACCOUNT_AGGREGATES or not id:
        kinds = ", ".join(sorted(ACCOUNT_AGGREGATES))
        raise Usage(f"{stream!r} names no account: write KIND/ID, KIND one of {kinds}")
    return stream


def stream_of(
    command: type[Command],
    on: str | None,
    id: str,
    kinds: Mapping[str, Aggregate] = AGGREGATES,
) -> tuple[Aggregate, str]:
    """The aggregate and the stream of a command: `on` is 'KIND/ID' or the ID alone; None for one
    that creates.

    Raises Usage.
    """
    try:
        aggregate = aggregate_of(command)
    except KeyError:
        raise Usage(f"{command.__name__} is no command that a desk takes") from None
    if aggregate.kind not in kinds:
        verb = "execute_account" if aggregate.kind in ACCOUNT_AGGREGATES else "execute"
        raise Usage(f"{command.NAME} is for a {aggregate.kind}: send it by `Desk.{verb}`")
    if on is None:
        if not command.SPEC.creates:
            raise Usage(f"{command.NAME} needs the {aggregate.kind} that it is for: on='ID'")
        return aggregate, f"{aggregate.kind}/{stream_key(id)}"
    kind, slash, key = on.rpartition("/")
    if slash and kind != aggregate.kind:
        raise Usage(f"{command.NAME} is for a {aggregate.kind}, and {on} is none")
    if not key:
        raise Usage(f"{on!r} names no {aggregate.kind}")
    return aggregate, f"{aggregate.kind}/{key}"


class Executor:
    """Executes commands on one log. Thread-safe; keeps nothing between two commands."""

    def __init__(
        self,
        log: Log,
        repository: Repository,
        settings: Callable[[], Settings],
        writer: str,
        *,
        simulated: bool = False,
        holders: Callable[[Sequence[Address]], Sequence[str]] = lambda _: (),
        load: Callable[[str], Any] | None = None,
    ) -> None:
        """`simulated`: any time is believed. `holders`: the ids of the persons who have one of
        these addresses, as far as the log goes now. `load`: the states of the streams that a
        decision reads besides its own, where they aren't all in this log."""
        self.log = log
        self.repository = repository
        self.settings = settings
        self.writer = writer
        self.simulated = simulated
        self._holders = holders
        self._load = load or repository.load
        self._addressing = threading.RLock()
        """Of several threads that give somebody an address one goes after the other: they see what
        the one before has done, and needn't take theirs back."""

    def execute(self, request: Request) -> Outcome:
        """Raises Refused, CommandReused, Conflict, Unreadable, Unreachable, Damaged."""
        with self._addressing if takes_address(request.command) else nullcontext():
            outcome = self._executed(request)
        if isinstance(request.command, Note) and "@" in request.command.body:
            unknown = called(request.command.body, self.settings()).unknown
            return outcome._replace(unknown=unknown)
        return outcome

    def _executed(self, request: Request) -> Outcome:
        for attempt in range(ATTEMPTS):
            state = self.state(request) if attempt == 0 else self.repository.load(request.stream)
            answer = self.answered(request, state)
            if answer is not None:
                return answer
            try:
                commit = self.decided(request, state)
            except Refused as refusal:
                if self._has_moved(request, state):
                    continue
                answer = self._refused(request, state, refusal)
                if answer is None:
                    continue
                return answer
            if commit is None:
                if self._has_moved(request, state):
                    continue
                return self._first_answer(request) or self._unchanged(request, state)
            try:
                placed = self.log.append(commit)
            except Conflict:
                continue
            if placed.repeated:
                return self._answer(request, placed)
            self.snapshot(request, state, placed)
            outcome = outcome_of(commit, placed)
            self.repository.keep(request.stream, request.aggregate.fold(state, outcome.events))
            self._part_cycle(request)
            self._part_address(request)
            return outcome
        raise Conflict(
            f"{request.stream} changed {ATTEMPTS} times while {request.command.NAME} was decided: "
            f"send it again with the same id ({request.id})"
        )

    def answered(self, request: Request, state: Any) -> Outcome | None:
        """The first answer of a command that went to another stream than the one that it is sent
        to; None: it has none there, and is to be decided. Asked before deciding, since what was
        refused then may be right now.

        Raises Usage for a version that nobody can have seen, CommandReused.
        """
        self._check_seen(request, state)
        for each in self._elsewhere(request, state):
            self.log.sync()
            placed = self.log.find(each.stream, each.id)
            if placed is not None:
                return self._answer(each, placed)._replace(follow_up_of=request.stream)
        return None

    def _elsewhere(self, request: Request, state: Any) -> Iterator[Request]:
        """Requests on other streams under which the command's id may stand: the follow-up that it
        opened where its ticket was closed, or solved for too long."""
        if not request.fresh and _asks_on(request.command) and state.ended_once:
            yield _follow_up(request, request.command, state, self.settings())

    def _check_seen(self, request: Request, state: Any) -> None:
        """Raises Usage for a version that the stream hasn't reached: nobody saw it."""
        if request.seen is None or request.seen <= state.version:
            return
        self.log.sync()
        version = int(self.log.head(request.stream).version) - 1
        if 0 <= version < request.seen:
            raise Usage(
                f"{request.stream} is at version {version}, and nobody has seen version "
                f"{request.seen} of it: look at it, and name the version that you see"
            )

    def _part_cycle(self, request: Request) -> None:
        """Takes back a link that closes a circle with links that were made meanwhile on other
        tickets, and raises the refusal. Where two tickets are linked to each other at once, both
        links are taken back, or the later one."""
        command = request.command
        if not may_lead_back(command):
            return
        self.log.sync()
        refusal = cycle(command, self.repository.load(request.stream), self.repository.load)
        if refusal is None:
            return
        undo = Unlink(kind=command.kind, target=command.target)
        self.execute(_back(request, undo, _parting_id(request)))
        raise refusal

    def _part_address(self, request: Request) -> None:
        """Takes an address back that another person has got meanwhile, and raises the refusal: of
        two who get one at once neither keeps it, or only the first."""
        if not takes_address(request.command):
            return
        person = self.repository.load(request.stream)
        context = _context(request, self.settings(), request.received_at)
        lost = taken(request.command, person, self._informed(request, person, context))
        for number, each in enumerate(addresses_of(request.command)):
            if each in lost:
                undo = RemoveAddress(kind=each.kind, value=each.value)
                self.execute(_back(request, undo, _giving_back_id(request, number)))
        if lost:
            raise _given_back(request)

    def state(self, request: Request) -> Any:
        """The state that the command is decided on at first. One that creates takes its stream to
        be new, which spares reading it: where it isn't, the append says so."""
        if request.command.SPEC.creates:
            return request.aggregate.initial(kind_and_id(request.stream)[1])
        return self.repository.load(request.stream)

    def moment(self, request: Request, state: Any) -> int:
        """When the command happens: as stated, where that can be, and never before the stream's
        clock."""
        command = type(request.command)
        bounds = LIVE_CREATION if command.SPEC.creates else LIVE
        stated, received = request.occurred_at, request.received_at
        known = believed(stated, received, SIMULATED if self.simulated else bounds)
        return known if command.SETS_BACK else max(known, int(state.clock))

    def decided(
        self, request: Request, state: Any, settings: Settings | None = None
    ) -> Commit | None:
        """The commit that the command makes of the state, None where it changes nothing. Raises
        Refused."""
        settings = self.settings() if settings is None else settings
        if not request.internal:
            check_known(request.actor, settings, self._load)
        now = self.moment(request, state)
        context = self._informed(request, state, _context(request, settings, now))
        events = request.aggregate.decide(request.command, state, context)
        return self._commit(request, state, events, context) if events else None

    def _informed(self, request: Request, state: Any, context: Context) -> Context:
        """The context with what else the decision reads: who has an address, and the states of
        other streams."""
        command, named = request.command, addresses_of(request.command)
        if named:
            context = replace(context, holders=tuple(self._holders(named)))
        return informed(request.aggregate, command, state, context, self._load)

    def _commit(
        self, request: Request, state: Any, events: Sequence[Event], context: Context
    ) -> Commit:
        return commit_of(
            context,
            request.command.NAME,
            request.digest,
            state.version + 1,
            events,
            recorded_at=request.received_at,
            source=request.source,
            reason=request.reason,
            cause=request.cause,
            correlation=request.correlation,
            writer=self.writer,
            claimed_at=_claimed(request, context.now),
        )

    def _has_moved(self, request: Request, state: Any) -> bool:
        """Whether another commit has changed the stream since the state was read. Asked before an
        answer that leaves nothing in the log, since an index may lag behind."""
        self.log.sync()
        return self.log.head(request.stream).version != int(state.version) + 1

    def _refused(self, request: Request, state: Any, refusal: Refused) -> Outcome | None:
        """A refusal is only an answer where an earlier attempt hasn't got through, and can't any
        more. None: decide again."""
        answer = self._first_answer(request)
        if answer is not None:
            return answer
        if isinstance(refusal, Closed) and _asks_on(request.command):
            if request.fresh or state.status_category == "closed":
                return self._followed_up(request, request.command, state)
            # Other settings or another time would have it reopen the ticket: that it doesn't is
            # said there first, so that its id has one answer whoever else decides about it.
            return self._refused_for_good(request, state, refusal)
        if self.log.may_be_in_flight(request.stream, request.id):
            return self._refused_for_good(request, state, refusal)
        if isinstance(refusal, Stale):
            raise with_words(refusal, request.stream, request.seen, self.log)
        raise refusal

    def _refused_for_good(self, request: Request, state: Any, refusal: Refused) -> Outcome | None:
        """Commits the refusal under the command's id, at the version that an attempt on its way
        expects, so that the attempt is void when it comes. Raises the refusal, or opens the
        follow-up that it leads to."""
        if not state.exists:
            raise InDoubt(
                f"{request.stream}: an earlier attempt of {request.command.NAME} may still be on "
                f"its way; it would be refused now ({refusal}). Send it again under the same id, "
                f"{request.id}"
            )
        context = _context(request, self.settings(), self.moment(request, state))
        event = recorded(request.command.NAME, refusal)
        commit = self._commit(request, state, [event], context)
        try:
            placed = self.log.append(commit)
        except Conflict:
            return None
        if placed.repeated:
            return self._answer(request, placed)
        return self._after(request, refusal)

    def _after(self, request: Request, refusal: Refused) -> Outcome:
        """The outcome after a refusal that stands in the log. Raises it, where there is none."""
        if isinstance(refusal, Closed) and _asks_on(request.command):
            return self._followed_up(request, request.command, self.repository.load(request.stream))
        raise refusal

    def _followed_up(self, request: Request, command: Reply | Reopen, ticket: Ticket) -> Outcome:
        follow_up = _follow_up(request, command, ticket, self.settings())
        return self.execute(follow_up)._replace(follow_up_of=request.stream)

    def _first_answer(self, request: Request) -> Outcome | None:
        placed = self.log.find(request.stream, request.id)
        return None if placed is None else self._answer(request, placed)

    def _check_parted(self, request: Request) -> None:
        """Raises what the first attempt was told where it closed a circle of links, or gave an
        address that another person got at the same time."""
        command = request.command
        if takes_address(command):
            ids = (_giving_back_id(request, n) for n in range(len(addresses_of(command))))
            if any(self.log.find(request.stream, id) for id in ids):
                raise _given_back(request)
            self._part_address(request)
        if not may_lead_back(command):
            return
        if self.log.find(request.stream, _parting_id(request)) is None:
            self._part_cycle(request)
            return
        raise Invalid(
            f"{request.stream} was linked as {command.kind} of {command.target} while that was "
            "linked the other way round: links of this kind never lead back, so this one was taken "
            "back; link them again, in one direction"
        )

    def _answer(self, request: Request, placed: Placed) -> Outcome:
        """The outcome of the first attempt, from its record. Raises CommandReused."""
        record = self.log.records(placed.partition, placed.offset, 1)[0]
        command = orjson.loads(record.data)["command"]
        if command != {"name": request.command.NAME, "digest": request.digest}:
            raise CommandReused(
                f"the command id {request.id} was used on {request.stream} for another command "
                f"({command['name']}) or with other arguments: send a new command under a new id"
            )
        events = self.log.codec.decode(record.data, placed.partition, placed.offset)
        if isinstance(events[0].event, CommandRefused):
            return self._after(request, refused_again(events[0].event))
        self._check_parted(request)
        return Outcome(
            request.stream,
            events[-1].originator_version,
            tuple(events),
            placed.partition,
            placed.offset,
            repeated=True,
        )

    def _unchanged(self, request: Request, state: Any) -> Outcome:
        partition = partition_of(request.stream, self.log.partitions)
        return Outcome(request.stream, state.version, (), partition, None)

    def snapshot(self, request: Request, state: Any, placed: Placed) -> None:
        """A snapshot is a cache: where it can't be kept, the command is done all the same."""
        before, after = max(state.version, 0), placed.version + placed.events - 1
        if before // SNAPSHOT_EVERY != after // SNAPSHOT_EVERY:
            with suppress(TicketlogError, PersistenceError):
                now = self.repository.load(request.stream)
                self.repository.snapshot(request.stream, before, now)


def _context(request: Request, settings: Settings, now: int) -> Context:
    """The context of a decision, before other streams are read."""
    return Context(
        settings=settings,
        now=now,
        actor=request.actor,
        stream=request.stream,
        channel=request.channel,
        command_id=request.id,
        seen=request.seen,
        anyway=request.anyway,
    )


def _claimed(request: Request, now: int) -> int | None:
    """The time that its sender stated, where another one counts."""
    stated = request.occurred_at
    return stated if stated not in (request.received_at, now) else None


def may_lead_back(command: Command) -> TypeGuard[LinkTo]:
    """Whether a command makes a link that could close a circle with other links."""
    return isinstance(command, LinkTo) and command.kind in ACYCLIC


def is_executed_alone(command: Command) -> bool:
    """Whether a command of several that are executed together is executed alone, after them:
    with a command on another stream it could close a circle of links, or give two persons one
    address, which neither does by itself."""
    return may_lead_back(command) or takes_address(command)


def _parting_id(request: Request) -> str:
    """The id under which a link that closed a circle is taken back."""
    return derived_id(request.id, "circle")


def _back(request: Request, command: Command, id: str) -> Request:
    """The request by which the desk itself takes back what a command did."""
    return replace(
        request, command=command, id=id, digest=digest_of(command), seen=None, internal=True
    )


def _giving_back_id(request: Request, number: int) -> str:
    """The id under which the n-th address of a command is taken back that another person got at
    the same time. Not made of the address, which could be guessed from it."""
    return derived_id(request.id, "address", str(number))


def _given_back(request: Request) -> Refused:
    stays = (
        " (it stays registered without it)" if isinstance(request.command, RegisterPerson) else ""
    )
    return Refused(
        f"another person got that address while {request.stream} did{stays}: an address belongs to "
        "one person, so it was taken back here. `ticketlog person find` says who has it; give it "
        "again where nobody does, or merge the two"
    )


def _asks_on(command: Command) -> TypeGuard[Reply | Reopen]:
    """An out-of-office mail to a closed ticket opens no other one."""
    return isinstance(command, Reopen) or (isinstance(command, Reply) and not command.automated)


def outcome_of(commit: Commit, placed: Placed) -> Outcome:
    """The outcome of a commit that stands in the log."""
    events = tuple(recorded_of(commit, placed.partition, placed.offset))
    last = events[-1].originator_version
    return Outcome(commit.stream, last, events, placed.partition, placed.offset)


def _follow_up(
    request: Request, command: Reply | Reopen, ticket: Ticket, settings: Settings
) -> Request:
    """The request that opens a follow-up of a closed ticket (Zendesk: follow-up tickets).

    Its id and digest come from the command that was refused, so that the same command sent
    again meets the same follow-up, whatever the settings say by then.
    """
    id = derived_id(request.id, "follow-up")
    create = _creation(command, ticket, settings)
    return replace(
        request,
        command=create,
        stream=f"{request.aggregate.kind}/{stream_key(id)}",
        id=id,
        digest=digest(create.NAME, {"follow_up_of": request.stream, "of": request.digest}),
        seen=None,
    )


def _subject(ticket: Ticket) -> str:
    """A subject from before texts had to be fit may hold nothing."""
    subject = text.flat(ticket.subject)
    return f"Follow-up of {ticket.id}" if text.blank(subject) else subject


def _creation(command: Reply | Reopen, ticket: Ticket, settings: Settings) -> CreateTicket:
    """The creation of a follow-up: with all of the closed ticket that the settings still know."""
    fields = {name: value for name, value in ticket.fields.items() if name in settings.fields}
    if isinstance(command, Reply):
        said: str | None = command.body
        message_id = command.message_id
        fields |= command.fields
    else:
        said, message_id = command.reason, None
    return CreateTicket.of_records(
        subject=_subject(ticket),
        description=said,
        type=ticket.type,
        requester=ticket.requester,
        organisation=ticket.organisation,
        category=ticket.category if ticket.category in settings.categories else None,
        product=ticket.product if ticket.product in settings.products else None,
        asset=ticket.asset,
        site=ticket.site,
        language=ticket.language,
        impact=ticket.impact,
        urgency=ticket.urgency,
        team=ticket.team if ticket.team in settings.teams else None,
        fields=fields,
        message_id=message_id,
        ccs=ticket.ccs,
        tags=ticket.tags,
        follow_up_of=ticket.id,
    )

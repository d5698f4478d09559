"""The executor: from a command to a commit: load, decide, append; again where another commit was
first.

A command's id makes it safe to send again: whatever became of it the first time is its answer.
`now` is fixed when the command is received, so that every attempt decides about the same moment.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeGuard, TypeVar

import orjson
from eventsourcing.persistence import PersistenceError
from uuid_utils import uuid7

from ticketlog.application.turns import Turns
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
    Forbidden,
    Invalid,
    NotFound,
    Recorded,
    Refused,
    Stale,
    kind_and_id,
    stream_key,
)
from ticketlog.domain.parties.contact import Address, RemoveAddress
from ticketlog.domain.parties.person import RegisterPerson, addresses_of, taken, takes_address
from ticketlog.domain.recorded_refusal import CommandRefused, recorded, refused_again
from ticketlog.domain.rights import Load, check_known
from ticketlog.domain.settings.model import REQUIRABLE, Settings
from ticketlog.domain.sight import INSIDE, check_writes
from ticketlog.domain.ticket import KIND as TICKET
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Reopen
from ticketlog.domain.ticket.mentions import called
from ticketlog.domain.ticket.relations import ACYCLIC, LinkTo, Unlink, cycle, ticket_stream
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.time.receipt import LIVE, LIVE_CREATION, SIMULATED, believed
from ticketlog.errors import CommandReused, Conflict, InDoubt, TicketlogError, Unreachable, Usage
from ticketlog.log.commit import Commit, commit_of, digest, digest_of, recorded_of
from ticketlog.log.eventsourcing.repository import SNAPSHOT_EVERY, Repository
from ticketlog.log.partitioner import partition_of
from ticketlog.log.port import Log, Placed
from ticketlog.support.tracing import span

if TYPE_CHECKING:
    import asyncio

    from ticketlog.application.access import Access, Viewer

ATTEMPTS = 50
"""Conflicts in a row after which a command gives up; each means that another one got through."""
READERS = 8
"""Threads that read for commands that tasks await, where not all of it is in memory."""


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


class Reads(NamedTuple):
    """The reads of a step: the state of a stream, waiting until reads see every record that any
    writer has written, and who has one of some addresses."""

    load: Callable[[str], Any]
    sync: Callable[[], None]
    holders: Callable[[Sequence[Address]], Sequence[str]]


class AppendStep(NamedTuple):
    """A step: the commit is to be appended. Its result is its place; a Conflict is thrown."""

    commit: Commit


class ReadStep(NamedTuple):
    """A step: the function is to be called, where that harms nobody. `at_once`: it mostly finds all
    that it reads in memory; where it doesn't, it may be called again."""

    function: Callable[[Reads], Any]
    at_once: bool = False


class TurnStep(NamedTuple):
    """A step: it returns when no other command gives a person an address."""


Answer = TypeVar("Answer")
Steps: TypeAlias = Generator[AppendStep | ReadStep | TurnStep, Any, Answer]
"""The steps of a command. Everything that may block is a step, so that a thread and a task can take
the same steps, each in its way."""


class NotInMemory(Exception):
    """A read from memory of a thing that isn't there, and would have to be read."""


class Attempt(NamedTuple):
    """An attempt to decide a command: the state it was decided on, and what came of it. `answered`:
    the request on another stream under which its id stands, and where. No commit and no refusal: it
    changes nothing."""

    state: Any
    answered: tuple[Request, Placed] | None = None
    commit: Commit | None = None
    refusal: Refused | None = None


class Executor:
    """Executes commands on one log, for threads and for tasks. Thread-safe; keeps nothing between
    two commands."""

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
        permitted: Callable[[Actor, str], None] = lambda actor, right: None,
        access: Access | None = None,
    ) -> None:
        """`simulated`: any time is believed. `holders`: the ids of the persons who have one of
        these addresses, as far as the log goes now. `load`: the states of the streams that a
        decision reads besides its own, where they aren't all in this log. `permitted`: raises
        Forbidden for a right that isn't in the scope of the token that the actor came with.
        `access`: what actors see; None: everything."""
        self.log = log
        self.repository = repository
        self.settings = settings
        self.writer = writer
        self.simulated = simulated
        self._access = access
        self._reads = Reads(load or repository.load, log.sync, holders)
        self._at_once = Reads(self._in_memory, _not_in_memory, _not_in_memory)
        self._permitted = permitted
        self._addressing = Turns()
        """Of several that give somebody an address one goes after the other: they see what the one
        before has done, and needn't take theirs back."""
        self._readers: ThreadPoolExecutor | None = None
        """The threads that read for tasks."""
        self._tasks: set[asyncio.Task[Outcome]] = set()
        """Commands that tasks await; the event loop itself doesn't keep them alive."""
        self._appending: set[int] = set()
        """The commits that the log hasn't acknowledged, by their identity in memory."""
        self._starting = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Ends the threads that read for tasks. Closing the log, before, ended what is awaited."""
        with self._starting:
            self._closed = True
        if self._readers is not None:
            self._readers.shutdown()

    def execute(self, request: Request) -> Outcome:
        """Raises Refused, CommandReused, Conflict, Unreadable, Unreachable, Damaged."""
        with span("command", command=request.command.NAME, kind=request.aggregate.kind):
            return self._driven(self.steps(request))

    async def execute_async(self, request: Request) -> Outcome:
        """The same as `execute`, and raises the same, without a thread that waits for the log.
        Where the awaiting task is cancelled, the command is carried through all the same: its id
        has an answer."""
        # Most programs await nothing: asyncio is loaded by those that do.
        from asyncio import get_running_loop, shield

        if self._readers is None:
            self._start_readers()
            # Settings that were never read take long the first time.
            await self._in_thread(lambda _: self.settings())
        with span("command", command=request.command.NAME, kind=request.aggregate.kind):
            task = get_running_loop().create_task(self._driven_async(self.steps(request)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return await shield(task)

    def _driven(self, steps: Steps[Answer]) -> Answer:
        result: Any = None
        failure: Exception | None = None
        try:
            while True:
                step = steps.send(result) if failure is None else steps.throw(failure)
                result = failure = None
                try:
                    match step:
                        case AppendStep(commit):
                            with self._appended(commit):
                                result = self.log.append(commit)
                        case ReadStep(function):
                            result = function(self._reads)
                        case TurnStep():
                            self._addressing.take()
                except Exception as error:
                    failure = error
        except StopIteration as end:
            answer: Answer = end.value
            return answer

    async def _driven_async(self, steps: Steps[Answer]) -> Answer:
        result: Any = None
        failure: Exception | None = None
        try:
            while True:
                step = steps.send(result) if failure is None else steps.throw(failure)
                result = failure = None
                try:
                    match step:
                        case AppendStep(commit):
                            with self._appended(commit):
                                result = await self.log.append_async(commit)
                        case ReadStep(function, at_once=True):
                            try:
                                result = function(self._at_once)
                            except NotInMemory:
                                result = await self._in_thread(function)
                        case ReadStep(function):
                            result = await self._in_thread(function)
                        case TurnStep():
                            await self._addressing.take_async()
                except Exception as error:
                    failure = error
        except StopIteration as end:
            answer: Answer = end.value
            return answer
        finally:
            steps.close()

    @property
    def appends_under_way(self) -> int:
        """The number of commits that the log hasn't acknowledged."""
        return len(self._appending)

    @contextmanager
    def _appended(self, commit: Commit) -> Iterator[None]:
        self._appending.add(id(commit))
        try:
            with span("append", kind=kind_and_id(commit.stream)[0]):
                yield
        finally:
            self._appending.discard(id(commit))

    def _start_readers(self) -> None:
        with self._starting:
            if self._readers is None and not self._closed:
                self._readers = ThreadPoolExecutor(READERS, "ticketlog-reader")

    async def _in_thread(self, function: Callable[[Reads], Any]) -> Any:
        """The result of a function that may block, called in a thread. Raises Unreachable."""
        closed = Unreachable("the desk was closed: open it again")
        if self._readers is None:
            raise closed
        from asyncio import get_running_loop

        loop = get_running_loop()
        try:
            called = loop.run_in_executor(self._readers, function, self._reads)
        except RuntimeError:
            raise closed from None
        return await called

    def _in_memory(self, stream: str) -> Any:
        state = self.repository.in_memory(stream)
        if state is None:
            raise NotInMemory
        return state

    def steps(self, request: Request) -> Steps[Outcome]:
        """The steps of a command. To a stream that its sender doesn't see it is refused as to one
        that isn't there; that it is refused for its sender's sake is recorded before it is told."""
        try:
            if self._may_be_foreign(request):
                foreign = yield ReadStep(partial(self._is_foreign, request), at_once=True)
                if foreign:
                    return (yield from self._on_absent(request))
            return (yield from self._taken(request))
        except Forbidden as refusal:
            told = refusal
        yield self._record(request, told)
        raise told

    def _record(self, request: Request, refusal: Refused) -> ReadStep:
        def recorded(_: Reads) -> None:
            if self._access is not None and not request.internal:
                self._access.refused(
                    request.actor, request.command.NAME, refusal, (request.stream,)
                )

        return ReadStep(recorded)

    def _viewer(self, request: Request, load: Load) -> Viewer | None:
        """The viewer of who sends a command; None: nothing is hidden from them, or they aren't
        known, which is for the decision to refuse."""
        if self._access is None or request.internal or request.actor.kind in INSIDE:
            return None
        try:
            return self._access.viewer(request.actor, load)
        except Forbidden:
            return None

    def _may_be_foreign(self, request: Request) -> bool:
        """Whether it has to be looked at whether the sender of a command sees its stream. Reads
        nothing."""
        if self._access is None or request.internal:
            return False
        if request.command.SPEC.creates and (request.fresh or request.aggregate.kind != TICKET):
            return False
        if request.actor.kind == "person":
            return True
        if request.aggregate.kind != TICKET:
            return False
        viewer = self._viewer(request, self.repository.load)
        return viewer is not None and viewer.sight(request.command.NAME).limited

    def _is_foreign(self, request: Request, reads: Reads) -> bool:
        """Whether who sends a command doesn't see the stream that it goes to."""
        viewer = self._viewer(request, reads.load)
        if viewer is None:
            return False
        state = reads.load(request.stream)
        if request.aggregate.kind == TICKET:
            sight = viewer.sight(request.command.NAME)
            return bool(state.exists) and not sight.covers(state, reads.load)
        return viewer.end_user and bool(state.exists) and not viewer.sees(request.stream)

    def _on_absent(self, request: Request) -> Steps[Outcome]:
        """Refuses a command as it is refused on a stream that isn't there. One that the same actor
        has got through before, when they saw the stream, has its first answer. One that would
        create a stream that another actor's command of the same id has created isn't told of it.
        """
        placed = yield ReadStep(lambda _: self.log.find(request.stream, request.id))
        if placed is not None and (yield ReadStep(partial(self._sent_before, request, placed))):
            return (yield from self._answer(request, placed))
        refusal: Refused = yield ReadStep(partial(self._refusal_on_absent, request), at_once=True)
        if not isinstance(refusal, Forbidden):
            yield self._record(request, refusal)
        if isinstance(refusal, NotFound) and request.command.SPEC.creates:
            raise CommandReused(
                f"the command id {request.id} was used for another command or with other "
                "arguments: send a new command under a new id"
            )
        raise refusal

    def _sent_before(self, request: Request, placed: Placed, _: Reads) -> bool:
        record = self.log.records(placed.partition, placed.offset, 1)[0]
        actor = orjson.loads(record.data)["actor"]
        return (actor["id"], actor["kind"]) == (request.actor.id, request.actor.kind)

    def _refusal_on_absent(self, request: Request, reads: Reads) -> Refused:
        absent = request.aggregate.initial(kind_and_id(request.stream)[1])
        try:
            self._decided(request, absent, self.settings(), reads)
        except Refused as refusal:
            return refusal
        return NotFound(f"{request.stream} doesn't exist")

    def _load_for(self, request: Request, load: Load) -> Load:
        """The states of other streams that a decision may read: a ticket that its sender doesn't
        see is as one that isn't there."""
        viewer = self._viewer(request, load)
        if viewer is None or not viewer.sight().limited:
            return load

        def seen(stream: str) -> Any:
            state = load(stream)
            kind, id = kind_and_id(stream)
            if kind != TICKET or stream == request.stream or viewer.sees_state(state):
                return state
            return AGGREGATES[kind].initial(id)

        return seen

    def _taken(self, request: Request) -> Steps[Outcome]:
        """The steps of a command whose sender sees the stream."""
        if takes_address(request.command):
            yield TurnStep()
            try:
                outcome = yield from self._executed(request)
            finally:
                self._addressing.give_back()
        else:
            outcome = yield from self._executed(request)
        if isinstance(request.command, Note) and "@" in request.command.body:
            unknown = called(request.command.body, self.settings()).unknown
            return outcome._replace(unknown=unknown)
        return outcome

    def _executed(self, request: Request) -> Steps[Outcome]:
        for number in range(ATTEMPTS):
            attempt: Attempt = yield ReadStep(
                partial(self._attempt, request, number == 0), at_once=True
            )
            state = attempt.state
            if attempt.answered is not None:
                other, placed = attempt.answered
                outcome = yield from self._answer(other, placed)
                return outcome._replace(follow_up_of=request.stream)
            if attempt.commit is None and (yield self._has_moved(request, state)):
                continue
            if attempt.refusal is not None:
                answer = yield from self._refused(request, state, attempt.refusal)
                if answer is None:
                    continue
                return answer
            if attempt.commit is None:
                answer = yield from self._first_answer(request)
                return answer or self._unchanged(request, state)
            try:
                placed = yield AppendStep(attempt.commit)
            except Conflict:
                continue
            if placed.repeated:
                return (yield from self._answer(request, placed))
            if passes_snapshot(state, placed):
                yield self._keep_snapshot(request, state, placed)
            outcome = outcome_of(attempt.commit, placed)
            self.repository.keep(request.stream, request.aggregate.fold(state, outcome.events))
            yield from self._part_cycle(request)
            yield from self._part_address(request)
            return outcome
        raise Conflict(
            f"{request.stream} changed {ATTEMPTS} times while {request.command.NAME} was decided: "
            f"send it again with the same id ({request.id})"
        )

    def _attempt(self, request: Request, first: bool, reads: Reads) -> Attempt:
        """Raises Usage for a version that nobody can have seen."""
        state = self._state(request, reads) if first else reads.load(request.stream)
        answered = self._answered(request, state, reads)
        if answered is not None:
            return Attempt(state, answered=answered)
        try:
            return Attempt(state, commit=self._decided(request, state, self.settings(), reads))
        except Refused as refusal:
            return Attempt(state, refusal=refusal)

    def is_answered(self, request: Request, state: Any) -> bool:
        """Whether a command went to another stream than the one that it is sent to, and has its
        answer there. Asked before deciding, since what was refused then may be right now.

        Raises Usage for a version that nobody can have seen.
        """
        return self._answered(request, state, self._reads) is not None

    def _answered(
        self, request: Request, state: Any, reads: Reads
    ) -> tuple[Request, Placed] | None:
        """The request on another stream under which the command's id stands, and where."""
        self._check_seen(request, state, reads)
        for each in self._elsewhere(request, state):
            reads.sync()
            placed = self.log.find(each.stream, each.id)
            if placed is not None:
                return each, placed
        return None

    def _elsewhere(self, request: Request, state: Any) -> Iterator[Request]:
        """Requests on other streams under which the command's id may stand: the follow-up that it
        opened where its ticket was closed, or solved for too long."""
        if not request.fresh and _asks_on(request.command) and state.ended_once:
            yield _follow_up(request, request.command, state, self.settings())

    def _check_seen(self, request: Request, state: Any, reads: Reads) -> None:
        """Raises Usage for a version that the stream hasn't reached: nobody saw it."""
        if request.seen is None or request.seen <= state.version:
            return
        reads.sync()
        version = int(self.log.head(request.stream).version) - 1
        if 0 <= version < request.seen:
            raise Usage(
                f"{request.stream} is at version {version}, and nobody has seen version "
                f"{request.seen} of it: look at it, and name the version that you see"
            )

    def _part_cycle(self, request: Request) -> Steps[None]:
        """Takes back a link that closes a circle with links that were made meanwhile on other
        tickets, and raises the refusal. Where two tickets are linked to each other at once, both
        links are taken back, or the later one."""
        command = request.command
        if not may_lead_back(command):
            return

        def closed(reads: Reads) -> Refused | None:
            reads.sync()
            return cycle(command, reads.load(request.stream), reads.load)

        refusal = yield ReadStep(closed)
        if refusal is None:
            return
        undo = Unlink(kind=command.kind, target=command.target)
        yield from self._taken(_back(request, undo, _parting_id(request)))
        raise refusal

    def _part_address(self, request: Request) -> Steps[None]:
        """Takes an address back that another person has got meanwhile, and raises the refusal: of
        two who get one at once neither keeps it, or only the first."""
        if not takes_address(request.command):
            return

        def shared(reads: Reads) -> Collection[Address]:
            person = reads.load(request.stream)
            context = _context(request, self.settings(), request.received_at)
            return taken(request.command, person, self._informed(request, person, context, reads))

        lost = yield ReadStep(shared)
        for number, each in enumerate(addresses_of(request.command)):
            if each in lost:
                undo = RemoveAddress(kind=each.kind, value=each.value)
                yield from self._taken(_back(request, undo, _giving_back_id(request, number)))
        if lost:
            raise _given_back(request)

    def state(self, request: Request) -> Any:
        """The state that the command is decided on at first. One that creates takes its stream to
        be new, which spares reading it: where it isn't, the append says so."""
        return self._state(request, self._reads)

    def _state(self, request: Request, reads: Reads) -> Any:
        if request.command.SPEC.creates:
            return request.aggregate.initial(kind_and_id(request.stream)[1])
        return reads.load(request.stream)

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
        return self._decided(request, state, settings or self.settings(), self._reads)

    def _decided(
        self, request: Request, state: Any, settings: Settings, reads: Reads
    ) -> Commit | None:
        if not request.internal:
            check_known(request.actor, settings, reads.load)
            self._permitted(request.actor, request.command.NAME)
            if settings.writing_is_limited:
                names = written(request.command)
                check_writes(names, request.actor, settings, request.stream)
        now = self.moment(request, state)
        context = self._informed(request, state, _context(request, settings, now), reads)
        events = request.aggregate.decide(request.command, state, context)
        if not events or self._hides_target(request, reads):
            return None
        return self._commit(request, state, events, context)

    def _hides_target(self, request: Request, reads: Reads) -> bool:
        """Whether a command takes away a link to a ticket that its sender doesn't see: for them
        there is none, so there is nothing to take away."""
        command = request.command
        if not isinstance(command, Unlink):
            return False
        viewer = self._viewer(request, reads.load)
        return viewer is not None and not viewer.sees(ticket_stream(command.target))

    def _informed(self, request: Request, state: Any, context: Context, reads: Reads) -> Context:
        """The context with what else the decision reads: who has an address, and the states of
        other streams."""
        command, named = request.command, addresses_of(request.command)
        if named:
            context = replace(context, holders=tuple(reads.holders(named)))
        load = self._load_for(request, reads.load)
        return informed(request.aggregate, command, state, context, load)

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

    def _has_moved(self, request: Request, state: Any) -> ReadStep:
        """Whether another commit has changed the stream since the state was read. Asked before an
        answer that leaves nothing in the log, since an index may lag behind."""

        def moved(reads: Reads) -> bool:
            reads.sync()
            return self.log.head(request.stream).version != int(state.version) + 1

        return ReadStep(moved)

    def _refused(self, request: Request, state: Any, refusal: Refused) -> Steps[Outcome | None]:
        """A refusal is only an answer where an earlier attempt hasn't got through, and can't any
        more. None: decide again."""
        answer = yield from self._first_answer(request)
        if answer is not None:
            return answer
        if isinstance(refusal, Closed) and _asks_on(request.command):
            if request.fresh or state.status_category == "closed":
                return (yield from self._followed_up(request, request.command, state))
            # Other settings or another time would have it reopen the ticket: that it doesn't is
            # said there first, so that its id has one answer whoever else decides about it.
            return (yield from self._refused_for_good(request, state, refusal))
        if (yield ReadStep(lambda _: self.log.may_be_in_flight(request.stream, request.id))):
            return (yield from self._refused_for_good(request, state, refusal))
        if isinstance(refusal, Stale):
            raise (
                yield ReadStep(
                    lambda _: with_words(refusal, request.stream, request.seen, self.log)
                )
            )
        raise refusal

    def _with_words(self, refusal: Stale, request: Request) -> ReadStep:
        return ReadStep(lambda _: with_words(refusal, request.stream, request.seen, self.log))

    def _refused_for_good(
        self, request: Request, state: Any, refusal: Refused
    ) -> Steps[Outcome | None]:
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
            placed = yield AppendStep(commit)
        except Conflict:
            return None
        if placed.repeated:
            return (yield from self._answer(request, placed))
        return (yield from self._after(request, refusal))

    def _after(self, request: Request, refusal: Refused) -> Steps[Outcome]:
        """The outcome after a refusal that stands in the log. Raises it, where there is none."""
        if isinstance(refusal, Closed) and _asks_on(request.command):
            ticket = yield ReadStep(lambda reads: reads.load(request.stream))
            return (yield from self._followed_up(request, request.command, ticket))
        raise refusal

    def _followed_up(
        self, request: Request, command: Reply | Reopen, ticket: Ticket
    ) -> Steps[Outcome]:
        follow_up = _follow_up(request, command, ticket, self.settings())
        outcome = yield from self._taken(follow_up)
        return outcome._replace(follow_up_of=request.stream)

    def _first_answer(self, request: Request) -> Steps[Outcome | None]:
        placed = yield ReadStep(lambda _: self.log.find(request.stream, request.id))
        return None if placed is None else (yield from self._answer(request, placed))

    def _check_parted(self, request: Request) -> Steps[None]:
        """Raises what the first attempt was told where it closed a circle of links, or gave an
        address that another person got at the same time."""
        command = request.command
        if takes_address(command):
            ids = [_giving_back_id(request, n) for n in range(len(addresses_of(command)))]
            if (yield ReadStep(lambda _: any(self.log.find(request.stream, id) for id in ids))):
                raise _given_back(request)
            yield from self._part_address(request)
        if not may_lead_back(command):
            return
        if (yield ReadStep(lambda _: self.log.find(request.stream, _parting_id(request)))) is None:
            yield from self._part_cycle(request)
            return
        raise Invalid(
            f"{request.stream} was linked as {command.kind} of {command.target} while that was "
            "linked the other way round: links of this kind never lead back, so this one was taken "
            "back; link them again, in one direction"
        )

    def _answer(self, request: Request, placed: Placed) -> Steps[Outcome]:
        """The outcome of the first attempt, from its record. Raises CommandReused."""
        events = yield ReadStep(lambda _: self._recorded(request, placed))
        if isinstance(events[0].event, CommandRefused):
            return (yield from self._after(request, refused_again(events[0].event)))
        yield from self._check_parted(request)
        return Outcome(
            request.stream,
            events[-1].originator_version,
            tuple(events),
            placed.partition,
            placed.offset,
            repeated=True,
        )

    def _recorded(self, request: Request, placed: Placed) -> list[Recorded]:
        """The events that a command's id stands for. Raises CommandReused where it was another
        command's."""
        record = self.log.records(placed.partition, placed.offset, 1)[0]
        command = orjson.loads(record.data)["command"]
        if command != {"name": request.command.NAME, "digest": request.digest}:
            raise CommandReused(
                f"the command id {request.id} was used on {request.stream} for another command "
                f"({command['name']}) or with other arguments: send a new command under a new id"
            )
        return self.log.codec.decode(record.data, placed.partition, placed.offset)

    def _unchanged(self, request: Request, state: Any) -> Outcome:
        partition = partition_of(request.stream, self.log.partitions)
        return Outcome(request.stream, state.version, (), partition, None)

    def _keep_snapshot(self, request: Request, state: Any, placed: Placed) -> ReadStep:
        return ReadStep(lambda _: self.snapshot(request, state, placed))

    def snapshot(self, request: Request, state: Any, placed: Placed) -> None:
        """A snapshot is a cache: where it can't be kept, the command is done all the same."""
        if passes_snapshot(state, placed):
            with suppress(TicketlogError, PersistenceError):
                now = self.repository.load(request.stream)
                self.repository.snapshot(request.stream, max(state.version, 0), now)


def passes_snapshot(state: Any, placed: Placed) -> bool:
    """Whether a commit brings a stream to where a snapshot is due."""
    before, after = max(state.version, 0), placed.version + placed.events - 1
    return bool(before // SNAPSHOT_EVERY != after // SNAPSHOT_EVERY)


def _not_in_memory(*_: Any) -> Any:
    raise NotInMemory


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


_WRITTEN = frozenset(REQUIRABLE) | {"priority", "type", "add", "remove"}
_OF_TAGS = frozenset({"add", "remove"})


def written(command: Command) -> Iterator[str]:
    """The fields of a ticket that a command writes, by their names; custom ones, too."""
    for name in command.model_fields_set:
        if name == "fields":
            yield from command.fields  # type: ignore[attr-defined]
        elif name in _WRITTEN:
            yield "tags" if name in _OF_TAGS else name


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

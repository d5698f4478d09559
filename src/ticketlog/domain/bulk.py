"""A bulk: one command for many tickets, planned, looked at, run, and taken back. Streams `bulk/ID`.

The stream holds what was planned, the ids of the tickets in chunks, and how far the run is. What
happens to a ticket stands in the ticket's own stream, in a commit whose id follows from the bulk
and the ticket: however often a bulk is run, and by however many, each ticket gets it once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from ticketlog.domain.base import (
    Actor,
    Aggregate,
    Command,
    CommandSpec,
    Context,
    Event,
    Forbidden,
    Key,
    Line,
    NotFound,
    Personal,
    Recorded,
    Refused,
    Text,
    Unseen,
    Value,
)
from ticketlog.domain.parties.party import Party, after
from ticketlog.domain.rights import LEADS, STAFF, roles_of_agent
from ticketlog.domain.ticket.automation import NotificationDecided

KIND = "bulk"
CHANNEL = "bulk"
"""The channel of the commands of a bulk."""
CHUNK = 20_000
"""Ids in one record: a third of a MiB."""
SLICE = 1_000
"""Tickets after which it is recorded how far a run is; less than a chunk, and a part of it."""
SELF_ACTOR = Actor(KIND, "rule", "rule")
"""Who keeps the books of a bulk: the desk itself."""
TEMPLATE = "bulk-digest"
MOST_TOLD = 1_000
"""Recipients of one digest in one event."""

BulkState = Literal["listing", "planned", "running", "paused", "done"]
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Number = Annotated[int, Field(ge=0)]


def stream_of(id: str) -> str:
    return f"{KIND}/{id}"


def commit_id(bulk: str, ticket: str) -> str:
    """The id of the commit that a bulk makes on a ticket."""
    return hashlib.sha256(f"{KIND}\0{bulk}\0{ticket}".encode()).hexdigest()[:32]


class BulkPlanned(Event):
    """A command is to be sent to many tickets, as they were at the cut. `values`: the
    command's, as JSON; `conditions`: those that the tickets were chosen by."""

    NAME: ClassVar[str] = "bulk.planned.v1"
    ASPECT: ClassVar[str] = "plan"
    data_subject: Key
    cut: Text
    command: Key
    values: Annotated[Text, Personal()]
    conditions: Annotated[tuple[Line, ...] | None, Personal()] = None
    undoes: Key | None = None
    """The bulk that it takes back."""
    notices: bool = False
    """Recipients are told of each ticket, instead of all in one digest."""


class TicketsListed(Event):
    """Tickets that it is for, behind those that were listed before."""

    NAME: ClassVar[str] = "bulk.tickets-listed.v1"
    ASPECT: ClassVar[str] = "plan"
    tickets: tuple[Key, ...]


class BulkListed(Event):
    """All its tickets are listed; `sha256`: of their ids in order, a line each."""

    NAME: ClassVar[str] = "bulk.listed.v1"
    ASPECT: ClassVar[str] = "plan"
    tickets: _Number
    sha256: _Digest


class BulkStarted(Event):
    """The tickets get the command from here on. `even_if_changed`: those, too, that were
    changed since the cut."""

    NAME: ClassVar[str] = "bulk.started.v1"
    ASPECT: ClassVar[str] = "run"
    even_if_changed: bool = False


class BulkPaused(Event):
    """Nothing further is sent."""

    NAME: ClassVar[str] = "bulk.paused.v1"
    ASPECT: ClassVar[str] = "run"


class BulkResumed(Event):
    """It goes on where it was."""

    NAME: ClassVar[str] = "bulk.resumed.v1"
    ASPECT: ClassVar[str] = "run"


class SkippedTicket(Value):
    """A ticket that didn't get the command. `why`: 'changed' since the cut, or the code of the
    refusal, of which `said` are the words."""

    ticket: Key
    why: Key
    said: Line | None = None


class Recipients(Value):
    """Persons and agents whom a rule would have notified, with the number of tickets of each."""

    rule: Key
    outbox: Key
    tickets: Mapping[Key, _Number]


class BulkProgressed(Event):
    """The next tickets were sent the command, up to the `reached`-th: so many changed, so many were
    as it wants them already, and these were skipped."""

    NAME: ClassVar[str] = "bulk.progressed.v1"
    ASPECT: ClassVar[str] = "progress"
    reached: _Number
    changed: _Number
    unchanged: _Number
    skipped: tuple[SkippedTicket, ...] = ()
    recipients: tuple[Recipients, ...] = ()


class RecipientsTold(Event):
    """These were told of it at once, instead of each of its tickets: the notifications stand
    behind it."""

    NAME: ClassVar[str] = "bulk.recipients-told.v1"
    ASPECT: ClassVar[str] = "digest"
    recipients: tuple[Recipients, ...]


class BulkDone(Event):
    """All its tickets were sent the command."""

    NAME: ClassVar[str] = "bulk.done.v1"
    ASPECT: ClassVar[str] = "run"


EVENTS: tuple[type[Event], ...] = (
    BulkPlanned,
    TicketsListed,
    BulkListed,
    BulkStarted,
    BulkPaused,
    BulkResumed,
    BulkProgressed,
    RecipientsTold,
    BulkDone,
)


class PlannedCommand(NamedTuple):
    """The command of a bulk: its name and its arguments as JSON."""

    name: str
    values: str


@dataclass(frozen=True)
class Bulk(Party):
    """A bulk after event number `version` of its stream. Its tickets' ids aren't held: chunk n is
    event number n + 1 of the stream."""

    by: Actor | None = None
    """Who planned it."""
    planned_at: int = 0
    cut: str = ""
    command: PlannedCommand | None = None
    conditions: tuple[str, ...] | None = None
    undoes: str | None = None
    notices: bool = False
    chunks: int = 0
    tickets: int = 0
    sha256: str | None = None
    state: BulkState = "listing"
    reason: str | None = None
    """Why it was planned."""
    runner: Actor | None = None
    """As whom it is sent: who started it, or had it go on."""
    started: str | None = None
    """The id of the event that started it: the cause of its commits."""
    even_if_changed: bool = False
    reached: int = 0
    sent: int = 0
    """Tickets that changed by it."""
    unchanged: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Why -> tickets."""
    told: int = 0
    """Pages of recipients that were told."""


def initial(id: str) -> Bulk:
    """A bulk that nobody has planned; `id` is the part after 'bulk/'."""
    return Bulk(id=id)


def evolve(bulk: Bulk, recorded: Recorded) -> Bulk:
    """The bulk after one more event. Never fails; events of other aggregates change nothing."""
    return bulk.but(after(bulk, recorded, _changes(bulk, recorded)))


def _changes(bulk: Bulk, recorded: Recorded) -> dict[str, Any]:
    event, meta = recorded.event, recorded.meta
    match event:
        case BulkPlanned():
            return {
                "by": meta.actor,
                "planned_at": meta.recorded_at,
                "reason": meta.reason,
                "cut": event.cut,
                "command": PlannedCommand(event.command, event.values),
                "conditions": event.conditions,
                "undoes": event.undoes,
                "notices": event.notices,
            }
        case TicketsListed():
            return {"chunks": bulk.chunks + 1}
        case BulkListed(tickets=tickets, sha256=sha256):
            return {"tickets": tickets, "sha256": sha256, "state": "planned"}
        case BulkStarted(even_if_changed=even):
            runs = {"state": "running", "runner": meta.actor, "started": recorded.id}
            return {**runs, "even_if_changed": even}
        case BulkPaused():
            return {"state": "paused"}
        case BulkResumed():
            return {"state": "running", "runner": meta.actor}
        case BulkProgressed():
            return _progressed(bulk, event)
        case RecipientsTold():
            return {"told": bulk.told + 1}
        case BulkDone():
            return {"state": "done"}
    return {}


def _progressed(bulk: Bulk, event: BulkProgressed) -> dict[str, Any]:
    skipped = dict(bulk.skipped)
    for each in event.skipped:
        skipped[each.why] = skipped.get(each.why, 0) + 1
    return {
        "reached": event.reached,
        "sent": bulk.sent + event.changed,
        "unchanged": bulk.unchanged + event.unchanged,
        "skipped": skipped,
    }


_PLANNERS = frozenset({STAFF, "service"})
_DESK = frozenset({"rule"})


class PlanBulk(Command):
    """Begins the plan of a bulk; the desk lists its tickets."""

    NAME: ClassVar[str] = "bulk.plan"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=_PLANNERS, creates=True)
    cut: Text
    command: Key
    values: Text
    conditions: tuple[Line, ...] | None = None
    undoes: Key | None = None
    notices: bool = False


class ListTickets(Command):
    """Lists the tickets of a chunk."""

    NAME: ClassVar[str] = "bulk.list-tickets"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=_DESK)
    chunk: _Number
    tickets: Annotated[tuple[Key, ...], Field(min_length=1, max_length=CHUNK)]


class EndListing(Command):
    """Says that all tickets are listed."""

    NAME: ClassVar[str] = "bulk.end-listing"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=_DESK)
    tickets: _Number
    sha256: _Digest


class StartBulk(Command):
    """Starts the run of a bulk."""

    NAME: ClassVar[str] = "bulk.start"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=_PLANNERS)
    even_if_changed: bool = False


class PauseBulk(Command):
    NAME: ClassVar[str] = "bulk.pause"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=_PLANNERS,
        help="Send the rest of its tickets nothing for now.",
        examples=("ticketlog bulk pause 4F7K2M9QABCD --reason 'the mail server is full'",),
    )


class ResumeBulk(Command):
    NAME: ClassVar[str] = "bulk.resume"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=_PLANNERS,
        help="Have a paused bulk go on where it was.",
        more="The desk's workers (`ticketlog run`, `ticketlog serve`) carry it on; `ticketlog "
        "bulk run` does so at once.",
        examples=("ticketlog bulk resume 4F7K2M9QABCD",),
    )


class RecordProgress(Command):
    """Records what became of the next tickets."""

    NAME: ClassVar[str] = "bulk.record-progress"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=_DESK)
    start: _Number
    reached: _Number
    changed: _Number
    unchanged: _Number
    skipped: tuple[SkippedTicket, ...] = ()
    recipients: tuple[Recipients, ...] = ()


class TellRecipients(Command):
    """Tells a page of those who would have been notified of its tickets one by one."""

    NAME: ClassVar[str] = "bulk.tell-recipients"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=_DESK)
    page: _Number
    recipients: Annotated[tuple[Recipients, ...], Field(min_length=1)]


class EndBulk(Command):
    """Ends a run."""

    NAME: ClassVar[str] = "bulk.end"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=_DESK)


COMMANDS: tuple[type[Command], ...] = (
    PlanBulk,
    ListTickets,
    EndListing,
    StartBulk,
    PauseBulk,
    ResumeBulk,
    RecordProgress,
    TellRecipients,
    EndBulk,
)


def decide(command: Command, bulk: Bulk, context: Context) -> list[Event]:
    """The events of what the command changes. Raises NotFound, Forbidden, Refused."""
    if isinstance(command, PlanBulk):
        return _plan(command, bulk, context)
    if not bulk.exists:
        raise NotFound(f"bulk {bulk.id} doesn't exist; `ticketlog bulk list` shows those there are")
    match command:
        case StartBulk() | PauseBulk() | ResumeBulk():
            _check_may_run(bulk, context)
            return _run(command, bulk)
        case RecordProgress():
            return _record(command, bulk)
        case TellRecipients():
            return _tell(command, bulk, context)
        case EndBulk():
            over = bulk.state == "done" or bulk.reached < bulk.tickets
            return [] if over else [BulkDone()]
    return _listed(command, bulk)


def _listed(command: Command, bulk: Bulk) -> list[Event]:
    if bulk.state != "listing":
        return []
    match command:
        case ListTickets(chunk=chunk, tickets=tickets) if chunk == bulk.chunks:
            return [TicketsListed(tickets=tickets)]
        case EndListing(tickets=count, sha256=sha256):
            return [BulkListed(tickets=count, sha256=sha256)]
    return []


def _run(command: StartBulk | PauseBulk | ResumeBulk, bulk: Bulk) -> list[Event]:
    match command:
        case StartBulk():
            return _start(command, bulk)
        case PauseBulk():
            return _pause(bulk)
    return _resume(bulk)


def _plan(command: PlanBulk, bulk: Bulk, context: Context) -> list[Event]:
    actor = context.actor
    return [BulkPlanned(data_subject=f"{actor.kind}/{actor.id}", **command.model_dump())]


def _check_may_run(bulk: Bulk, context: Context) -> None:
    """Raises Forbidden for who neither planned the bulk nor leads."""
    actor, by = context.actor, bulk.by
    if by is not None and (actor.kind, actor.id) == (by.kind, by.id):
        return
    if actor.kind == "agent" and not LEADS.isdisjoint(roles_of_agent(actor, context.settings)):
        return
    raise Forbidden(
        f"bulk {bulk.id} was planned by {by.id if by else 'nobody'}: they, a supervisor or an "
        "admin start it, pause it and have it go on",
        bulk=bulk.id,
    )


def _start(command: StartBulk, bulk: Bulk) -> list[Event]:
    match bulk.state:
        case "listing":
            raise Refused(
                f"the plan of bulk {bulk.id} was interrupted before its tickets were listed: plan "
                "it again, under a new id",
                bulk=bulk.id,
            )
        case "planned":
            return [BulkStarted(even_if_changed=command.even_if_changed)]
        case "paused":
            raise Refused(
                f"bulk {bulk.id} is paused: `ticketlog bulk resume {bulk.id}` has it go on",
                bulk=bulk.id,
            )
    return []


def _pause(bulk: Bulk) -> list[Event]:
    if bulk.state in ("running", "paused"):
        return [BulkPaused()] if bulk.state == "running" else []
    raise Refused(
        f"bulk {bulk.id} is {bulk.state}, and only a running one can be paused", bulk=bulk.id
    )


def _resume(bulk: Bulk) -> list[Event]:
    if bulk.state in ("running", "paused"):
        return [BulkResumed()] if bulk.state == "paused" else []
    raise Refused(f"bulk {bulk.id} is {bulk.state}, and only a paused one can go on", bulk=bulk.id)


def _record(command: RecordProgress, bulk: Bulk) -> list[Event]:
    if command.start != bulk.reached or command.reached <= bulk.reached:
        return []  # another runner has recorded it
    return [BulkProgressed(**{n: getattr(command, n) for n in BulkProgressed.model_fields})]


def _tell(command: TellRecipients, bulk: Bulk, context: Context) -> list[Event]:
    if bulk.state == "done" or command.page != bulk.told or bulk.reached < bulk.tickets:
        return []
    told: list[Event] = [RecipientsTold(recipients=command.recipients)]
    for each in command.recipients:
        told.append(
            NotificationDecided(
                rule=each.rule,
                occasion=KIND,
                of=f"{context.command_id}.0",
                outbox=each.outbox,
                template=TEMPLATE,
                to=tuple(sorted(each.tickets)),
            )
        )
    return told


AGGREGATE = Aggregate(
    kind=KIND,
    streams="Streams `bulk/ID` of the ticket log: one command for many tickets.",
    initial=initial,
    decide=decide,
    evolve=evolve,
    commands=COMMANDS,
    events=EVENTS,
    public=False,
    in_any_case=True,
)

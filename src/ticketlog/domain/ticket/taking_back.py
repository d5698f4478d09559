"""A commit of a ticket, taken back: the values that it changed become what they were.

`INVERSE` says of every event of a ticket how it is taken back, or why it stays. What is restored
stands in ordinary events, so that all who follow tickets see it as any other change; the counts
that no event of its own gives back stand in `ticket.taken-back`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, TypeAlias

from pydantic import Field

from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Context,
    Event,
    Key,
    NotFound,
    Recorded,
    Refused,
    Stale,
)
from ticketlog.domain.rights import WORKERS, Right, check, listed
from ticketlog.domain.settings.model import Status
from ticketlog.domain.sight import check_writes
from ticketlog.domain.ticket import custom_fields
from ticketlog.domain.ticket.assignment import (
    Assign,
    AssigneeChanged,
    Escalate,
    Escalated,
    TeamChanged,
)
from ticketlog.domain.ticket.automation import (
    AgentChosen,
    ChoiceDropped,
    NotificationDecided,
    RequesterReminded,
    RuleFired,
)
from ticketlog.domain.ticket.classification import (
    ATTRIBUTES,
    AttributeChanged,
    CategoryChanged,
    Classify,
    DueChanged,
    ExternalAdded,
    OrganisationChanged,
    RequesterChanged,
    SetDue,
    SetOrganisation,
    SetRequester,
    SetSubject,
    SubjectChanged,
    Tag,
    TagsChanged,
    TypeChanged,
)
from ticketlog.domain.ticket.conversation import (
    AttachmentAdded,
    Described,
    Noted,
    Redacted,
    Replied,
)
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.custom_fields import FieldsChanged, SetFields
from ticketlog.domain.ticket.evolution import after
from ticketlog.domain.ticket.feedback import Rated, Reviewed, SurveyOffered
from ticketlog.domain.ticket.imported import ActivityRecorded
from ticketlog.domain.ticket.lifecycle import (
    MarkedSpam,
    MarkSpam,
    ResolutionCoded,
    Restore,
    Restored,
    SetStatus,
    Verified,
    Verify,
)
from ticketlog.domain.ticket.lookups import data_subject, settings_of, workflow_for
from ticketlog.domain.ticket.priority import (
    ImpactChanged,
    Prioritise,
    Priority,
    PriorityChanged,
    UrgencyChanged,
    prioritised,
    rescaled,
)
from ticketlog.domain.ticket.relations import (
    AddCc,
    CcAdded,
    CcRemoved,
    Follow,
    Followed,
    LegalHoldPlaced,
    LegalHoldReleased,
    Linked,
    LinkTo,
    PlaceLegalHold,
    ReleaseLegalHold,
    RemoveCc,
    Unfollow,
    Unfollowed,
    Unlink,
    Unlinked,
)
from ticketlog.domain.ticket.sla_events import ClocksChanged, SlaApplied, SlaBreached, SlaWarned
from ticketlog.domain.ticket.splitting import Split, SplitOff
from ticketlog.domain.ticket.state import Decisions, Evolutions, FieldValue, Ticket
from ticketlog.domain.ticket.status_events import (
    Cancelled,
    PutOnHold,
    Reopened,
    Solved,
    StatusChanged,
    TicketClosed,
    TransitionDetails,
    moved,
)
from ticketlog.domain.ticket.time_correction import TimeCorrected
from ticketlog.domain.ticket.withdrawal import Withdrawn
from ticketlog.domain.ticket.work import WorkStarted, WorkStopped


class TakenBack(Event):
    """The values that a commit had changed are as they were before; `values`: the counts and times
    of the ticket that became what they were."""

    NAME: ClassVar[str] = "ticket.taken-back.v1"
    ASPECT: ClassVar[str] = "taken-back"
    commit: Key
    values: Mapping[Key, FieldValue] = Field(default_factory=dict)


class TakeBack(Command):
    """Takes back what a commit did, as far as nobody has changed it since.

    Refused where one of the values has changed since, and where nothing of it can be taken back.
    """

    NAME: ClassVar[str] = "ticket.take-back"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        also_on=("spam",),
        help="Take back what a command changed: the values become what they were.",
        more="What was said, sent or closed stays. The commit is the first part of its events' "
        "ids, as `ticketlog ticket history` shows them.",
        examples=("ticketlog ticket take-back 4F7K2M9QABCD 019a0000-0000-7000-8000-000000000000",),
        positional=("commit",),
    )
    commit: Key


class CommitToTakeBack(NamedTuple):
    """The commit that a `TakeBack` names: the ticket before and after it, and its events."""

    before: Ticket
    after: Ticket
    events: tuple[Event, ...]


COUNTS = (
    *("quiet_since", "reminders", "solved_at", "closed_at", "solves", "reopens", "verified_by"),
    *("back_at", "assigned_at", "team_stations", "assignee_stations"),
)
"""The values that ordinary events count onward, and `ticket.taken-back` sets back."""


def _taken_back(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    assert isinstance(recorded.event, TakenBack)
    return {name: value for name, value in recorded.event.values.items() if name in COUNTS}


EVOLVE: Evolutions = {TakenBack: _taken_back}

Restoring: TypeAlias = Callable[[Ticket, Ticket, CommitToTakeBack, Context], Iterable[Event]]
"""(the ticket before the commit, the ticket now, the commit, context) -> the events that restore
one facet."""


class Inverse(NamedTuple):
    """The way back of an event: the fields that must still be as the commit left them, what
    restores them, and the command whose right it takes."""

    fields: tuple[str, ...]
    restore: Restoring
    command: type[Command]


class Stays(NamedTuple):
    """The reason for which an event can't be taken back."""

    why: str


class Follows(NamedTuple):
    """Marks an event that follows from other ones of its commit, and needs no way back."""


def _type(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> Iterator[Event]:
    if before.type != now.type:
        yield TypeChanged(old=now.type, new=before.type)


def _category(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> Iterator[Event]:
    if before.category != now.category:
        yield CategoryChanged(old=now.category, new=before.category)


def _attributes(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> Iterator[Event]:
    for name in ATTRIBUTES:
        old, new = getattr(now, name), getattr(before, name)
        if old == getattr(commit.after, name) and old != new:
            yield AttributeChanged(attribute=name, old=old, new=new)


def _subject(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> Iterator[Event]:
    if before.subject != now.subject:
        yield SubjectChanged(data_subject=data_subject(now), old=now.subject, new=before.subject)


def _requester(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> Iterator[Event]:
    if before.requester != now.requester:
        yield RequesterChanged(
            old=now.requester,
            new=before.requester,
            old_country=now.country,
            country=before.country,
            old_zone=now.zone,
            zone=before.zone,
        )


def _organisation(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> Iterator[Event]:
    was = (before.organisation, before.tier, before.contract)
    if was != (now.organisation, now.tier, now.contract):
        yield OrganisationChanged(
            old=now.organisation,
            new=before.organisation,
            old_tier=now.tier,
            tier=before.tier,
            old_contract=now.contract,
            contract=before.contract,
        )


def _due(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> Iterator[Event]:
    if before.due_at != now.due_at:
        yield DueChanged(old=now.due_at, new=before.due_at)


def _tags(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> Iterator[Event]:
    if before.tags != now.tags:
        yield TagsChanged(old=now.tags, new=before.tags)


def _scales(before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context) -> list[Event]:
    return rescaled(now, before.impact, before.urgency)


def _priority(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> list[Event]:
    return prioritised(now, Priority(before.priority, before.priority_source), "taken back")


def _fields(before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context) -> list[Event]:
    names = list(_custom(commit.events))
    late = [name for name in names if now.fields.get(name) != commit.after.fields.get(name)]
    if late:
        raise _changed(now, late)
    check_writes(names, context.actor, settings_of(context), context.stream)
    return custom_fields.changed({name: before.fields.get(name) for name in names}, now, context)


def _custom(events: Iterable[Event]) -> Iterator[str]:
    for event in events:
        if isinstance(event, FieldsChanged):
            yield from (*event.new, *(event.personal_new or {}))


def _team(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> Iterator[Event]:
    if before.team != now.team:
        yield TeamChanged(old=now.team, new=before.team, method="manual")


def _assignee(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> Iterator[Event]:
    if before.assignee != now.assignee:
        yield AssigneeChanged(old=now.assignee, new=before.assignee, method="manual")


def _tier(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> Iterator[Event]:
    if before.tier_level != now.tier_level:
        yield Escalated(old=now.tier_level, new=before.tier_level, reason="taken back")


def _status(before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context) -> list[Event]:
    """The move back, whatever the workflow's arrows say: it isn't a step of the work, but the end
    of one that counts no more."""
    was = (before.status, before.hold_reason, before.hold_until)
    if was == (now.status, now.hold_reason, now.hold_until):
        return []
    target = _status_of(before, context)
    say = TransitionDetails(
        resolution_code=before.resolution_code, reason=before.hold_reason, until=before.hold_until
    )
    events = moved(now, target, "command", say)
    if target.category == "on-hold" and not isinstance(events[-1], PutOnHold):
        # It was solved: that it goes on is one fact, what it waits for is another.
        held = now.but({"status": target.id, "status_category": target.category})
        events += moved(held, target, "command", say)
    return events


def _status_of(before: Ticket, context: Context) -> Status:
    """The status that the ticket had. One that its workflow has lost is still its name."""
    known = workflow_for(before.type, context).status(before.status)
    return known or Status(id=before.status, category=before.status_category)


def _resolution(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> Iterator[Event]:
    if before.resolution_code != now.resolution_code:
        yield ResolutionCoded(old=now.resolution_code, new=before.resolution_code)


def _verification(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> tuple[Event, ...]:
    return ()  # that nobody has verified it stands in `ticket.taken-back`


def _spam(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> Iterator[Event]:
    if before.spam != now.spam:
        yield MarkedSpam(reason="taken back") if before.spam else Restored(reason="taken back")


def _differing(
    before: Sequence[Any], now: Sequence[Any], left: Sequence[Any]
) -> tuple[list[Any], list[Any]]:
    """The things that the commit took away and that are still absent, and those that it added and
    that are still there."""
    again = [each for each in before if each not in left and each not in now]
    off = [each for each in left if each not in before and each in now]
    return again, off


def _followers(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> Iterator[Event]:
    again, off = _differing(before.followers, now.followers, commit.after.followers)
    yield from (Followed(agent=each) for each in again)
    yield from (Unfollowed(agent=each) for each in off)


def _ccs(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> Iterator[Event]:
    again, off = _differing(before.ccs, now.ccs, commit.after.ccs)
    yield from (CcAdded(person=each) for each in again)
    yield from (CcRemoved(person=each) for each in off)


def _links(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> Iterator[Event]:
    again, off = _differing(before.links, now.links, commit.after.links)
    yield from (Linked(kind=each.kind, target=each.target) for each in again)
    yield from (Unlinked(kind=each.kind, target=each.target) for each in off)


def _legal_holds(
    before: Ticket, now: Ticket, commit: CommitToTakeBack, context: Context
) -> Iterator[Event]:
    again, off = _differing(before.legal_holds, now.legal_holds, commit.after.legal_holds)
    yield from (LegalHoldPlaced(matter=each, reason="taken back") for each in again)
    yield from (LegalHoldReleased(matter=each, reason="taken back") for each in off)


_STATUS = Inverse(("status", "hold_reason", "hold_until"), _status, SetStatus)
_SPAM = ("spam",)
_SAID = Stays("what was said stays said; a text can be redacted")
_CLOSED = Stays("a closed ticket takes nothing any more; a follow-up ticket does")
_LEFT = Stays("the message has left")
_WORKED = Stays("time that was worked stays recorded")
_IMPORTED = Stays("it came with an import, which is withdrawn as a whole")

INVERSE: Mapping[type[Event], Inverse | Stays | Follows] = {
    MarkedSpam: Inverse(_SPAM, _spam, Restore),
    Restored: Inverse(_SPAM, _spam, MarkSpam),
    TypeChanged: Inverse(("type",), _type, Classify),
    CategoryChanged: Inverse(("category",), _category, Classify),
    AttributeChanged: Inverse((), _attributes, Classify),
    SubjectChanged: Inverse(("subject",), _subject, SetSubject),
    RequesterChanged: Inverse(("requester",), _requester, SetRequester),
    OrganisationChanged: Inverse(("organisation",), _organisation, SetOrganisation),
    DueChanged: Inverse(("due_at",), _due, SetDue),
    TagsChanged: Inverse(("tags",), _tags, Tag),
    ImpactChanged: Inverse(("impact", "urgency"), _scales, Prioritise),
    UrgencyChanged: Inverse(("impact", "urgency"), _scales, Prioritise),
    PriorityChanged: Inverse(("priority", "priority_source"), _priority, Prioritise),
    FieldsChanged: Inverse((), _fields, SetFields),
    TeamChanged: Inverse(("team",), _team, Assign),
    AssigneeChanged: Inverse(("assignee",), _assignee, Assign),
    Escalated: Inverse(("tier_level",), _tier, Escalate),
    StatusChanged: _STATUS,
    PutOnHold: _STATUS,
    Solved: _STATUS,
    Reopened: _STATUS,
    ResolutionCoded: Inverse(("resolution_code",), _resolution, SetStatus),
    Verified: Inverse(("verified_by",), _verification, Verify),
    Followed: Inverse((), _followers, Unfollow),
    Unfollowed: Inverse((), _followers, Follow),
    CcAdded: Inverse((), _ccs, RemoveCc),
    CcRemoved: Inverse((), _ccs, AddCc),
    Linked: Inverse((), _links, Unlink),
    Unlinked: Inverse((), _links, LinkTo),
    LegalHoldPlaced: Inverse((), _legal_holds, ReleaseLegalHold),
    LegalHoldReleased: Inverse((), _legal_holds, PlaceLegalHold),
    TicketCreated: Stays("a ticket that came to be stays; it can be cancelled"),
    TicketClosed: _CLOSED,
    Cancelled: _CLOSED,
    Replied: Stays("what was said stays said, and mail that left was read"),
    Noted: _SAID,
    Described: _SAID,
    AttachmentAdded: Stays("a file that was attached stays; it can be redacted"),
    Redacted: Stays("what was redacted is gone for every reader"),
    Split: Stays("the comments have a ticket of their own; merging it restores both"),
    SplitOff: Stays("a ticket that came to be stays; merging it restores both"),
    ExternalAdded: Stays("the other system knows it by that number"),
    RequesterReminded: _LEFT,
    NotificationDecided: _LEFT,
    SurveyOffered: _LEFT,
    Rated: Stays("a rating is the requester's"),
    Reviewed: Stays("a review is the reviewer's"),
    WorkStarted: _WORKED,
    WorkStopped: _WORKED,
    ActivityRecorded: _IMPORTED,
    Withdrawn: Stays("its import was withdrawn; import its file again to have it anew"),
    TimeCorrected: Stays("a clock that was set right stays right"),
    SlaApplied: Follows(),
    ClocksChanged: Follows(),
    SlaBreached: Follows(),
    SlaWarned: Follows(),
    RuleFired: Follows(),
    AgentChosen: Follows(),
    ChoiceDropped: Follows(),
    TakenBack: Follows(),
}
"""Every event of a ticket -> how it is taken back, in the order in which facets are restored; or
why it stays; or that it follows from other events. A test holds the table complete."""


def staying(events: Iterable[Event]) -> Iterator[tuple[str, str]]:
    """The names of the events that can't be taken back, each with the reason."""
    for event in events:
        known = INVERSE.get(type(event))
        if isinstance(known, Stays):
            yield event.NAME, known.why


def _take_back(command: TakeBack, ticket: Ticket, context: Context) -> list[Event]:
    commit: CommitToTakeBack | None = context.undone
    if commit is None:
        raise NotFound(
            f"ticket {ticket.id} has no commit {command.commit}; `ticketlog ticket history "
            f"{ticket.id}` shows them: an event's id is its commit's, a dot, and its number",
            ticket=ticket.id,
        )
    kinds = {type(event) for event in commit.events}
    ways = [way for kind, way in INVERSE.items() if kind in kinds and isinstance(way, Inverse)]
    if not ways and TakenBack not in kinds:
        why = listed(dict.fromkeys(why for _, why in staying(commit.events)))
        raise Refused(
            f"nothing of commit {command.commit} of ticket {ticket.id} can be taken back: {why}",
            ticket=ticket.id,
        )
    _check(ways, ticket, commit, context)
    events: list[Event] = []
    for way in dict.fromkeys(ways):
        then = after(ticket, events, context) if events else ticket
        events += way.restore(commit.before, then, commit, context)
    values = _counts(ticket, after(ticket, events, context), commit)
    if not events and not values:
        return []
    return [*events, TakenBack(commit=command.commit, values=values)]


def _check(
    ways: Sequence[Inverse], ticket: Ticket, commit: CommitToTakeBack, context: Context
) -> None:
    """Raises Stale for what has changed since the commit, Forbidden for what the actor may not
    change themselves."""
    fields = dict.fromkeys(field for way in ways for field in way.fields)
    late = [each for each in fields if getattr(ticket, each) != getattr(commit.after, each)]
    if late:
        raise _changed(ticket, late)
    for command in {way.command for way in ways}:
        check(Right(command.NAME, command.SPEC.who_may), ticket, context)
    settings = settings_of(context)
    if settings.writing_is_limited:
        check_writes(fields, context.actor, settings, context.stream)


def _changed(ticket: Ticket, names: Sequence[str]) -> Stale:
    return Stale(
        f"{listed(names)} of ticket {ticket.id} changed after what is to be taken back: it stays "
        "as it is now",
        ticket=ticket.id,
        aspects=tuple(names),
        comments=(),
        version=ticket.version,
    )


def _counts(now: Ticket, then: Ticket, commit: CommitToTakeBack) -> dict[str, FieldValue]:
    """The counts that the commit moved, and nothing since: as they were."""
    return {
        name: was
        for name in COUNTS
        if (was := getattr(commit.before, name)) != getattr(then, name)
        and getattr(now, name) == getattr(commit.after, name)
    }


DECIDE: Decisions = {TakeBack: _take_back}

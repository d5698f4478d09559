"""Histories from elsewhere: a row of an imported file is a fact, with the changes it implies.

Imported facts happened: no workflow refuses them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import starmap
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ticketlog.domain.base import (
    LONGEST_KEY,
    Command,
    CommandSpec,
    Context,
    Event,
    Instant,
    Key,
    Line,
    Recorded,
    Text,
    Unseen,
    Value,
    stream_key,
)
from ticketlog.domain.settings.model import Status, TicketType, Workflow
from ticketlog.domain.ticket.assignment import AssigneeChanged, TeamChanged
from ticketlog.domain.ticket.classification import (
    ATTRIBUTES,
    MOST_TAGS,
    Attribute,
    AttributeChanged,
    CategoryChanged,
    DueChanged,
    ExternalAdded,
    OrganisationChanged,
    RequesterChanged,
    SubjectChanged,
    TagsChanged,
    TypeChanged,
)
from ticketlog.domain.ticket.conversation import AttachmentAdded, Described, Noted, Replied
from ticketlog.domain.ticket.creation import TicketCreated, first_status
from ticketlog.domain.ticket.custom_fields import changed, sorted_out
from ticketlog.domain.ticket.evolution import after
from ticketlog.domain.ticket.feedback import Rated, rating
from ticketlog.domain.ticket.lifecycle import ResolutionCoded, arrow_to
from ticketlog.domain.ticket.lookups import (
    data_subject,
    priorities_in,
    status_named,
    workflow_for,
)
from ticketlog.domain.ticket.priority import (
    Priority,
    automatic,
    prioritised,
    recalculated,
    rescaled,
)
from ticketlog.domain.ticket.relations import Linked, LinkTo, cycle
from ticketlog.domain.ticket.reopening import reopens_too_late
from ticketlog.domain.ticket.required_fields import missing, required_for
from ticketlog.domain.ticket.state import (
    AuthorKind,
    Decisions,
    Evolutions,
    FieldValue,
    Link,
    LinkKind,
    Ticket,
)
from ticketlog.domain.ticket.status_events import TransitionDetails, moved
from ticketlog.domain.ticket.work import WorkStopped

Clearable = Literal[
    "team",
    "assignee",
    "impact",
    "urgency",
    "category",
    "product",
    "requester",
    "organisation",
    "asset",
    "site",
    "language",
    "due",
    "resolution_code",
]


def stream_of(source: str, case: str, generation: int = 0) -> str:
    """The stream of the ticket that a case of a source becomes: the same for every importer.
    `generation` says how often such a ticket was withdrawn before."""
    again = f"\0{generation}" if generation else ""
    return "ticket/" + stream_key(f"{source}\0{case}{again}")


class FileKept(Value):
    """A file whose bytes the desk keeps."""

    name: Line
    media_type: Line
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


MOST_WORKED = 10 * 365 * 86_400
"""Seconds."""


class ActivityRecorded(Event):
    """A row of an imported history, in its original words.

    `broke` lists the rules of the workflow that the row's changes would have broken: imported
    facts happened, so nothing refuses them. `skew` is by how many microseconds the row is older
    than the stream's clock.
    """

    NAME: ClassVar[str] = "ticket.activity-recorded.v1"
    ASPECT: ClassVar[str] = "activity"
    source: Key
    """The name of the import's source, from the mapping."""
    case: Key
    row: Annotated[int, Field(ge=1)]
    """The line (CSV) or event number (XES) in the file, from 1."""
    activity: Line | None = None
    actor: Key | None = None
    status: Line | None = None
    substatus: Line | None = None
    broke: tuple[Line, ...] = ()
    skew: int | None = None


class RecordActivity(Command):
    """One row: the state of the ticket after it. What is None says nothing about the field."""

    NAME: ClassVar[str] = "ticket.record-activity"
    UNSEEN: ClassVar[Unseen] = "dropped"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=frozenset({"import", "service"}))
    source: Key
    case: Key
    row: Annotated[int, Field(ge=1)]
    activity: Line | None = None
    actor: Key | None = None
    original_status: Line | None = None
    original_substatus: Line | None = None
    status: Key | None = None
    """The status of ours that the original words map to."""
    subject: Line | None = None
    type: TicketType | None = None
    team: Key | None = None
    assignee: Key | None = None
    priority: Key | None = None
    impact: Key | None = None
    urgency: Key | None = None
    category: Key | None = None
    product: Key | None = None
    requester: Key | None = None
    organisation: Key | None = None
    cleared: Annotated[tuple[Clearable, ...], Field(max_length=13)] = ()
    """What the row says to have no value now: it takes away what an earlier row set."""
    fields: Annotated[Mapping[Key, FieldValue], Field(max_length=500)] = Field(default_factory=dict)
    """Custom fields; None: no value now."""
    comment: Text | None = None
    comment_public: bool = True
    comment_by_requester: bool = False
    cancelled: bool = False
    """The status of category closed means that it was cancelled."""
    external: Key | None = None
    """Its number in the source."""
    description: Text | None = None
    """What was asked, where the ticket has no description yet."""
    tags: Annotated[tuple[Key, ...], Field(max_length=MOST_TAGS)] | None = None
    tags_whole: bool = False
    """The tags are all that it has now; otherwise they are added."""
    channel: Key | None = None
    """How it came to the source; what the first row of a case says."""
    site: Key | None = None
    asset: Key | None = None
    language: Key | None = None
    resolution_code: Key | None = None
    due: Instant | None = None
    links: Annotated[tuple[tuple[LinkKind, Key], ...], Field(max_length=100)] = ()
    """Kind and case of the same source: this ticket is `kind` of that."""
    rating: Annotated[int, Field(ge=1, le=5)] | None = None
    rating_comment: Text | None = None
    worked_seconds: Annotated[int, Field(ge=0, le=MOST_WORKED)] | None = None
    worked_whole: bool = False
    """The time is all that was worked so far; otherwise it is what this row adds."""
    comment_author: Key | None = None
    """Who said the comment; without, the requester or the actor."""
    attachments: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    """Where the files lie, below the folder of the file that is imported."""
    files: tuple[FileKept, ...] = ()
    """The attachments, when they are kept."""
    linked: tuple[tuple[LinkKind, Key], ...] = ()
    """The links, with the streams of the tickets that the cases are."""


def _recorded(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    return {}


EVOLVE: Evolutions = {ActivityRecorded: _recorded}


AT_FIRST = frozenset({"new", "open", "pending", "on-hold"})
"""What a ticket may begin as. Solved or closed is something that happens to it, and is counted."""


_CLASSES = ("category", "product", "requester", "organisation")


_RARE = ("asset", "site", "language")


_MORE = frozenset(
    (
        *("external", "description", "tags", "resolution_code", "due", "linked", "rating"),
        *("worked_seconds", "files", *_RARE),
    )
)
"""Further fields of a row, of which most have none."""


_LATER = (Rated, Linked)
"""What may well happen to a ticket that is closed."""


def _record(command: RecordActivity, ticket: Ticket, context: Context) -> list[Event]:
    workflow = workflow_for(command.type or ticket.type, context)
    target = status_named(command.status, workflow) if command.status else None
    facts = (
        _changes(command, ticket, context)
        if ticket.exists
        else [_created(command, ticket, context, workflow, target)]
    )
    more = not (_MORE.isdisjoint(command.model_fields_set) and _MORE.isdisjoint(command.cleared))
    then = ticket
    # Most rows tell the status again, and change no more than what they say of the rest.
    if facts and (more or not ticket.exists or _goes_on(command, ticket, target)):
        then = after(ticket, facts, context)
    facts += _said(command, then, context)
    broke: tuple[str, ...] = ()
    if more:
        linked, broke = _linked(command, then, context)
        facts += [*_more(command, then, context), *linked, *_coded(command, then, target)]
    if target is not None and _moves(command, then, target):
        broke += _broken(workflow, then, target, context)
        code = command.resolution_code or then.resolution_code
        say = TransitionDetails(resolution_code=code)
        facts += moved(then, target, "import", say, cancelled=command.cancelled)
    elif ticket.status_category == "closed" and _changed_late(facts):
        broke += ("changed after it was closed",)
    if command.rating is not None:
        facts += _judged(command, after(ticket, facts, context))
    return [_row(command, ticket, context, broke), *facts]


def _goes_on(command: RecordActivity, ticket: Ticket, target: Status | None) -> bool:
    """Whether the row says something, or moves the ticket, besides what it changes."""
    return command.comment is not None or (target is not None and _moves(command, ticket, target))


def _changed_late(facts: list[Event]) -> bool:
    return any(not isinstance(each, _LATER) for each in facts)


def _moves(command: RecordActivity, ticket: Ticket, target: Status) -> bool:
    cancels = target.category == "closed" and command.cancelled and not ticket.cancelled
    return target.id != ticket.status or cancels


def _row(
    command: RecordActivity, ticket: Ticket, context: Context, broke: tuple[str, ...]
) -> ActivityRecorded:
    return ActivityRecorded(
        source=command.source,
        case=command.case,
        row=command.row,
        activity=command.activity,
        actor=command.actor,
        status=command.original_status,
        substatus=command.original_substatus,
        broke=broke,
        skew=ticket.clock - context.now if context.now < ticket.clock else None,
    )


def _created(
    command: RecordActivity,
    ticket: Ticket,
    context: Context,
    workflow: Workflow,
    target: Status | None,
) -> TicketCreated:
    values = {name: value for name, value in command.fields.items() if value is not None}
    fields = sorted_out(values, context)
    status = target
    if status is None or status.category not in AT_FIRST:
        status = first_status(workflow, command.assignee)
    if command.priority is not None:
        priority = Priority(command.priority, "import")
    else:
        priority = automatic(priorities_in(context), command.impact, command.urgency, None)
    return TicketCreated(
        data_subject=command.requester or f"ticket/{ticket.id}",
        subject=command.subject or f"{command.source} {command.case}",
        type=command.type or ticket.type,
        requester=command.requester,
        organisation=command.organisation,
        category=command.category,
        product=command.product,
        impact=command.impact,
        urgency=command.urgency,
        priority=priority.name,
        priority_source=priority.source,
        status=status.id,
        status_category=status.category,
        team=command.team,
        assignee=command.assignee,
        fields=fields.plain,
        personal_fields=fields.personal or None,
        workflow=workflow.id,
        **_further(command),
    )


def _further(command: RecordActivity) -> dict[str, Any]:
    """The further values of the first row, as far as it says them."""
    found: dict[str, Any] = {
        "author_kind": "import",
        "asset": command.asset,
        "site": command.site,
        "language": command.language,
        "channel": command.channel,
        "due_at": command.due,
        "description": command.description,
    }
    if command.external is not None:
        found["external"] = (external(command),)
    if command.tags:
        found["tags"] = tuple(dict.fromkeys(command.tags))
    if command.description is not None and command.requester is not None:
        found |= {"author_kind": "requester", "description_public": True}
    return found


def external(command: RecordActivity) -> str:
    """'SOURCE:NUMBER', by which the ticket is found."""
    return f"{command.source}:{command.external}"[:LONGEST_KEY]


def _more(command: RecordActivity, ticket: Ticket, context: Context) -> list[Event]:
    """The changes of what few rows speak of, against the ticket as the rest of the row makes it."""
    events = _differences(command, ticket, _RARE)
    if command.external is not None and external(command) not in ticket.external:
        events.append(ExternalAdded(external=external(command)))
    if command.description is not None and ticket.description is None:
        events.append(_described(command.description, ticket, context))
    tags = _tags(command, ticket)
    if tags != ticket.tags:
        events.append(TagsChanged(old=ticket.tags, new=tags))
    due = None if "due" in command.cleared else command.due or ticket.due_at
    if due != ticket.due_at:
        events.append(DueChanged(old=ticket.due_at, new=due))
    worked = command.worked_seconds or 0
    if command.worked_whole:
        worked = max(worked - ticket.seconds_spent, 0)
    if worked:
        agent = command.actor or ticket.assignee or context.actor.id
        events.append(WorkStopped(agent=agent, seconds=worked))
    return [*events, *_attached(command, ticket)]


def _described(text: str, ticket: Ticket, context: Context) -> Described:
    asked = ticket.requester is not None
    return Described(
        data_subject=data_subject(ticket),
        description=text,
        description_public=asked,
        author=ticket.requester or context.actor.id,
        author_kind="requester" if asked else "import",
    )


def _tags(command: RecordActivity, ticket: Ticket) -> tuple[str, ...]:
    if command.tags is None:
        return ticket.tags
    tags = command.tags if command.tags_whole else (*ticket.tags, *command.tags)
    found = tuple(dict.fromkeys(tags))
    return ticket.tags if set(found) == set(ticket.tags) else found


def _attached(command: RecordActivity, ticket: Ticket) -> list[Event]:
    """Files that the ticket hasn't yet: rows tell the same ones again."""
    held = {each.sha256 for each in ticket.attachments}
    new = {each.sha256: each for each in command.files if each.sha256 not in held}
    subject = data_subject(ticket)
    return [AttachmentAdded(data_subject=subject, **file.model_dump()) for file in new.values()]


def _linked(
    command: RecordActivity, ticket: Ticket, context: Context
) -> tuple[list[Event], tuple[str, ...]]:
    """The links that the row makes, and the rules that further ones would break, which are left
    out: links of these kinds never lead back, and a ticket is the duplicate of one other."""
    events: list[Event] = []
    broke: dict[str, None] = {}
    links = ticket.links
    for link in starmap(Link, command.linked):
        kind = link.kind
        if link in links:
            continue
        if link.target == context.stream:
            broke["linked to itself"] = None
        elif cycle(LinkTo(kind=kind, target=link.target), ticket, context.states.get):
            broke[f"{kind} leads back"] = None
        elif kind == "duplicate-of" and any(each.kind == kind for each in links):
            broke["duplicate of a second one"] = None
        else:
            events.append(Linked(kind=kind, target=link.target))
            links = (*links, link)
    return events, tuple(broke)


def _coded(command: RecordActivity, ticket: Ticket, target: Status | None) -> list[Event]:
    """The resolution code, where no move to solved tells it and none out of solved takes it."""
    if target is not None and target.category != ticket.status_category:
        carried = (target.category, ticket.status_category)
        if "solved" in carried and target.category != "closed":
            return []
    old, new = ticket.resolution_code, _value(command, ticket, "resolution_code")
    return [] if new == old else [ResolutionCoded(old=old, new=new)]


def _judged(command: RecordActivity, ticket: Ticket) -> list[Event]:
    """The rating, as given to who has the ticket when the row is done."""
    if command.rating is None or command.rating == ticket.rating:
        return []
    return [rating(ticket, command.rating, command.rating_comment)]


def _changes(command: RecordActivity, ticket: Ticket, context: Context) -> list[Event]:
    events: list[Event] = []
    if command.type not in (None, ticket.type):
        events.append(TypeChanged(old=ticket.type, new=command.type))
    if command.subject not in (None, ticket.subject):
        subject = data_subject(ticket)
        events.append(SubjectChanged(data_subject=subject, old=ticket.subject, new=command.subject))
    events += _differences(command, ticket, _CLASSES)
    events += _priority_changes(command, ticket, context)
    if command.fields:
        events += changed(command.fields, ticket, context)
    team = _value(command, ticket, "team")
    if team != ticket.team:
        events.append(TeamChanged(old=ticket.team, new=team, method="import"))
    assignee = _value(command, ticket, "assignee")
    if assignee != ticket.assignee:
        events.append(AssigneeChanged(old=ticket.assignee, new=assignee, method="import"))
    return events


def _differences(command: RecordActivity, ticket: Ticket, names: tuple[str, ...]) -> list[Event]:
    return [
        _CHANGED[name](ticket, new)
        for name in names
        if (new := _value(command, ticket, name)) != getattr(ticket, name)
    ]


def _value(command: RecordActivity, ticket: Ticket, name: str) -> Any:
    """The row's value; the ticket's where the row says nothing about it."""
    if name in command.cleared:
        return None
    value = getattr(command, name)
    return getattr(ticket, name) if value is None else value


def _elsewhere(ticket: Ticket, new: str | None) -> OrganisationChanged:
    # A row says nothing of an organisation's tier and contract.
    return OrganisationChanged(
        old=ticket.organisation, new=new, old_tier=ticket.tier, old_contract=ticket.contract
    )


def _attribute(name: Attribute) -> Callable[[Ticket, str | None], Event]:
    return lambda ticket, new: AttributeChanged(attribute=name, old=getattr(ticket, name), new=new)


_CHANGED: dict[str, Callable[[Ticket, str | None], Event]] = {
    "category": lambda ticket, new: CategoryChanged(old=ticket.category, new=new),
    "requester": lambda ticket, new: RequesterChanged(old=ticket.requester, new=new),
    "organisation": _elsewhere,
    **{name: _attribute(name) for name in ATTRIBUTES},
}


def _priority_changes(command: RecordActivity, ticket: Ticket, context: Context) -> list[Event]:
    impact, urgency = _value(command, ticket, "impact"), _value(command, ticket, "urgency")
    events = rescaled(ticket, impact, urgency)
    if command.priority is not None:
        if command.priority == ticket.priority:
            return events
        return [*events, *prioritised(ticket, Priority(command.priority, "import"))]
    if events:
        contract = ticket.contract
        events += recalculated(ticket, context, impact=impact, urgency=urgency, contract=contract)
    return events


def _said(command: RecordActivity, ticket: Ticket, context: Context) -> list[Event]:
    if command.comment is None:
        return []
    asks = command.comment_by_requester
    author = (ticket.requester or command.actor) if asks else (command.actor or ticket.assignee)
    kind: AuthorKind = "requester" if asks else "agent" if author else "import"
    if command.comment_author is not None:
        author = command.comment_author
        asks = asks or author == ticket.requester
        kind = "agent" if not asks else "requester" if author == ticket.requester else "end-user"
    said: dict[str, Any] = {
        "data_subject": author if kind == "end-user" else data_subject(ticket),
        "author": author or context.actor.id,
        "author_kind": kind,
        "body": command.comment,
    }
    if command.comment_public:
        return [Replied(**said, direction="inbound" if asks else "outbound")]
    return [Noted(**said, direction="internal")]


def _broken(
    workflow: Workflow, ticket: Ticket, target: Status, context: Context
) -> tuple[str, ...]:
    """The rules of the workflow that the row's move to another status breaks."""
    arrow = arrow_to(workflow, ticket, target)
    if arrow is None:
        return (f"no arrow from {ticket.status} to {target.id}",)
    broken = [
        f"{target.id} requires {name}" for name in missing(required_for(arrow, target), ticket)
    ]
    leaves = ticket.status_category == "solved" and target.category not in ("solved", "closed")
    if leaves and reopens_too_late(workflow, ticket, context.now):
        broken.append("reopened too late")
    return tuple(broken)


DECIDE: Decisions = {RecordActivity: _record}

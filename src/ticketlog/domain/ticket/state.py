"""The state of a ticket, into which its events fold. What was said stays in the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeAlias, TypeVar

from pydantic import Field, StringConstraints

from ticketlog.domain.base import Command, Context, Event, Key, Long, Recorded, State, Value
from ticketlog.domain.settings.model import CategoryOfStatus, TicketType
from ticketlog.domain.settings.sla_policy import Metric, Switch
from ticketlog.domain.sla.clock import Applied, Clock, Clocks
from ticketlog.domain.sla.clock_rules import ClockTrigger, run

AuthorKind = Literal["requester", "end-user", "agent", "rule", "service", "import"]
LinkKind = Literal["duplicate-of", "problem", "parent", "blocks", "follow-up-of", "change"]
PrioritySource = Literal["default", "matrix", "contract", "manual", "import"]


FieldValue = (
    Annotated[str, StringConstraints(max_length=10_000), Long()]
    | Annotated[int, Field(ge=-(2**53), le=2**53)]
    | bool
    | Annotated[tuple[Key, ...], Field(max_length=100)]
    | None
)
"""A custom field's value; whole numbers in the range that every reader of JSON keeps exact."""
T = TypeVar("T")
Pages: TypeAlias = tuple[tuple[T, ...], ...]
"""A long sequence in pages of 32. One more entry copies a page and the list of pages, not all of
the sequence; a conversation of a thousand comments loads six times as fast."""
_PAGE = 32


def paged(pages: Pages[T], value: T) -> Pages[T]:
    if pages and len(pages[-1]) < _PAGE:
        return (*pages[:-1], (*pages[-1], value))
    return (*pages, (value,))


class CommentRef(NamedTuple):
    id: str
    author: str
    author_kind: AuthorKind
    public: bool
    message_id: str | None = None
    redacted: bool = False
    automated: bool = False
    version: int = 0


class AttachmentRef(NamedTuple):
    id: str
    sha256: str
    comment: str | None = None
    redacted: bool = False


class Link(NamedTuple):
    """This ticket stands in relation `kind` to `target`; the inverse is derived by views."""

    kind: LinkKind
    target: str


class Candidate(Value):
    """An agent whom a rule could have chosen, and the load that they had."""

    agent: Key
    load: Annotated[int, Field(ge=0)]


class Choice(NamedTuple):
    """The agent whom an assignment rule chose: `id` is that of the event that says so; `candidates`
    are those who could have been, with their loads."""

    id: str
    agent: str
    rule: str
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class Ticket(State):
    """A ticket after its event number `version` (from 0; -1: it doesn't exist)."""

    CODE: ClassVar[int] = 11

    id: str = ""
    version: int = -1
    clock: int = 0
    """The stream's business time: the latest `occurred_at` so far."""
    changed: Mapping[str, int] = field(default_factory=dict)
    """Aspect -> version of its last change."""

    created_at: int = 0
    created_by: str = ""
    channel: str = ""
    type: TicketType = "question"
    subject: str = ""
    requester: str | None = None
    organisation: str | None = None
    tier: str | None = None
    contract: str | None = None
    country: str | None = None
    zone: str | None = None
    category: str | None = None
    product: str | None = None
    asset: str | None = None
    site: str | None = None
    language: str | None = None
    external: tuple[str, ...] = ()
    impact: str | None = None
    urgency: str | None = None
    priority: str = ""
    priority_source: PrioritySource = "default"
    tags: tuple[str, ...] = ()
    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    due_at: int | None = None

    status: str = ""
    status_category: CategoryOfStatus = "new"
    hold_reason: str | None = None
    hold_until: int | None = None
    resolution_code: str | None = None
    solved_at: int | None = None
    solves: int = 0
    reopens: int = 0
    quiet_since: int = 0
    """When its status last changed, or somebody last said something publicly, machines aside."""
    reminders: int = 0
    """How often the requester was reminded in this quiet."""
    closed_at: int | None = None
    cancelled: bool = False
    verified_by: str | None = None
    spam: bool = False
    withdrawn: bool = False
    """Its import was withdrawn: it counts for nothing any more."""

    team: str | None = None
    assignee: str | None = None
    assigned_at: int = 0
    """When the assignee last changed, or it was created."""
    back_at: int | None = None
    """When it was last reopened or restored."""
    team_stations: int = 0
    assignee_stations: int = 0
    tier_level: int = 0
    """The support tier it is at; 0 is the first."""
    touches: int = 0
    """Commits by agents."""
    working: Mapping[str, int] = field(default_factory=dict)
    """Agent -> when they started to work on it."""
    seconds_spent: int = 0

    description: CommentRef | None = None
    """The text it was created with; its id is that of the creation event."""
    first_message: str | None = None
    """The message id that it was created with."""
    comment_pages: Pages[CommentRef] = ()
    attachments: tuple[AttachmentRef, ...] = ()
    agent_replies: int = 0
    requester_replies: int = 0
    first_reply_at: int | None = None
    waiting_since: int | None = None
    """When the oldest end user's comment without an agent's public reply came in."""
    asked_at: int | None = None
    """When an end user last commented publicly."""

    followers: tuple[str, ...] = ()
    ccs: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    survey_offered: bool = False
    rating: int | None = None
    reviews: Mapping[str, str] = field(default_factory=dict)
    """Reviewer -> their verdict."""
    choice: Choice | None = None
    """Who shall work on it, and is asked for room."""
    legal_holds: tuple[str, ...] = ()
    last_commit: str = ""

    sla: Applied | None = None
    """What was promised; None: nothing, and its clocks run without a target."""
    told_clocks: Mapping[Metric, Clock] = field(default_factory=dict)
    """Its clocks as the last event about them left them."""
    facts: tuple[ClockTrigger, ...] = ()
    """What has concerned its clocks since then."""
    sound: Ticket | None = None
    """What it would be if each commit had happened when it was received; None: no time lies ahead
    of its receipt (`timecorrection`)."""

    @cached_property
    def clocks(self) -> Clocks:
        """The latest instance of each metric's clock that ever ran. Run when they are asked for,
        and kept up from then on (`evolution.fold`)."""
        return run(self.told_clocks, self.facts, self.switches)

    @property
    def switches(self) -> tuple[Switch, ...]:
        return self.sla.switches if self.sla else ()

    @property
    def exists(self) -> bool:
        return self.version >= 0

    @property
    def comments(self) -> tuple[CommentRef, ...]:
        return tuple(chain.from_iterable(self.comment_pages))

    def said_since(self, version: int) -> list[CommentRef]:
        """The comments that people made publicly after a version, in order; machines aside."""
        since: list[CommentRef] = []
        for page in reversed(self.comment_pages):
            new = [ref for ref in page if ref.version > version]
            since[:0] = [ref for ref in new if ref.public and not (ref.automated or ref.redacted)]
            if len(new) < len(page):
                break
        return since

    def has_message(self, message_id: str) -> bool:
        """Whether the mail of that id has come in already."""
        said = chain.from_iterable(self.comment_pages)
        return message_id == self.first_message or any(c.message_id == message_id for c in said)

    @property
    def is_duplicate(self) -> bool:
        links = self.links
        return bool(links) and any(link.kind == "duplicate-of" for link in links)

    @property
    def waits_for_agent(self) -> bool:
        """A team has it, and nobody in it works on it yet (Zendesk: new or open, with a group,
        unassigned)."""
        mine = self.status_category in ("new", "open") and not self.spam and not self.withdrawn
        return mine and self.assignee is None and self.team is not None

    @property
    def ended_once(self) -> bool:
        """It is solved or closed, or was solved once."""
        return self.solves > 0 or self.status_category in ("solved", "closed")

    @property
    def active(self) -> bool:
        """Whether it is still to be worked on."""
        open = self.status_category not in ("solved", "closed")
        return open and not self.spam and not self.withdrawn


Apply: TypeAlias = Callable[[Ticket, Recorded], dict[str, Any]]
"""What an event changes: (the ticket before it, the event) -> its fields with their new values."""
Evolutions: TypeAlias = Mapping[type[Event], Apply]
"""What each of a facet's events changes."""
Decisions: TypeAlias = Mapping[type[Command], Callable[[Any, Ticket, Context], list[Event]]]
"""Command -> the function that decides about it: (command, ticket, context) -> events."""

"""What is still in use of what a settings file takes away, and where it moves.

A ticket keeps its status, team, category, product or priority when the settings know it no more,
and nobody finds it there. So such a file says where they go, or that they stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from ticketlog.domain.base import Actor, Command, Invalid, Refused
from ticketlog.domain.configuration import Desired
from ticketlog.domain.settings import Settings, Workflow
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.classification import Classify, Prioritise
from ticketlog.domain.ticket.lifecycle import SetStatus
from ticketlog.errors import Usage
from ticketlog.execution import derived_id

KINDS = ("status", "team", "category", "product", "priority")
"""What tickets can be moved out of."""
_PAGE = 1_000
_FIRST = 3
"""Tickets that are named."""


class Desk(Protocol):
    """What is needed of a desk."""

    @property
    def settings(self) -> Settings: ...

    def query(self, function: Callable[..., Any], **parameters: Any) -> Any: ...

    def load(self, stream: str) -> Any: ...

    @property
    def execute(self) -> Callable[..., Any]: ...


class Stranded(NamedTuple):
    """What is taken away and how many active tickets have it; the first of them."""

    kind: str
    id: str
    tickets: int
    first: tuple[str, ...]

    def __str__(self) -> str:
        named = ", ".join(self.first) + (", ..." if self.tickets > len(self.first) else "")
        return f"{self.kind} {self.id} has {self.tickets:,} active tickets ({named})"


def moves(texts: tuple[str, ...]) -> dict[tuple[str, str], str]:
    """(kind, old) -> new from texts as 'status:waiting=open'. Raises Usage."""
    found = {}
    for text in texts:
        kind, colon, rest = text.partition(":")
        old, equals, new = rest.partition("=")
        if kind not in KINDS or not (colon and equals and old and new):
            raise Usage(f"--move {text!r} is no KIND:OLD=NEW; kinds are {', '.join(KINDS)}")
        found[kind, old] = new
    return found


def check(desk: Desk, desired: Desired, given: Mapping[tuple[str, str], str]) -> None:
    """Raises Invalid where a file takes away what active tickets have, and no move says where they
    go."""
    left = [each for each in _stranded(desk, desired) if (each.kind, each.id) not in given]
    if left:
        listed = "; ".join(map(str, left))
        example = f"--move {left[0].kind}:{left[0].id}=NEW"
        raise Invalid(
            f"the settings would strand tickets: {listed}. Say where they go ({example}), or "
            "--strand to leave them there",
            stranded=tuple(map(str, left)),
        )


def _stranded(desk: Desk, desired: Desired) -> Iterator[Stranded]:
    for kind, id in _taken(desk.settings, desired):
        tickets = list(_having(desk, kind, id))
        if tickets:
            yield Stranded(kind, id, len(tickets), tuple(tickets[:_FIRST]))


def _taken(settings: Settings, desired: Desired) -> Iterator[tuple[str, str]]:
    """What is in force and wouldn't be any more."""
    if "workflow" in desired:
        before = {s for each in settings.workflows.values() for s in _usable(each)}
        after = {s for each in desired["workflow"].values() for s in _usable(each)}
        yield from (("status", id) for id in sorted(before - after))
    for kind, known in (
        ("team", settings.teams),
        ("category", settings.categories),
        ("product", settings.products),
    ):
        if kind in desired:
            yield from ((kind, id) for id in sorted(known.keys() - desired[kind].keys()))
    if "priorities" in desired and settings.priorities is not None:
        wanted: set[str] = set()
        for each in desired["priorities"].values():
            wanted.update(getattr(each, "names", ()))
        yield from (("priority", id) for id in settings.priorities.names if id not in wanted)


def _usable(workflow: Any) -> set[str]:
    """The statuses of a workflow in which tickets are worked on or solved."""
    assert isinstance(workflow, Workflow)
    return {s.id for s in workflow.statuses if not s.retired and s.category != "closed"}


def _having(desk: Desk, kind: str, id: str) -> Iterator[str]:
    """The tickets that aren't closed and have it."""
    from ticketlog.projections import tickets

    after: str | None = None
    while True:
        page = desk.query(tickets.page, after=after, limit=_PAGE, **{kind: id})
        yield from (row["ticket"] for row in page.rows if row["status_category"] != "closed")
        after = page.next
        if after is None:
            return


def move(
    desk: Desk, given: Mapping[tuple[str, str], str], actor: Actor, reason: str | None
) -> tuple[list[str], dict[str, str]]:
    """Moves all tickets that aren't closed, each by a commit of its own: those that moved, and by
    ticket why it didn't. Called again it goes on where it stopped."""
    moved, stayed = [], dict[str, str]()
    for (kind, old), new in given.items():
        for ticket in list(_having(desk, kind, old)):
            last = desk.load(f"ticket/{ticket}").last_commit
            try:
                desk.execute(
                    _command(kind, old, new),
                    on=ticket,
                    actor=actor,
                    id=derived_id("move", kind, old, new, ticket, last),
                    reason=reason,
                    channel="settings",
                )
                moved.append(ticket)
            except Refused as refusal:
                stayed[ticket] = str(refusal)
    return moved, stayed


def _command(kind: str, old: str, new: str) -> Command:
    match kind:
        case "status":
            return SetStatus(status=new)
        case "team":
            return Assign(team=new)
        case "priority":
            return Prioritise(priority=new, reason=f"priority {old} became {new}")
        case "category":
            return Classify(category=new)
    return Classify(product=new)

"""The scope of tickets: what says who may see them, as it is now. Views of the past are limited by
it, too, so that a withdrawn ticket stays in it."""

from __future__ import annotations

from typing import Any

from ticketlog.domain.base import Recorded
from ticketlog.domain.parties.person import Person
from ticketlog.domain.ticket.state import Ticket
from ticketlog.projections.engine.projection import TEXT, Fold, Projection, Row, Rows
from ticketlog.projections.views.persons import MERGES, merges

NAME = "scope"
VERSION = 1

TABLES = (
    Rows(
        "tickets",
        key={"ticket": TEXT},
        values=dict.fromkeys(("team", "requester", "organisation", "assignee"), TEXT),
        indexes=(("team",), ("requester",), ("organisation",), ("assignee",)),
    ),
    Rows("copies", key={"ticket": TEXT, "person": TEXT}, indexes=(("person",),)),
    MERGES,
)


class _Fold(Fold):
    __slots__ = ("last",)

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.last: Ticket | None = None

    def step(self, recorded: Recorded, before: Any, after: Ticket) -> None:
        self.last = after

    def rows(self, state: Ticket) -> tuple[list[Row], ...]:
        scope = (self.id, state.team, state.requester, state.organisation, state.assignee)
        return [scope], [(self.id, person) for person in dict.fromkeys(state.ccs)], []

    def withdrawn(self, tables: int) -> tuple[list[Row], ...]:
        return super().withdrawn(tables) if self.last is None else self.rows(self.last)


class _PersonFold(Fold):
    __slots__ = ()

    def rows(self, state: Person) -> tuple[list[Row], ...]:
        return [], [], merges(state)


VIEW = Projection(NAME, VERSION, TABLES, {"ticket": _Fold, "person": _PersonFold}, ())

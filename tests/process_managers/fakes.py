"""Policies and timers for tests, and a desk that they work on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from ticketlog.desk import Desk
from ticketlog.domain.base import Event, Recorded
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.classification import Tag
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.state import Ticket
from ticketlog.policies.protocol import AtWork, Reaction, Situation

SECOND = 1_000_000


class Tagger:
    """Tags every new ticket with its name."""

    ON: frozenset[type[Event]] = frozenset({TicketCreated})

    def __init__(self, name: str = "tagger", broken: str = "") -> None:
        self.NAME = name
        self.broken = broken
        """It fails at tickets with this subject."""
        self.asked: list[str] = []

    def react(self, recorded: Recorded, situation: Situation) -> Iterable[Reaction]:
        ticket = situation.after()
        self.asked.append(ticket.id)
        if self.broken and ticket.subject == self.broken:
            raise ValueError("it can't take this one")
        return [Reaction(Tag(add=(self.NAME,)), recorded.originator_id, f"{self.NAME}@1")]


class Reminder:
    """Tags every ticket with the seconds of its age, at some of them."""

    def __init__(self, *ages: int, name: str = "reminder", broken: str = "") -> None:
        self.NAME = name
        self.ages = ages
        self.broken = broken

    def due(self, ticket: Ticket, settings: Settings, at_work: AtWork) -> int | None:
        if self.broken and ticket.subject == self.broken:
            raise ValueError("it can't say")
        base = ticket.due_at or ticket.created_at
        left = [age for age in self.ages if f"age-{age}" not in ticket.tags]
        return base + left[0] * SECOND if left and "done" not in ticket.tags else None

    def act(self, ticket: Ticket, settings: Settings, at_work: AtWork) -> Iterable[Reaction]:
        (age, *_) = [age for age in self.ages if f"age-{age}" not in ticket.tags]
        return [Reaction(Tag(add=(f"age-{age}",)), f"ticket/{ticket.id}", f"{self.NAME}@1")]


def events(desk: Desk) -> list[Recorded]:
    return list(desk.subscribe(follow=False))


def named(desk: Desk, kind: type[Event]) -> list[Recorded]:
    return [each for each in events(desk) if isinstance(each.event, kind)]


def tags(desk: Desk, ticket: str) -> tuple[str, ...]:
    found: tuple[str, ...] = desk.load(f"ticket/{ticket}").tags
    return found


def counted(found: Iterable[Any], key: Callable[[Any], Any]) -> Counter[Any]:
    return Counter(map(key, found))

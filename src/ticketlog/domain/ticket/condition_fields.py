"""The fields of a ticket that conditions can ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ticketlog.domain.base import iso
from ticketlog.domain.settings.conditions import Facts, Operand
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.validate_conditions import CUSTOM, FIELDS
from ticketlog.domain.ticket.state import Ticket


def facts_of(ticket: Ticket, settings: Settings) -> Facts:
    """The ticket's fields by the names that conditions use, and the order of their values."""
    return Facts(_Fields(ticket, settings), settings.scales)


class _Fields(Mapping[str, Operand]):
    """Looked up when they are asked for: conditions ask for few of them, at every command."""

    __slots__ = ("_settings", "_ticket")

    def __init__(self, ticket: Ticket, settings: Settings) -> None:
        self._ticket = ticket
        self._settings = settings

    def __getitem__(self, name: str) -> Operand:
        shape = FIELDS.get(name)
        if shape is None:
            prefix, id = name[: len(CUSTOM)], name[len(CUSTOM) :]
            return self._ticket.fields[id if prefix == CUSTOM else ""]
        if name == "hours":
            return self._open_calendars()
        value: Operand = getattr(self._ticket, name)
        return iso(value) if shape == "time" and isinstance(value, int) else value

    def _open_calendars(self) -> tuple[str, ...]:
        at, calendars = self._ticket.clock, self._settings.calendars
        return tuple(id for id, each in calendars.items() if each.timetable.is_open(at))

    def __iter__(self) -> Iterator[str]:
        yield from FIELDS
        yield from (f"{CUSTOM}{name}" for name in self._ticket.fields)

    def __len__(self) -> int:
        return len(FIELDS) + len(self._ticket.fields)

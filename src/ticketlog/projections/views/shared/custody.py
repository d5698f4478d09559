"""The custody of a ticket: its holder, their status, and the instant since when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from ticketlog.domain.sla.clock import Edition
from ticketlog.domain.ticket.state import Ticket
from ticketlog.projections.engine.projection import Row

HOLDER = ("team", "agent", "status")
Holder: TypeAlias = tuple[str | None, str | None, str]
Span: TypeAlias = tuple[int, int, Edition | None]
"""From, to, and the calendar that measures it."""
_EVER = 1 << 62


class Holders:
    """Those of one ticket, in order."""

    __slots__ = ("_before", "_commit", "_since", "now")

    def __init__(self) -> None:
        self.now: Holder = (None, None, "")
        self._since: list[tuple[int, Holder]] = []
        self._commit = ""
        """The commit that changed it last."""
        self._before: Holder = self.now
        """Who held it before that."""

    def pass_on(self, commit: str, after: Ticket) -> None:
        if commit != self._commit:
            self._commit, self._before = commit, self.now
        self.now = (after.team, after.assignee, after.status)
        self._since.append((after.clock, self.now))

    def before(self, commit: str) -> Holder:
        """The holder before a commit, which is the last one."""
        return self._before if commit == self._commit else self.now

    def cut(self, spans: Iterable[Span]) -> Iterator[Row]:
        """(from, to, team, agent, status, calendar, its version): spans in order, cut where the
        ticket came into other hands."""
        bounds = [*self._since, (_EVER, self.now)]
        at = 0
        for start, end, calendar in _joined(spans):
            while start < end:
                while bounds[at + 1][0] <= start:
                    at += 1
                stop = min(end, bounds[at + 1][0])
                yield (start, stop, *bounds[at][1], *edition(calendar))
                start = stop


def edition(named: Edition | None) -> tuple[str | None, int | None]:
    """The columns that name it."""
    return (named.id, named.version) if named else (None, None)


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Spans that touch and are measured alike are one."""
    found: list[Span] = []
    for start, end, calendar in spans:
        if found and found[-1][1] == start and found[-1][2] == calendar:
            start = found.pop()[0]
        found.append((start, end, calendar))
    return found

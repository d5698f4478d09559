"""The desk at a moment: which part of the logs that is, and what can be asked of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from ticketlog import reporting
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import Recorded, instant
from ticketlog.domain.settings import Settings
from ticketlog.errors import Usage
from ticketlog.execution import stream_name
from ticketlog.log.port import Log
from ticketlog.opening import Logs
from ticketlog.projections import reports
from ticketlog.projections.moment import Cut, Moment
from ticketlog.reading import until
from ticketlog.settings_log import SettingsLog
from ticketlog.views import Views

_POSITION = re.compile(r"(\d{1,9}):(\d{1,18})")


class Cuts:
    """Moments of a desk's two logs, as cuts."""

    def __init__(self, tickets: Log, settings: Log) -> None:
        self._tickets = tickets
        self._settings = settings

    def now(self) -> Cut:
        return Cut(self._tickets.ends(), self._settings.ends()[0])

    def at(self, recorded_at: int) -> Cut:
        """The longest prefix of each partition that was recorded by then."""
        log = self._tickets
        ends = tuple(log.offset_at(partition, recorded_at) for partition in range(log.partitions))
        return Cut(ends, self._settings.offset_at(0, recorded_at))

    def named(self, position: Cut | str) -> Cut:
        """A cut as reports print it, or the one just behind the record at 'P:OFFSET'.

        Raises Usage for what is neither, or not in the log.
        """
        cut = Cut.parse(position) if isinstance(position, str) else position
        if cut is None:
            return self._behind(str(position))
        now = self.now()
        fits = len(cut.ends) == len(now.ends) and cut.settings <= now.settings
        if not fits or any(m > end for m, end in zip(cut.ends, now.ends, strict=True)):
            raise Usage(f"the log has no cut {cut}; it has come to {now}")
        return cut

    def start(self, position: str) -> tuple[int, ...]:
        """Where reading begins: at the record 'P:OFFSET', or behind a cut. Raises Usage."""
        cut = self.named(position)
        found = _POSITION.fullmatch(position)
        if found is None:
            return cut.ends
        return tuple(int(found[2]) if p == int(found[1]) else e for p, e in enumerate(cut.ends))

    def _behind(self, position: str) -> Cut:
        """The record's partition up to it, the others as they were when it was recorded."""
        found = _POSITION.fullmatch(position)
        if found is None:
            raise Usage(
                f"{position!r} is no position: write P:OFFSET, or a cut as reports print it"
            )
        partition, offset = int(found[1]), int(found[2])
        known = partition < self._tickets.partitions
        records = self._tickets.records(partition, offset, 1) if known else []
        if not records:
            raise Usage(f"the log has no record at {position}; it has come to {self.now()}")
        cut = self.at(instant(orjson.loads(records[0].data)["recorded_at"]))
        ends = list(cut.ends)
        ends[partition] = offset + 1
        return Cut(tuple(ends), cut.settings)


class Sources(NamedTuple):
    """Where the past is read from."""

    history: Callable[[str], list[Recorded]]
    settings: SettingsLog
    views: Views
    logs: Logs


class Past:
    """The desk at a moment; see `Desk.at`."""

    def __init__(self, moment: Moment, sources: Sources) -> None:
        self.moment = moment
        self._sources = sources
        self.views = sources.views.at(moment)

    def query(self, function: Callable[..., Any], **parameters: Any) -> Any:
        """What a view's query function says of the moment."""
        return self.views.query(function, parameters)

    def report(self, name: str, **given: Any) -> dict[str, Any]:
        """A report as of the moment; see `Desk.report`."""
        rows = self.views.query(reports.report, reporting.parameters(name, given))
        moment = self.moment
        cut = moment if isinstance(moment, Cut) else Cuts(*self._sources.logs).now()
        return reporting.document(name, given, rows, cut, moment)

    def load(self, stream: str) -> Any:
        """The state of a stream at the moment."""
        kind, _, id = stream_name(stream).partition("/")
        aggregate = AGGREGATES[kind]
        state = aggregate.initial(id)
        for recorded in self.history(stream):
            state = aggregate.evolve(state, recorded)
        return state

    def history(self, ticket: str) -> list[Recorded]:
        """What had happened by the moment. What was redacted since is hidden all the same."""
        return until(self._sources.history(ticket), self.moment)

    @property
    def settings(self) -> Settings:
        """The settings that were in force; in business time, those of today."""
        if isinstance(self.moment, Cut):
            return self._sources.settings.at(self.moment.settings)
        return self._sources.settings.in_force()

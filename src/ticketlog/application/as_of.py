"""The desk at a moment: which part of the logs that is, and what can be asked of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import orjson

from ticketlog.application import queries, reports
from ticketlog.application.access import Access, Viewer
from ticketlog.application.executor import stream_name
from ticketlog.application.logs import Logs
from ticketlog.application.queries import Answer
from ticketlog.application.settings_store import SettingsLog
from ticketlog.application.stream_reads import StreamReads, right_to_read
from ticketlog.application.views import Views
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import Actor, Recorded, instant, kind_and_id
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket import KIND as TICKET
from ticketlog.domain.ticket.rectification import rectified_history
from ticketlog.domain.ticket.sla.recomputation import recomputed
from ticketlog.domain.ticket.time_correction import TimeCorrected
from ticketlog.errors import Usage
from ticketlog.projections.engine.basis import Basis
from ticketlog.projections.engine.moment import Cut, Moment
from ticketlog.projections.engine.query import Query

_POSITION = re.compile(r"(\d{1,9}):(\d{1,18})")


class Cuts:
    """Moments of a desk, as cuts of its logs of tickets and settings."""

    def __init__(self, logs: Logs) -> None:
        self._tickets = logs.tickets
        self._settings = logs.settings

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
        """The offsets where reading begins: at the record 'P:OFFSET', or behind a cut. Raises
        Usage."""
        cut = self.named(position)
        found = _POSITION.fullmatch(position)
        if found is None:
            return cut.ends
        return tuple(int(found[2]) if p == int(found[1]) else e for p, e in enumerate(cut.ends))

    def _behind(self, position: str) -> Cut:
        """The cut of the record's partition up to it, and of the rest at the time of its
        recording."""
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
    """The sources that the past is read from."""

    history: Callable[[str], list[Recorded]]
    settings: SettingsLog
    views: Views
    logs: Logs
    access: Access
    reads: StreamReads


def under(basis: int | str, settings: SettingsLog) -> Settings | None:
    """The settings that a basis names: 'now', or the position where they came into force. None for
    'was': each commit's own. Raises Usage."""
    if basis == "was":
        return None
    if basis == "now":
        return settings.in_force()
    found = settings.at(int(basis) + 1) if str(basis).isdecimal() else Settings()
    if not found.position or found.position != int(basis):
        raise Usage(
            f"{basis!r} is no basis: write was, now, or a position at which settings came into "
            "force, as `ticketlog settings history` tells it"
        )
    return found


class Past:
    """The desk at a moment, on a basis; see `Desk.at`."""

    def __init__(self, moment: Moment, sources: Sources, settings: Settings | None = None) -> None:
        self.moment = moment
        self._sources = sources
        self._basis = Basis(settings, self.now) if settings is not None else None
        self.views = sources.views.at(moment, self._basis)

    def close(self) -> None:
        """Gives back the views that were made for it; the desk's end does so, too."""
        self.views.close()

    def query(self, query: Query[Answer], *, actor: Actor | None = None) -> Answer:
        """The answer of a query (`ticketlog.queries`) at the moment; see `Desk.query`."""
        return queries.answer(
            query, actor, self.views, lambda: self.settings, self._sources.access
        ).answer

    def viewer(self, actor: Actor | None) -> Viewer:
        """The rights and the sight of an actor, as of now, whatever the moment."""
        return self._sources.access.viewer(actor)

    def linked_by(self, ticket: str, *, actor: Actor | None = None) -> list[dict[str, Any]]:
        """The links of other tickets to a ticket at the moment: kind and ticket."""
        from ticketlog.projections.views.tickets import TicketLinks

        return self.query(TicketLinks(ticket=ticket), actor=actor)["linked_by"]

    def report(self, name: str, *, actor: Actor | None = None, **given: Any) -> dict[str, Any]:
        """A report as of the moment; see `Desk.report`."""
        query = reports.filled(name, given)
        rows = self.query(query, actor=actor)
        moment = self.moment
        cut = moment if isinstance(moment, Cut) else Cuts(self._sources.logs).now()
        in_force = self._sources.settings.at(cut.settings).position if self._basis else 0
        scope = self._sources.access.scope_of(actor, name)
        return reports.document(query, rows, cut, moment, self._basis, in_force, scope=scope)

    def load(self, stream: str, *, actor: Actor | None = None) -> Any:
        """The state of a stream at the moment. `actor`: who reads, with the rights of now."""
        name = stream_name(stream)
        kind, id = kind_and_id(name)
        aggregate = AGGREGATES[kind]
        state = aggregate.initial(id)
        for recorded in self.history(stream):
            state = aggregate.evolve(state, recorded)
        if actor is None:
            return state
        return self._sources.reads.state(name, state, actor, right_to_read(kind))

    def history(self, ticket: str, *, actor: Actor | None = None) -> list[Recorded]:
        """The events by the moment, on the basis. Texts that were redacted since are hidden all the
        same. `actor`: who reads, with the rights of now."""
        if actor is not None:
            return self._sources.reads.events_of(stream_name(ticket), self.history(ticket), actor)
        found = _until(self._sources.history(ticket), self.moment)
        if self._basis is None:
            return found
        kind, id = kind_and_id(stream_name(ticket))
        return recomputed(id, found, *self._basis) if kind == TICKET else found

    @property
    def now(self) -> int:
        """The instant that it is then: of a cut, that of its latest record."""
        if not isinstance(self.moment, Cut):
            return self.moment.at
        log = self._sources.logs.tickets
        last = [log.records(p, end - 1, 1) for p, end in enumerate(self.moment.ends) if end]
        times = (instant(orjson.loads(r.data)["recorded_at"]) for rs in last for r in rs)
        return max(times, default=0)

    @property
    def settings(self) -> Settings:
        """The settings of the basis. Where things are as they were: those that were in force; in
        business time, those of today."""
        if self._basis is not None:
            return self._basis.settings
        if isinstance(self.moment, Cut):
            return self._sources.settings.at(self.moment.settings)
        return self._sources.settings.in_force()


def _until(events: Sequence[Recorded], moment: Moment) -> list[Recorded]:
    """The events of one stream that had happened by the moment: a prefix, since a stream's clock
    never goes back."""
    if isinstance(moment, Cut):
        return [each for each in events if each.meta.offset < moment.ends[each.meta.partition]]
    return list(takewhile(lambda each: each.meta.occurred_at <= moment.at, _counted(events)))


def _counted(events: Sequence[Recorded]) -> Sequence[Recorded]:
    """In business time a ticket's history is what a correction of its clock makes of it."""
    if not any(isinstance(each.event, TimeCorrected) for each in events):
        return events
    return rectified_history(kind_and_id(events[0].originator_id)[1], events)

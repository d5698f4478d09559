"""A log in memory, commands that are really decided, and the views over them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Engine

from tests.domain.ticket.shop import OTHERS
from tests.given import ANN, MINUTE, NOON, SETTINGS
from ticketlog.domain.aggregates import AGGREGATES, aggregate_of, informed
from ticketlog.domain.base import Actor, Command, Context, Event, kind_and_id
from ticketlog.domain.settings.model import Settings
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Commit, Verdict, genesis
from ticketlog.log.partitioner import partition_of
from ticketlog.log.port import Record
from ticketlog.projections import PROJECTIONS, QUERIES, view_of
from ticketlog.projections.engine import build_store, storage
from ticketlog.projections.engine.moment import Moment
from ticketlog.projections.engine.projection import Projection
from ticketlog.projections.engine.query import Query, Reading
from ticketlog.projections.engine.runner import ViewRunner
from ticketlog.projections.engine.stream_fold import typed
from ticketlog.projections.engine.verify import VerifiedView, verify
from ticketlog.projections.views.reports.reports import COUNTS, FIGURES, FLOW, QualityReport
from ticketlog.projections.views.shared.report import ReportQuery

Answer = TypeVar("Answer")
METRICS = tuple(dict.fromkeys((*COUNTS, *FLOW, "first_contact", *FIGURES)))
"""All that a report of facts can count."""


class Entry(NamedTuple):
    record: Record
    start: int
    stop: int


class MemoryLog:
    """A `Log` as far as views read one."""

    name = "tickets"
    desk = "test"

    def __init__(self, partitions: int = 3) -> None:
        self.partitions = partitions
        self.codec = RecordCodec()
        self.stored: list[list[Record]] = [[] for _ in range(partitions)]
        self.entries: dict[str, list[Entry]] = {}
        self._grown = threading.Condition()
        for p, records in enumerate(self.stored):
            first = genesis("test", "tickets", p, partitions, NOON)
            records.append(Record(p, 0, first, Verdict.GENESIS))

    def put(
        self, stream: str, data: bytes, events: int, verdict: Verdict = Verdict.ACCEPTED
    ) -> Record:
        records = self.stored[partition_of(stream, self.partitions)]
        record = Record(partition_of(stream, self.partitions), len(records), data, verdict)
        if verdict is Verdict.ACCEPTED:
            known = self.entries.setdefault(stream, [])
            start = known[-1].stop if known else 0
            known.append(Entry(record, start, start + events))
        with self._grown:
            records.append(record)
            self._grown.notify_all()
        return record

    def prefix(self, ends: Sequence[int]) -> MemoryLog:
        """A log that holds no more than this."""
        log = MemoryLog(self.partitions)
        log.stored = [records[:end] for records, end in zip(self.stored, ends, strict=True)]
        for stream, known in self.entries.items():
            rest = [each for each in known if each.record.offset < ends[each.record.partition]]
            if rest:
                log.entries[stream] = rest
        return log

    def stream(self, stream: str, start: int = 0, stop: int | None = None) -> list[Record]:
        return [
            entry.record
            for entry in self.entries.get(stream, [])
            if entry.stop > start and (stop is None or entry.start < stop)
        ]

    def streams(
        self, partition: int, ends: Sequence[int] | None = None, after: str = ""
    ) -> Iterator[tuple[str, list[Record]]]:
        end = len(self.stored[partition]) if ends is None else ends[partition]
        for stream in sorted(self.entries):
            records = [each for each in self.stream(stream) if each.offset < end]
            if partition_of(stream, self.partitions) == partition and stream > after and records:
                yield stream, records

    def records(self, partition: int, start: int, limit: int) -> list[Record]:
        return self.stored[partition][start : start + limit]

    def ends(self) -> tuple[int, ...]:
        return tuple(map(len, self.stored))

    def wait(self, ends: Sequence[int], timeout: float) -> bool:
        with self._grown:
            return self._grown.wait_for(lambda: self.ends() != tuple(ends), timeout)


def asked_of(query: type[Query[Answer]], **given: Any) -> Query[Answer]:
    """The query of these parameters, as `World.ask` takes them."""
    if issubclass(query, ReportQuery):
        given = {"by": (), **given}
    if "where" in query.model_fields:
        where = {name: given.pop(name) for name in [*given] if name not in query.model_fields}
        given = {"where": where, **given}
    return query(**given)


def counting(*metrics: str) -> type[QualityReport]:
    """A report of these metrics."""
    return type("Counting", (QualityReport,), {"METRICS": metrics})


class World:
    """A desk whose clock moves by a minute with each step."""

    def __init__(
        self,
        projections: Sequence[Projection] = PROJECTIONS,
        engine: Engine | None = None,
        settings: Settings = SETTINGS,
    ) -> None:
        self.settings = settings
        self.log = MemoryLog()
        self.engine = engine or storage.scratch()
        self.projections = projections
        self.runner = ViewRunner(self.log, self.engine, projections)
        self.states: dict[str, Any] = dict(OTHERS)
        self.now = NOON
        self.commits = 0

    def do(
        self, stream: str, command: Command, by: Actor = ANN, *, occurred_at: int | None = None
    ) -> str:
        """A command on the stream, as the desk would carry it out; returns the commit's id."""
        aggregate = aggregate_of(type(command))
        state = self.state(stream)
        context = Context(self.settings, self.now, by, stream, command_id=f"c{self.commits}")
        context = informed(aggregate, command, state, context, self.state)
        events = aggregate.decide(command, state, context)
        return self.record(stream, *events, by=by, occurred_at=occurred_at)

    def state(self, stream: str) -> Any:
        kind, id = kind_and_id(stream)
        return self.states.get(stream) or AGGREGATES[kind].initial(id)

    def record(
        self, stream: str, *events: Event, by: Actor = ANN, occurred_at: int | None = None
    ) -> str:
        """Events as one commit; returns its id."""
        id = f"c{self.commits}"
        if not events:
            return id
        known = self.log.entries.get(stream, [])
        at = self.now if occurred_at is None else occurred_at
        expects = known[-1].stop if known else 0
        commit = Commit(id, "test", "", stream, expects, events, at, self.now, by, "email")
        record = self.log.put(stream, self.log.codec.encode(commit), len(events))
        aggregate = AGGREGATES[kind_and_id(stream)[0]]
        fresh = self.state(stream) if known else aggregate.initial(kind_and_id(stream)[1])
        self.states[stream] = aggregate.fold(fresh, typed(record, self.log.codec))
        self.commits += 1
        self.now += MINUTE
        return id

    def ask(
        self,
        query: type[Query[Answer]],
        *,
        moment: Moment | None = None,
        settings: Settings | None = None,
        **parameters: Any,
    ) -> Answer:
        """What a query says of everything up to now, or by live rows of a moment. Of parameters
        that it has no field for are those that have these (`where`); a report has no groups unless
        they are named. `settings`: none of the desk's own where they aren't given."""
        asked = asked_of(query, **parameters)
        view = view_of(query if query in QUERIES.values() else query.__bases__[0])
        self.runner.catch_up((view.name,))
        with storage.reading(self.engine) as connection:
            build = build_store.live(connection, view)
            assert build is not None
            own = Settings() if settings is None else settings
            return asked.ask(Reading(connection, build.tables, lambda: own, moment))

    def verified(self) -> list[VerifiedView]:
        self.runner.catch_up()
        return verify(self.log, self.engine, self.projections)

    def digests(self) -> dict[str, str]:
        """Table -> digest of its rows."""
        return {
            f"{view.view}.{table.table}": table.digest
            for view in self.verified()
            for table in view.tables
        }

"""Views made anew from the log, beside a raw loop and the eventsourcing library's own runner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pysqlite3.dbapi2 as sqlite
from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import Mapper, StoredEvent, Tracking
from eventsourcing.projection import Projection as LibraryProjection
from eventsourcing.projection import ProjectionRunner
from eventsourcing.sqlite import SQLiteDatastore, SQLiteTrackingRecorder
from eventsourcing.utils import get_topic

from benchmarks.desks import simulated
from benchmarks.measure import Bench, Contestant, Figure, Rounds, at_least, in_turn, stopwatch
from ticketlog.domain import catalogue
from ticketlog.domain.base import Event
from ticketlog.domain.ticket.assignment import AssigneeChanged
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.status_events import StatusEvent
from ticketlog.log.codec import RecordCodec
from ticketlog.log.embedded import EmbeddedLog
from ticketlog.log.port import DEFAULT_PARTITIONS
from ticketlog.projections import PROJECTIONS
from ticketlog.projections.engine import storage
from ticketlog.projections.engine.projection import INT, TEXT, Fold, Projection, Row, Rows
from ticketlog.projections.engine.rebuild import rebuild
from ticketlog.projections.views import search

PARTITION = 0
"""The library's runner follows one sequence: it gets one partition of the log."""


def run(bench: Bench) -> Iterator[Figure]:
    tickets = bench.sized(8_000, 20)
    log = simulated(bench, tickets, promises=False) / "log.db"
    promised = simulated(bench, tickets) / "log.db"
    views = [view for view in PROJECTIONS if view.track != search.NAME]
    all_views = in_turn(
        bench,
        {
            "one core": _timed(bench, rebuilt, log, views, 0),
            "two cores": _timed(bench, rebuilt, log, views, 2),
            "a raw loop": _timed(bench, raw, log),
            "with promises": _timed(bench, rebuilt, promised, views, 0),
        },
    )
    yield _all(all_views)
    yield _two(all_views)
    yield _promised(all_views)
    one_view = in_turn(
        bench,
        {
            "ticketlog": _timed(bench, rebuilt, log, [SIMPLE], 0),
            "a raw loop": _timed(bench, raw, log),
            "the library": _timed(bench, library, log),
        },
    )
    yield from _simple(one_view)


def _timed(bench: Bench, contestant: Callable[..., float], log: Path, *how: Any) -> Contestant:
    def timed() -> float:
        with bench.scratch() as folder:
            return contestant(log, folder, *how)

    return timed


def _all(rounds: Rounds) -> Figure:
    rate, raw = rounds.median("one core"), rounds.median("a raw loop")
    return at_least(
        "rebuild of all views but search, one core",
        rate,
        40_000,
        f"{rate:,.0f} events/s",
        f"a raw loop for one table: {raw:,.0f} events/s "
        f"({rounds.ratio('one core', 'a raw loop'):.2f} x)",
        "events/s",
    )


def _two(rounds: Rounds) -> Figure:
    ratio = rounds.ratio("two cores", "one core")
    value = f"{rounds.median('two cores'):,.0f} events/s"
    return Figure("the same, two cores", value, f"one core ({ratio:.2f} x)", "", None)


def _promised(rounds: Rounds) -> Figure:
    ratio = rounds.ratio("with promises", "one core")
    value = f"{rounds.median('with promises'):,.0f} events/s"
    beside = f"one core, without promises ({ratio:.2f} x)"
    return Figure("a history with promises, one core", value, beside, "", None)


def _simple(rounds: Rounds) -> Iterator[Figure]:
    rate = rounds.median("ticketlog")
    for peer, name, target in (
        ("the library", "ProjectionRunner, the same view and events", 25.0),
        ("a raw loop", "a raw loop for the same table", None),
    ):
        ratio = rounds.ratio("ticketlog", peer)
        what = "rebuild of one simple view"
        value = f"{ratio:.2g} x ({rate:,.0f} events/s)"
        beside = f"{name}: {rounds.median(peer):,.0f} events/s"
        if target is None:
            yield Figure(what, value, beside, "", None)
        else:
            yield at_least(what, ratio, target, value, beside, "x")


class _Fold(Fold):
    __slots__ = ()

    def rows(self, state: Ticket) -> tuple[list[Row], ...]:
        return ([(self.id, state.status, state.assignee, state.version)],)


SIMPLE = Projection(
    "simple",
    1,
    (Rows("now", {"ticket": TEXT}, {"status": TEXT, "assignee": TEXT, "version": INT}),),
    {"ticket": _Fold},
    (),
)
"""The same rows as those of `_raw` and of the library's view: where each ticket is now."""


def rebuilt(path: Path, folder: Path, views: Sequence[Projection], workers: int) -> float:
    """Events per second, from the log to the moment at which queries read the new rows."""
    log = EmbeddedLog.open(path, RecordCodec())
    try:
        engine = storage.open_views(f"sqlite:///{folder / 'views.db'}")
        with stopwatch() as seconds:
            rebuild(log, engine, views, workers=workers)
        taken = seconds()
        engine.dispose()
        return sum(log.ordinals(partition) for partition in range(log.partitions)) / taken
    finally:
        log.close()


def raw(path: Path, folder: Path) -> float:
    """What Python and SQLite take at least: no types, no verdicts, no order of streams."""
    source = sqlite.connect(path)
    target = sqlite.connect(folder / "raw.db", isolation_level=None)
    target.execute("PRAGMA journal_mode = WAL")
    target.execute("CREATE TABLE now (ticket TEXT, status TEXT, assignee TEXT, version INT)")
    events = 0
    state: dict[str, list[Any]] = {}
    with stopwatch() as seconds:
        for partition in range(DEFAULT_PARTITIONS):
            records = source.execute(f"SELECT data FROM record_{partition} ORDER BY offset")
            events += sum(_fold_raw(state, orjson.loads(data)) for (data,) in records)
        rows = [(stream.partition("/")[2], *row) for stream, row in state.items()]
        target.execute("BEGIN")
        target.executemany("INSERT INTO now VALUES (?, ?, ?, ?)", rows)
        target.execute("CREATE UNIQUE INDEX now_key ON now (ticket)")
        target.execute("COMMIT")
    target.close()
    source.close()
    return events / seconds()


def _fold_raw(state: dict[str, list[Any]], record: dict[str, Any]) -> int:
    events = record.get("events", ())
    if not events or not record["stream"].startswith("ticket/"):
        return len(events)
    row = state.setdefault(record["stream"], [None, None, -1])
    for event in events:
        type, data = event["type"], event["data"]
        if type == "ticket.created.v1":
            row[:2] = data["status"], data.get("assignee")
        elif type == "ticket.assignee-changed.v1":
            row[1] = data.get("new")
        elif "new_category" in data:
            row[0] = data["new"]
        row[2] += 1
    return len(events)


class _TypedMapper(Mapper[str]):
    """Gives the library the same typed events as the fold above gets."""

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        cls, data = catalogue.find(stored_event.topic, orjson.loads(stored_event.state))
        for name in cls.PERSONAL:
            if name in data:
                data[name] = data[name]["value"]
        event = cls.__pydantic_validator__.validate_python(data, strict=False)
        return stored_event.originator_id, event


class _View(SQLiteTrackingRecorder):
    """The table, and the library's tracking, in one transaction an event."""

    def __init__(self, datastore: SQLiteDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self.create_table_statements.append(
            "CREATE TABLE IF NOT EXISTS now (ticket TEXT PRIMARY KEY, status TEXT, "
            "assignee TEXT, version INTEGER)"
        )

    def apply(self, statement: str, values: tuple[Any, ...], tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(statement, values)


class _Projection(LibraryProjection[_View]):
    name = "simple"

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        stream, event = domain_event
        self.view.apply(*_statement(stream, event), tracking)


def _statement(stream: str, event: Event) -> tuple[str, tuple[Any, ...]]:
    ticket = stream.partition("/")[2]
    if isinstance(event, TicketCreated):
        return "INSERT INTO now VALUES (?, ?, ?, 0)", (ticket, event.status, event.assignee)
    count = "UPDATE now SET version = version + 1"
    if isinstance(event, StatusEvent):
        return f"{count}, status = ? WHERE ticket = ?", (event.new, ticket)
    if isinstance(event, AssigneeChanged):
        return f"{count}, assignee = ? WHERE ticket = ?", (event.new, ticket)
    return f"{count} WHERE ticket = ?", (ticket,)


class _Source(Application[str]):
    name = "source"
    env = {
        "PERSISTENCE_MODULE": "ticketlog.log.eventsourcing.recorder",
        "MAPPER_TOPIC": get_topic(_TypedMapper),
        "LOG_PARTITION": str(PARTITION),
    }


def library(path: Path, folder: Path) -> float:
    """Events per second through the library's runner, into a file as its users get it."""
    environment = {
        "SOURCE_LOG_PATH": str(path),
        "SIMPLE_PERSISTENCE_MODULE": "eventsourcing.sqlite",
        "SIMPLE_SQLITE_DBNAME": str(folder / "library.db"),
    }
    with (
        stopwatch() as seconds,
        ProjectionRunner(
            application_class=_Source,
            projection_class=_Projection,
            view_class=_View,
            env=environment,
        ) as runner,
    ):
        last = runner.app.recorder.max_notification_id() or 0
        runner.wait(last, timeout=600)
        taken = seconds()
    return last / taken

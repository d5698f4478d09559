"""A page of the clocks at risk beside very many others, and the same beside few."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine

from benchmarks.desks import START, TEAMS
from benchmarks.measure import Bench, Figure, Rounds, in_turn, percentile, stopwatch
from ticketlog.projections.engine import build_store, storage
from ticketlog.projections.engine.projection import Row, Tables
from ticketlog.projections.engine.query import Reading
from ticketlog.projections.engine.row_changes import many, statements_of
from ticketlog.projections.views.sla import sla

METRICS = ("first_reply_time", "requester_wait_time", "total_resolution_time", "agent_work_time")
PRIORITIES = ("low", "medium", "medium", "low", "high", "medium", "low", "high")
RARE = 97
"""One ticket of so many is critical."""
MIDST = "in the midst"
_SEVERAL = {"team": "network", "metric": "first_reply_time", "policy": "policy-3"}
CASES: Mapping[str, Mapping[str, Any]] = {
    "all": {},
    f"all, {MIDST}": {},
    "of a team": {"team": "network"},
    "of an agent": {"assignee": "jamal"},
    "unassigned, of a team": {"team": "network", "unassigned": True},
    "of an organisation": {"organisation": "org-7"},
    "of a metric": {"metric": "requester_wait_time"},
    "of a policy": {"policy": "policy-3"},
    "of a priority": {"priority": "critical"},
    "of a team, a metric, a policy and a priority": {**_SEVERAL, "priority": "high"},
    "critical ones of a team, which are rare": {"team": "network", "priority": "critical"},
    "due within an hour": {"until": START + 3_600_000_000},
    "broken ones of a team": {"team": "network", "breached": True},
}
PAGE = 50
_HOUR = 3_600_000_000
_CHUNK = 50_000


def run(bench: Bench) -> Iterator[Figure]:
    many_, few = bench.sized(1_000_000, 8_000), bench.sized(10_000, 2_000)
    with ExitStack() as open:
        asked = {n: open.enter_context(_view(bench, n)) for n in (many_, few)}
        for name, filters in CASES.items():
            slow: list[float] = []
            rounds = in_turn(
                bench,
                {
                    "many": partial(_asked, bench, *asked[many_], name, filters, slow),
                    "few": partial(_asked, bench, *asked[few], name, filters, []),
                },
            )
            yield _figure(f"page of {PAGE}, {name}, {many_:,} running clocks", rounds, slow)


def _figure(what: str, rounds: Rounds, slow: list[float]) -> Figure:
    taken, last = rounds.median("many"), percentile(slow, 0.99)
    return Figure(
        what,
        f"{taken:.2f} ms, p99 {last:.2f} ms; {rounds.ratio('many', 'few'):.2f} x",
        f"the same with a hundredth of them: {rounds.median('few'):.2f} ms",
        "<= 20 ms, p99 too",
        taken <= 20 and last <= 20,
    )


def _asked(
    bench: Bench,
    connection: Connection,
    tables: Tables,
    name: str,
    filters: Mapping[str, Any],
    all: list[float],
) -> float:
    """The median of many questions, in milliseconds: the query and its rows."""
    after = f"{START + 900 * _HOUR}::" if MIDST in name else None
    taken: list[float] = []
    for _ in range(bench.sized(100, 2)):
        with stopwatch() as seconds:
            asked = sla.ClocksAtRisk(after=after, limit=PAGE, **filters)
            page = asked.ask(Reading(connection, tables))
        taken.append(seconds() * 1e3)
        assert page.rows
    all += taken
    return percentile(taken, 0.5)


@contextmanager
def _view(bench: Bench, clocks: int) -> Iterator[tuple[Connection, Tables]]:
    """The view's tables with so many running clocks, in a file of their own."""
    bench.say(f"  writing {clocks:,} clocks")
    with bench.scratch() as folder:
        engine = storage.open_views(f"sqlite:///{folder / 'views.db'}")
        tables = _filled(engine, clocks)
        with storage.reading(engine) as connection:
            yield connection, tables
        engine.dispose()


def _filled(engine: Engine, clocks: int) -> Tables:
    """As a rebuild writes them: rows in chunks, then the indexes."""
    with storage.writing(engine) as connection:
        build = build_store.create(connection, sla.VIEW, 1)
    for spec in sla.TABLES[:2]:
        for start in range(0, clocks, _CHUNK):
            rows = [_row(list(spec.columns), n) for n in range(start, min(start + _CHUNK, clocks))]
            with storage.writing(engine) as connection:
                table = build.tables[spec.name]
                many(connection, statements_of(spec, table, connection.dialect).insert, rows)
    with storage.writing(engine) as connection:
        build_store.finish(connection, build)
    return build.tables


def _row(columns: Sequence[str], number: int) -> Row:
    """A clock; four belong to a ticket. One of fifty is broken."""
    ticket = number // len(METRICS)
    team = tuple(TEAMS)[ticket % len(TEAMS)]
    agents = (*TEAMS[team], None)
    due = START + ticket * 7_919 % 5_000 * _HOUR // 2 + number
    broken = number % 50 == 0
    values = {
        "ticket": f"{ticket * 2_654_435_761 % 2**32:012X}",
        "metric": METRICS[number % len(METRICS)],
        "instance": 1,
        "phase": "running",
        "because": "created",
        **dict.fromkeys(("activated_at", "since"), due - 40 * _HOUR),
        "used": 0,
        "business_used": 0,
        "target": 40 * 3_600,
        "business": False,
        "due": None if broken else due,
        "breached_at": due if broken else None,
        "breached": broken,
        "at": due,
        "policy": f"policy-{ticket // 3 % 7}",
        "policy_version": 1,
        "calendar": "office",
        "calendar_version": 1,
        "team": team,
        "assignee": agents[ticket // 4 % len(agents)],
        "organisation": f"org-{ticket // 5 % 200}",
        "priority": "critical" if ticket % RARE == 0 else PRIORITIES[ticket // 7 % 8],
        "status": "open",
        "subject": f"Ticket number {ticket}",
    }
    return tuple(values[name] for name in columns)

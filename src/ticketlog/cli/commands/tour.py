"""`ticketlog tour`: the whole of it in a minute, on real histories or simulated ones."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ticketlog.application.reports import REPORTS
from ticketlog.cli.commands.import_ import lost
from ticketlog.cli.commands.lists import rows_table
from ticketlog.cli.commands.report import show_rows
from ticketlog.cli.framework import ShellCommand
from ticketlog.cli.options import log_option
from ticketlog.cli.output import cut_lines, show_all, table
from ticketlog.cli.output_history import lines
from ticketlog.cli.progress import Meter
from ticketlog.errors import Usage

if TYPE_CHECKING:
    from ticketlog.desk import Desk
    from ticketlog.projections.engine.verify import VerifiedView

T = TypeVar("T")
_WAITING, _PERIODS, _EVENTS, _LINES, _WIDTH = 6, 6, 12, 16, 110


@click.command(
    cls=ShellCommand,
    examples=(
        "ticketlog tour",
        "ticketlog tour incidents.csv.gz --mapping examples/bpi2013-csv.toml --into my-desk",
        "ticketlog tour --log kafka://127.0.0.1:9092/tour",
    ),
)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--mapping", type=click.Path(path_type=Path), help="Which columns are what.")
@click.option(
    "--tickets",
    type=click.IntRange(1),
    default=2_000,
    show_default=True,
    help="How many are simulated where no file is given.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same events.")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to make the desk. Default: a new folder for temporary files.",
)
@log_option
@click.pass_context
def tour(
    context: click.Context,
    file: Path | None,
    mapping: Path | None,
    tickets: int,
    seed: int,
    into: Path | None,
    log_url: str | None,
) -> None:
    """Histories in, views up, rebuilt and compared: try it.

    Makes a desk, imports FILE or simulates a help desk, and shows a queue, a report and a
    ticket's history. Then replays the log, and compares every row of every view with it: exit
    code 1 where one differs.
    """
    from ticketlog.desk import init_desk

    if (file is None) != (mapping is None):
        raise Usage("a file needs --mapping, and a mapping a file")
    folder = into or Path(tempfile.mkdtemp(prefix="ticketlog-tour-"))
    with init_desk(folder, log_url=log_url) as desk:
        if file is not None and mapping is not None:
            _import(desk, file, mapping)
        else:
            _simulate(desk, tickets, seed)
        _views(desk)
        _queue(desk)
        _report(desk)
        _history(desk)
        same = _proof(desk)
    click.echo(f"\nThe desk stays in {folder}: ticketlog --desk {folder} --help")
    context.exit(0 if same else 1)


def _head(text: str) -> None:
    click.secho(f"\n{text}", bold=True)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.monotonic()
    return work(), time.monotonic() - started


def _import(desk: Desk, file: Path, mapping: Path) -> None:
    with Meter() as meter:
        report = desk.import_file(
            file,
            mapping,
            on_progress=lambda p: meter.far(
                "importing", p.rows, "rows", p.bytes_done / max(p.bytes_total, 1), p.seconds
            ),
        )
    _head(f"Imported {file.name}")
    click.echo(
        f"{report.rows:,} rows of {report.tickets:,} tickets: {report.commits:,} commits with "
        f"{report.events:,} events in {report.seconds:.1f} s, {report.rate:,.0f} rows/s"
    )
    if lost(report):
        click.echo(f"{lost(report):,} rows did not go in; `ticketlog import` says which and why")


def _simulate(desk: Desk, tickets: int, seed: int) -> None:
    with Meter() as meter:
        done = desk.simulate(
            tickets=tickets,
            seed=seed,
            on_progress=lambda p: meter.far(
                "simulating", p.tickets, "tickets", min(p.tickets / tickets, 1.0), p.seconds
            ),
        )
    _head(f"Simulated a help desk (seed {seed})")
    click.echo(
        f"{done.tickets:,} tickets: {done.commits:,} commits with {done.events:,} events in "
        f"{done.seconds:.1f} s, {done.rate:,.0f} commits/s"
    )


def _views(desk: Desk) -> None:
    _, seconds = _timed(desk.refresh)
    events = _events(desk)
    names = ", ".join(view.view for view in desk.views.status())
    click.echo(f"views {names}: up in {seconds:.1f} s, {events / seconds:,.0f} events/s")


def _events(desk: Desk) -> int:
    return sum(part.events for part in desk.log_stat().tickets.partitions)


def _queue(desk: Desk) -> None:
    from ticketlog.projections.views import queue

    counts = queue.QueueCounts(by=("status_category",))
    waiting = sum(row["tickets"] for row in desk.query(counts))
    page = desk.query(queue.Queue(limit=_WAITING))
    _head(f"Queue: {waiting:,} tickets wait, the most urgent first")
    columns = ("ticket", "priority", "status", "team", "assignee", "created_at", "subject")
    show_all(rows_table(page.rows, columns, flexible=("subject",)))


def _report(desk: Desk) -> None:
    document = desk.report("flow")
    rows = document["rows"]
    cut_to = f", the last {_PERIODS} of {len(rows)} months" if len(rows) > _PERIODS else ""
    _head(f"Report flow{cut_to} (sha256 {document['sha256'][:16]})")
    show_rows(REPORTS["flow"], rows[-_PERIODS:])


def _history(desk: Desk) -> None:
    from ticketlog.projections.views import tickets

    rows = desk.query(tickets.Tickets(limit=1_000)).rows
    if not rows:
        return
    chosen = min(rows, key=lambda row: (not row["reopens"], abs(row["version"] - _EVENTS)))
    events = desk.history(chosen["ticket"])
    _head(f"Ticket {chosen['ticket']}: {len(events)} events, every one of them in the log")
    cut_lines(lines(events), _LINES, _WIDTH)


def _proof(desk: Desk) -> bool:
    with Meter() as meter:
        found, seconds = _timed(
            lambda: desk.views.verify(on_progress=partial(meter.replayed, "replaying"))
        )
    events = _events(desk)
    _head("Every view rebuilt from the log and compared, row for row")
    columns = ("view", "rows", "sha256 of the live view", "rebuilt")
    show_all(table(columns, map(_proven, found), right=("rows",)))
    same = all(each.same for each in found)
    click.echo(
        f"{'all the same' if same else 'NOT THE SAME: see `ticketlog replay verify`'}: "
        f"{events:,} events replayed and {sum(map(_rows, found)):,} rows compared in "
        f"{seconds:.1f} s, {events / seconds:,.0f} events/s"
    )
    return same


def _rows(found: VerifiedView) -> int:
    return sum(one.rows for one in found.tables)


def _proven(found: VerifiedView) -> list[Any]:
    import hashlib

    digest, expected = (
        hashlib.sha256("".join(getattr(one, side) for one in found.tables).encode()).hexdigest()
        for side in ("digest", "expected_digest")
    )
    mark = "same" if found.same else f"DIFFERS: {expected[:32]}"
    return [found.view, f"{_rows(found):,}", digest[:32], mark]

"""`ticketlog report NAME`: counts and times, as a table or as a document that proves itself."""

from __future__ import annotations

from typing import Any, get_args

import click

from ticketlog.application.reports import DIMENSIONS, REPORTS, has_basis, typed
from ticketlog.cli.commands.lists import rows_table
from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.options import as_json, at_moment, note_imported, on_basis, reader
from ticketlog.cli.output import csv_lines, length, note, print_json, show_all
from ticketlog.documents import base
from ticketlog.domain.base import instant
from ticketlog.errors import Usage
from ticketlog.projections.views.shared.periods import PeriodKind
from ticketlog.projections.views.shared.report import ReportQuery


def _about(field: str) -> str | None:
    """The description of a parameter that all reports have."""
    return ReportQuery.model_fields[field].description


@click.command(
    cls=ShellCommand,
    examples=(
        "ticketlog report flow",
        "ticketlog report times --by team --period week --zone Europe/Berlin",
        "ticketlog report attainment --basis now --by metric",
        "ticketlog report flow --where channel=mail --from 2026-01-01 --to 2026-04-01 --json",
        "ticketlog report attainment --by policy --by metric --period week",
        "ticketlog report breaches --by team --by status",
        "ticketlog report utilisation --by agent --period week",
        "ticketlog report quality --by agent --window 3d",
        "ticketlog report satisfaction --by team",
        "ticketlog report rules --where kind=routing",
        "ticketlog report held-by-absent --csv > held.csv",
        "ticketlog report gaming-cases --where team=network --threshold near_seconds=600",
    ),
    prints=tuple(each.DOCUMENT for each in REPORTS.values()),
)
@click.argument("name", type=click.Choice(list(REPORTS)))
@click.option("--by", type=click.Choice(DIMENSIONS), multiple=True, help="May be repeated.")
@click.option(
    "--period",
    type=click.Choice(get_args(PeriodKind)),
    default="month",
    show_default=True,
    help=_about("period"),
)
@click.option("--zone", default="UTC", show_default=True, help=_about("zone"))
@click.option("--from", "start", metavar="TIME", help=_about("start"))
@click.option("--to", "end", metavar="TIME", help=_about("end"))
@click.option("--where", metavar="DIMENSION=VALUE", multiple=True, help="May be repeated.")
@on_basis
@click.option(
    "--threshold",
    metavar="NAME=NUMBER",
    multiple=True,
    help="From where gaming is likely. May be repeated.",
)
@click.option(
    "--window",
    metavar="TIME",
    help="Of quality: how long after a solve a reopening undoes the first contact, as "
    "3d, 12h, 30m.  [default: 7d]",
)
@click.option("--csv", "as_csv", is_flag=True, help="The rows as CSV, as documents have them.")
@at_moment
@as_json
@pass_app
def report(
    app: App,
    /,
    name: str,
    basis: str,
    as_of: str | None,
    occurred_as_of: str | None,
    as_json: bool,
    as_csv: bool,
    start: str | None,
    end: str | None,
    where: tuple[str, ...],
    threshold: tuple[str, ...],
    window: str | None,
    **how: Any,
) -> None:
    """Counts and times by day, week or month, on business time.

    flow: what came into the backlog, what went out of it, and what is left; it adds up. times:
    first reply and resolution, median and 90th percentile. quality: solved at first contact,
    reopened, hand-overs, touches. endings: solved, closed, cancelled. satisfaction: surveys,
    ratings, comments. rules: what rules did, and what they couldn't. attainment: SLA targets met
    and breached, and the time that clocks had used. breaches: who held the clocks that broke, in
    which status, and how long. utilisation: how much of their time agents work, and how much they
    have to do. gaming: acts that look done for the figures, of all such acts; gaming-cases: each of
    them. held-by-absent: the tickets of agents who are gone or absent. docs/REPORTS.md tells what
    they count.

    The JSON document carries a SHA-256 of its own canonical bytes; asked again --as-of its cut, it
    is the same, byte for byte.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    source = reader(app, as_of, occurred_as_of, basis)
    document = source.report(
        name,
        start=_time(start, how["zone"]),
        end=_time(end, how["zone"]),
        where=dict(_pair(text) for text in where),
        thresholds=dict(_number(text) for text in threshold),
        window=_length(window),
        **how,
    )
    if basis == "was" and has_basis(name):
        note_imported(app)
    _print(document, as_json, as_csv)


def _print(document: dict[str, Any], as_json: bool, as_csv: bool) -> None:
    """The document, its rows, or a table with what it was made from."""
    if as_json:
        print_json(typed(document))
        return
    if as_csv:
        for lines in csv_lines(document["rows"]):
            click.echo(lines, nl=False)
        return
    show_rows(REPORTS[document["report"]], document["rows"])
    basis = document["settings"]
    told = "" if basis == "as was" else f"  recomputed {basis}"
    note(
        f"{document['report']} v{document['version']} at {document['cut']}{told}  "
        f"sha256 {document['sha256'][:16]}"
    )


def show_rows(report: type[ReportQuery], rows: list[dict[str, Any]]) -> None:
    """A report's rows as a table, without columns that have nothing to tell."""
    if not rows:
        return
    columns = [
        name
        for name in report.SHOWN or rows[0]
        if name not in report.QUIET or any(row[name] for row in rows)
    ]
    headings = {c: _heading(c) for c in columns}
    numbers = [c for c in columns if any(isinstance(row[c], int) for row in rows)]
    right = [headings[c].replace("_", " ") for c in numbers]
    shown = [{headings[c]: _told(report, c, row[c]) for c in columns} for row in rows]
    show_all(rows_table(shown, tuple(headings.values()), right=right))


def _heading(column: str) -> str:
    """The heading of a column; without a duration's unit, which the values show."""
    if column in ("seconds", "business_seconds"):
        return column.replace("seconds", "time")
    return column.removesuffix("_seconds")


def _told(report: type[ReportQuery], column: str, value: Any) -> Any:
    if value is None:
        return value
    match report.kind(column):
        case base.SECONDS:
            return length(value)
        case base.SHARE:
            return f"{value // 100}.{value % 100:02} %"
        case base.HUNDREDTHS:
            return f"{value // 100}.{value % 100:02}"
        case _:
            return value


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Usage(f"--where {text!r} is no DIMENSION=VALUE")
    return name, value


def _number(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not number.isdecimal():
        raise Usage(f"--threshold {text!r} is no NAME=NUMBER")
    return name, int(number)


def _length(text: str | None) -> int | None:
    """Seconds of a length of time: '3d'. Raises Usage."""
    from ticketlog.domain.settings.notation import seconds

    try:
        return None if text is None else seconds(text)
    except ValueError as error:
        raise Usage(f"--window {text!r}: {error}") from error


def _time(text: str | None, zone: str) -> int | None:
    """An ISO time; a bare date is its midnight in the report's zone. Raises Usage."""
    from zoneinfo import ZoneInfo

    from ticketlog.domain.time.time_text import moment

    if text is None:
        return None
    try:
        at = moment(text)
        at = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))
        return instant(at.isoformat())
    except (ValueError, KeyError, OSError) as error:
        raise Usage(f"{text!r} is no time: {error}") from error

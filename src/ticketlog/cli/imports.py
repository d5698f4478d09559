"""`ticketlog import`: histories of other systems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ticketlog.cli.base import App, Command, pass_app
from ticketlog.cli.options import as_json
from ticketlog.cli.output import cell, facts, print_json, show_all, table
from ticketlog.cli.progress import Meter

if TYPE_CHECKING:
    from ticketlog.importing import ImportReport

_SHOWN = 5
"""Lines that are printed of each kind of finding; --json has more."""


@click.command(
    "import",
    cls=Command,
    examples=(
        "ticketlog import incidents.csv.gz --mapping examples/bpi2013-csv.toml",
        "ticketlog import incidents.csv.gz --mapping mapping.toml --check",
    ),
    keys={
        "file, source": "what was read",
        "rows": "that were understood",
        "commits, known, events": "new commits, commits that were there already, new events",
        "remapped": "known rows that the mapping would record otherwise today",
        "tickets": "total, new, known",
        "equal, skewed": "rows that repeat others, rows out of order: total, lost, listed",
        "problems, broke": "the same by kind of problem and by broken rule",
        "seconds, rows_per_second": "how long it took",
    },
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--mapping",
    type=click.Path(path_type=Path),
    required=True,
    help="Which columns are what (docs/IMPORT.md).",
)
@click.option("--check", is_flag=True, help="Read the file and report; record nothing.")
@as_json
@pass_app
@click.pass_context
def import_(
    context: click.Context, app: App, file: Path, mapping: Path, check: bool, as_json: bool
) -> None:
    """Import histories from CSV or XES.

    Each row becomes one commit. The same file imported again adds nothing, a longer one adds the
    rest. Exit code 1: rows did not go in; the report says which and why.
    """
    report = _checked(file, mapping) if check else imported(app, file, mapping)
    if as_json:
        print_json(report.as_dict())
    else:
        print_report(report)
    context.exit(1 if lost(report) else 0)


def imported(app: App, file: Path, mapping: Path) -> ImportReport:
    """Imports a file into the desk and shows how far it is."""
    with Meter() as meter:
        return app.desk.import_file(
            file,
            mapping,
            progress=lambda p: meter.far(
                "importing", p.rows, "rows", p.bytes_done / max(p.bytes_total, 1), p.seconds
            ),
        )


def _checked(file: Path, mapping: Path) -> ImportReport:
    from ticketlog.importing import check_file, load_mapping

    return check_file(file, load_mapping(mapping))


def lost(report: ImportReport) -> int:
    return sum(found.lost for found in report.problems.values())


def print_report(report: ImportReport) -> None:
    """The numbers, then what people should look at, each kind with its first lines."""
    pairs: list[tuple[str, Any]] = [
        ("rows", f"{report.rows:,} in {report.seconds:,.1f} s ({report.rate:,.0f}/s)"),
        ("commits", f"{report.commits:,} new, {report.known:,} known"),
        *_remapped(report),
        ("remapped", f"{report.remapped:,} of the known ones" if report.remapped else ""),
        ("events", f"{report.events:,}"),
        ("tickets", f"{report.tickets:,}, of them {report.tickets_new:,} new"),
        ("equal rows", f"{report.equal.total:,}, all kept"),
        ("out of order", f"{report.skewed.total:,}, recorded with their skew"),
        ("not recorded", f"{lost(report):,}"),
    ]
    show_all(facts(pairs, title=f"{report.file} ({report.source})"))
    rows = [
        [kind, f"{found.total:,}", *_first(found.listed)]
        for kind, found in [*report.problems.items(), *report.broke.items()]
    ]
    if rows:
        columns = ("finding", "rows", "lines", "the first one")
        show_all(table(columns, rows, right=("rows",), flexible=("the first one", "finding")))


def _remapped(report: ImportReport) -> list[tuple[str, Any]]:
    if not report.remapped:
        return []
    return [("other mapping", f"{report.remapped:,} known rows stay as that one recorded them")]


def _first(listed: list[dict[str, Any]]) -> tuple[str, str]:
    lines = ", ".join(f"{each['line']:,}" for each in listed[:_SHOWN])
    said = listed[0].get("message") or f"case {listed[0].get('case')}" if listed else ""
    return lines + (", ..." if len(listed) > _SHOWN else ""), cell(said)

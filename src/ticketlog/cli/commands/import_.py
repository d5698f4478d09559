"""`ticketlog import`: histories of other systems come in, are listed, and can be withdrawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ticketlog.cli.framework import App, Entry, ShellCommand, ShellGroup, pass_app
from ticketlog.cli.options import actor_of, actor_option, as_json
from ticketlog.cli.output import clean, facts, print_json, show_all, table
from ticketlog.cli.progress import Meter
from ticketlog.documents import imports as documents
from ticketlog.documents.plain_text import cell

if TYPE_CHECKING:
    from ticketlog.importing import ImportReport

_HERE = "ticketlog.cli.commands.import_"
_SHOWN = 5
"""Lines that are printed of each kind of finding; --json has more."""
_WORDS = 20
"""Words that are printed of each column."""


@click.command(
    "file",
    cls=ShellCommand,
    prints=(documents.Imported,),
    examples=(
        "ticketlog import tickets.csv --guess > mapping.toml",
        "ticketlog import incidents.csv.gz --mapping examples/bpi2013-csv.toml --check",
        "ticketlog import incidents.csv.gz --mapping examples/bpi2013-csv.toml",
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--mapping",
    type=click.Path(path_type=Path),
    help="Which columns are what (docs/IMPORT.md).",
)
@click.option(
    "--guess",
    is_flag=True,
    help="Print a mapping for the file, with comments on what is unsure; record nothing.",
)
@click.option("--check", is_flag=True, help="Try it against this desk and report; record nothing.")
@actor_option
@as_json
@pass_app
@click.pass_context
def file_(
    context: click.Context,
    app: App,
    file: Path,
    mapping: Path | None,
    guess: bool,
    check: bool,
    actor: str | None,
    as_json: bool,
) -> None:
    """Import the histories in a file.

    Each row becomes one commit. The same file imported again adds nothing, a longer one adds the
    rest. Exit code 1: rows did not go in, or nothing did; the report says which and why.
    """
    if guess:
        _guess(file, alone=mapping is None and not check and not as_json)
        return
    if mapping is None:
        raise click.UsageError(
            f"it needs --mapping, which says what the columns mean: `ticketlog import {file} "
            "--guess > mapping.toml` writes one to begin with (docs/IMPORT.md)"
        )
    report = _checked(app, file, mapping) if check else imported(app, file, mapping, actor)
    if as_json:
        print_json(report.document())
    else:
        print_report(report, tried=check)
    context.exit(1 if lost(report) or report.refusals else 0)


def _guess(file: Path, *, alone: bool) -> None:
    from ticketlog.importing.guess import guess

    if not alone:
        raise click.UsageError("--guess prints a mapping, and goes with no other option")
    click.echo(guess(file), nl=False)


def imported(app: App, file: Path, mapping: Path, actor: str | None = None) -> ImportReport:
    """Imports a file into the desk and shows how far it is."""
    with Meter() as meter:
        return app.desk.import_file(
            file,
            mapping,
            actor=actor_of(actor),
            on_progress=lambda p: meter.far(
                "importing", p.rows, "rows", p.bytes_done / max(p.bytes_total, 1), p.seconds
            ),
        )


def _checked(app: App, file: Path, mapping: Path) -> ImportReport:
    with Meter() as meter:
        return app.desk.check_import(
            file,
            mapping,
            on_progress=lambda p: meter.far(
                "checking", p.rows, "rows", p.bytes_done / max(p.bytes_total, 1), p.seconds
            ),
        )


def lost(report: ImportReport) -> int:
    return sum(found.lost for found in report.problems.values())


def print_report(report: ImportReport, *, tried: bool = False) -> None:
    """The numbers, then what people should look at, each kind with its first lines."""
    pairs: list[tuple[str, Any]] = [
        ("tried", "nothing was recorded" if tried else ""),
        ("rows", f"{report.rows:,} in {report.seconds:,.1f} s ({report.rate:,.0f}/s)"),
        ("left out", f"{report.left_out:,}, by [rows] when" if report.left_out else ""),
        ("commits", f"{report.commits:,} new, {report.known:,} known"),
        *_remapped(report),
        ("events", f"{report.events:,}"),
        ("tickets", f"{report.tickets:,}, of them {report.tickets_new:,} new"),
        ("persons", f"{report.people:,} new" if report.people else ""),
        ("statuses reached", _reached(report)),
        ("equal rows", f"{report.equal.total:,}, all kept"),
        ("out of order", f"{report.skewed.total:,}, recorded with their skew"),
        ("not recorded", f"{lost(report):,}"),
    ]
    title = f"{report.file} ({report.source})"
    show_all(facts([(name, said) for name, said in pairs if said], title=title))
    rows = [
        [kind, f"{found.total:,}", *_first(found.listed)]
        for kind, found in [*report.problems.items(), *report.broke.items()]
    ]
    if rows:
        columns = ("finding", "rows", "lines", "the first one")
        show_all(table(columns, rows, right=("rows",), flexible=("the first one", "finding")))
    for line in _words(report):
        click.echo(clean(line))
    for refusal in report.refusals:
        click.echo(f"would be refused: {clean(refusal)}")


def _reached(report: ImportReport) -> str:
    return ", ".join(f"{status} {times:,}" for status, times in report.reached.items())


def _remapped(report: ImportReport) -> list[tuple[str, Any]]:
    if not report.remapped:
        return []
    return [("other mapping", f"{report.remapped:,} known rows stay as that one recorded them")]


def _first(listed: list[dict[str, Any]]) -> tuple[str, str]:
    lines = ", ".join(f"{each['line']:,}" for each in listed[:_SHOWN])
    said = listed[0].get("message") or f"case {listed[0].get('case')}" if listed else ""
    return lines + (", ..." if len(listed) > _SHOWN else ""), cell(said)


def _words(report: ImportReport) -> Iterator[str]:
    """The words that the mapping doesn't know, as lines to paste into it; then what was taken for
    no value."""
    found = report.problems.get("unknown-status")
    statuses = {each.get("column", "") for each in found.listed} if found else set()
    for column, words in report.unknown.items():
        yield ""
        yield f"# words of {column} that the mapping doesn't know, to be completed:"
        for word, rows in _most(words):
            if column in statuses:
                yield from _status(word, rows)
            else:
                yield f'{_quoted(word)} = ""  # {rows:,} rows'
        yield from _rest(words)
    for column, cells in report.empty.items():
        said = ", ".join(f"{_quoted(text)} {rows:,}" for text, rows in _most(cells))
        yield ""
        yield f"no value in {column}, by `empty` (rows): {said}"


def _status(word: str, rows: int) -> Iterator[str]:
    status, slash, substatus = word.partition(" / ")
    yield "[[status.words]]"
    yield f"status = {_quoted(status)}"
    if slash:
        yield f"substatus = {_quoted(substatus)}"
    yield f'to = ""  # {rows:,} rows'


def _most(words: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(words.items(), key=lambda each: (-each[1], each[0]))[:_WORDS]


def _rest(words: dict[str, int]) -> Iterator[str]:
    if len(words) > _WORDS:
        yield f"# and {len(words) - _WORDS:,} more; --json has them"


def _quoted(text: str) -> str:
    """A string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@click.command(
    "list",
    cls=ShellCommand,
    prints=(documents.ImportSources,),
    examples=("ticketlog import list", "ticketlog import list --json"),
)
@as_json
@pass_app
def list_(app: App, as_json: bool) -> None:
    """Show each file that came in: when, by whom, what it brought, whether it was withdrawn."""
    told = documents.ImportSources(
        sources=[documents.ImportSource.made(name, imports) for name, imports in app.desk.imports()]
    )
    if as_json:
        print_json(told)
        return
    sources = told.plain()["sources"]
    columns = ("source", "batch", "state", "file", "rows", "tickets", "by", "at", "sha256")
    rows = [
        [
            *(each["source"], batch["batch"], batch["state"], batch["file"]),
            *(_number(batch["rows"]), _number(batch["tickets_new"])),
            *(batch["by"], batch["at"], batch["sha256"][:12]),
        ]
        for each in sources
        for batch in each["batches"]
    ]
    show_all(table(columns, rows, right=("rows", "tickets"), flexible=("file",)))
    for each in sources:
        for one in each["withdrawals"]:
            what = f"batch {one['batch']}" if one["batch"] else "all"
            click.echo(
                clean(
                    f"{each['source']}: {what} withdrawn by {one['by']}, {one['at']} "
                    f"({one['state']}): {one['reason']}"
                )
            )


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


@click.command(
    cls=ShellCommand,
    prints=(documents.Taken,),
    examples=(
        'ticketlog import withdraw snow --reason "the wrong time zone"',
        'ticketlog import withdraw snow --batch 2 --reason "the test export"',
    ),
)
@click.argument("source")
@click.option("--batch", metavar="NUMBER", help="One file of it; `import list` shows them.")
@click.option("--reason", metavar="TEXT", required=True, help="Why; it stands in the record.")
@actor_option
@as_json
@pass_app
def withdraw(
    app: App, source: str, batch: str | None, reason: str, actor: str | None, as_json: bool
) -> None:
    """Take the tickets of an import out of every view and report from now on.

    As of before it they are still shown, and each ticket's history tells of it. Interrupted, it
    goes on where it stopped. Importing the file again makes the tickets anew.
    """
    with Meter() as meter:
        taken = app.desk.withdraw_import(
            source,
            batch=batch,
            reason=reason,
            actor=actor_of(actor),
            on_progress=lambda tickets: meter.far("withdrawing", tickets, "tickets", 0, 0),
        )
    if as_json:
        print_json(taken.document())
        return
    what = f"batch {taken.batch} of {taken.source}" if taken.batch else taken.source
    click.echo(clean(f"{what}: {taken.tickets:,} tickets are withdrawn"))
    if taken.kept:
        click.echo(
            f"{taken.kept:,} tickets stay, since another batch began them; what this one added "
            "to them goes when the whole source is withdrawn"
        )


import_ = ShellGroup(
    "import",
    sections={
        "Commands": {
            "file": Entry(_HERE, "file_", "Import the histories in a file: the default."),
            "list": Entry(_HERE, "list_", "Each file that came in."),
            "withdraw": Entry(_HERE, "withdraw", "Take the tickets of an import out again."),
        }
    },
    default="file",
    help="Histories of other systems: `ticketlog import FILE --mapping MAPPING` (docs/IMPORT.md).",
)

"""Printing: tables for people, one JSON document for programs."""

from __future__ import annotations

import csv
import io
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ticketlog.documents.plain_text import cell, moment
from ticketlog.domain.text import shown

if TYPE_CHECKING:
    from ticketlog.documents.base import Document

_WIDE = 10_000
_GAP = 3
_LEAST = 20
"""Characters that a flexible column keeps at least."""


def clean(text: str) -> str:
    """Text that can't command the reader's terminal or hide anything: visible marks stand for such
    characters."""
    return shown(text)


def print_json(document: Document) -> None:
    """One document, which the command says that it prints."""
    import orjson

    click.echo(orjson.dumps(_declared(document).plain(), option=orjson.OPT_INDENT_2).decode())


def print_json_line(document: Document) -> None:
    """The same of several, one a line."""
    print_line(_declared(document).plain())


def print_line(row: Mapping[str, Any]) -> None:
    """A row of a view, whose columns are the view's."""
    import orjson

    click.echo(orjson.dumps(row).decode())
    sys.stdout.flush()


def _declared(document: Document) -> Document:
    command = click.get_current_context().command
    declared = getattr(command, "prints", ())
    assert type(document) in declared, f"{command.name} prints a {type(document).__name__}"
    return document


def minute(at: int | None) -> str:
    """A time for tables, where a minute is exact enough."""
    return moment(at)[:16]


def length(seconds: float | int | None) -> str:
    """'26:03:09', hours, minutes and seconds; behind the target '-0:10:00'."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(abs(seconds)), 60)
    return f"{'-' if seconds < 0 else ''}{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDE


def _console(target: io.StringIO) -> Any:
    from rich.console import Console

    return Console(
        file=target,
        width=_width(),
        force_terminal=sys.stdout.isatty(),
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )


def show_all(*renderables: Any) -> None:
    """Prints rich things: coloured on a terminal, plain elsewhere; '' is an empty line."""
    for each in renderables:
        target = io.StringIO()
        _console(target).print(each)
        lines = [line.rstrip() for line in target.getvalue().splitlines()]
        while len(lines) > 1 and not lines[0]:
            del lines[0]
        while len(lines) > 1 and not lines[-1]:
            del lines[-1]
        for line in lines:
            click.echo(line)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    title: str | None = None,
    right: Sequence[str] = (),
    flexible: Sequence[str] = (),
) -> Any:
    """A table; `right` columns hold numbers, `flexible` ones may be cut to fit a terminal.

    Where that isn't enough, columns are left out from the right, but never the first one and
    never a flexible one: half an id is none.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    cells = [[" ".join(cell(value).split()) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    widths = _fitting(columns, widths, flexible)
    made = Table(
        box=box.SIMPLE_HEAD if sys.stdout.isatty() else None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="dim",
    )
    kept = [at for at, width in enumerate(widths) if width]
    for at in kept:
        justify: Any = "right" if columns[at] in right else "left"
        made.add_column(columns[at], justify=justify, no_wrap=True, min_width=widths[at])
    for row in cells:
        made.add_row(*[Text(cut(row[at], widths[at])) for at in kept])
    return titled(made, title)


def cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _fitting(columns: Sequence[str], widths: Sequence[int], flexible: Sequence[str]) -> list[int]:
    """The widths of the columns that a line has room for; 0 where one is left out."""
    fitting = [
        min(width, _LEAST) if name in flexible else width
        for name, width in zip(columns, widths, strict=True)
    ]
    for at in range(len(columns) - 1, 0, -1):
        if _room(fitting) < 0 and columns[at] not in flexible:
            fitting[at] = 0
    for at, name in enumerate(columns):
        if name in flexible and fitting[at]:
            fitting[at] += min(widths[at] - fitting[at], max(_room(fitting), 0))
    return fitting


def _room(widths: Sequence[int]) -> int:
    """The room that a line has left beside columns of these widths, their gaps and lines."""
    return _width() - sum(width + _GAP for width in widths if width)


def titled(made: Any, title: str | None) -> Any:
    """A thing under its title, which may be wider than the thing."""
    from rich.console import Group
    from rich.text import Text

    return Group(Text(clean(title), style="bold"), made) if title else made


def facts(pairs: Iterable[tuple[str, Any]], *, title: str | None = None) -> Any:
    """Names and values, one a line; empty ones are left out."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        text = cell(value)
        if text:
            made.add_row(name, Text(text))
    return titled(made, title)


def cut_lines(lines: Sequence[str], most: int, width: int) -> None:
    """Prints the first lines, each cut to a width, and how many are left out."""
    for line in lines[:most]:
        click.echo(cut(line, width))
    if len(lines) > most:
        click.echo(f"... and {len(lines) - most:,} lines more")


def retried(document: Document, name: str, lines: Sequence[str], json: bool) -> None:
    """Prints events that are still parked after a retry, as a document or in a line each."""
    if json:
        print_json(document)
    elif lines:
        for line in lines:
            click.echo(clean(line))
    else:
        click.echo(f"nothing is parked in {name}")


_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")


def csv_cell(value: Any) -> Any:
    """A value for a CSV file. A text that a spreadsheet would take for a formula gets a ' before it
    (OWASP: CSV injection), and lists are texts with spaces; numbers stay numbers."""
    if isinstance(value, (tuple, list)):
        value = " ".join(map(str, value))
    if not isinstance(value, str) or not _FORMULA.match(value) or _NUMBER.fullmatch(value):
        return value
    return f"'{value}"


def csv_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of a CSV file, the first one naming the columns; none of no rows."""
    columns: list[str] | None = None
    for row in rows:
        if columns is None:
            columns = list(row)
            yield _csv_line(columns)
        yield _csv_line([csv_cell(row[name]) for name in columns])


def _csv_line(values: Sequence[Any]) -> str:
    line = io.StringIO()
    # It quotes those line breaks that it ends lines with itself.
    csv.writer(line, lineterminator="\r\n").writerow(values)
    return line.getvalue().removesuffix("\r\n") + "\n"


def note(text: str) -> None:
    """A remark for people, apart from the data."""
    click.echo(clean(text), err=True)

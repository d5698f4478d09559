"""Rows of a sheet of an Excel workbook (.xlsx)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from ticketlog.errors import Usage
from ticketlog.importing.csv_reader import check_columns, gathered, merged
from ticketlog.importing.file_source import Source, recognised
from ticketlog.importing.mapping import Mapping
from ticketlog.importing.row import Found, Raw, RowProblem

_BAD = (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, EOFError)
"""The errors that openpyxl raises for a workbook that is damaged."""


class XlsxRows:
    """`names` are those of the header; iterating gives the rows below it. Dates are as Excel has
    them: cells that it shows as dates become ISO texts, without a zone."""

    def __init__(self, source: Source, mapping: Mapping) -> None:
        """Reads the header. Raises Usage where the sheet or a column is missing."""
        if not source.workbook:
            hint = recognised(source, "xlsx") or ' Is it CSV? Then set format = "csv".'
            raise Usage(f"{source.path} is no Excel workbook (.xlsx).{hint}")
        self._source = source
        self._rows = enumerate(cells_of(source, mapping.file.sheet), 1)
        lines: list[list[str]] = []
        for number, cells in self._rows:
            if number > mapping.file.skip:
                lines.append(cells)
            if len(lines) == mapping.file.header:
                break
        if not lines or not any(lines[-1]):
            raise Usage(f"{source.path} is empty: its sheet has no row that names its columns")
        width = max(at for at, cell in enumerate(lines[-1], 1) if cell)
        self.header = merged([line[:width] for line in lines])
        self._more = gathered(self.header, mapping)
        check_columns(source, mapping, self.header)
        self.names = [*self.header, *(name for name, _ in self._more)]

    def __iter__(self) -> Found:
        width = len(self.header)
        rows = iter(self._rows)
        while True:
            try:
                number, found = next(rows)
            except StopIteration:
                return
            except _BAD as error:
                yield RowProblem(1, "damaged", f"the workbook is damaged: {error}", lost=True)
                return
            if not any(found):
                continue
            cells: list[Any] = (found + [""] * width)[:width]
            for _, at in self._more:
                cells.append(cells[at] if isinstance(at, int) else tuple(cells[i] for i in at))
            yield Raw(number, number, cells)


def cells_of(source: Source, name: str | None) -> Iterator[list[str]]:
    """The texts of each row of a sheet. Raises Usage."""
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise Usage(
            f"{source.path} is an Excel workbook, which needs openpyxl: "
            "pip install 'ticketlog[xlsx]', or save it as CSV"
        ) from error
    try:
        book = load_workbook(source.path, read_only=True, data_only=True)
    except _BAD as error:
        raise Usage(f"{source.path} is a workbook that can't be read: {error}") from error
    if name is not None and name not in book.sheetnames:
        raise Usage(
            f"{source.path} has no sheet {name!r} ([file] sheet); it has: "
            f"{', '.join(book.sheetnames)}"
        )
    sheet = book[name if name is not None else book.sheetnames[0]]
    try:
        for row in sheet.iter_rows(values_only=True):
            yield list(map(_text, row))
    finally:
        book.close()


def sheets(source: Source) -> list[str]:
    """The names of a workbook's sheets."""
    from openpyxl import load_workbook

    book = load_workbook(source.path, read_only=True)
    try:
        return list(book.sheetnames)
    finally:
        book.close()


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return str(value)

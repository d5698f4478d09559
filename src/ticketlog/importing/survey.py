"""A survey of a file beside the desk, before anything of it is recorded: a wrong import can't be
mended, so what looks wrong is refused until the mapping accepts it."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from ticketlog.importing.mapping import Mapping
from ticketlog.importing.report import Findings
from ticketlog.importing.row import ImportRow, RowProblem


class Survey:
    """Counts what is new and looks wrong, row by row in the order of the file."""

    def __init__(self, mapping: Mapping) -> None:
        self._accept = mapping.accept
        self._latest: dict[str, int] = {}
        self._clocks: dict[str, int | None] = {}
        self._unknown: dict[int, RowProblem] = {}
        """Line -> the status that isn't known, of rows to come."""
        self.persons = False
        """Rows name persons."""
        self.addresses: dict[str, None] = {}
        """The addresses of the persons whom new rows name."""
        self.new = 0
        self.of_known = 0
        """New rows of cases that the desk has already."""
        self.out_of_order = Findings()
        self.older = Findings()
        self.unknown = Findings()

    def problem(self, problem: RowProblem) -> None:
        if problem.kind == "unknown-status":
            self._unknown[problem.line] = problem

    def row(self, row: ImportRow, clock: int | None, *, new: bool) -> None:
        """`clock`: how far the log's history of the case goes; None where it has none."""
        unknown = self._unknown.pop(row.line, None) if self._unknown else None
        self.persons = self.persons or bool(row.people)
        name, at = row.case, row.at
        latest = self._latest.get(name)
        if latest is None:
            self._clocks[name] = clock
        elif at < latest and new:
            self.out_of_order.add(row.line, case=name)
        if latest is None or at > latest:
            self._latest[name] = at
        if not new:
            return
        self.new += 1
        for each in row.people:
            if each.address:
                self.addresses[each.address] = None
        if unknown is not None:
            self.unknown.add(row.line, word=unknown.word)
        clock = self._clocks[name]
        if clock is not None:
            self.of_known += 1
            if at < clock:
                self.older.add(row.line, case=name)

    def refusals(self) -> list[str]:
        """The reasons for recording nothing of the file, with what to do; empty: it may go in."""
        return list(self._refusals())

    def _refusals(self) -> Iterator[str]:
        accept = self._accept
        if _share(self.older, self.of_known) > accept.older_rows:
            yield (
                f"{self.older.total:,} of {self.of_known:,} new rows of cases that this desk has "
                f"are older than what it has of them ({_first(self.older)}): mostly these are rows "
                "that it has, told otherwise. Keep the columns and the mapping as they were (keys, "
                "words, source), or withdraw what is there and import anew; where they are new, "
                f"write {_accepting('older_rows', self.older, self.of_known)}"
            )
        if _share(self.out_of_order, self.new) > accept.out_of_order:
            yield (
                f"{self.out_of_order.total:,} of {self.new:,} new rows are older than a row before "
                f"them of their case ({_first(self.out_of_order)}): say by `order` in the mapping "
                "how the file is sorted (docs/IMPORT.md); where each row is to be taken as it "
                f"comes, write {_accepting('out_of_order', self.out_of_order, self.new)}"
            )
        if _share(self.unknown, self.new) > accept.unknown_status:
            yield (
                f"{self.unknown.total:,} of {self.new:,} new rows have a status that the mapping "
                f"doesn't know ({_first(self.unknown)}): add the words under [[status.words]]; "
                f"--check lists them. Or write "
                f"{_accepting('unknown_status', self.unknown, self.new)}"
            )


def _share(found: Findings, of: int) -> float:
    return found.total / of if of else 0.0


def _first(found: Findings) -> str:
    first = found.listed[0]
    said = next((f", {name} {first[name]}" for name in ("case", "word") if name in first), "")
    return f"the first in line {first['line']:,}{said}"


def _accepting(key: str, found: Findings, of: int) -> str:
    """The line of the mapping that accepts what was found."""
    return f"`{key} = {ceil(_share(found, of) * 100) / 100:g}` under [accept]"

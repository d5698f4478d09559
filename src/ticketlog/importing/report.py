"""The report of an import: numbers, and the lines that people should look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ticketlog.documents import imports as documents
from ticketlog.importing.row import RowProblem

KEPT = 1_000
"""Findings of a kind that are listed; their total is always exact."""
_OTHER = "other rules"


@dataclass
class Findings:
    """A finding: how often it was made, and the first places."""

    total: int = 0
    lost: int = 0
    """The number of rows that did not go in because of it."""
    listed: list[dict[str, Any]] = field(default_factory=list)

    def add(self, line: int, *, lost: bool = False, **facts: Any) -> None:
        self.total += 1
        self.lost += lost
        if len(self.listed) < KEPT:
            said = {name: value for name, value in facts.items() if value is not None}
            self.listed.append({"line": line, **said})

    def as_dict(self) -> dict[str, Any]:
        return {"total": self.total, "lost": self.lost, "listed": self.listed}


@dataclass
class ImportReport:
    """`rows` were read and understood: `commits` of them are new, `known` were there already.

    `remapped` of the known ones would be recorded otherwise today, as the mapping has changed
    since; what is recorded stays as it is.

    `equal` rows say the same as an earlier one of their case, time included; all are kept.
    `skewed` rows are older than what their ticket's history held when they came.
    `problems` by kind, `broke` by rule of the workflow that imported facts have broken.
    """

    file: str
    source: str
    rows: int = 0
    left_out: int = 0
    """Rows that don't meet the mapping's [rows] when."""
    commits: int = 0
    known: int = 0
    remapped: int = 0
    events: int = 0
    tickets: int = 0
    tickets_new: int = 0
    people: int = 0
    """Persons that were registered."""
    reached: dict[str, int] = field(default_factory=dict)
    """Status -> how often a ticket came to it, its first one included."""
    equal: Findings = field(default_factory=Findings)
    skewed: Findings = field(default_factory=Findings)
    problems: dict[str, Findings] = field(default_factory=dict)
    broke: dict[str, Findings] = field(default_factory=dict)
    unknown: dict[str, dict[str, int]] = field(default_factory=dict)
    """Column -> word that the mapping doesn't know -> in how many rows."""
    empty: dict[str, dict[str, int]] = field(default_factory=dict)
    """Column -> cell -> in how many rows `empty` made it no value."""
    refusals: list[str] = field(default_factory=list)
    """The reasons why nothing of the file goes in, with what to do; of what was imported, empty."""
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds if self.seconds else 0.0

    def problem(self, problem: RowProblem) -> None:
        self.problems.setdefault(problem.kind, Findings()).add(
            problem.line, lost=problem.lost, message=problem.message, column=problem.column
        )

        if problem.word is not None:
            words = self.unknown.setdefault(problem.column or "", {})
            if problem.word in words or len(words) < KEPT:
                words[problem.word] = words.get(problem.word, 0) + 1

    def reach(self, status: str) -> None:
        self.reached[status] = self.reached.get(status, 0) + 1

    def emptied(self, swallowed: Mapping[tuple[str, str], int]) -> None:
        """`swallowed`: by column and cell."""
        for (column, cell), rows in sorted(swallowed.items()):
            self.empty.setdefault(column, {})[cell] = rows

    def broken(self, rules: Iterable[str], line: int, case: str) -> None:
        for rule in rules:
            name = rule if rule in self.broke or len(self.broke) < KEPT else _OTHER
            self.broke.setdefault(name, Findings()).add(line, case=case)

    def document(self) -> documents.Imported:
        said = {
            "file": self.file,
            "source": self.source,
            "rows": self.rows,
            "left_out": self.left_out,
            "commits": self.commits,
            "known": self.known,
            "remapped": self.remapped,
            "events": self.events,
            "tickets": {
                "total": self.tickets,
                "new": self.tickets_new,
                "known": self.tickets - self.tickets_new,
            },
            "people": self.people,
            "reached": self.reached,
            "equal": self.equal.as_dict(),
            "skewed": self.skewed.as_dict(),
            "problems": {kind: found.as_dict() for kind, found in sorted(self.problems.items())},
            "broke": {rule: found.as_dict() for rule, found in sorted(self.broke.items())},
            "unknown": self.unknown,
            "empty": self.empty,
            "refusals": self.refusals,
            "seconds": round(self.seconds, 3),
            "rows_per_second": round(self.rate),
        }
        return documents.Imported.filled(said)

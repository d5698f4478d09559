"""What an import did, in numbers and with the lines that people should look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ticketlog.importing.rows import Problem

KEPT = 1_000
"""Findings of a kind that are listed; their total is always exact."""
_OTHER = "other rules"


@dataclass
class Findings:
    """How often something was found, and the first places."""

    total: int = 0
    lost: int = 0
    """How many rows did not go in because of it."""
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
    commits: int = 0
    known: int = 0
    remapped: int = 0
    events: int = 0
    tickets: int = 0
    tickets_new: int = 0
    equal: Findings = field(default_factory=Findings)
    skewed: Findings = field(default_factory=Findings)
    problems: dict[str, Findings] = field(default_factory=dict)
    broke: dict[str, Findings] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds if self.seconds else 0.0

    def problem(self, problem: Problem) -> None:
        self.problems.setdefault(problem.kind, Findings()).add(
            problem.line, lost=problem.lost, message=problem.message, column=problem.column
        )

    def broken(self, rules: Iterable[str], line: int, case: str) -> None:
        for rule in rules:
            name = rule if rule in self.broke or len(self.broke) < KEPT else _OTHER
            self.broke.setdefault(name, Findings()).add(line, case=case)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`; the keys are stable."""
        return {
            "file": self.file,
            "source": self.source,
            "rows": self.rows,
            "commits": self.commits,
            "known": self.known,
            "remapped": self.remapped,
            "events": self.events,
            "tickets": {
                "total": self.tickets,
                "new": self.tickets_new,
                "known": self.tickets - self.tickets_new,
            },
            "equal": self.equal.as_dict(),
            "skewed": self.skewed.as_dict(),
            "problems": {kind: found.as_dict() for kind, found in sorted(self.problems.items())},
            "broke": {rule: found.as_dict() for rule, found in sorted(self.broke.items())},
            "seconds": round(self.seconds, 3),
            "rows_per_second": round(self.rate),
        }

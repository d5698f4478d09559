"""Reports: queries whose rows stand for a period and a group of dimensions, and whose document
says what it was made from, and proves that it is the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar, get_args

import orjson
from pydantic import Field

from ticketlog.documents.base import Document, Kind, kind_of
from ticketlog.domain.base import Instant, iso
from ticketlog.projections.engine.query import Query
from ticketlog.projections.views.shared.periods import PeriodKind

_UNKNOWN = "0" * 64
"""In the place of a digest that isn't known yet."""


class ReportQuery(Query[list[dict[str, Any]]]):
    """A report: one row per period and group.

    `start` and `end`: instants; whole periods around them are reported, by default all. `where`:
    only what has these dimensions. It raises ValueError for unknown dimensions, periods or zones.
    """

    DIMENSIONS: ClassVar[tuple[str, ...]]
    """What rows may be by, and what may be asked for."""
    BY: ClassVar[tuple[str, ...]] = ()
    """What its rows are by where nobody says."""
    SHOWN: ClassVar[tuple[str, ...]] = ()
    """The columns that fit on a page for people; empty: all."""
    QUIET: ClassVar[tuple[str, ...]] = ()
    """The columns that people see only where one of them holds something."""

    by: tuple[str, ...] | None = Field(None, description="The dimensions that rows are by.")
    period: PeriodKind = Field("month", description="What a row stands for.")
    zone: str = Field("UTC", description="Whose days, weeks and months.")
    start: Instant | None = Field(None, description="Default: the first fact.")
    end: Instant | None = Field(None, description="Default: behind the last fact.")
    where: Mapping[str, str] = Field({}, description="Only what has these dimensions.")

    @property
    def groups(self) -> tuple[str, ...]:
        """The dimensions that its rows are by."""
        return self.BY if self.by is None else self.by

    @classmethod
    def row(cls) -> type[Document]:
        """The model of its rows."""
        [row] = get_args(cls.DOCUMENT.model_fields["rows"].annotation)
        found: type[Document] = row
        return found

    @classmethod
    def kind(cls, column: str) -> Kind | None:
        """The kind of value that a column holds."""
        return kind_of(cls.row(), column)

    def parameters(self) -> dict[str, Any]:
        """The parameters, as its document has them."""
        return {
            "period": self.period,
            "zone": self.zone,
            "by": list(self.groups),
            "start": None if self.start is None else iso(self.start),
            "end": None if self.end is None else iso(self.end),
            "where": dict(self.where),
        }

    def document(self, answer: list[dict[str, Any]], **about: Any) -> Document:
        """The report with what it was made from (`documents.reports.Report`). `sha256` is that of
        the canonical bytes of all the rest; they hold ids, never names."""
        said = {"report": self.NAME, **about, "parameters": self.parameters(), "rows": answer}
        rest = self.DOCUMENT.filled(said, sha256=_UNKNOWN).plain()
        del rest["sha256"]
        canonical = orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)
        return self.DOCUMENT.filled(rest, sha256=hashlib.sha256(canonical).hexdigest())

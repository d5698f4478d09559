"""Reports on tickets that came in, were solved and are left, and on their times: by day, week or
month in a zone, and by the dimensions that the tickets had at that instant.

Reports run on business time. Ids only, never names; whole numbers only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    false,
    func,
    or_,
    select,
    true,
)

from ticketlog.documents import reports as documents
from ticketlog.projections.engine.moment import Moment
from ticketlog.projections.engine.projection import Projection, Tables
from ticketlog.projections.engine.query import Reading
from ticketlog.projections.views.reports.facts import DIMENSIONS, TABLES, FactsFold
from ticketlog.projections.views.reports.firings import RulesReport
from ticketlog.projections.views.reports.flow import FLOWS, INTO
from ticketlog.projections.views.reports.surveys import SatisfactionReport
from ticketlog.projections.views.shared.dimensions import Grouped, check
from ticketlog.projections.views.shared.intervals import known
from ticketlog.projections.views.shared.periods import Period, bounds
from ticketlog.projections.views.shared.report import ReportQuery

NAME = "reports"
VERSION = 3

COUNTS = (*FLOWS, "closed")
"""How many there were in the period. FLOWS: what came into the backlog and went out of it
(`flow.py`). closed: of those that went out, in whichever period."""
MOVES = ("moved_in", "moved_out")
"""Tickets of the backlog that came from another group, or went to one. Without dimensions none
does."""
FLOW = (*INTO, "moved_in", *FLOWS[len(INTO) :], "moved_out", "change", "backlog")
"""What adds up in each row: created + reopened + restored + moved_in = solved + cancelled + spam +
duplicates + moved_out + change. backlog: active tickets at the end of the period; change: since its
beginning."""
FIRST_CONTACT = (
    "first_contact",
    "first_contact_undecided",
    "first_contact_of",
    "first_contact_rate",
)
"""first_contact: solved with exactly one public reply by an agent, for the first time, and not
reopened within the window. first_contact_undecided: so far, but the window isn't over.
first_contact_of: solved so long ago that the window is over; first_contact_rate: of these, in
hundredths of a percent, rounded down; None: there were none."""
WINDOW = 7 * 86_400
"""Seconds after a solve within which a reopening says that it wasn't at first contact."""
FIGURES = {
    "first_reply_time": ("replied", "seconds"),
    "resolution_time": ("solved", "seconds"),
    "hops": ("solved", "hops"),
    "touches": ("solved", "touches"),
}
"""Of each: how many (`_n`), the median (`_median`) and the 90th percentile (`_p90`), by nearest
rank. Times (`_median_seconds`, `_p90_seconds`) are from creation and count where they end: at the
first public reply by an agent, at the solve. hops: hand-overs to another team or agent until the
solve; touches: commits by agents."""

_SECOND = 1_000_000
_SHARE = 10_000
_Group = tuple[Any, ...]
_Cells = dict[_Group, dict[str, int | None]]
_MOVED = "moved"
_KINDS = (*FLOWS, _MOVED, "closed", "replied")


class CountsReport(ReportQuery):
    """A report of the METRICS of facts."""

    METRICS: ClassVar[tuple[str, ...]]
    DIMENSIONS = DIMENSIONS
    OF_ANY_MOMENT = True

    @property
    def window_seconds(self) -> int:
        """Of FIRST_CONTACT; it is over where the view knows of anything later."""
        return WINDOW

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        metrics = self.METRICS
        check((*self.groups, *self.where), self.DIMENSIONS)
        facts = _Facts(at.connection, at.tables, at.moment, self.groups, self.where)
        found = bounds(facts.edge, self.period, self.zone, self.start, self.end)
        flows = bool({*MOVES, "change", "backlog"}.intersection(metrics))
        backlog: dict[_Group, int] = {}
        if found and flows:
            _change(backlog, _happened(facts, None, found[0].start, FLOWS, moves=True))
        rows: list[dict[str, Any]] = []
        for each in found:
            counted = [name for name in metrics if name in COUNTS]
            kinds = {*FLOWS, *counted} if flows else {*counted}
            cells = _happened(facts, each.start, each.end, kinds, moves=flows)
            if flows:
                _change(backlog, cells)
                for group, n in backlog.items():
                    cells.setdefault(group, {})["backlog"] = n
            if "first_contact" in metrics:
                _add(cells, facts.first_contacts(each, self.window_seconds * _SECOND))
            for metric in FIGURES.keys() & {*metrics}:
                _add(cells, _figures(facts, metric, each))
            rows += _rows(each, self.groups, cells, metrics)
        return rows


class FlowReport(CountsReport):
    """The tickets that came into the backlog, went out of it, and are left; they add up."""

    NAME = "flow"
    DOCUMENT = documents.Flow
    METRICS = FLOW
    QUIET = ("restored", "cancelled", "spam", "duplicates", *MOVES)


class TimesReport(CountsReport):
    """First reply and resolution: how many, the median and the 90th percentile."""

    NAME = "times"
    DOCUMENT = documents.Times
    METRICS = ("first_reply_time", "resolution_time")


class QualityReport(CountsReport):
    """Solved at first contact, reopened, hand-overs, touches."""

    NAME = "quality"
    DOCUMENT = documents.Quality
    METRICS = ("solved", "first_contact", "reopened", "hops", "touches")

    window: int = Field(
        WINDOW,
        ge=0,
        description="Seconds after a solve in which a reopening undoes the first contact.",
    )

    @property
    def window_seconds(self) -> int:
        return self.window

    def parameters(self) -> dict[str, Any]:
        return {**super().parameters(), "window_seconds": self.window}


class EndingsReport(CountsReport):
    """The number of tickets that were solved, closed, cancelled, marked as spam or as
    duplicates."""

    NAME = "endings"
    DOCUMENT = documents.Endings
    METRICS = ("solved", "closed", "cancelled", "spam", "duplicates")


class _Facts(Grouped):
    """The facts that a report is about."""

    def __init__(
        self,
        connection: Connection,
        tables: Tables,
        moment: Moment | None,
        by: Sequence[str],
        where: Mapping[str, str],
    ) -> None:
        self._table, self._moment = tables["facts"], moment
        self._dimensions, self._given = by, where
        super().__init__(connection, tables, self._table, known(self._table, moment), by, where)

    def counts(
        self, kinds: Sequence[str], start: int | None, end: int
    ) -> Iterator[tuple[_Group, str, int]]:
        """(group, kind, number)."""
        facts = self._rows
        per_group = (
            select(facts.kind, facts.group, func.count().label("n"))
            .where(self._inside(kinds, start, end))
            .group_by(facts.kind, facts.group)
            .subquery()
        )
        query = select(per_group.c.kind, func.sum(per_group.c.n), *self._columns)
        query = self._named(query, per_group.c.group).group_by(per_group.c.kind, *self._columns)
        for kind, n, *group in self._connection.execute(query):
            yield tuple(group), kind, int(n)

    def moves(
        self, start: int | None, end: int
    ) -> Iterator[tuple[_Group | None, _Group | None, int]]:
        """(from which group, to which, number); None: one that isn't asked about."""
        if not self._dimensions and not self._given:
            return
        facts, width = self._rows, len(self._dimensions)
        per_group = (
            select(facts.group, facts.source, func.count().label("n"))
            .where(self._inside((_MOVED,), start, end))
            .group_by(facts.group, facts.source)
            .subquery()
        )
        names = self._id.table
        sides = (names.alias("old"), names.alias("new"))
        asked = [
            func.coalesce(and_(true(), *(side.c[n] == v for n, v in self._given.items())), false())
            for side in sides
        ]
        columns = [*asked, *(side.c[name] for side in sides for name in self._dimensions)]
        query = (
            select(func.sum(per_group.c.n), *columns)
            .join(sides[0], sides[0].c.id == per_group.c.source)
            .join(sides[1], sides[1].c.id == per_group.c.group)
            .group_by(*columns)
        )
        for n, was_asked, is_asked, *groups in self._connection.execute(query):
            old, new = tuple(groups[:width]), tuple(groups[width:])
            yield (old if was_asked else None), (new if is_asked else None), int(n)

    def first_contacts(self, period: Period, window: int) -> _Cells:
        """Group -> FIRST_CONTACT of the solves of a period."""
        last = self.last()
        solved, later = self._rows, self._table.alias("later")
        reopened = (
            select(func.min(later.c.at))
            .where(later.c.ticket == solved.ticket, later.c.kind == "reopened")
            .where(later.c.version > solved.version, known(later, self._moment))
            .scalar_subquery()
        )
        over = solved.at + window <= last
        holds = and_(
            solved.first_contact == 1,
            or_(reopened.is_(None), reopened > solved.at + window),
        )
        sums = [
            func.sum(case((which, 1), else_=0))
            for which in (and_(holds, over), and_(holds, ~over), over)
        ]
        query: Select[Any] = select(*sums, *self._columns).where(
            self._inside(("solved",), period.start, period.end)
        )
        query = self._named(query, solved.group).group_by(*self._columns)
        found: _Cells = {}
        for first, undecided, of, *group in self._connection.execute(query):
            if of is None:
                continue
            rate = int(first) * _SHARE // int(of) if of else None
            numbers = (int(first), int(undecided), int(of), rate)
            found[tuple(group)] = dict(zip(FIRST_CONTACT, numbers, strict=True))
        return found

    def figures(self, kind: str, column: str, period: Period) -> dict[_Group, list[int]]:
        """Per group the figures in a period, in order."""
        facts = self._rows
        query = (
            select(facts[column], *self._columns)
            .where(self._inside((kind,), period.start, period.end))
            .order_by(facts[column])
        )
        found: dict[_Group, list[int]] = {}
        for value, *group in self._connection.execute(self._named(query, facts.group)):
            found.setdefault(tuple(group), []).append(value)
        return found

    def edge(self, last: bool) -> int | None:
        """The first creation, or the last instant of all."""
        at = self._rows.at
        found = self._outermost(at, _KINDS if last else ("created",), last=last)
        if not last:
            return found
        left = select(at).where(self._rows.kind == _MOVED, self._holds)
        query = self._named(left, self._rows.source).order_by(at.desc()).limit(1)
        away: int | None = self._connection.execute(query).scalar()
        return max((each for each in (found, away) if each is not None), default=None)

    def last(self) -> int:
        """The last instant that the view knows, of all groups; 0: it knows nothing."""
        return last_known(self._connection, self._table, _KINDS, self._holds) or 0

    def _inside(self, kinds: Sequence[str], start: int | None, end: int) -> ColumnElement[bool]:
        at = self._rows.at
        after = true() if start is None else at >= start
        return and_(self._rows.kind.in_(kinds), after, at < end, self._holds)


def last_known(
    connection: Connection, table: Any, kinds: Sequence[str], holds: ColumnElement[bool]
) -> int | None:
    """The last instant of facts of these kinds: a look-up a kind, not a walk."""
    at = table.c.at
    query = select(at).where(holds).order_by(at.desc()).limit(1)
    found = [connection.execute(query.where(table.c.kind == kind)).scalar() for kind in kinds]
    return max((each for each in found if each is not None), default=None)


def _happened(
    facts: _Facts, start: int | None, end: int, kinds: Collection[str], *, moves: bool
) -> _Cells:
    """Group -> kind -> number of what happened between two instants, with the change of the
    backlog that follows from it where `moves` are counted too."""
    cells: _Cells = {}
    for group, kind, n in facts.counts(sorted(kinds), start, end) if kinds else ():
        cells.setdefault(group, {})[kind] = n
    for old, new, n in facts.moves(start, end) if moves else ():
        if old == new:
            continue
        for side, name in ((old, "moved_out"), (new, "moved_in")):
            if side is not None:
                cell = cells.setdefault(side, {})
                cell[name] = (cell.get(name) or 0) + n
    for cell in cells.values() if moves else ():
        cell["change"] = _balance(cell)
    return cells


def _balance(cell: dict[str, int | None]) -> int:
    into = sum(cell.get(name) or 0 for name in (*INTO, "moved_in"))
    return into - sum(cell.get(name) or 0 for name in (*FLOWS[len(INTO) :], "moved_out"))


def _change(backlog: dict[_Group, int], cells: _Cells) -> None:
    for group, cell in cells.items():
        backlog[group] = backlog.get(group, 0) + (cell.get("change") or 0)


def _add(cells: _Cells, more: _Cells) -> None:
    for group, cell in more.items():
        cells.setdefault(group, {}).update(cell)


def _figures(facts: _Facts, metric: str, period: Period) -> _Cells:
    names = _columns(metric)
    return {
        group: dict(zip(names, ranked(numbers), strict=True))
        for group, numbers in facts.figures(*FIGURES[metric], period).items()
    }


def ranked(numbers: Sequence[int]) -> tuple[int, int | None, int | None]:
    """The count of ordered numbers, their median and their 90th percentile."""
    if not numbers:
        return 0, None, None
    return len(numbers), percentile(numbers, 50), percentile(numbers, 90)


def ranks(name: str, *, seconds: bool) -> tuple[str, str, str]:
    """The columns of a figure: how many, the median, the 90th percentile."""
    unit = "_seconds" if seconds else ""
    return f"{name}_n", f"{name}_median{unit}", f"{name}_p90{unit}"


def percentile(numbers: Sequence[int], percent: int) -> int:
    """By nearest rank, of numbers in order: the least that `percent` % of them don't exceed."""
    return numbers[max(-(-len(numbers) * percent // 100) - 1, 0)]


def _rows(
    period: Period, by: Sequence[str], cells: _Cells, metrics: Sequence[str]
) -> list[dict[str, Any]]:
    """The rows of one period: one per group that has something to tell; without dimensions, one."""
    columns = [column for metric in metrics for column in _columns(metric)]
    nothing = {
        name: None if name.endswith("_rate") or "_median" in name or "_p90" in name else 0
        for name in columns
    }
    if not by:
        cells.setdefault((), {})
    return [
        {
            "period": period.label,
            **dict(zip(by, group, strict=True)),
            **{name: cell.get(name, nothing[name]) for name in columns},
        }
        for group, cell in sorted(cells.items(), key=lambda item: [x or "" for x in item[0]])
        if not by or any(cell.get(name) for name in columns)
    ]


def _columns(metric: str) -> Sequence[str]:
    if metric in FIGURES:
        return ranks(metric, seconds=FIGURES[metric][1] == "seconds")
    return FIRST_CONTACT if metric == "first_contact" else (metric,)


VIEW = Projection(
    NAME,
    VERSION,
    TABLES,
    {"ticket": FactsFold},
    (
        FlowReport,
        TimesReport,
        QualityReport,
        EndingsReport,
        SatisfactionReport,
        RulesReport,
    ),
)

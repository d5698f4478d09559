"""Reports by name: a document that says what it was made from, and proves that it is the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from ticketlog.documents import base as kinds
from ticketlog.documents import reports as documents
from ticketlog.documents.base import Kind
from ticketlog.domain.base import iso
from ticketlog.domain.parties.presence import why_gone
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.sla.clock import Edition
from ticketlog.domain.time.business_hours import BusinessHours
from ticketlog.errors import Usage
from ticketlog.projections import view_of
from ticketlog.projections.engine.basis import Basis
from ticketlog.projections.engine.moment import Cut, Moment, Occurred
from ticketlog.projections.engine.projection import Query
from ticketlog.projections.views import agents
from ticketlog.projections.views.gaming import gaming, patterns
from ticketlog.projections.views.reports import facts, firings, reports, surveys
from ticketlog.projections.views.sla import attainment, breaches, clock_outcomes
from ticketlog.projections.views.sla.time_left import Calendars
from ticketlog.projections.views.utilisation import utilisation

_NONE = "0" * 64
"""Before a digest is known."""


def _nothing(settings: Settings) -> Mapping[str, Any]:
    return {}


class Report(NamedTuple):
    """What a report asks.

    The query takes `period`, `zone`, `by`, `start`, `end`, and a value per dimension that only
    some rows have (docs of `views.reports`).
    """

    document: type[documents.Report]
    """What it comes as; its rows say which columns hold what."""
    query: Query
    """Of any view; its name and version stand in the document."""
    dimensions: tuple[str, ...]
    fixed: Mapping[str, Any] = {}
    """Parameters that follow from the report's name."""
    of_settings: Callable[[Settings], Mapping[str, Any]] = _nothing
    """Those that the settings in force at the report's cut give."""
    by: tuple[str, ...] = ()
    """What its rows are by where nobody says."""
    thresholds: Mapping[str, int] = {}
    """What the query takes as `thresholds`, with the defaults."""
    shown: tuple[str, ...] = ()
    """The columns that fit on a page for people; empty: all."""
    quiet: tuple[str, ...] = ()
    """The columns that people see only where one of them holds something."""
    window: int | None = None
    """What the query takes as `window`, in seconds, by default; None: it takes none."""

    def kind(self, column: str) -> Kind | None:
        """What a column holds."""
        [row] = get_args(self.document.model_fields["rows"].annotation)
        return kinds.kind_of(row, column)

    def limits(self, given: Mapping[str, Any]) -> dict[str, int]:
        """The thresholds that count. Raises Usage for those that the report hasn't."""
        asked = given.get("thresholds") or {}
        unknown = next((name for name in asked if name not in self.thresholds), None)
        if unknown is not None:
            known = f"; there are {', '.join(self.thresholds)}" if self.thresholds else ""
            raise Usage(f"the report has no threshold {unknown!r}{known}")
        return {**self.thresholds, **asked}

    def window_of(self, given: Mapping[str, Any]) -> int | None:
        """The window that counts. Raises Usage where the report has none."""
        asked: int | None = given.get("window")
        if asked is not None and self.window is None:
            raise Usage("the report has no window; quality has one")
        if asked is not None and asked < 0:
            raise Usage(f"a window of {asked} seconds is none; give a length of time")
        return self.window if asked is None else asked


def calendars_of(settings: Settings) -> Calendars:
    """The calendars in all their versions, as views ask for them."""

    @cache
    def timetable(id: str, version: int) -> BusinessHours | None:
        found = settings.calendar(Edition(id=id, version=version))
        return found.timetable if found else None

    return timetable


def _calendars(settings: Settings) -> Mapping[str, Any]:
    return {"calendars": calendars_of(settings)}


def _counts(document: type[documents.Report], *metrics: str, **others: Any) -> Report:
    return Report(document, reports.report, facts.DIMENSIONS, {"metrics": metrics}, **others)


def _members(settings: Settings) -> Mapping[str, Any]:
    agents = sorted(settings.agents.values(), key=lambda agent: agent.id)
    teams = {team for agent in agents for team in agent.teams}
    members = {team: [agent.id for agent in agents if team in agent.teams] for team in teams}
    return {"teams": members}


def _why_gone(settings: Settings) -> Mapping[str, Any]:
    def why(agent: str, team: str | None) -> tuple[str, int | None] | None:
        found = why_gone(agent, team, settings)
        since = settings.gone_since
        if found is None:
            return None
        return found, since.get((agent, None), since.get((agent, team)))

    return {"why_gone": why}


REPORTS: Mapping[str, Report] = {
    "flow": _counts(
        documents.Flow,
        *reports.FLOW,
        quiet=("restored", "cancelled", "spam", "duplicates", *reports.MOVES),
    ),
    "times": _counts(documents.Times, "first_reply_time", "resolution_time"),
    "quality": _counts(
        documents.Quality,
        *("solved", "first_contact", "reopened", "hops", "touches"),
        window=reports.WINDOW,
    ),
    "endings": _counts(documents.Endings, *("solved", "closed", "cancelled", "spam", "duplicates")),
    "satisfaction": Report(documents.Satisfaction, surveys.satisfaction, facts.DIMENSIONS),
    "rules": Report(documents.Rules, firings.rules, firings.DIMENSIONS, by=firings.OF_RULES),
    "attainment": Report(
        documents.Attainment, attainment.attainment, clock_outcomes.DIMENSIONS, by=("metric",)
    ),
    "breaches": Report(
        documents.Breaches,
        breaches.causes,
        breaches.DIMENSIONS,
        of_settings=_calendars,
        by=("metric",),
    ),
    "utilisation": Report(
        documents.Utilisation,
        utilisation.utilisation,
        utilisation.DIMENSIONS,
        of_settings=_members,
    ),
    "gaming": Report(
        documents.Gaming, gaming.gaming, gaming.DIMENSIONS, thresholds=patterns.THRESHOLDS
    ),
    "gaming-cases": Report(
        documents.GamingCases,
        gaming.cases,
        gaming.DIMENSIONS,
        thresholds=patterns.THRESHOLDS,
        shown=gaming.SHORT,
    ),
    "held-by-absent": Report(
        documents.HeldByAbsent,
        agents.held_by_absent,
        agents.DIMENSIONS,
        of_settings=_why_gone,
        by=agents.DIMENSIONS,
    ),
}
DIMENSIONS = tuple(dict.fromkeys(name for each in REPORTS.values() for name in each.dimensions))
"""Those of all reports."""


def named(name: str) -> Report:
    """Raises Usage for an unknown name."""
    try:
        return REPORTS[name]
    except KeyError:
        raise Usage(f"there is no report {name!r}; there are {', '.join(REPORTS)}") from None


def has_basis(name: str) -> bool:
    """Whether a report tells what became of promises, and can be made on another basis."""
    return view_of(named(name).query).promises


def parameters(
    report: Report, given: Mapping[str, Any], settings: Callable[[], Settings]
) -> dict[str, Any]:
    """What the report's query takes. Raises Usage for a zone that isn't one."""
    said = {**given, "by": given.get("by") or report.by}
    _check_zone(said.get("zone", "UTC"))
    where = said.pop("where", None) or {}
    limits = report.limits(said)
    window = report.window_of(said)
    for name in ("thresholds", "window"):
        said.pop(name, None)
    if limits:
        said["thresholds"] = limits
    if window is not None:
        said["window"] = window
    of_settings = {} if report.of_settings is _nothing else report.of_settings(settings())
    return {**report.fixed, **of_settings, **said, **where}


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Usage(
            f"{zone!r} is no time zone; write it as in the IANA database: Europe/Berlin"
        ) from None


def document(
    name: str,
    given: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    cut: Cut,
    moment: Moment | None,
    basis: Basis | None = None,
    in_force: int = 0,
) -> dict[str, Any]:
    """The report with what it was made from. `sha256` is that of the canonical bytes of all the
    rest; they hold ids, never names.

    `in_force`: the position of the settings in force at the cut. What is recomputed under these is
    'as now': the bytes are the same whenever the cut and the position are, however they were named.
    """
    report = named(name)
    view, limits, window = view_of(report.query), report.limits(given), report.window_of(given)
    said: dict[str, Any] = {
        "report": name,
        "view": view.name,
        "version": view.version,
        "cut": str(cut),
        "occurred_as_of": iso(moment.at) if isinstance(moment, Occurred) else None,
        "settings": _basis(basis, in_force),
        "parameters": {
            "period": given.get("period", "month"),
            "zone": given.get("zone", "UTC"),
            "by": list(given.get("by") or report.by),
            "start": _time(given.get("start")),
            "end": _time(given.get("end")),
            "where": dict(given.get("where") or {}),
            **({"thresholds": limits} if limits else {}),
            **({"window_seconds": window} if window is not None else {}),
        },
        "rows": rows,
    }
    if basis is not None:
        said["recomputed"] = {"settings": basis.settings.position, "until": iso(basis.until)}
    told = report.document.filled(said, sha256=_NONE).plain()
    told["rows"] = [
        {column: values[column] for column in row}
        for values, row in zip(told["rows"], rows, strict=True)
    ]
    canonical = orjson.dumps(
        {name: value for name, value in told.items() if name != "sha256"},
        option=orjson.OPT_SORT_KEYS,
    )
    return told | {"sha256": hashlib.sha256(canonical).hexdigest()}


def _basis(basis: Basis | None, in_force: int) -> str:
    if basis is None:
        return "as was"
    position = basis.settings.position
    return "as now" if position == in_force else f"position {position}"


def _time(at: int | None) -> str | None:
    return None if at is None else iso(at)

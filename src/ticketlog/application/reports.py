"""Reports by name: what was asked of one, and its document with what it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ticketlog.application import queries
from ticketlog.documents.base import Document
from ticketlog.domain.base import iso
from ticketlog.errors import Usage
from ticketlog.projections import QUERIES, view_of
from ticketlog.projections.engine.basis import Basis
from ticketlog.projections.engine.moment import Cut, Moment, Occurred
from ticketlog.projections.views.gaming.patterns import THRESHOLDS
from ticketlog.projections.views.shared.report import ReportQuery

REPORTS: Mapping[str, type[ReportQuery]] = {
    name: query for name, query in QUERIES.items() if issubclass(query, ReportQuery)
}
"""The queries that are reports."""
DIMENSIONS = tuple(dict.fromkeys(name for each in REPORTS.values() for name in each.DIMENSIONS))
"""Those of all reports."""


def named(name: str) -> type[ReportQuery]:
    """Raises Usage for an unknown name."""
    try:
        return REPORTS[name]
    except KeyError:
        raise Usage(f"there is no report {name!r}; there are {', '.join(REPORTS)}") from None


def has_basis(name: str) -> bool:
    """Whether a report tells what became of promises, and can be made on another basis."""
    return view_of(named(name)).promises


def filled(name: str, given: Mapping[str, Any]) -> ReportQuery:
    """The report of these parameters; those that are None or empty have their defaults. Raises
    Usage for what it doesn't take, and for a zone that is none."""
    report = named(name)
    said = {field: value for field, value in given.items() if value not in (None, (), [], {})}
    _check_zone(said.get("zone", "UTC"))
    _check_thresholds(report, said.get("thresholds", {}))
    _check_window(report, said.get("window"))
    made = queries.filled(report, said)
    assert isinstance(made, ReportQuery)
    return made


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Usage(
            f"{zone!r} is no time zone; write it as in the IANA database: Europe/Berlin"
        ) from None


def _check_thresholds(report: type[ReportQuery], asked: Mapping[str, int]) -> None:
    known = THRESHOLDS if "thresholds" in report.model_fields else {}
    unknown = next((name for name in asked if name not in known), None)
    if unknown is not None:
        those = f"; there are {', '.join(known)}" if known else ""
        raise Usage(f"the report has no threshold {unknown!r}{those}")


def _check_window(report: type[ReportQuery], asked: int | None) -> None:
    if asked is not None and "window" not in report.model_fields:
        raise Usage("the report has no window; quality has one")
    if asked is not None and asked < 0:
        raise Usage(f"a window of {asked} seconds is none; give a length of time")


def document(
    query: ReportQuery,
    rows: Sequence[Mapping[str, Any]],
    cut: Cut,
    moment: Moment | None,
    basis: Basis | None = None,
    in_force: int = 0,
    *,
    scope: str | None = None,
) -> dict[str, Any]:
    """The report with what it was made from. `scope`: the tickets that its asker sees, in words;
    None: all.

    `in_force`: the position of the settings in force at the cut. What is recomputed under these is
    'as now': the bytes are the same whenever the cut and the position are, however they were named.
    """
    view = view_of(type(query))
    about: dict[str, Any] = {
        "view": view.name,
        "version": view.version,
        "cut": str(cut),
        "occurred_as_of": iso(moment.at) if isinstance(moment, Occurred) else None,
        "settings": _basis(basis, in_force),
    }
    if basis is not None:
        about["recomputed"] = {"settings": basis.settings.position, "until": iso(basis.until)}
    if scope is not None:
        about["scope"] = scope
    told = query.document([dict(row) for row in rows], **about).plain()
    told["rows"] = [
        {column: values[column] for column in row}
        for values, row in zip(told["rows"], rows, strict=True)
    ]
    return told


def typed(document: Mapping[str, Any]) -> Document:
    """A report, as `document` gives it, as its model."""
    return REPORTS[document["report"]].DOCUMENT.filled(document)


def _basis(basis: Basis | None, in_force: int) -> str:
    if basis is None:
        return "as was"
    position = basis.settings.position
    return "as now" if position == in_force else f"position {position}"

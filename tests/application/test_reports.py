"""Reports as documents: what they say of themselves, and that it stays so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ticketlog.application.reports import REPORTS, document, filled
from ticketlog.desk import init_desk
from ticketlog.errors import Usage
from ticketlog.projections import view_of
from ticketlog.projections.engine.moment import Cut, Occurred
from ticketlog.projections.views.gaming.patterns import THRESHOLDS
from ticketlog.projections.views.reports import reports

GIVEN = {"period": "day", "zone": "Europe/Berlin", "by": ("team",), "where": {"channel": "mail"}}
ROWS = [
    {
        "period": "2026-01-02",
        "team": "network",
        **{name: n for n, name in enumerate(reports.FLOW)},
    }
]


def test_a_document_has_the_bytes_that_it_always_had() -> None:
    at_a_cut = document(filled("flow", GIVEN), ROWS, Cut((4, 7), 2), None)
    in_business_time = document(filled("endings", {}), [], Cut((4, 7), 2), Occurred(1_000_000))
    assert [each["sha256"] for each in (at_a_cut, in_business_time)] == [
        "f1596a10ab8a9640ea75510a60452381a292b2583262674af10c8caa140585e9",
        "c5e1bea21a8a0a75d2d3a1f2d8416adacc3f3174d81e45aa89c1afa2ba628406",
    ]


def said(name: str, **given: Any) -> dict[str, Any]:
    """The parameters that the document of a report states."""
    found: dict[str, Any] = document(filled(name, given), [], Cut((1,)), None)["parameters"]
    return found


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_names_its_view(name: str) -> None:
    told = document(filled(name, {}), [], Cut((1,)), None)
    assert told["view"] == view_of(REPORTS[name]).name


def test_parameters_that_are_none() -> None:
    with pytest.raises(Usage, match=r"there is no report 'luck'; there are .*flow"):
        filled("luck", {})
    with pytest.raises(Usage, match="Europe/Berlin"):
        filled("flow", {"zone": "Berlin"})
    with pytest.raises(Usage, match="flow: period: "):
        filled("flow", {"period": "year"})


def test_what_a_report_is_by_where_nobody_says() -> None:
    assert said("attainment")["by"] == said("attainment", by=())["by"] == ["metric"]
    assert said("attainment", by=("team",))["by"] == ["team"]


def test_thresholds_stand_in_the_document() -> None:
    with pytest.raises(Usage, match=r"no threshold 'near_seconds'$"):
        filled("flow", {"thresholds": {"near_seconds": 1}})
    with pytest.raises(Usage, match="no threshold 'far'; there are replied_seconds, "):
        filled("gaming", {"thresholds": {"far": 1}})
    told = said("gaming", thresholds={"near_seconds": 60})
    assert told["thresholds"] == {**THRESHOLDS, "near_seconds": 60}
    assert said("gaming")["thresholds"] == THRESHOLDS


def test_the_window_stands_in_the_document() -> None:
    assert said("quality")["window_seconds"] == 604_800
    assert said("quality", window=60)["window_seconds"] == 60
    assert "window_seconds" not in said("flow")
    with pytest.raises(Usage, match="no window; quality has one"):
        filled("flow", {"window": 60})
    with pytest.raises(Usage, match="-1 seconds"):
        filled("quality", {"window": -1})


def test_a_report_is_what_its_model_says(tmp_path: Path) -> None:
    with init_desk(tmp_path) as desk:
        desk.simulate(tickets=60, seed=1)
        for name, report in REPORTS.items():
            told = desk.report(name)
            assert told["rows"] or name in ("gaming-cases", "held-by-absent")
            assert report.DOCUMENT.model_validate(told).plain() == told

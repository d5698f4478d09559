"""Reports as documents: what they say of themselves, and that it stays so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.given import SETTINGS
from ticketlog.application.reports import REPORTS, document, named, parameters
from ticketlog.desk import init_desk
from ticketlog.domain.settings.model import Settings
from ticketlog.errors import Usage
from ticketlog.projections import PROJECTIONS, view_of
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
    at_a_cut = document("flow", GIVEN, ROWS, Cut((4, 7), 2), None)
    in_business_time = document("endings", {}, [], Cut((4, 7), 2), Occurred(1_000_000))
    assert [each["sha256"] for each in (at_a_cut, in_business_time)] == [
        "f1596a10ab8a9640ea75510a60452381a292b2583262674af10c8caa140585e9",
        "c5e1bea21a8a0a75d2d3a1f2d8416adacc3f3174d81e45aa89c1afa2ba628406",
    ]


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_names_a_query_of_a_view(name: str) -> None:
    assert view_of(REPORTS[name].query) in PROJECTIONS
    assert document(name, {}, [], Cut((1,)), None)["view"] == view_of(REPORTS[name].query).name


def test_parameters_that_are_none() -> None:
    with pytest.raises(Usage, match="there are flow"):
        named("luck")
    with pytest.raises(Usage, match="Europe/Berlin"):
        parameters(named("flow"), {"zone": "Berlin"}, Settings)


def test_thresholds_stand_in_the_document() -> None:
    with pytest.raises(Usage, match=r"no threshold 'near_seconds'$"):
        parameters(named("flow"), {"thresholds": {"near_seconds": 1}}, Settings)
    with pytest.raises(Usage, match="no threshold 'far'; there are replied_seconds, "):
        parameters(named("gaming"), {"thresholds": {"far": 1}}, Settings)
    asked = {"thresholds": {"near_seconds": 60}}
    said = document("gaming", asked, [], Cut((1,)), None)["parameters"]["thresholds"]
    assert said == {**THRESHOLDS, "near_seconds": 60}
    assert parameters(named("gaming"), asked, Settings)["thresholds"] == said
    assert document("gaming", {}, [], Cut((1,)), None)["parameters"]["thresholds"] == THRESHOLDS


def test_the_window_stands_in_the_document() -> None:
    assert document("quality", {}, [], Cut((1,)), None)["parameters"]["window_seconds"] == 604_800
    asked = {"window": 60}
    assert parameters(named("quality"), asked, Settings)["window"] == 60
    assert document("quality", asked, [], Cut((1,)), None)["parameters"]["window_seconds"] == 60
    assert "window_seconds" not in document("flow", {}, [], Cut((1,)), None)["parameters"]
    with pytest.raises(Usage, match="no window; quality has one"):
        parameters(named("flow"), asked, Settings)
    with pytest.raises(Usage, match="-1 seconds"):
        parameters(named("quality"), {"window": -1}, Settings)


def test_teams_are_those_of_the_settings_at_the_cut() -> None:
    asked = parameters(named("utilisation"), {}, lambda: SETTINGS)
    assert asked["teams"] == {"network": ["ann", "rob", "sue"], "billing": ["ann", "bob"]}


def test_a_report_is_what_its_model_says(tmp_path: Path) -> None:
    with init_desk(tmp_path) as desk:
        desk.simulate(tickets=60, seed=1)
        for name, report in REPORTS.items():
            told = desk.report(name)
            assert told["rows"] or name in ("gaming-cases", "held-by-absent")
            assert report.document.model_validate(told).plain() == told

"""What would have become of the incidents of BPI Challenge 2013 under the example's promises:
ticketlog's recomputation against pandas and the XES file alone, equal to the second."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ticketlog import Desk, init_desk
from ticketlog.application.as_of import Past
from ticketlog.domain.base import Actor, instant, stream_key
from ticketlog.projections.views.sla import sla

pytestmark = pytest.mark.data

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
XES = "bpi_challenge_2013_incidents.xes.gz"
END = "2012-06-01T00:00:00Z"
"""A week after the file's last event: eight incidents live on."""
SECOND = 1_000_000
RUN = ("case", "metric", "instance")
ALIKE = ("policy", "target", "business", "used", "open", "activated", "breached", "ended")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, data_folder: Path) -> Iterator[Desk]:
    with init_desk(tmp_path_factory.mktemp("bpi2013") / "desk") as desk:
        desk.import_file(data_folder / XES, EXAMPLES / "bpi2013-xes.toml")
        settings = (EXAMPLES / "bpi2013-settings.toml").read_bytes()
        desk.settings_apply(settings, actor=Actor("ann", "agent", "admin"))
        yield desk


@pytest.fixture(scope="module")
def now(desk: Desk) -> Past:
    return desk.at(occurred=END, basis="now")


@pytest.fixture(scope="module")
def pandas() -> Any:
    return pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def by_pandas(pandas: Any) -> Any:
    from tests.independent import bpi2013

    return bpi2013


@pytest.fixture(scope="module")
def runs(by_pandas: Any, data_folder: Path) -> Any:
    return by_pandas.clocks(data_folder / XES, instant(END) // SECOND)


def test_the_script_uses_nothing_of_ours() -> None:
    script = ast.parse((ROOT / "tests" / "independent" / "bpi2013.py").read_text("utf-8"))
    imported = {
        name
        for node in ast.walk(script)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (getattr(node, "module", None) or "", *(each.name for each in node.names))
    }
    assert "pandas" in imported
    assert not [name for name in imported if name.split(".")[0] in ("ticketlog", "tests", "replay")]


def test_every_run_of_every_clock_is_equal_to_the_second(now: Past, runs: Any, pandas: Any) -> None:
    ours = {
        (row["ticket"], row["metric"], row["instance"]): _told(row, now)
        for table, row in now.views.rows("sla")
        if table == "clocks"
    }
    theirs = {}
    for row in runs.to_dict("records"):
        ticket = stream_key(f"bpi2013-xes\0{row['case']}")
        values = {name: row[name] for name in ALIKE}
        theirs[ticket, row["metric"], row["instance"]] = {
            name: None if pandas.isna(value) else value for name, value in values.items()
        }
    assert len({ticket for ticket, _, _ in ours}) == 7_554
    assert len(ours) == 40_141
    assert sum(row["breached"] is not None for row in ours.values()) == 7_173
    assert ours == theirs


def _told(row: dict[str, Any], past: Past) -> dict[str, Any]:
    """A clock's row as pandas has it, at the end."""
    used, business = row["used"], row["business_used"]
    if row["phase"] == "running":
        calendar = past.settings.calendars[row["calendar"]].timetable
        used += instant(END) - row["since"]
        business += calendar.between(row["since"], instant(END))
    live = row["phase"] in ("running", "paused")
    told = {
        "used": used,
        "open": business,
        "activated": row["activated_at"],
        "breached": row["breached_at"],
        "ended": None if live else row["since"],
    }
    assert not [value for value in told.values() if value is not None and value % SECOND]
    return {name: value and value // SECOND for name, value in told.items()} | {
        name: row[name] for name in ("policy", "target", "business")
    }


@pytest.mark.parametrize("by", [("metric",), ("metric", "policy", "priority")])
def test_attainment_by_month_is_equal(
    now: Past, by: tuple[str, ...], runs: Any, by_pandas: Any, pandas: Any
) -> None:
    document = now.report("attainment", by=by)
    theirs = by_pandas.attainment(runs, list(by))
    ours = {
        (row["period"], *(row[name] for name in by)): {name: row[name] for name in theirs}
        for row in document["rows"]
    }
    assert ours == {
        key: {name: None if pandas.isna(value) else value for name, value in row.items()}
        for key, row in theirs.to_dict("index").items()
    }
    assert sum(row["met"] for row in ours.values()) > 30_000
    assert (document["settings"], document["view"]) == ("as now", sla.NAME)

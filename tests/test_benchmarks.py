"""Every benchmark runs, with tiny numbers, and what it compares is really the same."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
import pytest

from benchmarks import appending, counting, desks, importing, page, rebuilding
from benchmarks.__main__ import GROUPS, main
from benchmarks.measure import Bench, Figure, Rounds, in_turn, percentile
from ticketlog.log.codec import RecordCodec

ON_A_BROKER = {"moving", "sending"}
APART = {"importing"} | ON_A_BROKER
"""Groups that need more than Python."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"), quick=True, log=io.StringIO())


@pytest.mark.parametrize("group", [group for group in GROUPS if group not in APART])
def test_every_group_runs(bench: Bench, group: str) -> None:
    figures = list(importlib.import_module(f"benchmarks.{group}").run(bench))
    assert figures
    assert all(any(digit.isdigit() for digit in figure.value) for figure in figures)


@pytest.mark.service
@pytest.mark.parametrize("group", sorted(ON_A_BROKER))
def test_every_group_runs_on_a_broker(bench: Bench, group: str) -> None:
    test_every_group_runs(bench, group)


@pytest.mark.data
def test_the_import_of_real_data_runs(bench: Bench) -> None:
    (figure,) = importing.run(bench)
    assert "rows/s" in figure.value


def test_without_the_data_the_import_is_skipped_loudly(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(importing, "FILE", tmp_path / "none.csv.gz")
    assert list(importing.run(bench)) == []
    assert isinstance(bench.log, io.StringIO)
    assert "SKIPPED" in bench.log.getvalue()


def test_the_three_ways_to_a_simple_view_give_the_same_rows(bench: Bench, tmp_path: Path) -> None:
    log = desks.simulated(bench, 20) / "log.db"
    rebuilding.rebuilt(log, tmp_path, [rebuilding.SIMPLE], 0)
    rebuilding.raw(log, tmp_path)
    rebuilding.library(log, tmp_path)
    ours, raw, library = (
        rows(tmp_path / f"{name}.db", table)
        for name, table in (("views", "simple_now_1"), ("raw", "now"), ("library", "now"))
    )
    assert len(ours) == 20
    assert ours == raw
    assert library
    assert library <= ours


def rows(file: Path, table: str) -> set[tuple[object, ...]]:
    database = sqlite.connect(file)
    found = set(database.execute(f"SELECT ticket, status, assignee, version FROM {table}"))
    database.close()
    return found


def test_the_walk_through_the_days_counts_what_the_tables_count() -> None:
    calendar = counting.office()
    for start in counting._starts(20):
        found = calendar.timetable.between(start, start + counting.SPAN)
        assert found == counting.walked(calendar, start, start + counting.SPAN)


def test_both_recorders_get_records_of_ordinary_size() -> None:
    assert 500 < len(RecordCodec().encode(appending.commit("ticket/000000000001", 0, "id"))) < 1_000


def test_contestants_take_turns(tmp_path: Path) -> None:
    bench = Bench(tmp_path, quick=False, log=io.StringIO())
    order: list[str] = []

    def contestant(name: str) -> Callable[[], float]:
        def run() -> float:
            order.append(name)
            return float(len(order))

        return run

    in_turn(bench, {"a": contestant("a"), "b": contestant("b")})
    assert order == ["a", "b", "b", "a", "a", "b", "b", "a", "a", "b"]


def test_a_ratio_is_that_of_the_rounds_and_not_of_the_medians() -> None:
    rounds = Rounds({"a": [1.0, 20.0, 3.0], "b": [1.0, 10.0, 30.0]})
    assert rounds.ratio("a", "b") == 1.0
    assert rounds.median("a") == 3.0
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0


def test_the_page_gets_the_figures_of_a_group_and_keeps_the_rest() -> None:
    text = "before\n<!-- figures of a -->\nold\n<!-- end of a -->\nafter\n"
    figure = Figure("speed", "2 x", "a peer", ">= 1 x", True)
    written = page.replaced(text, "a", page.block([figure]))
    assert written.startswith("before\n<!-- figures of a -->\n\n| what |")
    assert "| speed | 2 x | a peer | >= 1 x | met |" in written
    assert "old" not in written
    assert written.endswith("<!-- end of a -->\nafter\n")
    assert page.replaced(written, "a", page.block([figure])) == written


def test_a_group_without_a_place_in_the_page_is_an_error() -> None:
    with pytest.raises(ValueError, match="has no place for b"):
        page.replaced("", "b", "")


def test_the_page_has_a_place_for_every_group() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    for group in GROUPS:
        page.replaced(text, group, "")


@pytest.mark.parametrize("arguments", [["nonsense"], ["--quick", "--write"]])
def test_wrong_use_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "error:" in capsys.readouterr().err

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ticketlog.docs import PAGES, cli_page, documents_page, events_page, main
from ticketlog.domain.catalogue import EVENTS
from ticketlog.domain.upcasters import UPCASTERS


def test_the_page_of_events_names_every_event_and_every_older_version() -> None:
    page = events_page()
    assert page == events_page()
    for name in [*EVENTS, *UPCASTERS]:
        assert page.count(f"| `{name}` |") >= 1
    rows = {line.split(" | ")[0]: line for line in page.splitlines() if line.startswith("| `")}
    assert "`value` line **personal**" in rows["| `person.address-added.v1`"]
    assert "`verified`? boolean" in rows["| `person.address-added.v1`"]
    assert rows["| `person.address-added.v1`"].endswith("| addresses |")
    assert "`file_sha256` SHA-256" in rows["| `settings.team-set.v1`"]
    assert "`agent.availability-changed.v2`" in rows["| `agent.availability-changed.v1`"]
    assert "`start` text" in rows["| `Shift`"]


@pytest.mark.parametrize("page", [events_page, cli_page, documents_page])
def test_a_row_has_as_many_cells_as_its_table(page: Callable[[], str]) -> None:
    for table in page().split("\n\n"):
        if table.startswith("|"):
            assert len({line.replace("\\|", "").count("|") for line in table.splitlines()}) == 1


def test_a_page_that_is_stale_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--check"]) == 1
    assert "docs/EVENTS.md is stale" in capsys.readouterr().err
    Path("docs").mkdir()
    assert main([]) == 0
    assert main(["--check"]) == 0
    for page in PAGES:
        page.write_text(page.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert main(["--check"]) == 1
    said = capsys.readouterr().err
    assert [page for page in PAGES if f"{page} is stale" not in said] == []
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert main(["events"]) == 2

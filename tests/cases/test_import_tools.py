"""The mappings of examples/import/, on small made-up files of the shape of each tool's exports."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cases.test_import_files import said, tickets
from tests.given import SETTINGS
from tests.importing.histories import a_log, histories
from ticketlog.domain.base import instant
from ticketlog.importing import ImportReport, import_file, load_mapping
from ticketlog.log.embedded import EmbeddedLog

FILES = Path(__file__).parent / "import" / "tools"
MAPPINGS = Path(__file__).parents[2] / "examples" / "import"
TOOLS = {
    "zendesk-tickets": "zendesk-tickets.json",
    "zendesk-events": "zendesk-events.json",
    "jira": "jira.csv",
    "jira-changelog": "jira-changelog.json",
    "servicenow-audit": "servicenow-audit.csv",
    "otrs": "otrs.csv",
    "glpi": "glpi.csv",
    "redmine": "redmine.jsonl",
}


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EmbeddedLog]:
    log = a_log(tmp_path)
    yield log
    log.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The mappings, with what lies beside them."""
    folder = tmp_path / "mappings"
    shutil.copytree(MAPPINGS, folder)
    shutil.copy(FILES / "users.json", folder)
    return folder


def imported(log: EmbeddedLog, folder: Path, tool: str) -> ImportReport:
    mapping = load_mapping(folder / f"{tool}.toml")
    return import_file(log, SETTINGS, FILES / TOOLS[tool], mapping)


def moves(log: EmbeddedLog, case: str) -> list[str]:
    """The statuses that a case went through."""
    return [event["new"] for _, event in said(log, case, "status-changed")]


def test_each_mapping_has_a_file() -> None:
    assert {path.stem for path in MAPPINGS.glob("*.toml")} == set(TOOLS)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_file_goes_in_without_a_finding_and_once(
    log: EmbeddedLog, folder: Path, tool: str
) -> None:
    report = imported(log, folder, tool)
    assert {kind: found.listed for kind, found in report.problems.items()} == {}
    assert report.skewed.total == report.equal.total == 0
    assert "changed after it was closed" not in report.broke

    again = imported(log, folder, tool)
    assert (again.commits, again.known, again.remapped) == (0, report.commits, 0)


@pytest.mark.parametrize("tool", TOOLS)
def test_no_address_or_name_is_an_id(log: EmbeddedLog, folder: Path, tool: str) -> None:
    imported(log, folder, tool)
    ids: set[object] = set()
    for stream, events in histories(log).items():
        for each in events:
            ids |= {stream, each.meta.actor.id}
            said = each.event.model_dump()
            ids |= {said.get(name) for name in ("author", "requester", "assignee", "new")}
    assert [id for id in map(str, ids) if "@" in id or "Kim" in id or "Bob" in id] == []


def test_zendesk_tickets(log: EmbeddedLog, folder: Path) -> None:
    imported(log, folder, "zendesk-tickets")
    first, second = tickets(log)["71"], tickets(log)["72"]
    assert (first.status_category, first.type, first.priority) == ("closed", "incident", "high")
    assert (set(first.tags), first.team) == ({"vpn", "move"}, "33")
    assert [at for at, _ in said(log, "71", "solved")] == [instant("2024-02-02T11:00:00Z")]
    assert (second.status, second.due_at) == ("pending", instant("2024-03-01T00:00:00Z"))
    assert first.requester == second.requester != first.assignee


def test_zendesk_events(log: EmbeddedLog, folder: Path) -> None:
    imported(log, folder, "zendesk-events")
    state = tickets(log)["71"]
    assert (state.status, state.priority, state.subject) == ("solved", "high", "No VPN")
    assert state.assignee is not None
    replies = [(each["body"], each["author_kind"]) for _, each in said(log, "71", "replied")]
    assert replies == [("No VPN", "requester"), ("Try again", "agent")]


def test_jira(log: EmbeddedLog, folder: Path) -> None:
    imported(log, folder, "jira")
    first, second, third = (tickets(log)[f"OPS-{n}"] for n in (1, 2, 3))
    assert [each.status_category for each in (first, second, third)] == ["solved", "open", "closed"]
    assert (third.cancelled, second.assignee) == (True, None)
    replies = [(each["body"], each["author_kind"]) for _, each in said(log, "OPS-1", "replied")]
    assert replies == [("Looking into it", "agent"), ("It is worse; much worse", "requester")]


def test_jira_changelog(log: EmbeddedLog, folder: Path) -> None:
    imported(log, folder, "jira-changelog")
    state = tickets(log)["OPS-1"]
    assert (state.status, state.priority) == ("solved", "critical")
    assert [at for at, _ in said(log, "OPS-1", "solved")] == [instant("2025-12-08T14:05:00Z")]
    assert moves(log, "OPS-1") == ["open"]
    assert [each["body"] for _, each in said(log, "OPS-1", "replied")] == ["Looking into it"]
    assert [each["body"] for _, each in said(log, "OPS-1", "noted")] == ["It is the rule"]


def test_servicenow_audit(log: EmbeddedLog, folder: Path) -> None:
    imported(log, folder, "servicenow-audit")
    assert set(tickets(log)) == {"INC0012345"}
    state = tickets(log)["INC0012345"]
    assert (state.status, state.priority) == ("closed", "high")
    assert state.resolution_code == "Solved (Permanently)"
    assert state.assignee is not None
    assert moves(log, "INC0012345") == ["open"]


def test_otrs(log: EmbeddedLog, folder: Path) -> None:
    imported(log, folder, "otrs")
    assert [each.status_category for _, each in sorted(tickets(log).items())] == [
        "solved",
        "open",
        "closed",
    ]


def test_glpi(log: EmbeddedLog, folder: Path) -> None:
    imported(log, folder, "glpi")
    first, second = tickets(log)["101"], tickets(log)["102"]
    assert (first.status, first.category, first.site) == ("closed", "Network/Wireless", "Lyon")
    assert [at for at, _ in said(log, "101", "solved")] == [instant("2025-03-04T14:30:00Z")]
    assert (second.status, second.type) == ("pending", "service-request")


def test_redmine(log: EmbeddedLog, folder: Path) -> None:
    imported(log, folder, "redmine")
    first, second = tickets(log)["12"], tickets(log)["13"]
    assert (first.status, first.priority, second.status_category) == ("closed", "high", "new")
    replies = [(each["body"], each["author_kind"]) for _, each in said(log, "12", "replied")]
    assert replies == [("Looking into it", "agent"), ("It is worse", "requester")]
    assert [each["body"] for _, each in said(log, "12", "noted")] == ["Kim called"]

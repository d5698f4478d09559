"""A view that nobody knows is added as docs/ARCHITECTURE.md says, to a copy of the package: listed,
followed, rebuilt, verified, asked from Python and on the command line, now and then, and told of by
the generated pages."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import ticketlog

PAGE = Path(__file__).parent.parent / "docs" / "ARCHITECTURE.md"
PROGRAM = """
from ticketlog import Actor, init_desk, queries
from ticketlog.commands import CreateTicket, Reopen, Solve

ann = Actor("ann", "agent")
with init_desk("desk", admin=ann) as desk:
    made = desk.execute(CreateTicket(subject="VPN drops"), actor=ann)
    desk.execute(Solve(), on=made.stream, actor=ann)
    before = desk.cut()
    assert desk.query(queries.ReopenedTickets()) == []
    desk.execute(Reopen(reason="It is back"), on=made.stream, actor=ann)
    ticket = made.stream.removeprefix("ticket/")
    row = {"ticket": ticket, "team": None, "subject": "VPN drops", "reopens": 1}
    asked = queries.ReopenedTickets(limit=10)
    assert desk.query(asked, actor=ann) == [row]
    assert desk.query(queries.ReopenedTickets(team="network")) == []
    assert desk.at(position=before).query(asked) == []
    assert desk.at(position=desk.cut()).query(asked) == [row]
    assert asked.document([row]).plain() == {"tickets": [row]}
    desk.views.rebuild(["reopened"])
    assert [each.same for each in desk.views.verify(["reopened"])] == [True]
    assert "reopened" in [each.view for each in desk.views.status()]
    assert desk.query(asked) == [row]
    print(before)
"""


def recipe() -> list[tuple[str, str, str]]:
    """(file, language, text) of each block of the section, in its order."""
    page = PAGE.read_text(encoding="utf-8")
    section = page.partition("### A view\n")[2].partition("\n### ")[0]
    found: list[tuple[str, str, str]] = []
    file = ""
    for step in re.split(r"^(?=\d+\. `)", section, flags=re.MULTILINE)[1:]:
        file = re.match(r"\d+\. `([^`]+)`", step)[1]  # type: ignore[index]
        blocks = re.findall(r"^   ```(\w+)\n(.*?)^   ```$", step, re.MULTILINE | re.DOTALL)
        found += [(file, language, dedent(text)) for language, text in blocks]
    return found


def patched(text: str, diff: str) -> str:
    lines = [(line[:1], line[1:]) for line in diff.splitlines()]
    old = "".join(f"{line}\n" for mark, line in lines if mark != "+")
    new = "".join(f"{line}\n" for mark, line in lines if mark != "-")
    assert text.count(old) == 1, old
    return text.replace(old, new)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with a copy of the package to which the recipe was done."""
    package = tmp_path / "src" / "ticketlog"
    source = Path(ticketlog.__file__).parent
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, language, text in recipe():
        file = package / name
        if language == "diff":
            text = patched(file.read_text(encoding="utf-8"), text)
        file.write_text(text, encoding="utf-8")
    return tmp_path


def run(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "TICKETLOG_DESK": "desk"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def shell(folder: Path, *line: str) -> str:
    return run(folder, "-c", "from ticketlog.cli import main; main()", *line)


def test_a_view_is_added_as_the_recipe_says(copy: Path) -> None:
    run(copy, "-m", "ticketlog.docs")
    before = run(copy, "-c", PROGRAM).strip()

    [row] = json.loads(shell(copy, "reopened", "--json"))["tickets"]
    assert (row["subject"], row["reopens"]) == ("VPN drops", 1)
    assert json.loads(shell(copy, "reopened", "--as-of", before, "--json")) == {"tickets": []}
    assert shell(copy, "reopened").splitlines()[0].split() == ["ticket", *list(row)[1:]]
    assert "Tickets that came back, the most often first." in shell(copy, "--help")
    assert "Only this team's." in shell(copy, "reopened", "--help")
    for page, words in {
        "QUERIES.md": "## ReopenedTickets",
        "CLI.md": "### ticketlog reopened",
        "DOCUMENTS.md": "How often.",
    }.items():
        assert words in (copy / "docs" / page).read_text(encoding="utf-8")


def test_the_page_counts_the_files_of_its_recipe() -> None:
    counted = re.search(
        r"small view with a read on the command line \| \d+ \| (\d+) ", PAGE.read_text()
    )
    assert counted
    assert int(counted[1]) == len({file for file, _, _ in recipe()}) == 4

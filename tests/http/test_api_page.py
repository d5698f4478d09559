"""docs/API.md: its jobs run as they stand there, and its tables are those of the code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.http.serving import by_token, listening_server
from ticketlog import queries
from ticketlog.desk import Desk
from ticketlog.http.options import ServeOptions
from ticketlog.http.problem_pages import problems_table

PAGE = (Path(__file__).parents[2] / "docs" / "API.md").read_text(encoding="utf-8")
RUNS: dict[str, tuple[str, ...]] = {
    "sh": ("bash", "-euo", "pipefail", "-c"),
    "python": (sys.executable, "-c"),
    "js": ("node", "-e"),
}
NEEDS = {"sh": ("curl", "node"), "python": (), "js": ("node",)}
"""Programs besides Python."""


@pytest.mark.service
@pytest.mark.parametrize("language", RUNS)
def test_the_ten_jobs_run_as_they_stand_there(desk: Desk, language: str) -> None:
    missing = [each for each in NEEDS[language] if shutil.which(each) is None]
    if missing:
        pytest.skip(f"on Debian: sudo apt install curl nodejs; {missing[0]} is missing")
    [script] = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    with listening_server(desk, ServeOptions(port=0), by_token) as server:
        named = {**os.environ, "DESK": server.url, "TOKEN": "tlk_manual"}
        ran = subprocess.run(
            [*RUNS[language], script], env=named, capture_output=True, text=True, timeout=300
        )

    assert (ran.returncode, ran.stderr) == (0, "")
    [ticket] = desk.query(queries.Tickets()).rows
    standing = (ticket["subject"], ticket["status"], ticket["assignee"])
    assert standing == ("VPN drops", "solved", "ann")


def test_all_problems_stand_in_the_page() -> None:
    assert problems_table().strip() in PAGE


def test_the_limits_of_the_page_are_those_of_the_server() -> None:
    options = ServeOptions()
    said = (
        f"| {options.largest_body >> 20} MiB; {options.largest_attachment >> 20} MiB |",
        f"| {options.head_timeout_s:g} s; {options.receive_timeout_s:g} s |",
        f"| {options.largest_page:,} |",
    )
    assert [each for each in said if each not in PAGE] == []
    assert options.rate == "6000/minute"
    assert options.stranger_rate == "120/minute"

"""What other programs import: the documented programs run, the lists are whole, and who imports
what has moved is told where it is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import ticketlog
from ticketlog import commands, events, queries
from ticketlog.domain import catalogue
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.projections import QUERIES
from ticketlog.support.moved import MOVED

PAGE = Path(__file__).parent.parent / "docs" / "PYTHON.md"
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)

SHOWN_IN_0_1_0 = {
    "import ticketlog": True,
    "from ticketlog import open_desk": True,
    "from ticketlog.domain.base import Actor": True,
    "from ticketlog.domain.ticket.conversation import Reply": True,
    "from ticketlog.domain.ticket.creation import CreateTicket": True,
    "from ticketlog.projections import queue": False,
}
"""Every import that the README and the pages of that release showed -> whether it still works."""


def test_the_ten_programs_run_as_they_stand(tmp_path: Path) -> None:
    assert len(PROGRAMS) == 10
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(PROGRAMS)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "Printer" in done.stdout
    assert "illegal-transition" in done.stdout


def test_every_name_of_the_face_is_there() -> None:
    assert {name for name in ticketlog.__all__ if getattr(ticketlog, name) is None} == set()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ticketlog.nothing  # noqa: B018 (to ask for it is the test)


def test_every_command_can_be_imported_from_the_face() -> None:
    wanted = {
        each
        for aggregate in AGGREGATES.values()
        if not aggregate.internal
        for each in aggregate.commands
    }
    assert {getattr(commands, name) for name in commands.__all__} == wanted


def test_every_event_can_be_imported_from_the_face() -> None:
    assert {getattr(events, name) for name in events.__all__} == set(catalogue.EVENTS.values())


def test_every_query_can_be_imported_from_the_face() -> None:
    assert {getattr(queries, name) for name in queries.__all__} == set(QUERIES.values())


@pytest.mark.parametrize("module", MOVED)
def test_who_imports_what_has_moved_is_told_where_it_is(module: str) -> None:
    room, _, name = module.rpartition(".")
    for line in (f"import {module}", f"from {module} import *", f"from {room} import {name}"):
        with pytest.raises(ImportError, match=f"{module} has moved: import from ticketlog"):
            exec(line, {})


@pytest.mark.parametrize("line", SHOWN_IN_0_1_0)
def test_what_the_pages_of_the_first_release_import_is_there_or_says_where(line: str) -> None:
    if SHOWN_IN_0_1_0[line]:
        exec(line, {})
    else:
        with pytest.raises(ImportError, match=r"has moved: import from ticketlog\.queries"):
            exec(line, {})

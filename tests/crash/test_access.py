"""No answer goes out that isn't recorded, whatever happens to the process or its disk."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.access import ENOUGH, look, recorded
from tests.crash.desks import ANN
from tests.crash.harness import check_file, run_until_killed
from ticketlog.desk import init_desk, open_desk

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("cycles", [3, pytest.param(60, marks=pytest.mark.soak)])
def test_an_answer_that_was_given_stands_in_the_log_after_kill_9(
    tmp_path: Path, cycles: int
) -> None:
    dice = random.Random(cycles)
    folder = tmp_path / "desk"
    init_desk(folder, admin=ANN).close()
    answered: list[str] = []
    for cycle in range(cycles):
        answered += run_until_killed(look, folder, f"run{cycle}", dice=dice)
        with open_desk(folder) as desk:
            found = recorded(desk)
            assert len(found) == len(set(found))
            assert set(answered) <= set(found)
            assert desk.log_verify().problems == []
            of_one = desk.access_log.entries(about=found[:1]).entries if found else []
            assert len(of_one) == len(found[:1])
    assert answered
    check_file(folder / "log.access.db")


def test_a_full_disk_gives_no_answer_and_loses_none(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    init_desk(folder, admin=ANN).close()

    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.access", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    refusal, answers = done.stdout.splitlines()
    assert refusal.startswith("there is no answer, since it can't be recorded who gets it: ")
    assert "make room" in refusal
    assert 10 < int(answers) < ENOUGH
    with open_desk(folder) as desk:
        expected = [f"ticket/{number}" for number in range(int(answers))]
        assert recorded(desk)[: len(expected)] == expected
        desk.access_log.read(ANN, "query:ticket", on=["ticket/after"])
        assert recorded(desk)[-1] == "ticket/after"
        assert desk.log_verify().problems == []

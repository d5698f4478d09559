from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.crash.desks import (
    ANN,
    a_history,
    begin,
    bring_in,
    check_desk,
    imported,
    look,
    rebuild,
    work,
)
from tests.crash.harness import run_until_killed
from tests.crash.victims import Acked
from ticketlog.desk import init_desk, open_desk


@pytest.mark.parametrize("cycles", [4, pytest.param(100, marks=pytest.mark.soak)])
def test_a_desk_goes_on_after_kill_9_in_the_midst_of_anything(tmp_path: Path, cycles: int) -> None:
    dice = random.Random(cycles)
    history = a_history(tmp_path, cases=cycles * 10)
    folder = tmp_path / "desk"
    init_desk(folder, admin=ANN).close()
    acked: list[Acked] = []
    for cycle in range(cycles):
        run_until_killed(bring_in, folder, history, dice=dice)
        acked += run_until_killed(work, folder, f"run{cycle}", dice=dice)
        run_until_killed(dice.choice([look, rebuild]), folder, dice=dice)
        check_desk(folder, acked)
    assert acked

    with open_desk(folder) as desk:
        desk.import_file(history.file, history.mapping)
        interrupted = imported(desk)
    with init_desk(tmp_path / "other") as desk:
        report = desk.import_file(history.file, history.mapping)
        assert report.commits == history.rows
        assert imported(desk) == interrupted
    check_desk(folder, acked)


@pytest.mark.parametrize("cycles", [3, pytest.param(50, marks=pytest.mark.soak)])
def test_a_desk_that_was_killed_while_it_was_made_can_be_made(tmp_path: Path, cycles: int) -> None:
    dice = random.Random(cycles)
    for cycle in range(cycles):
        folder = tmp_path / f"{cycle}"
        begun = run_until_killed(begin, folder, dice=dice)
        if not begun and not (folder / "ticketlog.toml").exists():
            init_desk(folder).close()
        check_desk(folder, [])

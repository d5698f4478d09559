"""A bulk killed at any point, and run by two at once: the same events as undisturbed."""

from __future__ import annotations

import random
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from tests import helpdesk
from tests.crash.harness import run_until_killed
from tests.helpdesk import SUE
from tests.log.peers import PROCESSES
from ticketlog.desk import Desk, open_desk
from ticketlog.domain import bulk as domain
from ticketlog.domain.bulk import commit_id
from ticketlog.domain.ticket.classification import Tag

TICKETS = 60


def carry_on(folder: Path, bulk: str, line: Connection) -> None:
    """Runs the bulk in small slices, and tells of each append and each slice."""
    domain.SLICE = 7
    with open_desk(folder) as desk:
        append_all = desk.log.append_all

        def appended(commits: Any) -> Any:
            line.send("append")
            done = append_all(commits)
            line.send("appended")
            return done

        desk.log.append_all = appended  # type: ignore[method-assign]
        desk.bulks.run(bulk, actor=SUE, on_progress=lambda p: line.send(p.reached))
        line.send("done")


def planned(folder: Path) -> tuple[str, list[str]]:
    helpdesk.make(folder)
    with open_desk(folder) as desk:
        ids = [helpdesk.create(desk) for _ in range(TICKETS)]
        bulk = desk.bulks.plan(Tag(add=("outage",)), ids=[*ids, helpdesk.closed(desk)], actor=SUE)
    return bulk.id, ids


def check(desk: Desk, bulk: str, ids: list[str]) -> None:
    """Each ticket got it once, and the books of the bulk are those of an undisturbed run."""
    for each in ids:
        commits = [e.meta.commit for e in desk.history(each)]
        assert commits.count(commit_id(bulk, each)) == 1
        assert len(commits) == 2
    found = desk.bulks.show(bulk, SUE)
    assert (found.state, found.changed, found.unchanged) == ("done", TICKETS, 0)
    assert [(each.why, each.tickets) for each in found.skipped] == [("closed", 1)]
    names = [each.event.NAME for each in desk.history(f"bulk/{bulk}")]
    assert names.count("bulk.progressed.v1") == -(-(TICKETS + 1) // 7)
    assert names.count("bulk.started.v1") == names.count("bulk.done.v1") == 1


SEEDS = [*range(5), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(5, 100))]


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_anywhere_it_goes_on_and_does_each_ticket_once(tmp_path: Path, seed: int) -> None:
    dice, folder = random.Random(seed), tmp_path / "desk"
    bulk, ids = planned(folder)
    for _ in range(3):
        run_until_killed(carry_on, folder, bulk, dice=dice)
    with open_desk(folder) as desk:
        domain_slice, domain.SLICE = domain.SLICE, 7
        try:
            desk.bulks.run(bulk, actor=SUE)
        finally:
            domain.SLICE = domain_slice
        check(desk, bulk, ids)


def test_two_that_run_it_at_once_do_it_once(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    bulk, ids = planned(folder)
    with open_desk(folder) as desk:
        desk.execute(domain.StartBulk(), on=f"bulk/{bulk}", actor=SUE)
    runners = []
    for _ in range(2):
        ours, theirs = PROCESSES.Pipe(duplex=False)
        process = PROCESSES.Process(target=carry_on, args=(folder, bulk, theirs))
        process.start()
        theirs.close()
        runners.append((process, ours))
    for process, line in runners:
        while line.recv() != "done":
            pass
        process.join()
    with open_desk(folder) as desk:
        check(desk, bulk, ids)

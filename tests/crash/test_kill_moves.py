"""A settings file that moves tickets, killed in the midst of it: applied again it is finished."""

from __future__ import annotations

import random
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests import helpdesk
from tests.crash.harness import run_until_killed
from tests.helpdesk import SUE
from ticketlog.desk import open_desk
from ticketlog.domain.ticket.assignment import AssigneeChanged, TeamChanged
from ticketlog.domain.ticket.classification import AttributeChanged

TICKETS = 60
FILE = (
    helpdesk.SETTINGS.replace("[products.vpn]\n", "").replace(
        "[agents.ann]", "[agents.ann]\nretired = true"
    )
    + '[moves]\nproduct = { vpn = "mail" }\nagent = { ann = "bob" }\n'
)


def apply(folder: Path, line: Connection) -> None:
    """Applies the file, and tells of each move."""
    with open_desk(folder) as desk:
        moves = desk.execute

        def execute(*arguments: object, **given: object) -> object:
            done = moves(*arguments, **given)  # type: ignore[arg-type]
            line.send(done.stream)
            return done

        desk.execute = execute  # type: ignore[assignment, method-assign]
        desk.settings_apply(FILE, actor=SUE)


@pytest.mark.parametrize("seed", [1, 2, pytest.param(3, marks=pytest.mark.soak)])
def test_each_ticket_moves_once(tmp_path: Path, seed: int) -> None:
    dice, folder = random.Random(seed), tmp_path / "desk"
    helpdesk.make(folder)
    with open_desk(folder) as desk:
        tickets = [
            helpdesk.create(desk, product="vpn", team="billing", assignee="ann")
            for _ in range(TICKETS)
        ]
    told = [stream for _ in range(4) for stream in run_until_killed(apply, folder, dice=dice)]
    assert told, "it was killed in the midst of it"
    with open_desk(folder) as desk:
        last = desk.settings_apply(FILE, actor=SUE)
        assert last.stayed == {}
        assert desk.settings_apply(FILE, actor=SUE).moved == ()
        assert "vpn" not in desk.settings.products
        moved: Counter[tuple[str, type]] = Counter()
        for ticket in tickets:
            state = desk.load(ticket)
            assert (state.product, state.assignee, state.team) == ("mail", "bob", "billing")
            for each in desk.history(ticket):
                if isinstance(each.event, AssigneeChanged | TeamChanged | AttributeChanged):
                    moved[ticket, type(each.event)] += 1
    assert moved == {
        (t, event): 1 for t in tickets for event in (AssigneeChanged, AttributeChanged)
    }

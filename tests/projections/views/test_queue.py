from __future__ import annotations

from typing import Any

import pytest

from tests.given import ANN, BOB, IMPORT, KIM, LEE, SETTINGS
from tests.projections.world import World
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.domain.ticket.lifecycle import Hold, MarkSpam, Restore, Solve
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.domain.ticket.relations import LinkTo, Unlink
from ticketlog.projections.views.queue import Queue, QueueCounts


@pytest.fixture
def world() -> World:
    """A to F, the oldest first: A and D low, B and E medium, C and F critical."""
    world = World()
    for id, priority in zip("ABCDEF", ("low", "medium", "critical") * 2, strict=True):
        who = LEE if id in "AB" else KIM
        world.do(f"ticket/{id}", CreateTicket(subject=id, requester=who.id), who)
        world.do(f"ticket/{id}", Prioritise(priority=priority, reason="so be it"))
    return world


def queued(world: World, **filters: Any) -> str:
    return "".join(row["ticket"] for row in world.ask(Queue, **filters).rows)


def ordered(*names: str) -> Settings:
    """Settings with priorities in this order."""
    assert SETTINGS.priorities is not None
    priorities = SETTINGS.priorities.model_copy(update={"names": names})
    return Settings(priorities=priorities)


def test_the_most_urgent_come_first_then_the_oldest(world: World) -> None:
    assert queued(world) == "CFBEAD"


def test_the_order_of_the_priorities_is_the_settings(world: World) -> None:
    assert queued(world, settings=ordered("low", "medium", "critical")) == "ADBECF"
    assert queued(world, settings=ordered("medium")) == "BECFAD"


def test_what_needs_no_work_is_not_in_it(world: World) -> None:
    world.do("ticket/C", Solve())
    world.do("ticket/B", MarkSpam())
    world.do("ticket/F", Hold(reason="vendor"))
    assert queued(world) == "FEAD"
    world.do("ticket/B", Restore())
    assert queued(world) == "FBEAD"


def test_a_duplicate_is_worked_on_in_its_original(world: World) -> None:
    world.do("ticket/C", LinkTo(kind="duplicate-of", target="F"))
    assert queued(world) == "FBEAD"
    world.do("ticket/C", Unlink(kind="duplicate-of", target="F"))
    assert queued(world) == "CFBEAD"


def test_it_can_be_asked_by_whom_it_concerns(world: World) -> None:
    world.do("ticket/C", Assign(team="network", assignee="ann"))
    world.do("ticket/D", Assign(team="network"))
    world.do("ticket/E", Assign(team="billing", assignee="bob"), BOB)
    assert queued(world, team="network") == "CD"
    assert queued(world, assignee="ann") == "C"
    assert queued(world, unassigned=True) == "FBAD"
    assert queued(world, team="network", unassigned=True) == "D"
    assert queued(world, requester="LEE") == "BA"
    assert queued(world, organisation="ACME") == "CFED"
    assert queued(world, status_category="open") == "CE"


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_pages_hold_every_ticket_once(world: World, limit: int) -> None:
    seen, after = "", None
    while True:
        rows, after = world.ask(Queue, limit=limit, after=after)
        seen += "".join(row["ticket"] for row in rows)
        if after is None:
            break
    assert seen == "CFBEAD"


def test_counts_are_kept(world: World) -> None:
    world.do("ticket/A", Assign(team="network", assignee="ann"))
    world.do("ticket/B", Assign(team="network"))
    assert world.ask(QueueCounts, by=("team",)) == [
        {"team": None, "tickets": 4},
        {"team": "network", "tickets": 2},
    ]
    assert world.ask(QueueCounts, by=("assignee", "status"), team="network") == [
        {"assignee": None, "status": "new", "tickets": 1},
        {"assignee": "ann", "status": "open", "tickets": 1},
    ]
    assert world.ask(QueueCounts, by=("priority",), team=None) == [
        {"priority": "critical", "tickets": 2},
        {"priority": "low", "tickets": 1},
        {"priority": "medium", "tickets": 1},
    ]
    for id in "ABCDEF":
        world.do(f"ticket/{id}", Solve(), ANN)
    assert world.ask(QueueCounts, by=("team",)) == []
    with pytest.raises(ValueError, match="colour"):
        world.ask(QueueCounts, by=("colour",))


def test_priorities_that_the_settings_do_not_know_come_last(world: World) -> None:
    row = RecordActivity(source="old", case="1", row=1, status="open", priority="P9", subject="G")
    world.do("ticket/G", row, IMPORT)
    assert queued(world) == "CFBEADG"
    assert queued(world, requester="nobody") == ""

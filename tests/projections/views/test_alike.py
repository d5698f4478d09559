"""Tickets that a new one may repeat. Zammad's check for duplicates didn't work for customers
(zammad/zammad#4643) and didn't know organisations (#5709)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.given import DAY, KIM, NOON, SUE
from tests.projections.world import World
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.classification import SetSubject
from ticketlog.domain.ticket.conversation import Redact
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Solve
from ticketlog.domain.ticket.relations import LinkTo
from ticketlog.projections.views.alike import Alike, Surges


def created(
    world: World,
    id: str,
    subject: str,
    description: str | None = None,
    by: Actor = KIM,
    **given: Any,
) -> str:
    return world.do(
        f"ticket/{id}", CreateTicket(subject=subject, description=description, **given), by
    )


def found(world: World, subject: str = "", *, now: int = NOON, **given: Any) -> list[str]:
    return [each["ticket"] for each in world.ask(Alike, subject=subject, now=now, **given)]


@pytest.fixture
def world() -> World:
    world = World()
    created(
        world, "A", "VPN drops every hour", "The tunnel is gone after an hour.", requester="KIM"
    )
    created(world, "B", "Printer on floor 3 is jammed", requester="LEE", by=SUE)
    created(world, "C", "New keyboard, please", "Mine has no letter e.", requester="KIM")
    return world


def test_a_title_finds_tickets_with_its_words(world: World) -> None:
    assert found(world, "vpn drops again") == ["A"]
    assert found(world, "The printer is jammed") == ["B"]
    assert found(world, "Coffee machine") == []
    assert found(world, "") == []


def test_the_title_counts_twice_as_much_as_the_body(world: World) -> None:
    created(world, "D", "Nothing works", "vpn drops every hour", requester="KIM")
    assert found(world, "VPN drops every hour", least=10) == ["A", "D"]


def test_the_description_is_compared_too(world: World) -> None:
    assert found(world, "Trouble", body="the tunnel is gone", least=15) == ["A"]


def test_a_word_that_is_being_typed_counts_as_the_word_that_it_begins(world: World) -> None:
    assert found(world, "keyb") == ["C"]
    assert found(world, "keyb ") == []


def test_case_accents_and_scripts_without_spaces_dont_matter(world: World) -> None:
    created(world, "D", "Drücker geht nicht", requester="KIM")
    created(world, "E", "打印机坏了", requester="KIM")
    assert found(world, "DRUCKER geht nicht") == ["D"]
    assert found(world, "打印机") == ["E"]


def test_tickets_of_the_same_person_come_first_then_their_organisations(world: World) -> None:
    rows = world.ask(Alike, subject="printer jammed", requester="LEE", now=NOON)
    assert [(row["ticket"], row["asked_by"]) for row in rows] == [("B", "requester")]
    assert found(world, "is", requester="KIM", least=1)[0] != "B"


def test_solved_tickets_count_for_some_days_and_closed_circles_dont(world: World) -> None:
    world.do("ticket/A", Solve(resolution="a new router"), SUE)
    assert found(world, "vpn drops") == ["A"]
    assert found(world, "vpn drops", now=world.now + 15 * DAY) == []
    assert found(world, "vpn drops", now=world.now + 15 * DAY, days=30) == ["A"]
    created(world, "D", "vpn drops", requester="KIM")
    world.do("ticket/D", LinkTo(kind="duplicate-of", target="A"), SUE)
    assert found(world, "vpn drops") == ["A"]


def test_a_changed_title_and_a_redacted_description_are_compared_as_they_are(world: World) -> None:
    world.do("ticket/A", SetSubject(subject="Tunnel"), SUE)
    assert found(world, "vpn drops") == []
    assert found(world, "Tunnel after an hour") == ["A"]
    text = created(world, "F", "Slip", "hunter2 is my password", requester="KIM")
    assert found(world, "hunter2 password") == ["F"]
    world.do("ticket/F", Redact(target=f"{text}.0", reason="slip"), SUE)
    assert found(world, "hunter2 password") == []


def test_a_tickets_own_duplicates(world: World) -> None:
    created(world, "D", "VPN drops each hour", requester="LEE", by=SUE)
    assert found(world, ticket="D") == ["A"]
    assert found(world, ticket="nothing") == []


def test_among_many_tickets_an_old_one_is_found_by_its_rare_words(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ticketlog.projections.views import alike

    monkeypatch.setattr(alike, "_SAMPLE", 20)
    for number in range(30):
        created(world, f"N{number}", f"Order number {number}", requester="LEE", by=SUE)
    assert found(world, "VPN drops") == ["A"]


def test_many_alike_tickets_within_minutes_are_one_group(world: World) -> None:
    for number in range(6):
        created(world, f"M{number}", "Mail server is down", f"Error {number}", requester="KIM")
    created(world, "X", "Where is the canteen", requester="LEE", by=SUE)
    [surge] = world.ask(Surges, now=world.now)
    assert (surge["ticket"], surge["count"]) == ("M0", 6)
    assert surge["tickets"] == [f"M{number}" for number in range(6)]
    assert {"mail", "server", "down"} <= set(surge["words"].split())
    assert world.ask(Surges, now=world.now, least=7) == []
    world.do("ticket/M5", Solve(resolution="a new one"), SUE)
    [surge] = world.ask(Surges, now=world.now)
    assert surge["count"] == 5
    assert world.ask(Surges, now=world.now + DAY) == []

from __future__ import annotations

import pytest

from tests.given import ANN, BOB, IMPORT, KIM, LEE, MINUTE, NOON, SUE
from tests.projections.world import World
from ticketlog.domain.ticket.assignment import Assign, Unassign
from ticketlog.domain.ticket.classification import Tag
from ticketlog.domain.ticket.conversation import Note, Redact, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.domain.ticket.lifecycle import MarkSpam, Solve
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.domain.ticket.relations import LinkTo, Unlink
from ticketlog.projections.engine.moment import Occurred
from ticketlog.projections.views.tickets import (
    OneTicket,
    TicketCounts,
    TicketIntervals,
    TicketLinks,
    Tickets,
)

PRINTER = CreateTicket(
    subject="Printer on fire", requester="KIM", tags=("hot",), category="billing"
)


@pytest.fixture
def world() -> World:
    return World()


def test_a_ticket_is_shown_as_it_is(world: World) -> None:
    world.do("ticket/A", PRINTER, KIM)
    world.do("ticket/A", Reply(body="Which one?", status="pending"))
    world.do("ticket/A", Reply(body="This one"), KIM)
    world.do("ticket/A", Solve(code="fixed"))

    row = world.ask(OneTicket, ticket="A")

    assert row["subject"] == "Printer on fire"
    assert (row["status"], row["assignee"], row["resolution_code"]) == ("solved", "ann", "fixed")
    assert (row["requester"], row["organisation"], row["tier"]) == ("KIM", "ACME", "b")
    assert (row["created_at"], row["first_reply_at"]) == (NOON, NOON + MINUTE)
    assert row["updated_at"] == row["solved_at"]
    assert (row["tags"], row["spam"], row["cancelled"], row["reopens"]) == (
        ["hot"],
        False,
        False,
        0,
    )
    assert world.ask(OneTicket, ticket="NONE") is None


def test_a_redacted_comment_is_not_counted(world: World) -> None:
    world.do("ticket/A", PRINTER, KIM)
    world.do("ticket/A", Note(body="stays"))
    slip = world.do("ticket/A", Note(body="goes"))
    assert world.ask(OneTicket, ticket="A")["comments"] == 2
    world.do("ticket/A", Redact(target=f"{slip}.0", reason="slip"), SUE)
    assert world.ask(OneTicket, ticket="A")["comments"] == 1


def test_links_are_seen_from_both_sides(world: World) -> None:
    for stream in ("ticket/A", "ticket/B"):
        world.do(stream, PRINTER, KIM)
    world.do("ticket/A", LinkTo(kind="blocks", target="B"))
    assert world.ask(OneTicket, ticket="A")["links"] == [{"kind": "blocks", "target": "B"}]
    assert world.ask(OneTicket, ticket="B")["linked_by"] == [{"kind": "blocks", "ticket": "A"}]
    world.do("ticket/A", Unlink(kind="blocks", target="B"))
    assert world.ask(OneTicket, ticket="B")["linked_by"] == []


def test_links_are_those_of_their_moment(world: World) -> None:
    """As of a moment they are found in the live rows, and are those of a replay to it."""
    for stream in ("ticket/A", "ticket/B", "ticket/C"):
        world.do(stream, PRINTER, KIM)
    world.do("ticket/A", LinkTo(kind="blocks", target="B"))
    world.do("ticket/C", LinkTo(kind="parent", target="B"))
    world.do("ticket/A", Unlink(kind="blocks", target="B"))
    world.do("ticket/A", LinkTo(kind="blocks", target="B"))
    expected = [[], ["A"], ["A", "C"], ["C"], ["A", "C"]]
    for minute, tickets in enumerate(expected, 2):
        moment = Occurred(NOON + minute * MINUTE)
        found = world.ask(TicketLinks, ticket="B", moment=moment)["linked_by"]
        assert [row["ticket"] for row in found] == tickets


@pytest.mark.parametrize("id", "ABCDEFGH")
def test_a_link_that_ended_is_kept_in_every_partition(world: World, id: str) -> None:
    """Wherever its records lie: it is gone now, and was there before."""
    world.do(f"ticket/{id}", CreateTicket(subject="Again", follow_up_of="OTHER"))
    world.do(f"ticket/{id}", Unlink(kind="follow-up-of", target="OTHER"))
    then = world.ask(TicketLinks, ticket=id, moment=Occurred(NOON))
    assert then["links"] == [{"kind": "follow-up-of", "target": "OTHER"}]
    assert world.ask(TicketLinks, ticket=id)["links"] == []


def test_pages_of_a_list_hold_every_ticket_once_the_newest_first(world: World) -> None:
    for n in range(7):
        world.do(f"ticket/{n}", PRINTER, KIM)
    seen, after = [], None
    while True:
        rows, after = world.ask(Tickets, limit=3, after=after)
        seen += [row["ticket"] for row in rows]
        if after is None:
            break
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]


def test_a_list_is_filtered(world: World) -> None:
    world.do("ticket/A", PRINTER, KIM)
    world.do("ticket/B", CreateTicket(subject="Other", requester="LEE"), LEE)
    world.do("ticket/B", Tag(add=("slow",)))

    def listed(**filters: str) -> list[str]:
        return [row["ticket"] for row in world.ask(Tickets, **filters).rows]

    assert listed(requester="KIM") == ["A"]
    assert listed(tag="slow") == ["B"]
    assert listed(category="billing", status="new") == ["A"]
    assert listed(status="solved") == []
    with pytest.raises(ValueError, match="shoe_size"):
        listed(shoe_size="43")


def test_what_a_file_called_the_status_stays_known(world: World) -> None:
    row = RecordActivity(
        source="old",
        case="1",
        row=1,
        original_status="Accepted",
        original_substatus="In Progress",
        status="open",
        subject="Old",
    )
    world.do("ticket/A", row, IMPORT)
    found = world.ask(OneTicket, ticket="A")
    assert (found["original_status"], found["original_substatus"]) == ("Accepted", "In Progress")


def test_an_interval_lasts_from_one_change_to_the_next(world: World) -> None:
    world.do("ticket/A", PRINTER, KIM)
    world.do("ticket/A", Note(body="no change"))
    world.do("ticket/A", Assign(team="network", assignee="ann"))
    world.do("ticket/A", Prioritise(priority="critical", reason="the boss"))

    found = world.ask(TicketIntervals, ticket="A")

    assert [(row["status"], row["assignee"], row["priority"]) for row in found] == [
        ("new", None, "medium"),
        ("open", "ann", "medium"),
        ("open", "ann", "critical"),
    ]
    assert [row["from_at"] for row in found] == [NOON, NOON + 2 * MINUTE, NOON + 3 * MINUTE]
    assert [row["to_at"] for row in found] == [NOON + 2 * MINUTE, NOON + 3 * MINUTE, None]


def test_tickets_are_counted_at_any_instant(world: World) -> None:
    world.do("ticket/A", PRINTER, KIM)
    world.do("ticket/B", PRINTER, KIM)
    world.do("ticket/A", Assign(assignee="ann"))
    world.do("ticket/B", Assign(assignee="bob"), BOB)
    world.do("ticket/B", Unassign())

    def counted(minute: int) -> list[dict[str, object]]:
        moment = Occurred(NOON + minute * MINUTE)
        return world.ask(TicketCounts, by=("status", "assignee"), moment=moment)

    assert counted(-1) == []
    assert counted(0) == [{"status": "new", "assignee": None, "tickets": 1}]
    assert counted(1) == [{"status": "new", "assignee": None, "tickets": 2}]
    assert counted(2) == [
        {"status": "new", "assignee": None, "tickets": 1},
        {"status": "open", "assignee": "ann", "tickets": 1},
    ]
    assert world.ask(TicketCounts, by=("assignee",), status="open") == [
        {"assignee": None, "tickets": 1},
        {"assignee": "ann", "tickets": 1},
    ]


def test_spam_is_not_counted(world: World) -> None:
    world.do("ticket/A", PRINTER, KIM)
    world.do("ticket/A", MarkSpam(), ANN)
    assert world.ask(TicketCounts, by=("status",)) == []
    assert world.ask(TicketCounts, by=("spam",)) == [{"spam": True, "tickets": 1}]


def test_only_what_an_interval_holds_can_be_counted_by(world: World) -> None:
    with pytest.raises(ValueError, match="subject"):
        world.ask(TicketCounts, by=("subject",))

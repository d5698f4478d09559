"""Who copies a desk misses nothing: changes by place and by time, ratings, numbers of streams."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.given import KIM, NOON
from tests.projections.world import World
from ticketlog.desk import Desk
from ticketlog.domain.base import Actor, stream_key
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.domain.ticket.classification import Tag
from ticketlog.domain.ticket.conversation import Note
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.feedback import Rate
from ticketlog.domain.ticket.lifecycle import Solve
from ticketlog.errors import Usage
from ticketlog.projections.engine.moment import Cut
from ticketlog.projections.views.changes import Changes, ChangesSince, ChosenStream, Ratings
from ticketlog.projections.views.shared.stream_numbers import (
    HASHED,
    chosen_number,
    made_id,
    made_number,
    number_of,
)
from ticketlog.projections.views.tickets import UsedTags

ANN = Actor("ann", "agent")


def created(desk: Desk, number: int) -> list[str]:
    made = [
        desk.execute(CreateTicket(subject=f"Ticket {n}"), actor=ANN, id=f"create-{n}")
        for n in range(number)
    ]
    return [each.stream.removeprefix("ticket/") for each in made]


def all_changes(desk: Desk, after: str | None = None, **asked: Any) -> tuple[list[str], str]:
    """The ids over all pages, and the cut behind the last."""
    ids: list[str] = []
    while True:
        found = desk.query(Changes(after=after, **asked))
        ids += [row["id"] for row in found["changes"]]
        after = found["cut"]
        if not found["more"]:
            return ids, after


def test_each_is_told_once_over_pages_of_any_size(desk: Desk) -> None:
    tickets = created(desk, 23)
    for limit in (1, 2, 7, 23, 100):
        found, _ = all_changes(desk, limit=limit)
        assert sorted(found) == sorted(tickets)


def test_behind_a_cut_stands_what_changed_since_and_nothing_else(desk: Desk) -> None:
    tickets = created(desk, 9)
    _, cut = all_changes(desk)
    assert all_changes(desk, cut) == ([], cut)
    desk.execute(Note(body="Later"), on=tickets[4], actor=ANN)
    [new] = created(desk, 10)[9:]
    found, after = all_changes(desk, cut, limit=1)
    assert sorted(found) == sorted([tickets[4], new])
    assert all_changes(desk, after)[0] == []


def test_the_place_of_a_cut_of_the_desk_is_taken(desk: Desk) -> None:
    created(desk, 3)
    cut = desk.cut()
    assert all_changes(desk, str(cut))[0] == []
    [new] = created(desk, 4)[3:]
    found = desk.query(Changes(after=str(cut)))
    assert [row["id"] for row in found["changes"]] == [new]
    assert Cut.parse(found["cut"]) is not None
    with pytest.raises(Usage, match="is no cut"):
        desk.query(Changes(after="yesterday"))


def test_what_changes_while_a_client_pages_comes_behind_what_it_has(desk: Desk) -> None:
    tickets = created(desk, 12)
    first = desk.query(Changes(limit=5))
    told = {row["id"] for row in first["changes"]}
    changed = next(iter(told))
    desk.execute(Note(body="In between"), on=changed, actor=ANN)
    rest, _ = all_changes(desk, first["cut"], limit=5)
    assert changed in rest
    assert told | set(rest) == set(tickets)


def test_persons_have_changes_of_their_own(desk: Desk) -> None:
    created(desk, 2)
    made = desk.execute(RegisterPerson(name="Kim"), actor=ANN)
    found, _ = all_changes(desk, kind="person")
    assert found == [made.stream.removeprefix("person/")]
    assert all_changes(desk, kind="organisation")[0] == []


def test_by_time_a_page_ends_with_a_whole_second() -> None:
    world = World()
    for n in range(5):
        world.do(f"ticket/{n}", CreateTicket(subject="Same second"), KIM)
    last = world.do("ticket/5", CreateTicket(subject="Later"), KIM)
    assert last
    rows = world.ask(ChangesSince, since=0 + NOON - 10**15, limit=6)
    assert len(rows) >= 6
    seconds = [row["changed_at"] // 1_000_000 for row in rows]
    assert seconds == sorted(seconds)
    for limit in range(1, 7):
        found: dict[str, None] = {}
        since = NOON - 10**15
        while page := world.ask(ChangesSince, since=since, limit=limit):
            found |= dict.fromkeys(row["id"] for row in page)
            since = (page[-1]["changed_at"] // 1_000_000 + 1) * 1_000_000
        assert sorted(found) == ["0", "1", "2", "3", "4", "5"]


def test_ratings_are_listed_in_their_order() -> None:
    world = World()
    for n, score in enumerate((5, 1, 4)):
        world.do(f"ticket/{n}", CreateTicket(subject="Rated", requester="KIM"), KIM)
        world.do(f"ticket/{n}", Solve(code="fixed"))
        world.do(f"ticket/{n}", Rate(score=score), KIM)
    page = world.ask(Ratings, limit=2)
    rest = world.ask(Ratings, limit=2, after=page.next)
    assert [row["score"] for row in (*page.rows, *rest.rows)] == [5, 1, 4]
    assert rest.next is None
    since = rest.rows[0]["at"]
    assert [row["score"] for row in world.ask(Ratings, since=since).rows] == [4]
    assert [row["score"] for row in world.ask(Ratings, until=since).rows] == [5, 1]


def test_tags_are_counted() -> None:
    world = World()
    for n, tags in enumerate((("a", "b"), ("b",), ("c", "b"))):
        world.do(f"ticket/{n}", CreateTicket(subject="Tagged"), KIM)
        world.do(f"ticket/{n}", Tag(add=tags))
    page = world.ask(UsedTags, limit=2)
    assert page.rows == [{"tag": "a", "tickets": 1}, {"tag": "b", "tickets": 3}]
    assert world.ask(UsedTags, after=page.next).rows == [{"tag": "c", "tickets": 1}]


def test_an_id_that_people_chose_is_found_by_its_number(desk: Desk) -> None:
    desk.execute(RegisterPerson(name="Kim"), on="person/kim", actor=ANN)
    number = number_of("person", "kim")
    assert number >= HASHED
    assert desk.query(ChosenStream(kind="person", number=number)) == "kim"
    assert desk.query(ChosenStream(kind="ticket", number=number)) is None


@given(st.text(max_size=40))
def test_the_number_of_a_made_id_says_the_same(seed: str) -> None:
    id = stream_key(seed)
    number = made_number(id)
    assert number is not None
    assert number == number_of("ticket", id) < HASHED
    assert made_id(number) == id


@given(st.text(max_size=14))
def test_other_ids_have_a_number_above_those(id: str) -> None:
    number = number_of("agent", id)
    if made_id(number) != id:
        assert HASHED <= number == chosen_number("agent", id) < 1 << 61
        assert made_id(number) is None

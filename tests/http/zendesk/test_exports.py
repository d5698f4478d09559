"""Incremental exports skip nothing, while others write, and tell what was withdrawn."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from tests.helpdesk import ANN, SUE, create, register
from tests.http.zendesk.asking import all_pages, ask
from tests.importing.histories import Line, a_file, at
from ticketlog.desk import Desk
from ticketlog.domain.parties.person import RenamePerson
from ticketlog.domain.ticket.conversation import Note
from ticketlog.domain.ticket.imported import stream_of
from ticketlog.http.zendesk import exports
from ticketlog.http.zendesk.answers import Given
from ticketlog.http.zendesk.reading import Facade
from ticketlog.projections.views.shared.stream_numbers import number_of

MAPPING = """
source = "old"
format = "csv"
rows = "state"
[columns]
case = "Case"
agent = "Agent"
subject = "Note"
[time]
column = "Time"
[status]
column = "Status"
words = [{ status = "Accepted", to = "open" }, { status = "Completed", to = "solved" }]
"""
CURSOR = "incremental/tickets/cursor"


def number(ticket: str) -> int:
    return number_of("ticket", ticket.removeprefix("ticket/"))


def test_a_cursor_has_what_changed_behind_it(desk: Desk) -> None:
    tickets = [create(desk, f"Ticket {n}") for n in range(7)]
    first = all_pages(desk, f"{CURSOR}?start_time=0&per_page=2", "tickets", "after_url")
    assert sorted(each["id"] for each in first) == sorted(map(number, tickets))
    end = ask(desk, f"{CURSOR}?start_time=0&per_page=100")["after_cursor"]
    assert ask(desk, f"{CURSOR}?cursor={end}")["tickets"] == []
    desk.execute(Note(body="Later"), on=tickets[3], actor=ANN)
    page = ask(desk, f"{CURSOR}?cursor={end}")
    assert [each["id"] for each in page["tickets"]] == [number(tickets[3])]
    assert page["end_of_stream"] is True


def test_what_was_withdrawn_is_told_as_deleted(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text(MAPPING)
    rows = [Line("A", at(0), note="Secret subject"), Line("B", at(1), note="Router")]
    desk.import_file(a_file(tmp_path, rows), tmp_path / "mapping.toml")
    before = ask(desk, f"{CURSOR}?start_time=0")
    assert {each["status"] for each in before["tickets"]} == {"open"}
    desk.withdraw_import("old", reason="the wrong file", actor=SUE)
    gone = {number(stream_of("old", case)) for case in ("A", "B")}

    for path in (
        f"{CURSOR}?cursor={before['after_cursor']}",
        f"{CURSOR}?start_time=0",
        "incremental/tickets?start_time=0",
    ):
        found = ask(desk, path)["tickets"]
        assert {each["id"]: each["status"] for each in found} == dict.fromkeys(gone, "deleted")
        assert "Secret subject" not in str(found)
    assert ask(desk, "tickets")["tickets"] == []
    from tests.http.zendesk.asking import ask_all

    [answer] = ask_all(desk, f"tickets/{gone.pop()}")
    assert answer.status_code == 404


class Clock:
    """A writer's clock that may stand before another writer's."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._real = desk._clock

    def back(self, seconds: float) -> None:
        """Sets it back: what is recorded now says that it was recorded earlier."""
        self._desk._clock = lambda: self._real() - int(seconds * 1_000_000)


def exported(desk: Desk, query: str) -> Any:
    """A page of the export by cursor, without an application around it."""
    facade = Facade(desk, ANN, "http://desk.test")
    return exports.tickets_by_cursor(facade, Given({}, QueryParams(query), CURSOR))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 5), st.floats(0, 50), st.integers(1, 4)), min_size=1, max_size=12
    )
)
def test_nothing_is_skipped_between_cursors_whatever_the_clocks_say(
    template: Path, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, float, int]]
) -> None:
    """Changes by writers with clocks that differ, read in pages of any size."""
    from tests import helpdesk
    from ticketlog.desk import open_desk

    folder = helpdesk.copy(template, tmp_path_factory.mktemp("steps") / "desk")
    with open_desk(folder) as desk:
        clock, cursor, versions = Clock(desk), "start_time=0", dict[int, int]()
        tickets = [create(desk, f"Ticket {n}") for n in range(6)]
        for which, behind, size in steps:
            clock.back(behind)
            desk.execute(Note(body="Once more"), on=tickets[which], actor=ANN)
            changed = {number(tickets[which])}
            if cursor == "start_time=0":
                changed |= {number(each) for each in tickets}
            found: set[int] = set()
            while True:
                page = exported(desk, f"{cursor}&per_page={size}")
                found |= {each["id"] for each in page["tickets"]}
                cursor = f"cursor={page['after_cursor']}"
                if page["end_of_stream"]:
                    break
            assert found == changed
            versions |= dict.fromkeys(found, 1)
        assert set(versions) == {number(each) for each in tickets}


def test_who_goes_on_by_time_misses_nothing_either(desk: Desk) -> None:
    """A reader who keeps `generated_timestamp` gets what was recorded a little before it, too."""
    first = create(desk)
    [told] = ask(desk, f"{CURSOR}?start_time=0")["tickets"]
    Clock(desk).back(exports.OVERLAP_S - 10)
    late = create(desk, "Recorded with an earlier time")
    page = ask(desk, f"{CURSOR}?start_time={told['generated_timestamp']}")
    assert {each["id"] for each in page["tickets"]} == {number(first), number(late)}


def test_pages_by_time_have_each_once_and_end_before_now(desk: Desk) -> None:
    tickets = [create(desk, f"Ticket {n}") for n in range(9)]
    for name, path in (("tickets", "incremental/tickets"),):
        found = all_pages(desk, f"{path}?start_time=0&per_page=2", name, "next_page")
        assert sorted(each["id"] for each in found) == sorted(map(number, tickets))
        last = ask(desk, f"{path}?start_time=0")
        assert last["end_of_stream"] is True
        assert last["end_time"] <= time.time() - exports.OVERLAP_S + 1


def test_users_of_a_cursor_are_persons_and_agents(desk: Desk) -> None:
    kim, lee = register(desk, "Kim"), register(desk, "Lee")
    page = ask(desk, "incremental/users/cursor?start_time=0")
    names = {each["name"] for each in page["users"]}
    assert {"Kim", "Lee", "ann", "bob", "sue"} <= names
    after = f"incremental/users/cursor?cursor={page['after_cursor']}"
    assert ask(desk, after)["users"] == []
    desk.execute(RenamePerson(name="Kim Novak"), on=f"person/{kim}", actor=ANN)
    [renamed] = ask(desk, after)["users"]
    assert (renamed["id"], renamed["name"]) == (number_of("person", kim), "Kim Novak")
    assert number_of("person", lee) != renamed["id"]
    file = "[agents.ann]\nname = 'Ann Smith'\nteams = ['network', 'billing']\n"
    file += "[agents.bob]\nteams = ['billing']\n"
    file += "[agents.sue]\nteams = ['network']\nroles = ['agent', 'supervisor', 'admin']\n"
    desk.settings_apply(file, actor=SUE)
    changed = [each["name"] for each in ask(desk, after)["users"]]
    assert changed == ["Ann Smith", "Kim Novak"]


def test_events_by_time_are_the_commits_of_the_log(desk: Desk) -> None:
    tickets = [create(desk, f"Ticket {n}") for n in range(5)]
    for ticket in tickets:
        desk.execute(Note(body="Seen"), on=ticket, actor=ANN)
    path = "incremental/ticket_events?start_time=0&per_page=3"
    found = all_pages(desk, path, "ticket_events", "next_page")
    assert len({each["id"] for each in found}) == len(found) == 10
    kinds = {event["event_type"] for each in found for event in each["child_events"]}
    assert kinds == {"Create"}
    with_comments = ask(desk, f"{path}00&include=comment_events")["ticket_events"]
    bodies = [
        event["body"]
        for each in with_comments
        for event in each["child_events"]
        if event["event_type"] == "Comment"
    ]
    assert bodies == ["Seen"] * 5


def test_a_reader_beside_writers_has_all_in_the_end(desk: Desk) -> None:
    """Four writers create and change tickets while a reader follows its cursor."""
    dice, made = random.Random(1), list[str]()

    def write() -> None:
        for _ in range(12):
            made.append(create(desk, "Busy"))
            desk.execute(Note(body="Busy"), on=dice.choice(made), actor=ANN)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for each in writers:
        each.start()
    latest: dict[int, Any] = {}
    cursor = "start_time=0"
    while True:
        over = not any(each.is_alive() for each in writers)
        page = ask(desk, f"{CURSOR}?{cursor}&per_page=7")
        latest |= {each["id"]: each for each in page["tickets"]}
        cursor = f"cursor={page['after_cursor']}"
        if over and page["end_of_stream"]:
            break
    assert set(latest) == set(map(number, made))
    for ticket in made:
        [expected] = ask(desk, f"tickets/show_many?ids={number(ticket)}")["tickets"]
        assert latest[number(ticket)] == expected

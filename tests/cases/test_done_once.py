"""An id is done once, whatever became of settings, clocks or the ticket since: its first answer is
found wherever it went."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpdesk import ANN, SUE, create, register
from ticketlog.application.batch_executor import execute_all
from ticketlog.application.executor import request
from ticketlog.desk import Desk, Outcome, init_desk, open_desk
from ticketlog.domain.base import Actor, Command
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.lifecycle import Close, Reopen, Solve
from ticketlog.errors import CommandReused
from ticketlog.settings_files.parser import defaults

DAY = 86_400_000_000
BACK = Reply(body="it is back")
ASKS: dict[str, Actor] = {}
"""Who asks, by ticket."""


def reopen_within(desk: Desk, text: str) -> None:
    """Applies the default workflow with another time to reopen."""
    file = defaults().decode().partition("[priorities]")[0]
    desk.settings_apply(
        file.replace('reopen_within = "28d"', f'reopen_within = "{text}"'), actor=SUE
    )


def solved(desk: Desk) -> str:
    """A ticket of somebody's that was solved just now."""
    kim = register(desk)
    ticket = create(desk, requester=kim)
    desk.execute(Solve(), on=ticket, actor=ANN)
    ASKS[ticket] = Actor(kim, "person")
    return ticket


def send(
    desk: Desk, ticket: str, command: Command = BACK, id: str = "mail-1", **more: int
) -> Outcome:
    """As its requester."""
    return desk.execute(command, on=ticket, actor=ASKS[ticket], id=f"{id}-{ticket}", **more)


def answers(outcome: Outcome) -> tuple[object, ...]:
    """What the sender is told, whether for the first time or again."""
    ids = tuple(each.id for each in outcome.events)
    return (outcome.stream, outcome.version, ids, outcome.follow_up_of)


@pytest.fixture
def later(folder: Path) -> Iterator[Desk]:
    """The desk three days from now."""
    with open_desk(folder) as plain:
        ahead = Desk(plain.config, plain._logs, clock=lambda: time.time_ns() // 1000 + 3 * DAY)
        reopen_within(plain, "1d")
        yield ahead


@pytest.mark.parametrize("command", [BACK, Reopen(reason="again"), Reopen()], ids=repr)
def test_the_time_to_reopen_was_lengthened(desk: Desk, later: Desk, command: Command) -> None:
    ticket = solved(desk)
    first = send(later, ticket, command)
    assert first.follow_up_of == f"ticket/{ticket}"
    reopen_within(desk, "28d")
    before = desk.history(ticket)
    for each in (later, desk):
        again = send(each, ticket, command)
        assert again.repeated
        assert answers(again) == answers(first)
    assert desk.history(ticket) == before


def test_an_earlier_time_or_clock_would_have_reopened_it(desk: Desk, later: Desk) -> None:
    ticket = solved(desk)
    first = send(later, ticket)
    then = desk.load(ticket).solved_at
    assert answers(send(later, ticket, occurred_at=then)) == answers(first)
    assert answers(send(desk, ticket)) == answers(first)
    assert desk.load(ticket).status_category == "solved"


def test_somebody_reopened_it_and_it_was_closed_for_good(desk: Desk, later: Desk) -> None:
    ticket = solved(desk)
    first = send(later, ticket)
    reopen_within(desk, "28d")
    send(desk, ticket, id="other")
    assert desk.load(ticket).status_category == "open"
    assert answers(send(desk, ticket)) == answers(first)
    desk.execute(Solve(), on=ticket, actor=ANN)
    desk.execute(Close(), on=ticket, actor=SUE)
    assert answers(send(desk, ticket)) == answers(first)


def test_what_was_said_on_the_ticket_itself_opens_no_follow_up(desk: Desk, later: Desk) -> None:
    ticket = solved(desk)
    first = send(desk, ticket)
    assert first.follow_up_of is None
    assert answers(send(later, ticket)) == answers(first)


def test_in_a_bulk_too(desk: Desk, later: Desk) -> None:
    tickets = [solved(desk) for _ in range(3)]
    first = [answers(send(later, ticket)) for ticket in tickets]
    reopen_within(desk, "28d")
    now = time.time_ns() // 1000
    done = execute_all(
        desk._executor,
        [
            request(
                BACK,
                each,
                id=f"{id}-{each}",
                received_at=now,
                occurred_at=None,
                actor=ASKS[each],
                channel="api",
            )
            for each in tickets
            for id in ("mail-1", "new")
        ],
    )
    assert [answers(each) for each in done[::2] if isinstance(each, Outcome)] == first
    assert all(isinstance(each, Outcome) and not each.repeated for each in done[1::2])


def test_other_arguments_under_its_id_are_refused(desk: Desk, later: Desk) -> None:
    ticket = solved(desk)
    send(later, ticket)
    reopen_within(desk, "28d")
    for command in (Reply(body="something else"), Reopen()):
        with pytest.raises(CommandReused):
            send(desk, ticket, command)


def test_that_it_went_elsewhere_stands_on_the_ticket(desk: Desk, later: Desk) -> None:
    """So two writers of whom one would reopen it, at the same instant, agree by its order."""
    ticket = solved(desk)
    send(later, ticket)
    assert [each.event.NAME for each in desk.history(ticket)][-1] == "command.refused.v1"


def test_by_two_at_once_one_of_whom_would_reopen_it(folder: Path, later: Desk) -> None:
    with open_desk(folder) as desk:
        for number in range(15):
            ticket = solved(desk)
            assert_one_answer([desk, later], ticket, f"m{number}")


def assert_one_answer(desks: list[Desk], ticket: str, id: str) -> None:
    start, got = threading.Barrier(len(desks)), []

    def act(desk: Desk) -> None:
        start.wait()
        got.append(send(desk, ticket, id=id))

    threads = [threading.Thread(target=act, args=(each,)) for each in desks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(desks)
    assert len({answers(each) for each in got}) == 1
    assert [each.repeated for each in got].count(False) == 1
    for desk in desks:
        again = send(desk, ticket, id=id)
        assert (again.repeated, answers(again)) == (True, answers(got[0]))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from("ab"), st.booleans()),
        st.tuples(st.just("within"), st.sampled_from(["1d", "28d"]), st.booleans()),
        st.tuples(st.just("do"), st.sampled_from(["solve", "close", "reopen"]), st.booleans()),
    ),
    max_size=9,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_always(desk: Desk, later: Desk, steps: list[tuple[str, str, bool]]) -> None:
    ticket = solved(desk)
    first: dict[str, tuple[object, ...]] = {}
    does: dict[str, Command] = {"solve": Solve(), "close": Close(), "reopen": Reopen()}
    for step, what, is_later in steps:
        by = later if is_later else desk
        if step == "within":
            reopen_within(by, what)
        elif step == "send":
            outcome = send(by, ticket, id=what)
            assert outcome.repeated == (what in first)
            assert first.setdefault(what, answers(outcome)) == answers(outcome)
        elif by.load(ticket).status_category != "closed":
            category = by.load(ticket).status_category
            if (what == "solve") != (category == "solved"):
                by.execute(does[what], on=ticket, actor=SUE)
    for id, answer in first.items():
        assert answers(send(desk, ticket, id=id)) == answer


@pytest.mark.service
class TestInKafka:
    """Two desks on one topic, each with an index of its own."""

    @pytest.fixture
    def desks(self, tmp_path: Path, kafka_url: str) -> Iterator[list[Desk]]:
        a = init_desk(tmp_path / "a", log_url=kafka_url)
        b = init_desk(tmp_path / "b", log_url=kafka_url)
        ahead = Desk(b.config, b._logs, clock=lambda: time.time_ns() // 1000 + 3 * DAY)
        a.settings_apply("[agents.ann]\n[agents.sue]\nroles = ['agent', 'supervisor']", actor=SUE)
        reopen_within(a, "1d")
        yield [a, ahead]
        a.close()
        b.close()

    def test_whoever_is_asked_again(self, desks: list[Desk]) -> None:
        a, later = desks
        for _ in range(5):
            ticket = solved(a)
            first = send(later, ticket)
            assert first.follow_up_of == f"ticket/{ticket}"
            again = send(a, ticket)
            assert (again.repeated, answers(again)) == (True, answers(first))

    def test_both_at_once(self, desks: list[Desk]) -> None:
        for number in range(10):
            assert_one_answer(desks, solved(desks[0]), f"m{number}")

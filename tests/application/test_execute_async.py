"""Commands that tasks of an event loop await: what a thread is told, without holding one."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2 as sqlite
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import helpdesk
from tests.helpdesk import ANN, BOB, SUE, closed, create, facts
from ticketlog import config
from ticketlog.application.executor import READERS
from ticketlog.application.logs import open_logs
from ticketlog.desk import Desk, codec_of
from ticketlog.domain.base import Actor, Command, Refused
from ticketlog.domain.parties.contact import AddAddress, Address
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.domain.ticket.classification import SetSubject, Tag
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Close, Reopen, Solve
from ticketlog.domain.ticket.relations import LinkTo
from ticketlog.errors import CommandReused, TicketlogError, Unreachable

NOON = 1_900_000_000_000_000
COMMANDS: list[Command] = [
    SetSubject(subject="One"),
    SetSubject(subject="Another"),
    Tag(add=("red",)),
    Reply(body="It is back"),
    Note(body="@ann and @nobody"),
    Solve(),
    Close(),
    Reopen(reason="again"),
    LinkTo(kind="blocks", target="FIRST"),
    LinkTo(kind="duplicate-of", target="SECOND"),
]
"""FIRST and SECOND stand for the ids of two tickets."""


def at_noon(folder: Path) -> Desk:
    """The desk in a folder, whose clock goes on by a second whenever it is looked at."""
    found = config.read(folder)
    seconds = count()
    return Desk(found, open_logs(found, codec_of(found)), lambda: NOON + next(seconds) * 1_000_000)


def told(act: Callable[[], Any]) -> object:
    """The answer or the refusal, in words."""
    try:
        outcome = act()
    except (Refused, TicketlogError) as error:
        return type(error), str(error), getattr(error, "facts", None)
    events = [(each.event, each.meta.commit, each.meta.occurred_at) for each in outcome.events]
    return outcome._replace(events=()), events


SENT = st.tuples(
    st.sampled_from(COMMANDS),
    st.sampled_from(["FIRST", "SECOND", "NONE"]),
    st.sampled_from([ANN, SUE, Actor("nobody", "agent")]),
    st.integers(0, 9).map("command-{}".format),
    st.sampled_from([None, None, 0, 3, 99]),
)


@settings(max_examples=20, deadline=None)
@given(sent=st.lists(SENT, min_size=4, max_size=14))
def test_a_task_is_told_what_a_thread_is_told(
    sent: list[tuple[Command, str, Actor, str, int | None]], template: Path
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        one = at_noon(helpdesk.copy(template, Path(scratch) / "one"))
        other = at_noon(helpdesk.copy(template, Path(scratch) / "other"))
        with closing(one), closing(other), asyncio.Runner() as loop:
            ids = {}
            for name in ("FIRST", "SECOND"):
                command = CreateTicket(subject=name)
                made = one.execute(command, actor=ANN, id=name)
                awaited = loop.run(other.execute_async(command, actor=ANN, id=name))
                assert awaited == made
                ids[name] = made.stream.removeprefix("ticket/")
            for command, on, actor, id, seen in sent:
                if isinstance(command, LinkTo):
                    command = command.model_copy(update={"target": ids[command.target]})
                given: dict[str, Any] = {"on": ids.get(on, on), "actor": actor, "id": id}
                given["seen"] = seen
                by_thread = told(lambda c=command, g=given: one.execute(c, **g))
                by_task = told(lambda c=command, g=given: loop.run(other.execute_async(c, **g)))
                assert by_task == by_thread


def test_tasks_that_change_one_ticket_all_get_through(desk: Desk) -> None:
    ticket = create(desk)

    async def work() -> None:
        tags = [Tag(add=(f"tag-{number}",)) for number in range(16)]
        await asyncio.gather(*(desk.execute_async(tag, on=ticket, actor=ANN) for tag in tags))

    asyncio.run(work())

    assert len(desk.load(ticket).tags) == 16
    assert desk.load(ticket).version == 16


def test_one_command_that_many_tasks_send_is_done_once(desk: Desk) -> None:
    command = CreateTicket(subject="VPN drops")

    async def work() -> None:
        sent = [desk.execute_async(command, actor=ANN, id="mine") for _ in range(8)]
        answers = await asyncio.gather(*sent)
        assert len({(each.stream, each.version, each.offset) for each in answers}) == 1
        assert sum(not each.repeated for each in answers) == 1
        with pytest.raises(CommandReused):
            await desk.execute_async(CreateTicket(subject="Else"), actor=ANN, id="mine")

    asyncio.run(work())


@pytest.mark.parametrize("turns", range(6))
def test_a_command_whose_task_is_cancelled_is_carried_through(desk: Desk, turns: int) -> None:
    """`turns`: of the event loop, until it is cancelled."""
    ticket = create(desk)
    note = Note(body="Look")

    async def work() -> None:
        sent = asyncio.create_task(desk.execute_async(note, on=ticket, actor=ANN, id="mine"))
        for _ in range(turns):
            await asyncio.sleep(0)
        sent.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sent
        again = await desk.execute_async(note, on=ticket, actor=ANN, id="mine")
        assert facts(again) == ["ticket.noted.v1"]

    asyncio.run(work())

    assert desk.load(ticket).version == 1


def test_of_two_tasks_that_give_an_address_the_first_keeps_it(desk: Desk) -> None:
    """One goes after the other, be they threads or tasks."""
    address = Address(kind="email", value="kim@example.org")
    commands = [RegisterPerson(name=name, addresses=(address,)) for name in ("Kim", "Lee", "Mo")]

    async def work() -> list[object]:
        sent = [desk.execute_async(command, actor=ANN) for command in commands[:2]]
        in_thread = asyncio.to_thread(desk.execute, commands[2], actor=ANN)
        return list(await asyncio.gather(*sent, in_thread, return_exceptions=True))

    answers = asyncio.run(work())

    assert sum(isinstance(each, Refused) for each in answers) == 2
    # Nobody holds the turn any more, also where who had it was refused.
    other = AddAddress(kind="email", value="lee@example.org")
    kept = next(each.stream for each in answers if not isinstance(each, Refused))
    assert desk.execute(other, on=kept, actor=ANN).events


def test_links_that_close_a_circle_are_parted(desk: Desk) -> None:
    one, other = create(desk), create(desk)

    async def work() -> list[object]:
        sent = [
            desk.execute_async(LinkTo(kind="blocks", target=to), on=ticket, actor=ANN)
            for ticket, to in ((one, other), (other, one))
        ]
        return list(await asyncio.gather(*sent, return_exceptions=True))

    assert any(isinstance(each, Refused) for each in asyncio.run(work()))
    assert len(desk.load(one).links) + len(desk.load(other).links) <= 1


def test_a_reply_to_a_closed_ticket_opens_another_one(desk: Desk) -> None:
    ticket = closed(desk)
    reply = Reply(body="It is back")

    async def work() -> None:
        first = await desk.execute_async(reply, on=ticket, actor=ANN, id="mine")
        again = await desk.execute_async(reply, on=ticket, actor=ANN, id="mine")
        assert first.follow_up_of == again.follow_up_of == f"ticket/{ticket}"
        assert first.stream == again.stream
        assert again.repeated

    asyncio.run(work())


def test_no_thread_is_held_while_commits_are_under_way(desk: Desk) -> None:
    """Another process keeps the file to itself: nothing can be written, and the loop goes on."""
    tickets = [create(desk) for _ in range(60)]
    threads = threading.active_count()
    blocker = sqlite.connect(str(desk.log.path), isolation_level=None)

    async def work() -> None:
        await desk.execute_async(Tag(add=("warm",)), on=tickets[0], actor=ANN)
        blocker.execute("BEGIN IMMEDIATE")
        sent = [
            asyncio.create_task(desk.execute_async(Tag(add=("red",)), on=ticket, actor=BOB))
            for ticket in tickets
        ]
        done, _ = await asyncio.wait(sent, timeout=0.3)
        assert not done
        assert threading.active_count() <= threads + 1 + READERS
        blocker.execute("COMMIT")
        assert all(each.events for each in await asyncio.gather(*sent))

    asyncio.run(work())
    blocker.close()


def test_closing_the_desk_ends_what_is_awaited(folder: Path) -> None:
    desk = at_noon(folder)
    create(desk)

    async def work() -> list[object]:
        sent = [
            asyncio.create_task(desk.execute_async(CreateTicket(subject=f"{n}"), actor=ANN))
            for n in range(40)
        ]
        await asyncio.sleep(0)
        await asyncio.to_thread(desk.close)
        told = await asyncio.gather(*sent, return_exceptions=True)
        with pytest.raises(Unreachable, match="closed"):
            await desk.execute_async(CreateTicket(subject="late"), actor=ANN)
        return list(told)

    answers = asyncio.run(work())

    with closing(at_noon(folder)) as again:
        for each in answers:
            if isinstance(each, BaseException):
                assert isinstance(each, Unreachable)
            else:
                assert again.load(each.stream).exists

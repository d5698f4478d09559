"""Two tickets that are each other's duplicate: nobody would work on either."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from ticketlog.application.batch_executor import execute_all
from ticketlog.application.executor import Outcome, request
from ticketlog.desk import Desk, open_desk
from ticketlog.domain.base import Actor, Invalid
from ticketlog.domain.ticket.conversation import Note
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.relations import LinkTo, Unlinked, way_back
from ticketlog.domain.ticket.state import LinkKind
from ticketlog.projections.views import queue

MAIL = Actor("mail", "service")
PROMISED = """
[agents.ann]
roles = ["agent", "supervisor", "admin"]
[sla_policies.p]
position = 10
targets = [{ metric = "total_resolution_time", within = { medium = "1d" } }]
"""
ANN = Actor("ann", "agent")
SUE = Actor("sue", "agent")


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.settings_apply(PROMISED, actor=SUE)
    return desk


def create(desk: Desk, *subjects: str) -> list[str]:
    return [desk.execute(CreateTicket(subject=each), actor=MAIL).stream for each in subjects]


def test_the_second_link_is_refused_and_the_original_keeps_its_clock(desk: Desk) -> None:
    a, b = create(desk, "A", "B")
    desk.execute(LinkTo(kind="duplicate-of", target=b), on=a, actor=ANN)
    with pytest.raises(Invalid, match="never lead back; unlink"):
        desk.execute(LinkTo(kind="duplicate-of", target=a), on=b, actor=ANN)
    assert desk.load(b).clocks["total_resolution_time"].phase == "running"
    assert [f"ticket/{row['ticket']}" for row in desk.query(queue.Queue()).rows] == [b]


def test_a_longer_way_round_is_refused_too(desk: Desk) -> None:
    streams = create(desk, *"ABCDE")
    for stream, after in pairwise(streams):
        desk.execute(LinkTo(kind="parent", target=after), on=stream, actor=ANN)
    with pytest.raises(Invalid):
        desk.execute(LinkTo(kind="parent", target=streams[0]), on=streams[-1], actor=ANN)


@pytest.mark.parametrize("kind", ["duplicate-of", "blocks"])
def test_linked_to_each_other_at_once_they_never_stay_in_a_circle(
    folder: Path, desk: Desk, kind: LinkKind
) -> None:
    with open_desk(folder) as second:
        for number in range(10):
            a, b = create(desk, f"A{number}", f"B{number}")
            start, refused = threading.Barrier(2), []

            def link(by: Desk, on: str, to: str, id: str) -> None:
                start.wait()  # noqa: B023
                try:
                    by.execute(LinkTo(kind=kind, target=to), on=on, actor=ANN, id=id)
                except Invalid:
                    refused.append((on, to, id))  # noqa: B023

            ways = [(desk, a, b, f"ab-{number}"), (second, b, a, f"ba-{number}")]
            threads = [threading.Thread(target=link, args=way) for way in ways]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert refused
            assert (
                way_back(kind, b, a, desk.load) is None or way_back(kind, a, b, desk.load) is None
            )
            for on, to, id in refused:
                with pytest.raises(Invalid):
                    desk.execute(LinkTo(kind=kind, target=to), on=on, actor=ANN, id=id)


def test_a_link_that_closed_a_circle_is_taken_back_once(desk: Desk) -> None:
    """The other link comes in between deciding and recording this one."""
    a, b = create(desk, "A", "B")
    append = desk.log.append
    others = [lambda: desk.execute(LinkTo(kind="parent", target=a), on=b, actor=ANN)]

    def late(commit):  # type: ignore[no-untyped-def]
        if others and commit.stream == a:
            others.pop()()
        return append(commit)

    desk.log.append = late  # type: ignore[method-assign]
    for _ in range(2):
        with pytest.raises(Invalid, match="lead back"):
            desk.execute(LinkTo(kind="parent", target=b), on=a, actor=ANN, id="first")
    assert [type(each.event) for each in desk.history(a)].count(Unlinked) == 1
    assert not desk.load(a).links
    assert desk.load(b).links


@pytest.mark.parametrize("kind", ["duplicate-of", "blocks"])
def test_in_a_bulk_they_are_refused_as_alone(desk: Desk, kind: LinkKind) -> None:
    a, b, c = create(desk, *"ABC")
    links = [(a, b), (b, c), (c, a)]
    requests = [
        request(
            command,
            on,
            id=f"{number}-{command.NAME}",
            received_at=time.time_ns() // 1000,
            occurred_at=None,
            actor=ANN,
            channel="api",
        )
        for number, (on, to) in enumerate(links)
        for command in (LinkTo(kind=kind, target=to), Note(body=f"Linked to {to}"))
    ]
    done = execute_all(desk._executor, requests)
    assert [isinstance(each, Outcome) for each in done] == [True, True, True, True, False, True]
    assert isinstance(done[4], Invalid)
    assert [link.target for link in desk.load(a).links] == [b]
    assert not desk.load(c).links
    desk.refresh()
    assert desk.status().circles.plain() == {"number": 0, "first": []}
    for on in (a, b):
        names = [type(each.event).__name__ for each in desk.history(on)]
        assert names.index("Linked") < names.index("Noted")

"""`ticketlog log tail --follow` shows what anybody accepts, at once."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from tests.service.running import TICKETLOG
from ticketlog.desk import Desk, init_desk, open_desk
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.creation import CreateTicket

ANN = Actor("ann", "agent", "agent")


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.service)])
def url(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("kafka_url") if request.param == "kafka" else None


@contextmanager
def tail(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """It hears Ctrl-C also where the tests run in the background, and don't."""
    with subprocess.Popen(
        [TICKETLOG, "--desk", str(folder), "log", "tail", "--follow", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def printed(process: subprocess.Popen[str], number: int) -> list[str]:
    """Its next lines, as they come."""
    assert process.stdout is not None
    return [process.stdout.readline() for _ in range(number)]


def a_ticket(desk: Desk, subject: str) -> list[str]:
    """The ids of the events of a new ticket with a reply."""
    made = desk.execute(CreateTicket(subject=subject), actor=ANN)
    said = desk.execute(Reply(body="Yes?"), on=made.stream, actor=ANN)
    return [event.id for outcome in (made, said) for event in outcome.events]


def test_events_of_other_processes_come_as_they_are_accepted(
    tmp_path: Path, url: str | None
) -> None:
    with init_desk(tmp_path / "desk", log_url=url, admin=ANN) as desk:
        known = a_ticket(desk, "Before")
        with tail(tmp_path / "desk", "--json") as process:
            assert ids(printed(process, len(known))) == known
            for number in range(5):
                made = a_ticket(desk, f"Ticket {number}")
                assert ids(printed(process, len(made))) == made
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130


@pytest.mark.service
def test_events_come_from_desks_with_an_index_of_their_own(tmp_path: Path, kafka_url: str) -> None:
    init_desk(tmp_path / "here", log_url=kafka_url, admin=ANN).close()
    with init_desk(tmp_path / "there", log_url=kafka_url) as there:
        with tail(tmp_path / "here", "--json") as process:
            for number in range(5):
                made = a_ticket(there, f"Ticket {number}")
                assert ids(printed(process, len(made))) == made
        with open_desk(tmp_path / "here") as here:
            start = str(here.cut())
        with tail(tmp_path / "here", "--from", start) as process:
            made = a_ticket(there, "For people")
            lines = printed(process, len(made))
    assert any("agent:ann" in line and "created: subject For people" in line for line in lines)


def ids(lines: list[str]) -> list[str]:
    return [orjson.loads(line)["id"] for line in lines]

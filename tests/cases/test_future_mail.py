"""A time that can't be true is cut to that of receipt, and stays recorded as what was claimed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import helpdesk
from tests.helpdesk import ANN, BOB, SUE, register
from ticketlog import cli
from ticketlog.application.batch_executor import execute_all
from ticketlog.application.executor import request
from ticketlog.desk import Desk, Outcome, init_desk, open_desk
from ticketlog.domain.base import Actor, Command, iso
from ticketlog.domain.parties.agent import SetAvailability, TicketReserved
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.domain.ticket.classification import Tag
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Close, Solve
from ticketlog.domain.time.receipt import AHEAD, BEHIND
from ticketlog.errors import Usage

SECOND = 1_000_000
DAY = 86_400 * SECOND
YEAR = 365 * DAY
PROMISE = """
[sla_policies.p]
position = 10
targets = [{ metric = "total_resolution_time", within = { medium = "10d" } }]
"""


def now() -> int:
    return time.time_ns() // 1_000


@pytest.fixture
def desk(folder: Path) -> Iterator[Desk]:
    with open_desk(folder) as desk:
        desk.settings_apply(helpdesk.SETTINGS + PROMISE, actor=SUE)
        yield desk


def mailed(desk: Desk, ahead: int, command: Command | None = None, **given: Any) -> Outcome:
    """What a mail does that is dated so much ahead of now."""
    made = command or Reply(body="hi")
    given.setdefault("actor", ANN)
    return desk.execute(made, occurred_at=now() + ahead, channel="email", **given)


def test_a_mail_that_is_dated_a_year_ahead_moves_nothing(desk: Desk) -> None:
    kim = register(desk)
    person = Actor(kim, "person")
    ticket = desk.execute(CreateTicket(subject="x", requester=kim), actor=person).stream
    mailed(desk, YEAR, on=ticket, actor=person)
    desk.execute(Solve(code="fixed"), on=ticket, actor=ANN)
    for recorded in desk.history(ticket):
        assert recorded.meta.occurred_at <= recorded.meta.recorded_at + AHEAD
    assert desk.load(ticket).clock <= now()
    assert [r["resolution_time_n"] for r in desk.report("times", period="month")["rows"]] == [1]
    assert [r["backlog"] for r in desk.report("flow", period="month")["rows"]] == [0]
    assert not [r for r in desk.report("attainment", period="month")["rows"] if r["breached"]]


@pytest.mark.parametrize(
    ("off", "counts"),
    [
        (0, "stated"),
        (AHEAD - 30 * SECOND, "stated"),
        (AHEAD + 30 * SECOND, "receipt"),
        (YEAR, "receipt"),
        (7_000 * YEAR, "receipt"),
        (-BEHIND + DAY, "stated"),
        (-BEHIND - DAY, "receipt"),
        (-56 * YEAR, "receipt"),
    ],
)
@pytest.mark.parametrize("command", [CreateTicket(subject="x"), RegisterPerson(name="Kim")])
def test_what_creates_is_bounded_on_both_sides(
    desk: Desk, command: Command, off: int, counts: str
) -> None:
    before = now()
    made = mailed(desk, off, command).events[0].meta
    if counts == "stated":
        assert (made.claimed_at, abs(made.occurred_at - before - off) < 60 * SECOND) == (None, True)
    else:
        assert made.occurred_at == made.recorded_at
        assert made.claimed_at is not None
        assert abs(made.claimed_at - before - off) < 60 * SECOND


def test_other_commands_are_bounded_ahead_and_lifted_to_the_clock(desk: Desk) -> None:
    ticket = helpdesk.create(desk)
    clock = desk.load(ticket).clock
    late = mailed(desk, -YEAR, on=ticket).events[0].meta
    assert (late.occurred_at, late.claimed_at is not None) == (clock, True)
    ahead = mailed(desk, YEAR, on=ticket).events[0].meta
    assert ahead.occurred_at == ahead.recorded_at


def test_many_at_once_are_bounded_alike(desk: Desk) -> None:
    tickets = [helpdesk.create(desk) for _ in range(3)]
    received = now()
    requests = [
        request(
            Tag(add=("x",)),
            ticket,
            id=f"t{number}",
            received_at=received,
            occurred_at=received + YEAR,
            actor=ANN,
            channel="email",
        )
        for number, ticket in enumerate(tickets)
    ]
    for done in execute_all(desk._executor, requests):
        assert isinstance(done, Outcome)
        meta = done.events[0].meta
        assert (meta.occurred_at, meta.claimed_at) == (received, received + YEAR)


def test_a_follow_up_of_an_old_mail_is_new(desk: Desk) -> None:
    ticket = helpdesk.closed(desk)
    made = mailed(desk, -YEAR, on=ticket)
    assert made.follow_up_of is not None
    meta = made.events[0].meta
    assert (meta.occurred_at, meta.claimed_at is not None) == (meta.recorded_at, True)


def test_the_claim_stands_in_histories(
    desk: Desk, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ticket = helpdesk.create(desk)
    meta = mailed(desk, YEAR, on=ticket).events[0].meta
    assert meta.claimed_at is not None
    assert desk.history(ticket)[-1].meta == meta
    assert cli.run(["--desk", str(folder), "ticket", "history", ticket]) == 0
    assert (
        f"its sender says {iso(meta.claimed_at)[:16].replace('T', ' ')}" in capsys.readouterr().out
    )
    assert cli.run(["--desk", str(folder), "ticket", "history", ticket, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["events"][-1]["claimed_at"] == iso(meta.claimed_at)


def test_a_time_that_no_record_can_hold_is_wrong_usage(desk: Desk) -> None:
    for moment in (10**18, -(10**17)):
        with pytest.raises(Usage, match="occurred_at"):
            desk.execute(CreateTicket(subject="x"), actor=ANN, occurred_at=moment)


def test_in_a_simulation_things_happen_at_any_time(tmp_path: Path) -> None:
    with init_desk(tmp_path / "desk", simulation=True) as desk:
        desk.settings_apply(helpdesk.SETTINGS, actor=SUE)
    with open_desk(tmp_path / "desk") as desk:
        at = now() + YEAR
        made = desk.execute(CreateTicket(subject="x"), actor=BOB, occurred_at=at)
        assert made.events[0].meta.occurred_at == at
        desk.execute(Solve(), on=made.stream, actor=BOB)
        desk.execute(Close(), on=made.stream, actor=SUE)
        assert desk.load(made.stream).clock == at


STAFF = """
[teams.network]
[agents.ann]
teams = ["network"]
capacity = { "*" = 5 }
[agents.sue]
teams = ["network"]
roles = ["agent", "supervisor"]
[routing.all]
position = 1
team = "network"
[assignment.network]
position = 1
balance = "least-loaded"
"""


def test_a_policy_passes_a_wrong_time_on_to_no_other_stream(desk: Desk) -> None:
    """A release that believed every time has moved a ticket's clock; what rules do for it to its
    agent happens when they do it."""
    desk.settings_apply(STAFF, actor=SUE)
    desk.execute(SetAvailability(availability="online"), on="agent/ann", actor=ANN)
    desk.policies().run_until(now())
    desk._executor.simulated = True
    ticket = mailed(desk, YEAR, CreateTicket(subject="x")).stream
    desk._executor.simulated = False
    assert desk.load(ticket).clock > now() + YEAR - DAY
    desk.policies().run_until(now())

    assert desk.load(ticket).assignee == "ann"
    (reserved,) = [e for e in desk.history("agent/ann") if e.meta.actor.kind == "rule"]
    assert isinstance(reserved.event, TicketReserved)
    assert reserved.meta.occurred_at == reserved.meta.recorded_at
    assert reserved.meta.claimed_at == desk.load(ticket).clock
    assert desk.load("agent/ann").clock <= now()
    for name in ("assignment", "routing"):
        assert desk.load(f"policy/{name}").clock <= now()
    desk.refresh()
    assert [each.stream for each in desk.status().ahead.first] == [ticket]

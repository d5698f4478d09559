"""What was there before policies first ran isn't left lying; of what is old nobody is told."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import helpdesk
from tests.helpdesk import ANN, SUE
from tests.said import Run
from ticketlog import config
from ticketlog.application.rerouting import conditions, plan, send
from ticketlog.cli.options import ACTOR_VARIABLE
from ticketlog.desk import Desk, open_desk
from ticketlog.domain.base import Forbidden
from ticketlog.domain.parties.agent import SetAvailability
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.automation import NotificationDecided, RuleFired
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Solve
from ticketlog.errors import Usage

DAY = 86_400_000_000
ROUTING = """
[routing.vpn]
position = 10
when.all = [{ field = "subject", contains = "vpn" }]
team = "network"
add_tags = ["routed"]
"""
ASSIGNMENT = """
[assignment.all]
position = 10
balance = "least-loaded"
"""
TOLD = """
[notifications.answered]
position = 10
on = ["replied"]
to = ["requester"]
outbox = "mail"
"""


def now() -> int:
    return time.time_ns() // 1000


def rules(desk: Desk, *more: str) -> None:
    desk.settings_apply(helpdesk.SETTINGS + "".join(more), actor=SUE)


def run(desk: Desk, later: int = 0) -> None:
    """The policies work, `later` microseconds from now."""
    at = now() + later
    desk.policies(now=lambda: at).run_until(at)


def create(desk: Desk, subject: str = "VPN drops", **given: object) -> str:
    return "ticket/" + helpdesk.create(desk, subject, **given)


def fired(desk: Desk, ticket: str) -> int:
    return sum(isinstance(each.event, RuleFired) for each in desk.history(ticket))


def notified(desk: Desk, ticket: str) -> int:
    return sum(isinstance(each.event, NotificationDecided) for each in desk.history(ticket))


def test_tickets_of_before_are_routed_and_assigned(desk: Desk) -> None:
    rules(desk, ROUTING, ASSIGNMENT)
    desk.execute(SetAvailability(availability="online"), on="agent/ann", actor=ANN)
    vpn, mail, taken, done = (create(desk, s) for s in ("VPN", "mail", "VPN 2", "VPN 3"))
    desk.execute(Assign(team="billing", assignee="bob"), on=taken, actor=SUE)
    desk.execute(Solve(), on=done, actor=ANN)
    run(desk)
    state = desk.load(vpn)
    assert (state.team, state.assignee, state.tags) == ("network", "ann", ("routed",))
    assert desk.load(mail).team is None
    assert desk.load(taken).team == "billing", "people go before rules"
    assert desk.load(done).team is None
    assert set(desk.load("agent/ann").held) == {vpn}, "what is over counts for nobody"
    assert set(desk.load("agent/bob").held) == {taken}
    before = desk.log.ends()
    run(desk)
    assert desk.log.ends() == before


def test_two_that_begin_at_once_route_once(folder: Path) -> None:
    with open_desk(folder) as desk:
        rules(desk, ROUTING)
        tickets = [create(desk) for _ in range(30)]
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with open_desk(folder) as mine:
                run(mine)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with open_desk(folder) as desk:
        assert [fired(desk, ticket) for ticket in tickets] == [1] * 30


@pytest.mark.parametrize(("later", "told"), [(0, 1), (DAY // 2, 1), (2 * DAY, 0), (300 * DAY, 0)])
def test_of_what_is_old_nobody_is_told(desk: Desk, later: int, told: int) -> None:
    kim = helpdesk.register(desk)
    rules(desk, ROUTING, TOLD)
    ticket = create(desk, requester=kim)
    desk.execute(Reply(body="Which one?"), on=ticket, actor=ANN)
    run(desk, later)
    assert (fired(desk, ticket), notified(desk, ticket)) == (1, told)
    desk.execute(Reply(body="Well?"), on=ticket, actor=ANN, occurred_at=now())
    began = desk.load("policy/notification").tells_since
    assert began is not None
    assert abs(began - (now() + later - DAY)) < 60_000_000


def test_after_it_has_begun_an_absence_of_days_loses_nothing(desk: Desk) -> None:
    kim = helpdesk.register(desk)
    rules(desk, TOLD)
    run(desk)
    ticket = create(desk, requester=kim)
    desk.execute(Reply(body="Which one?"), on=ticket, actor=ANN)
    run(desk, 10 * DAY)
    assert notified(desk, ticket) == 1


def test_a_rule_that_came_later_leaves_what_was_there_alone(desk: Desk) -> None:
    rules(desk)
    before = create(desk)
    rules(desk, ROUTING)
    after = create(desk)
    rules(desk, ROUTING.replace("10", "20"))
    run(desk)
    assert (fired(desk, before), fired(desk, after)) == (0, 1), "an edited rule is the same rule"


class TestReroute:
    def test_it_shows_and_does_what_the_rules_say(self, desk: Desk) -> None:
        rules(desk)
        vpn, mail, done = (create(desk, s) for s in ("vpn", "mail", "vpn 2"))
        desk.execute(Solve(), on=done, actor=ANN)
        rules(desk, ROUTING)
        wanted = conditions(["team absent"], desk.settings)
        planned = plan(desk, wanted, SUE)
        assert (planned.asked, [each.ticket for each in planned.changes]) == (2, [vpn])
        assert send(desk, planned, SUE, id="once") == {vpn: None}
        assert desk.load(vpn).team == "network"
        assert desk.history(vpn)[-1].meta.actor.id == "sue"
        ends = desk.log.ends()
        assert send(desk, planned, SUE, id="once") == {vpn: None}
        assert desk.log.ends() == ends, "done once"
        assert plan(desk, conditions(["team is network"], desk.settings), SUE).changes == ()
        assert desk.load(mail).team is None

    def test_people_who_were_faster_go_first(self, desk: Desk) -> None:
        rules(desk)
        vpn = create(desk)
        rules(desk, ROUTING)
        planned = plan(desk, conditions(["team absent"], desk.settings), SUE)
        desk.execute(Assign(team="billing"), on=vpn, actor=ANN)
        (why,) = send(desk, planned, SUE).values()
        assert why is not None
        assert "changed after version" in why
        assert desk.load(vpn).team == "billing"

    def test_it_is_a_supervisors(self, desk: Desk) -> None:
        with pytest.raises(Forbidden, match="supervisor"):
            plan(desk, conditions([], desk.settings), ANN)

    @pytest.mark.parametrize(
        "text", ["team", "nonsense is 3", "team likes x", "reopens is many", "subject under x"]
    )
    def test_what_is_no_condition_is_told(self, desk: Desk, text: str) -> None:
        with pytest.raises(Usage, match="--where"):
            conditions([text], desk.settings)

    @given(
        st.sampled_from(["is", "is-not", "is not", "in", "not in"]),
        st.from_regex(r"[a-z]+", fullmatch=True),
    )
    def test_operators_are_written_with_spaces_or_hyphens(self, operator: str, site: str) -> None:
        (found,) = conditions([f"site {operator} {site}"], Settings()).all
        assert (found.field, found.operator) == ("site", operator.replace(" ", "-"))
        assert found.values == (site,)

    def test_from_the_command_line(
        self, folder: Path, ask: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(config.VARIABLE, str(folder))
        monkeypatch.setenv(ACTOR_VARIABLE, "agent:sue")
        with open_desk(folder) as desk:
            rules(desk)
            vpn = create(desk).removeprefix("ticket/")
            rules(desk, ROUTING)
        line = ("settings", "reroute", "--where", "subject contains vpn")
        said = ask(*line, "--check")
        assert said.code == 0
        assert "1 active tickets match, 1 would change" in said.out
        assert (vpn in said.out, "team network, +routed" in said.out) == (True, True)
        document = ask(*line, "--json").document
        assert (document["done"], document["tickets"][0]["team"]) == (1, "network")
        assert ask(*line, "--json").document["tickets"] == []
        assert ask("settings", "reroute").code == 2
        assert ask(*line, "--as", "agent:bob").code == 1


def test_from_now_on(folder: Path, ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(config.VARIABLE, str(folder))
    monkeypatch.setenv(ACTOR_VARIABLE, "agent:sue")
    with open_desk(folder) as desk:
        rules(desk, ROUTING)
        before = create(desk)
    assert ask("policies", "run", "--from", "now").code == 0
    with open_desk(folder) as desk:
        after = desk.execute(CreateTicket(subject="VPN"), actor=ANN).stream
    assert ask("policies", "run").code == 0
    with open_desk(folder) as desk:
        assert (fired(desk, before), fired(desk, after)) == (0, 1)
    said = ask("policies", "run", "--from", "2026-01-01T00:00:00Z")
    assert said.code == 1
    assert "have begun" in said.err
    assert ask("policies", "run", "--from", "whenever").code in (1, 2)


def test_from_a_time(folder: Path, ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(config.VARIABLE, str(folder))
    monkeypatch.setenv(ACTOR_VARIABLE, "agent:sue")
    with open_desk(folder) as desk:
        rules(desk, ROUTING)
        before = create(desk)
    assert ask("policies", "run", "--from", "2020-01-01T00:00:00Z").code == 0
    with open_desk(folder) as desk:
        assert fired(desk, before) == 1

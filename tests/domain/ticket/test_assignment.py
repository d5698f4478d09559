from __future__ import annotations

import pytest

from tests.domain.ticket.shop import a_ticket, new, open_, solved
from tests.given import ADA, ANN, BOB, IMPORT, KIM, MAIL, RULE, SETTINGS, SUE
from ticketlog.domain.base import Actor, Command, Forbidden, Invalid, Refused
from ticketlog.domain.ticket.assignment import (
    Assign,
    AssigneeChanged,
    Claim,
    Escalate,
    Escalated,
    TeamChanged,
    Unassign,
)
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.domain.ticket.state import Candidate
from ticketlog.domain.ticket.status_events import StatusChanged
from ticketlog.domain.ticket.work import StartWork, StopWork


def test_the_first_agent_opens_a_new_ticket() -> None:
    story = new().when(Assign(team="network", assignee="ann"))
    story.then(
        TeamChanged(new="network", method="manual"),
        AssigneeChanged(new="ann", method="manual"),
        StatusChanged(
            old="new",
            new="open",
            old_category="new",
            new_category="open",
            because="assignment",
        ),
    )
    story.when(Assign(team="network", assignee="ann")).then()
    assert (story.state.team_stations, story.state.assignee_stations) == (1, 1)
    new().when(Assign(team="network")).then_made(TeamChanged)


def test_a_rule_says_which_version_of_it_chose_among_whom() -> None:
    command = Assign(
        assignee="ann",
        method="rule",
        rule="least-load@4",
        candidates=(Candidate(agent="ann", load=2), Candidate(agent="sue", load=5)),
    )
    story = (
        new().when(command, by=RULE).then_made(AssigneeChanged, StatusChanged, because="assignment")
    )
    assert story.outcome[0] == AssigneeChanged(  # type: ignore[index]
        new="ann", method="rule", rule="least-load@4", candidates=command.candidates
    )
    new().when(Assign(assignee="ann", method="rule")).then_refused(Invalid, "names the rule")


def test_who_is_not_in_the_new_team_is_unassigned() -> None:
    story = open_().given(Assign(assignee="sue"))
    story.when(Assign(team="billing")).then(
        TeamChanged(old="network", new="billing", method="manual"),
        AssigneeChanged(old="sue", method="team-left"),
    )
    assert (story.state.assignee, story.state.status) == (None, "open")


def test_who_is_in_the_new_team_too_keeps_it() -> None:
    open_().when(Assign(team="billing")).then_made(TeamChanged, new="billing")


def test_an_assignee_from_elsewhere_is_in_no_team_of_ours() -> None:
    row = RecordActivity(source="old", case="1", row=1, team="L2", assignee="mueller")
    story = a_ticket().given(row, by=IMPORT)
    story.when(Assign(team="network")).then_made(TeamChanged, AssigneeChanged, method="team-left")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (Assign(team="L3"), ("team 'L3'", "billing, network")),
        (Assign(assignee="zoe"), ("agent 'zoe'", "ann, bob")),
        (Assign(assignee="rob"), ("rob is retired",)),
        (Assign(assignee="bob"), ("bob is not in team network", "billing")),
        (Assign(team="billing", assignee="sue"), ("sue is not in team billing", "network")),
        (Escalate(tier=1, reason="x", team="L3"), ("team 'L3'",)),
    ],
)
def test_only_who_is_there_can_work_on_it(command: Command, words: tuple[str, ...]) -> None:
    open_().when(command).then_refused(Invalid, *words)


def test_an_agent_claims_what_nobody_has() -> None:
    story = new().when(Claim(), by=BOB)
    story.then_made(AssigneeChanged, StatusChanged)
    assert story.outcome[0] == AssigneeChanged(new="bob", method="claim")  # type: ignore[index]
    story.when(Claim(), by=BOB).then()
    story.when(Claim(), by=ANN).then_refused(Refused, "assigned to bob", "assign it")


@pytest.mark.parametrize("by", [RULE, MAIL], ids=lambda actor: actor.id)
def test_only_an_agent_claims_and_works(by: Actor) -> None:
    for command in (Claim(), StartWork(), StopWork()):
        new().when(command, by=by).then_refused(Forbidden, "any agent")


def test_who_claims_is_known_and_in_the_team() -> None:
    new().when(Claim(), by=Actor("temp", "agent")).then_refused(Invalid, "'temp'")
    open_().given(Unassign()).when(Claim(), by=BOB).then_refused(Invalid, "not in team network")


def test_unassigning_leaves_the_team() -> None:
    story = open_().when(Unassign())
    story.then(AssigneeChanged(old="ann", method="manual"))
    story.when(Unassign()).then()
    assert (story.state.team, story.state.status) == ("network", "open")


def test_escalation_goes_to_a_tier_for_a_reason_and_may_hand_over() -> None:
    story = open_().when(Escalate(tier=2, reason="needs an expert", team="billing", rule="late@1"))
    story.then(
        Escalated(old=0, new=2, reason="needs an expert", rule="late@1"),
        TeamChanged(old="network", new="billing", method="rule", rule="late@1"),
    )
    story.when(Escalate(tier=2, reason="needs an expert", team="billing")).then()
    story.when(Escalate(tier=1, reason="was nothing")).then_made(Escalated, old=2, new=1)


def test_the_role_is_one_that_the_settings_grant() -> None:
    new().when(Claim(), by=ANN._replace(role="admin")).then_refused(
        Forbidden, "ann can't act as admin", "agent"
    )
    new().when(Claim(), by=Actor("rob", "agent")).then_refused(Forbidden, "retired")
    new().when(Claim(), by=Actor("ada", "agent")).then_made(AssigneeChanged, StatusChanged)


def test_without_a_role_an_agent_has_all_that_are_granted() -> None:
    for actor in (Actor("sue", "agent"), SUE, ADA):
        solved().when(Assign(team="billing"), by=actor).then_made(TeamChanged)


def test_a_person_works_on_nothing() -> None:
    for command in (Claim(), Unassign(), Assign(team="billing"), StartWork()):
        open_().when(command, by=KIM).then_refused(Forbidden, "KIM", "may reply and attach")
    assert "KIM" not in SETTINGS.agents

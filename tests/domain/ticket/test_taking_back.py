"""What a commit changed, taken back: the ticket is as it was, in all that people set."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.domain.ticket import shop
from tests.domain.ticket.anything import COMMANDS, STEPS
from tests.given import ANN, BOB, KIM, LEE, SUE, Story
from ticketlog.domain import ticket
from ticketlog.domain.base import Closed, Command, Forbidden, NotFound, Refused, Stale
from ticketlog.domain.ticket.assignment import Assign, AssigneeChanged, Escalate, TeamChanged
from ticketlog.domain.ticket.classification import Classify, SetDue, Tag, TagsChanged
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.custom_fields import SetFields
from ticketlog.domain.ticket.lifecycle import Close, Hold, MarkSpam, Reopen, SetStatus, Solve
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.status_events import Reopened, StatusChanged
from ticketlog.domain.ticket.taking_back import INVERSE, Stays, TakeBack, TakenBack

MOVED_ON = frozenset(
    {
        *("version", "clock", "changed", "last_commit", "touches", "sound"),
        *("sla", "told_clocks", "facts", "choice"),
    }
)
"""What says that something happened, and the clocks of promises, which have run on."""


def settled(state: Ticket) -> dict[str, Any]:
    """What people set and count of a ticket; the order of links and followers aside."""
    values = {f.name: getattr(state, f.name) for f in fields(Ticket) if f.name not in MOVED_ON}
    sets = ("followers", "ccs", "links", "legal_holds")
    return values | {name: sorted(values[name]) for name in sets}


def test_every_event_of_a_ticket_has_a_way_back_or_a_reason() -> None:
    assert set(INVERSE) == set(ticket.EVENTS)
    reasons = [each.why for each in INVERSE.values() if isinstance(each, Stays)]
    assert all(reasons)


@pytest.mark.parametrize(
    "command",
    [
        Assign(team="billing"),
        Assign(assignee="sue"),
        Escalate(tier=1, reason="needs an expert", team="billing"),
        Classify(type="incident", category="network/vpn", product="router", site="Berlin"),
        Prioritise(impact="high", urgency="high"),
        Prioritise(priority="critical", reason="the board waits"),
        SetFields(fields={"floor": 3, "birthday": "1970-01-01"}),
        SetDue(due_at=1),
        Tag(add=("fire",)),
        SetStatus(status="waiting-for-parts"),
        Hold(reason="waits for parts", until=2),
        Solve(code="fixed", resolution="Water"),
        MarkSpam(reason="it is"),
    ],
)
@pytest.mark.parametrize("begun", [shop.new, shop.open_, shop.pending, shop.on_hold])
def test_a_command_taken_back_leaves_the_ticket_as_it_was(begun: Any, command: Command) -> None:
    story: Story = begun()
    before, number = story.state, story.commits
    story.given(command)
    assert story.state != before
    story.given(TakeBack(commit=f"c{number}"))
    assert settled(story.state) == settled(before)


@given(st.lists(STEPS, max_size=8), COMMANDS)
def test_whatever_a_life_was_the_last_command_is_taken_back_whole(
    steps: list[Any], command: Command
) -> None:
    story = shop.open_()
    for step, by, later in steps:
        story.when(step, by=by, after=later)
    before, number = story.state, story.commits
    story.when(command, by=SUE)
    assume(not isinstance(story.outcome, Refused) and story.outcome)
    assert not isinstance(story.outcome, Refused)
    done = list(story.outcome)
    story.when(TakeBack(commit=f"c{number}"), by=SUE)
    if any(isinstance(INVERSE[type(event)], Stays) for event in done):
        return
    if not isinstance(story.outcome, Closed):
        assert settled(story.state) == settled(before)


def test_a_solved_ticket_is_open_again_and_counts_no_reopening() -> None:
    story = shop.open_()
    story.given(Solve(code="fixed")).when(TakeBack(commit="c2"))
    assert [type(each) for each in story.outcome] == [Reopened, TakenBack]  # type: ignore[union-attr]
    assert (story.state.status, story.state.reopens, story.state.solves) == ("open", 0, 0)


def test_what_changed_since_stays_and_is_named() -> None:
    story = shop.open_().given(Tag(add=("fire",)), Tag(add=("water",)))
    story.when(TakeBack(commit="c2")).then_refused(Stale, "tags", "changed after")


def test_what_others_changed_elsewhere_stays_theirs() -> None:
    story = shop.open_().given(Tag(add=("fire",)), Assign(assignee="sue"))
    story.when(TakeBack(commit="c2")).then(
        TagsChanged(old=("fire",), new=()), TakenBack(commit="c2")
    )
    assert story.state.assignee == "sue"


def test_what_was_said_stays_and_the_status_comes_back() -> None:
    story = shop.open_().given(Reply(body="Did you try water?", status="pending"))
    story.when(TakeBack(commit="c2")).then_made(StatusChanged, TakenBack)
    assert (story.state.status, len(story.state.comments)) == ("open", 1)


def test_where_all_of_it_stays_it_is_refused_with_the_reason() -> None:
    story = shop.open_().given(Note(body="Call the fire brigade"))
    story.when(TakeBack(commit="c2")).then_refused(Refused, "what was said stays said")
    shop.closed().when(TakeBack(commit="c3"), by=SUE).then_refused(Closed, "closed")


def test_an_unknown_commit_is_told_with_where_to_look() -> None:
    shop.open_().when(TakeBack(commit="c9")).then_refused(NotFound, "c9", "ticket history")


def test_who_may_not_change_a_thing_may_not_take_its_change_back() -> None:
    story = shop.open_().given(Tag(add=("fire",)))
    for person in (KIM, LEE):
        story.when(TakeBack(commit="c2"), by=person).then_refused(Forbidden)
    story.when(TakeBack(commit="c2"), by=BOB).then_made(TagsChanged, TakenBack)


def test_taking_back_can_be_taken_back() -> None:
    story = shop.open_().given(Solve(code="fixed"))
    after = story.state
    story.given(TakeBack(commit="c2"), TakeBack(commit="c3"))
    assert settled(story.state) == settled(after)


def test_who_left_the_team_gets_a_ticket_back_only_as_it_was() -> None:
    story = shop.open_().given(Assign(team="billing", assignee="bob"))
    story.when(TakeBack(commit="c2"), by=ANN).then_made(TeamChanged, AssigneeChanged, TakenBack)
    assert (story.state.team, story.state.assignee) == ("network", "ann")


def test_closing_is_final() -> None:
    story = shop.solved().given(Close(), by=SUE)
    story.when(TakeBack(commit="c2"), by=SUE).then_refused(Closed)
    story.when(Reopen(), by=KIM).then_refused(Closed)

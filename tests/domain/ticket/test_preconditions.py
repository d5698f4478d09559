from __future__ import annotations

import pytest

from tests.domain.ticket.shop import closed, new, open_, solved, spam
from tests.given import ANN, KIM, LEE, SUE
from ticketlog.domain import ticket
from ticketlog.domain.base import Actor, Closed, Command, Forbidden, Refused, Stale
from ticketlog.domain.ticket.assignment import Assign, AssigneeChanged, TeamChanged
from ticketlog.domain.ticket.classification import SetSubject, SubjectChanged, Tag
from ticketlog.domain.ticket.conversation import Attach, AttachmentAdded, Note, Replied, Reply
from ticketlog.domain.ticket.evolution import WATCHED
from ticketlog.domain.ticket.feedback import Rate
from ticketlog.domain.ticket.lifecycle import Cancel, Reopen, SetStatus, Solve, Verify
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.domain.ticket.relations import AddCc, CcAdded


def test_what_commands_touch_is_what_the_state_remembers() -> None:
    assert {aspect for command in ticket.COMMANDS for aspect in command.TOUCHES} == WATCHED
    assert {event.ASPECT for event in ticket.EVENTS} >= WATCHED


def test_a_command_from_an_old_screen_is_refused_where_what_it_touches_has_changed() -> None:
    story = open_()
    seen = story.state.version
    story.given(Assign(team="billing"))
    story.when(Assign(assignee="bob"), seen=seen).then_refused(
        Stale, "team of ticket THIS", f"version {seen}", f"at {story.state.version}"
    )
    assert story.outcome.facts["aspects"] == ("team",)  # type: ignore[union-attr]
    story.when(Assign(assignee="bob"), seen=story.state.version).then_made(AssigneeChanged)


def test_a_command_from_an_old_screen_goes_through_where_only_other_things_changed() -> None:
    story = open_()
    seen = story.state.version
    story.given(Note(body="x"), SetSubject(subject="Another"), SetStatus(status="pending"))
    story.when(Assign(team="billing"), seen=seen).then_made(TeamChanged)
    story.when(Prioritise(impact="high"), seen=seen)
    assert not isinstance(story.outcome, Refused)


def test_what_adds_and_never_overwrites_needs_no_fresh_screen() -> None:
    story = open_().given(SetStatus(status="pending"), Tag(add=("a",)))
    for command in (Reply(body="x"), Note(body="x"), Tag(add=("b",))):
        story.when(command, seen=0)
        assert not isinstance(story.outcome, Refused)


def test_a_reply_needs_a_fresh_screen_for_what_it_sets_beside_its_text() -> None:
    story = open_()
    seen = story.state.version
    story.given(Assign(team="billing"))
    story.when(Reply(body="x", status="pending"), seen=seen)
    assert not isinstance(story.outcome, Refused)
    story.when(Reply(body="x", team="support"), seen=seen).then_refused(Stale, "team")


def test_a_status_is_changed_by_replies_too() -> None:
    story = open_().given(SetStatus(status="pending"))
    seen = story.state.version
    story.given(Reply(body="Well?"), by=KIM)
    story.when(Solve(), seen=seen).then_refused(Stale, "status")


@pytest.mark.parametrize(
    "command",
    [Reopen(), Verify(), Rate(score=1), Cancel(reason="x"), AddCc(person="MAX")],
    ids=lambda command: command.NAME,
)
def test_what_the_requester_may_do_nobody_else_may(command: Command) -> None:
    story = open_() if isinstance(command, Cancel) else solved()
    story.when(command, by=LEE).then_refused(Forbidden, "LEE may not")
    story.when(command, by=KIM)
    assert not isinstance(story.outcome, Refused)


def test_who_is_copied_may_copy_others() -> None:
    open_().given(AddCc(person="LEE")).when(AddCc(person="MAX"), by=LEE).then_made(CcAdded)


def test_anybody_may_reply_and_attach() -> None:
    file = Attach(name="x", media_type="text/plain", size=0, sha256="0" * 64)
    new().when(Reply(body="x"), by=LEE).then_made(Replied)
    new().when(file, by=LEE).then_made(AttachmentAdded)


@pytest.mark.parametrize("role", ["supervisor", "agent", "admin"])
def test_a_person_has_no_other_role(role: str) -> None:
    new().when(Reply(body="x"), by=Actor("KIM", "person", role)).then_refused(Forbidden, role)
    new().when(Reply(body="x"), by=Actor("KIM", "person", "requester")).then_made(Replied)


def test_what_may_be_done_is_asked_before_what_the_ticket_is() -> None:
    closed().when(SetSubject(subject="x"), by=KIM).then_refused(Forbidden)
    closed().when(SetSubject(subject="x"), by=ANN).then_refused(Closed, "set-subject")
    spam().when(SetSubject(subject="x"), by=SUE).then_refused(Refused, "spam", "restore")


def test_the_subject_is_changed_for_the_requester_whose_data_it_is() -> None:
    story = new().when(SetSubject(subject="Fire"))
    story.then(SubjectChanged(data_subject="KIM", old="Printer on fire", new="Fire"))
    story.when(SetSubject(subject="Fire")).then()


def test_a_refusal_carries_what_a_program_needs() -> None:
    story = new().when(SetStatus(status="closed"))
    assert isinstance(story.outcome, Refused)
    assert dict(story.outcome.facts) == {
        "ticket": "THIS",
        "status": "new",
        "allowed": ("open", "pending", "on-hold", "solved", "waiting-for-parts", "cancelled"),
    }


def test_commands_name_no_state_that_a_ticket_cannot_be_in() -> None:
    named = {state for command in ticket.COMMANDS for state in command.SPEC.also_on}
    assert named == {"closed", "spam", "withdrawn"}

from __future__ import annotations

import pytest

from tests.domain.ticket.shop import (
    ASKS,
    a_ticket,
    new,
    on_hold,
    open_,
    pending,
    solved,
    with_workflow,
)
from tests.given import ADA, ANN, BOB, DAY, KIM, LEE, MAIL, MINUTE, NOON, RULE, SUE
from ticketlog.domain.base import (
    Actor,
    Closed,
    Forbidden,
    IllegalTransition,
    Invalid,
    MissingFields,
)
from ticketlog.domain.settings.model import Status, Transition
from ticketlog.domain.ticket.assignment import Assign, AssigneeChanged, Unassign
from ticketlog.domain.ticket.classification import Classify, TypeChanged
from ticketlog.domain.ticket.conversation import Replied, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.custom_fields import SetFields
from ticketlog.domain.ticket.lifecycle import (
    Cancel,
    Close,
    Hold,
    MarkedSpam,
    MarkSpam,
    Reopen,
    Restore,
    Restored,
    SetStatus,
    Solve,
    Verified,
    Verify,
)
from ticketlog.domain.ticket.status_events import (
    Cancelled,
    PutOnHold,
    Reopened,
    Solved,
    StatusChanged,
    TicketClosed,
)
from ticketlog.domain.ticket.work import StartWork, WorkStopped

TEMPORARY = Actor("temp", "agent")
"""An agent whom the settings don't know."""


def test_a_status_change_says_what_was_and_why() -> None:
    open_().when(SetStatus(status="pending")).then(
        StatusChanged(
            old="open",
            new="pending",
            old_category="open",
            new_category="pending",
            because="command",
        )
    )


def test_a_ticket_is_never_new_again() -> None:
    story = a_ticket(with_workflow(transitions=(Transition(source="*", target="*", roles=("*",)),)))
    story.given(ASKS, Assign(assignee="ann"))
    story.when(SetStatus(status="new")).then_refused(IllegalTransition, "open", "pending")
    assert "new" not in story.outcome.facts["allowed"]  # type: ignore[union-attr]


def test_a_refused_move_names_what_the_actor_can_do() -> None:
    new().when(SetStatus(status="closed")).then_refused(
        IllegalTransition, "THIS is new", "ann can make it: cancelled, on-hold, open, pending"
    )


def test_an_unknown_status_is_answered_with_the_known_ones() -> None:
    new().when(SetStatus(status="done")).then_refused(Invalid, "'done'", "on-hold", "solved")


def test_a_retired_status_is_not_taken() -> None:
    statuses = (
        *(Status(id=id, category=id) for id in ("new", "open", "solved", "closed")),  # type: ignore[arg-type]
        Status(id="pending", category="pending", retired=True),
    )
    story = a_ticket(with_workflow(statuses=statuses)).given(ASKS)
    story.when(SetStatus(status="pending")).then_refused(IllegalTransition, "pending")


def test_a_status_that_the_workflow_has_lost_counts_as_the_first_of_its_category() -> None:
    story = on_hold().given(Hold(reason="parts", status="waiting-for-parts"))
    statuses = tuple(
        Status(id=id, category=id)  # type: ignore[arg-type]
        for id in ("new", "open", "on-hold", "solved", "closed")
    )
    arrows = (Transition(source="on-hold", target="open", roles=("*",)),)
    story.settings = with_workflow(statuses=statuses, transitions=arrows)
    story.when(SetStatus(status="open")).then_made(StatusChanged, old="waiting-for-parts")


def test_an_arrow_is_for_its_roles() -> None:
    solved().when(Close(), by=ANN).then_refused(Forbidden, "ann", "admin, rule, service, superv")
    for closer in (SUE, ADA, RULE, MAIL):
        solved().when(Close(), by=closer).then_made(TicketClosed, because="command")


def test_an_arrow_that_is_open_to_everybody_lets_only_closers_close() -> None:
    arrows = (Transition(source="*", target="*", roles=("*",)),)
    story = a_ticket(with_workflow(transitions=arrows)).given(ASKS, Assign(assignee="ann"), Solve())
    story.when(SetStatus(status="closed"), by=ANN).then_refused(Forbidden, "supervisor")
    story.when(Close(), by=RULE).then_made(TicketClosed)


def test_an_arrow_asks_for_what_it_requires() -> None:
    story = a_ticket().given(CreateTicket(subject="Why?", type="problem", requester="KIM"))
    story.given(SetStatus(status="analysis"), Assign(assignee="ann"))
    story.when(Solve()).then_refused(MissingFields, "category, cause, resolution_code")
    story.given(Classify(category="billing"), SetFields(fields={"cause": "rust"}))
    story.when(Solve()).then_refused(MissingFields, "resolution_code")
    story.when(Solve(code="fixed")).then_made(Solved, code="fixed", assignee="ann")


def test_on_hold_says_why_and_until_when() -> None:
    hold = Hold(reason="waits for the vendor", until=NOON + DAY)
    story = open_().when(hold)
    story.then(
        PutOnHold(
            old="open",
            new="on-hold",
            old_category="open",
            new_category="on-hold",
            because="command",
            reason="waits for the vendor",
            until=NOON + DAY,
        )
    )
    story.when(hold).then()
    story.when(Hold(reason="vendor asks for logs")).then_made(PutOnHold, old="on-hold", until=None)
    assert story.state.hold_reason == "vendor asks for logs"
    story.when(SetStatus(status="open"))
    assert story.state.hold_reason is None


def test_hold_may_name_a_status_of_its_category_only() -> None:
    open_().when(Hold(reason="x", status="waiting-for-parts")).then_made(
        PutOnHold, new="waiting-for-parts"
    )
    open_().when(Hold(reason="x", status="pending")).then_refused(Invalid, "waiting-for-parts")


def test_what_was_solved_can_go_on_hold_with_its_reason() -> None:
    story = solved().when(Hold(reason="parts", until=NOON))
    story.then_made(Reopened, PutOnHold, reason="parts", until=NOON)
    assert (story.state.status, story.state.reopens) == ("on-hold", 1)


def test_solving_records_how_and_whose_it_is() -> None:
    story = open_().when(Solve(code="fixed", resolution="New toner"))
    story.then(
        Solved(
            old="open",
            new="solved",
            old_category="open",
            new_category="solved",
            because="command",
            data_subject="KIM",
            code="fixed",
            resolution="New toner",
            team="network",
            assignee="ann",
        )
    )
    story.when(Solve()).then()
    story.when(Solve(code="fixed")).then()
    story.when(Solve(code="gone")).then_refused(IllegalTransition, "reopen it first")
    story.when(Solve(resolution="Other")).then_refused(IllegalTransition, "solved already")


def test_who_solves_what_nobody_has_becomes_its_assignee() -> None:
    story = new().when(Solve())
    story.then_made(AssigneeChanged, Solved, assignee="ann")
    assert story.outcome[0] == AssigneeChanged(new="ann", method="solve")  # type: ignore[index]
    new().when(Reply(body="Done", status="solved")).then_made(Replied, AssigneeChanged, Solved)


@pytest.mark.parametrize("solver", [BOB, RULE, TEMPORARY], ids=lambda actor: actor.id)
def test_solving_needs_an_assignee(solver: Actor) -> None:
    story = open_().given(Unassign())
    story.when(Solve(), by=solver).then_refused(MissingFields, "assignee")


def test_solving_ends_the_work() -> None:
    story = open_().given(StartWork())
    story.given(StartWork(), by=SUE)
    story.when(Solve(), after=MINUTE).then_made(WorkStopped, WorkStopped, Solved)
    assert story.outcome[:2] == [  # type: ignore[index]
        WorkStopped(agent="ann", seconds=180),
        WorkStopped(agent="sue", seconds=120),
    ]


def test_solved_can_be_verified_by_anybody_whom_it_concerns() -> None:
    for by, word in ((KIM, "requester"), (ANN, "agent"), (RULE, "automatic"), (MAIL, "automatic")):
        solved().when(Verify(), by=by).then(Verified(by=word))  # type: ignore[arg-type]
    by_link = MAIL._replace(on_behalf_of="KIM")
    solved().when(Verify(), by=by_link).then(Verified(by="requester"))
    solved().given(Verify()).when(Verify(), by=KIM).then()
    open_().when(Verify(), by=KIM).then_refused(IllegalTransition, "only a solved ticket")


def test_reopening_forgets_the_solution_and_counts() -> None:
    story = solved().given(Verify())
    story.when(Reopen(reason="It smokes again"), by=KIM).then(
        Reopened(
            old="solved",
            new="open",
            old_category="solved",
            new_category="open",
            because="command",
            reason="It smokes again",
        )
    )
    ticket = story.state
    assert (ticket.reopens, ticket.solved_at, ticket.resolution_code) == (1, None, None)
    assert (ticket.verified_by, ticket.solves, ticket.assignee) == (None, 1, "ann")
    story.when(Reopen(), by=KIM).then()


def test_only_what_is_solved_can_be_reopened() -> None:
    pending().when(Reopen(), by=KIM).then_refused(IllegalTransition, "is pending", "only a solved")


@pytest.mark.parametrize(
    ("command", "by"),
    [
        (Reopen(), KIM),
        (Reopen(), ANN),
        (Reply(body="It smokes!"), LEE),
        (SetStatus(status="open"), ANN),
    ],
)
def test_after_its_time_a_solved_ticket_is_as_good_as_closed(
    command: Reopen | Reply | SetStatus, by: Actor
) -> None:
    story = solved()
    assert story.state.solved_at is not None
    last = story.state.solved_at + 28 * DAY
    story.when(command, by=by, at=last + 1).then_refused(Closed, "follow-up", "2419200 seconds")
    assert story.outcome.facts["ticket"] == "THIS"  # type: ignore[union-attr]
    story.when(command, by=by, at=last)
    assert story.state.status == "open"


def test_without_a_limit_a_solved_ticket_can_be_reopened_until_it_is_closed() -> None:
    story = solved()
    story.settings = with_workflow(reopen_within=None)
    story.when(Reopen(), by=KIM, after=900 * DAY).then_made(Reopened)


def test_a_closed_ticket_is_final() -> None:
    story = solved().given(Close(), by=SUE)
    for command in (Reopen(), Reply(body="Again!"), SetStatus(status="open")):
        story.when(command).then_refused(Closed, "THIS is closed", "follow-up")
        assert story.outcome.facts["ticket"] == "THIS"  # type: ignore[union-attr]
    story.when(Close(), by=SUE).then()
    story.when(SetStatus(status="closed"), by=SUE).then()


def test_only_what_is_solved_is_closed() -> None:
    for story in (new(), open_(), pending(), on_hold()):
        story.when(Close(), by=SUE).then_refused(IllegalTransition, "only a solved", "cancel")


def test_a_cancelled_ticket_is_closed_and_no_solution() -> None:
    story = pending().when(Cancel(reason="Found it myself"), by=KIM)
    story.then(
        Cancelled(
            old="pending",
            new="cancelled",
            old_category="pending",
            new_category="closed",
            because="command",
            reason="Found it myself",
        )
    )
    assert (story.state.cancelled, story.state.solves, story.state.closed_at) == (
        True,
        0,
        story.state.clock,
    )
    story.when(Cancel(reason="again"), by=KIM).then()
    solved().when(Cancel(reason="x")).then_refused(IllegalTransition, "solved; close it")


def test_cancelling_takes_an_arrow_that_the_actor_may_take() -> None:
    new().when(Cancel(reason="x"), by=RULE).then_refused(Forbidden, "requester, supervisor")
    solved().given(Close(), by=SUE).when(Cancel(reason="x")).then_refused(Closed)


def test_what_ends_unsolved_is_cancelled_by_any_command() -> None:
    open_().when(SetStatus(status="cancelled")).then_made(Cancelled, reason=None)
    open_().when(Reply(body="Bye", status="cancelled")).then_made(
        Replied, Cancelled, because="reply"
    )


def test_a_workflow_without_solved_tickets_closes_them() -> None:
    statuses = tuple(Status(id=id, category=id) for id in ("new", "open", "closed"))  # type: ignore[arg-type]
    arrows = (Transition(source="*", target="*", roles=("agent",)),)
    story = a_ticket(with_workflow(statuses=statuses, transitions=arrows)).given(ASKS)
    story.when(Close()).then_made(TicketClosed)


def test_spam_takes_little_until_it_is_restored() -> None:
    story = open_().when(MarkSpam(reason="sells pills"))
    story.then(MarkedSpam(reason="sells pills"))
    assert not story.state.active
    story.when(MarkSpam()).then()
    story.when(Restore(reason="it was Kim")).then(Restored(reason="it was Kim"))
    assert (story.state.spam, story.state.status) == (False, "open")


def test_another_type_takes_the_ticket_to_the_other_workflow() -> None:
    story = open_().when(Classify(type="problem"))
    story.then(
        TypeChanged(old="question", new="problem"),
        StatusChanged(
            old="open",
            new="analysis",
            old_category="open",
            new_category="open",
            because="command",
        ),
    )
    pending().when(Classify(type="problem")).then_refused(Invalid, "no pending status")
    new().when(Classify(type="incident")).then(TypeChanged(old="question", new="incident"))

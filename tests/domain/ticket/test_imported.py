from __future__ import annotations

from typing import Any

import pytest

from tests.domain.ticket.shop import a_ticket, closed, open_, spam, with_workflow
from tests.given import ANN, DAY, IMPORT, KIM, MINUTE, NOON, Story
from ticketlog.domain.base import Forbidden, Invalid
from ticketlog.domain.ticket.assignment import AssigneeChanged, TeamChanged
from ticketlog.domain.ticket.classification import (
    AttributeChanged,
    CategoryChanged,
    DueChanged,
    ExternalAdded,
    OrganisationChanged,
    RequesterChanged,
    SubjectChanged,
    TagsChanged,
    TypeChanged,
)
from ticketlog.domain.ticket.conversation import Described, Noted, Replied
from ticketlog.domain.ticket.creation import CreateTicket, TicketCreated
from ticketlog.domain.ticket.custom_fields import FieldsChanged
from ticketlog.domain.ticket.feedback import Rated
from ticketlog.domain.ticket.imported import ActivityRecorded, FileKept, RecordActivity, stream_of
from ticketlog.domain.ticket.lifecycle import ResolutionCoded
from ticketlog.domain.ticket.priority import ImpactChanged, PriorityChanged, UrgencyChanged
from ticketlog.domain.ticket.state import Link, Ticket
from ticketlog.domain.ticket.status_events import (
    Cancelled,
    PutOnHold,
    Reopened,
    Solved,
    StatusChanged,
    TicketClosed,
)
from ticketlog.domain.ticket.work import WorkStopped


def row(number: int = 1, **values: Any) -> RecordActivity:
    return RecordActivity.model_validate({"source": "bpi", "case": "1-36", "row": number, **values})


def imported(*rows: dict[str, Any]) -> Story:
    story = a_ticket()
    for number, values in enumerate(rows, 1):
        story.given(row(number, **values), by=IMPORT)
    return story


def broke(story: Story) -> tuple[str, ...]:
    fact = story.outcome[0]  # type: ignore[index]
    assert isinstance(fact, ActivityRecorded)
    return fact.broke


FIRST = row(
    activity="Accepted",
    actor="mueller",
    original_status="Accepted",
    original_substatus="In Progress",
    status="open",
    type="incident",
    team="L2",
    assignee="mueller",
    priority="P2",
    impact="Medium",
    urgency="2",
    category="SAP",
    product="PROD582",
    requester="C77",
    organisation="Org line C",
    fields={"country": "se", "birthday": "1970-01-01", "nothing": None},
)


def test_the_first_row_is_the_ticket_with_all_that_it_says() -> None:
    story = a_ticket().when(FIRST, by=IMPORT)
    story.then(
        ActivityRecorded(
            source="bpi",
            case="1-36",
            row=1,
            activity="Accepted",
            actor="mueller",
            status="Accepted",
            substatus="In Progress",
        ),
        TicketCreated(
            data_subject="C77",
            subject="bpi 1-36",
            author_kind="import",
            type="incident",
            requester="C77",
            organisation="Org line C",
            category="SAP",
            product="PROD582",
            impact="Medium",
            urgency="2",
            priority="P2",
            priority_source="import",
            status="open",
            status_category="open",
            team="L2",
            assignee="mueller",
            fields={"country": "se"},
            personal_fields={"birthday": "1970-01-01"},
            workflow="default",
        ),
    )
    assert (story.state.version, story.state.created_at) == (1, NOON)


def test_a_row_that_says_nothing_new_is_recorded_alone() -> None:
    first = {"status": "open", "team": "L2", "fields": {"country": "se"}}
    story = imported(first).when(row(2, **first), by=IMPORT)
    story.then(ActivityRecorded(source="bpi", case="1-36", row=2))


def test_what_the_row_leaves_open_is_decided_by_the_settings() -> None:
    assert imported({}).state.status == "new"
    ticket = imported({"assignee": "mueller"}).state
    assert (ticket.status, ticket.type, ticket.requester) == ("open", "question", None)
    ticket = imported({"impact": "high", "urgency": "high"}).state
    assert (ticket.priority, ticket.priority_source) == ("critical", "matrix")


@pytest.mark.parametrize("status", ["pending", "on-hold"])
def test_a_ticket_may_begin_waiting(status: str) -> None:
    story = a_ticket().when(row(status=status), by=IMPORT)
    story.then_made(ActivityRecorded, TicketCreated, status=status)
    assert broke(story) == ()


def test_what_begins_solved_or_closed_is_solved_or_closed_after_it_began() -> None:
    story = a_ticket().when(row(status="solved", assignee="mueller", team="L1"), by=IMPORT)
    story.then_made(
        ActivityRecorded, TicketCreated, Solved, assignee="mueller", team="L1", because="import"
    )
    assert story.state.solves == 1
    story = a_ticket().when(row(status="closed"), by=IMPORT)
    story.then_made(ActivityRecorded, TicketCreated, TicketClosed)
    assert broke(story) == ("no arrow from new to closed",)
    story = a_ticket().when(row(status="cancelled", cancelled=True), by=IMPORT)
    story.then_made(ActivityRecorded, TicketCreated, Cancelled)
    assert story.state.cancelled


def test_every_change_against_the_row_before_is_an_event() -> None:
    story = imported({"status": "open", "team": "L1", "assignee": "a", "category": "x"})
    changed = row(
        2,
        type="incident",
        subject="SAP down",
        category="y",
        product="p",
        requester="C1",
        organisation="O1",
        impact="high",
        urgency="low",
        team="L2",
        assignee="b",
        fields={"country": "se"},
        status="pending",
    )
    story.when(changed, by=IMPORT).then_made(
        ActivityRecorded,
        TypeChanged,
        SubjectChanged,
        CategoryChanged,
        AttributeChanged,
        RequesterChanged,
        OrganisationChanged,
        ImpactChanged,
        UrgencyChanged,
        PriorityChanged,
        FieldsChanged,
        TeamChanged,
        AssigneeChanged,
        StatusChanged,
    )
    assert story.outcome[11:] == [  # type: ignore[index]
        TeamChanged(old="L1", new="L2", method="import"),
        AssigneeChanged(old="a", new="b", method="import"),
        StatusChanged(
            old="open",
            new="pending",
            old_category="open",
            new_category="pending",
            because="import",
        ),
    ]
    assert (story.state.priority, story.state.priority_source) == ("high", "matrix")


def test_a_row_can_take_values_away() -> None:
    story = imported({"team": "L1", "assignee": "a", "category": "x", "impact": "high"})
    story.when(row(2, cleared=("assignee", "category", "impact")), by=IMPORT).then_made(
        ActivityRecorded, CategoryChanged, ImpactChanged, AssigneeChanged, old="a", new=None
    )
    assert (story.state.team, story.state.assignee, story.state.category) == ("L1", None, None)


def test_a_priority_that_the_row_says_is_imported() -> None:
    story = imported({"impact": "high", "urgency": "high"})
    story.when(row(2, priority="P3", impact="low"), by=IMPORT).then_made(
        ActivityRecorded, ImpactChanged, PriorityChanged, new="P3", source="import"
    )
    story.when(row(3, priority="P3"), by=IMPORT).then_made(ActivityRecorded)
    story.when(row(4, impact="high"), by=IMPORT).then_made(ActivityRecorded, ImpactChanged)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("open", "on-hold", PutOnHold),
        ("open", "solved", Solved),
        ("solved", "open", Reopened),
        ("solved", "on-hold", Reopened),
        ("solved", "closed", TicketClosed),
        ("closed", "pending", Reopened),
        ("closed", "solved", Solved),
        ("closed", "cancelled", StatusChanged),
        ("pending", "new", StatusChanged),
    ],
)
def test_the_categories_make_the_event(before: str, after: str, kind: type) -> None:
    story = imported({"assignee": "a"}, {"status": before})
    story.when(row(3, status=after), by=IMPORT).then_made(
        ActivityRecorded, kind, old=before, new=after, because="import"
    )


def test_the_state_knows_what_a_ticket_is_now() -> None:
    story = imported({"status": "solved"}, {"status": "closed"}, {"status": "solved"})
    assert (story.state.solves, story.state.closed_at) == (2, None)
    story = imported({"status": "cancelled", "cancelled": True}, {"status": "closed"})
    assert (story.state.status, story.state.cancelled) == ("closed", False)
    story = imported({"status": "solved"}, {"status": "open"})
    assert (story.state.solved_at, story.state.reopens) == (None, 1)


def test_what_is_closed_can_turn_out_to_be_cancelled_once() -> None:
    story = imported({"status": "closed"})
    story.when(row(2, status="closed", cancelled=True), by=IMPORT).then_made(
        ActivityRecorded, Cancelled
    )
    story.when(row(3, status="closed", cancelled=True), by=IMPORT).then_made(ActivityRecorded)
    story.when(row(4, status="open"), by=IMPORT).then_made(ActivityRecorded, Reopened)
    assert not story.state.cancelled


@pytest.mark.parametrize(
    ("rows", "broken"),
    [
        (({"status": "open", "assignee": "a"}, {"status": "solved"}), ()),
        (({"status": "open"}, {"status": "solved"}), ("solved requires assignee",)),
        (({"status": "open"}, {"status": "new"}), ("no arrow from open to new",)),
        (({"status": "open"}, {"status": "closed"}), ("no arrow from open to closed",)),
        (({"status": "closed"}, {"status": "open"}), ("no arrow from closed to open",)),
        (({"status": "closed"}, {"team": "L3"}), ("changed after it was closed",)),
        (({"status": "closed"}, {"comment": "Hm"}), ("changed after it was closed",)),
        (({"status": "closed"}, {"status": "closed"}), ()),
        (
            ({"type": "problem", "status": "analysis", "assignee": "a"}, {"status": "solved"}),
            (
                "solved requires category",
                "solved requires cause",
                "solved requires resolution_code",
            ),
        ),
    ],
)
def test_what_a_row_breaks_is_said(
    rows: tuple[dict[str, Any], ...], broken: tuple[str, ...]
) -> None:
    assert broke(imported(*rows)) == broken


def test_late_reopening_is_said_too() -> None:
    story = imported({"status": "solved", "assignee": "a"})
    story.when(row(2, status="open"), by=IMPORT, at=NOON + 29 * DAY)
    assert broke(story) == ("reopened too late",)


def test_a_row_that_is_older_than_the_one_before_says_by_how_much() -> None:
    story = imported({}).when(row(2), by=IMPORT, at=NOON - MINUTE)
    story.then(ActivityRecorded(source="bpi", case="1-36", row=2, skew=MINUTE))
    assert story.state.clock == NOON


def test_comments_are_by_whom_the_row_says() -> None:
    story = imported({"requester": "C1", "assignee": "a"})
    story.when(row(2, comment="Hi", comment_by_requester=True), by=IMPORT).then_made(
        ActivityRecorded, Replied, author="C1", author_kind="requester", direction="inbound"
    )
    assert story.state.waiting_since is not None
    story.when(row(3, comment="Yo", actor="b"), by=IMPORT).then_made(
        ActivityRecorded, Replied, author="b", author_kind="agent", direction="outbound"
    )
    assert story.state.agent_replies == 1
    story.when(row(4, comment="psst", comment_public=False), by=IMPORT).then_made(
        ActivityRecorded, Noted, author="a", direction="internal", data_subject="C1"
    )
    imported({}).when(row(2, comment="?"), by=IMPORT).then_made(
        ActivityRecorded, Replied, author="old-desk", author_kind="import"
    )


def test_what_a_row_moves_elsewhere_has_no_contract_any_more() -> None:
    story = a_ticket().given(CreateTicket(subject="x", requester="GUS"))
    story.when(row(9, organisation="O1"), by=IMPORT).then_made(
        ActivityRecorded, OrganisationChanged, old="GOLD", old_tier="a", old_contract="gold"
    )
    assert (story.state.tier, story.state.contract) == (None, None)


def test_a_comment_stands_before_the_solution_it_came_with() -> None:
    story = imported({"assignee": "a"})
    story.when(row(2, comment="Done", status="solved", team="L2"), by=IMPORT).then_made(
        ActivityRecorded, TeamChanged, Replied, Solved, team="L2"
    )


def test_an_unknown_status_is_refused_by_name() -> None:
    imported({}).when(row(2, status="Wait"), by=IMPORT).then_refused(Invalid, "'Wait'", "pending")


def test_only_an_import_records_rows() -> None:
    for by in (ANN, KIM):
        a_ticket().when(row(), by=by).then_refused(Forbidden, "ticket.record-activity")


def test_rows_may_follow_on_tickets_of_any_kind() -> None:
    for story in (open_(), spam(), closed()):
        story.when(row(9, status="pending"), by=IMPORT)
        assert story.state.status == "pending"


def test_the_workflow_of_the_rows_type_counts() -> None:
    story = a_ticket(with_workflow(types=("incident",)))
    story.when(row(status="analysis", type="problem"), by=IMPORT)
    assert story.state.status == "analysis"
    story.when(row(2), by=IMPORT).then_made(ActivityRecorded)


# What few rows speak of


FULL: dict[str, Any] = {
    "external": "INC7",
    "description": "No light on the router",
    "tags": ("vpn", "move", "vpn"),
    "channel": "email",
    "site": "turin",
    "asset": "router-7",
    "language": "it",
    "due": NOON + DAY,
    "requester": "C77",
}


def test_the_first_row_says_all_that_a_ticket_begins_with() -> None:
    story = imported(FULL)

    state = story.state
    assert (state.external, state.tags, state.channel) == (("bpi:INC7",), ("vpn", "move"), "email")
    assert (state.site, state.asset, state.language) == ("turin", "router-7", "it")
    assert (state.due_at, state.waiting_since) == (NOON + DAY, NOON)
    assert state.description is not None
    assert state.description.author == "C77"
    assert state.description.author_kind == "requester"
    assert state.description.public


def test_a_row_that_says_the_same_again_changes_nothing() -> None:
    again = {**FULL, "linked": (("blocks", "ticket/B"),), "rating": 2, "rating_comment": "Slow"}
    story = imported(again, again)
    assert [type(each) for each in story.outcome] == [ActivityRecorded]  # type: ignore[union-attr]


def test_what_comes_later_is_a_change() -> None:
    story = imported({})
    story.when(row(2, **FULL), by=IMPORT).then_made(
        *(ActivityRecorded, RequesterChanged, AttributeChanged, AttributeChanged),
        *(AttributeChanged, ExternalAdded, Described, TagsChanged, DueChanged),
    )
    assert (story.state.external, story.state.due_at) == (("bpi:INC7",), NOON + DAY)
    assert story.state.description is not None


def test_a_description_without_a_requester_is_nobodys_public_word() -> None:
    story = imported({"description": "No light"})
    created = story.history[1].event
    assert isinstance(created, TicketCreated)
    assert (created.author_kind, created.description_public) == ("import", False)
    assert story.state.waiting_since is None


def test_the_channel_is_that_of_the_first_row() -> None:
    assert imported({}, {"channel": "email"}).state.channel == "api"


@pytest.mark.parametrize(
    ("whole", "after"), [(True, ("c",)), (False, ("a", "b", "c"))], ids=["whole", "added"]
)
def test_tags_are_told_whole_or_added(whole: bool, after: tuple[str, ...]) -> None:
    story = imported({"tags": ("a", "b")}, {"tags": ("c",), "tags_whole": whole})
    assert story.state.tags == after


def test_a_row_without_tags_takes_none_away() -> None:
    assert imported({"tags": ("a",)}, {"tags_whole": True}).state.tags == ("a",)
    assert imported({"tags": ("a",)}, {"tags": (), "tags_whole": True}).state.tags == ()


@pytest.mark.parametrize(("whole", "spent"), [(True, 90), (False, 150)], ids=["whole", "added"])
def test_time_worked_is_told_whole_or_added(whole: bool, spent: int) -> None:
    rows = ({"worked_seconds": each, "worked_whole": whole} for each in (60, 90))
    assert imported(*rows).state.seconds_spent == spent


def test_the_time_worked_is_that_of_whom_the_row_names() -> None:
    story = imported({"worked_seconds": 5, "actor": "mueller"})
    assert story.outcome[-1] == WorkStopped(agent="mueller", seconds=5)  # type: ignore[index]


def test_a_code_is_told_by_the_solution_that_it_comes_with() -> None:
    story = imported({"status": "open"}, {"status": "solved", "resolution_code": "fixed"})
    solved = story.outcome[-1]  # type: ignore[index]
    assert isinstance(solved, Solved)
    assert (solved.code, story.state.resolution_code) == ("fixed", "fixed")


@pytest.mark.parametrize("status", ["open", "solved", "closed"])
def test_a_code_of_its_own_is_a_change(status: str) -> None:
    story = imported({"status": status}, {"resolution_code": "fixed"})
    assert story.outcome[1] == ResolutionCoded(new="fixed")  # type: ignore[index]
    assert story.state.resolution_code == "fixed"


def test_a_code_that_came_before_the_solution_is_its_code() -> None:
    story = imported({"resolution_code": "fixed"}, {"status": "solved"})
    assert story.state.resolution_code == "fixed"


def test_reopening_takes_the_code_whatever_the_row_still_says() -> None:
    rows = ({"status": status, "resolution_code": "fixed"} for status in ("solved", "open"))
    assert imported(*rows).state.resolution_code is None


def test_what_takes_due_and_code_away() -> None:
    story = imported({"due": NOON, "resolution_code": "fixed", "site": "turin"})
    story.given(row(2, cleared=("due", "resolution_code", "site")), by=IMPORT)
    state = story.state
    assert (state.due_at, state.resolution_code, state.site) == (None, None, None)


def test_a_rating_is_of_who_has_the_ticket_when_the_row_is_done() -> None:
    story = imported({"status": "solved", "rating": 5, "assignee": "mueller", "team": "L2"})
    assert story.outcome[-1] == Rated(  # type: ignore[index]
        data_subject="ticket/THIS", score=5, team="L2", assignee="mueller"
    )


def test_a_rating_after_the_end_breaks_nothing() -> None:
    story = imported({"status": "closed"}, {"rating": 4, "linked": (("blocks", "ticket/B"),)})
    assert broke(story) == ()
    assert story.state.rating == 4


def test_links_lead_to_the_tickets_of_other_cases() -> None:
    links = (("blocks", "ticket/B"), ("duplicate-of", "ticket/C"), ("blocks", "ticket/B"))
    story = imported({"linked": links})
    assert story.state.links == (Link("blocks", "ticket/B"), Link("duplicate-of", "ticket/C"))


def test_a_case_is_another_ticket_after_it_was_withdrawn() -> None:
    assert stream_of("bpi", "B", 2) != stream_of("bpi", "B", 1) != stream_of("bpi", "B")


def test_links_that_lead_back_are_left_out() -> None:
    other = Ticket(id="B", version=0, links=(Link("parent", "ticket/THIS"),))
    story = a_ticket(**{"ticket/B": other})
    story.given(row(linked=(("parent", "ticket/B"), ("blocks", "ticket/B"))), by=IMPORT)
    assert broke(story) == ("parent leads back",)
    assert [each.kind for each in story.state.links] == ["blocks"]


def test_a_ticket_is_the_duplicate_of_one_other() -> None:
    story = imported({"linked": (("duplicate-of", "ticket/B"), ("duplicate-of", "ticket/C"))})
    assert broke(story) == ("duplicate of a second one",)
    assert len(story.state.links) == 1


def test_a_ticket_is_not_linked_to_itself() -> None:
    story = imported({"linked": (("parent", "ticket/THIS"),)})
    assert broke(story) == ("linked to itself",)


def test_the_files_of_a_row_are_attached_once() -> None:
    file = {"name": "a.txt", "media_type": "text/plain", "size": 3, "sha256": "a" * 64}
    story = imported({"files": (FileKept(**file),)}, {"files": (FileKept(**file),)})  # type: ignore[arg-type]
    assert [each.sha256 for each in story.state.attachments] == ["a" * 64]


@pytest.mark.parametrize(
    ("author", "by_requester", "kind"),
    [("C77", False, "requester"), ("C88", True, "end-user"), ("eve", False, "agent")],
)
def test_a_comment_is_by_its_author(author: str, by_requester: bool, kind: str) -> None:
    said = {"comment": "Hm", "comment_author": author, "comment_by_requester": by_requester}
    story = imported({"requester": "C77", "actor": "robot", **said})
    comment = story.outcome[-1]  # type: ignore[index]
    assert isinstance(comment, Replied)
    assert (comment.author, comment.author_kind) == (author, kind)
    assert comment.direction == ("outbound" if kind == "agent" else "inbound")

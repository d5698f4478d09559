"""What holds for every ticket, whoever sends whatever in whichever order."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tests.domain.ticket.anything import ASKS, COMMANDS, STEPS
from tests.domain.ticket.shop import a_ticket
from tests.given import KIM, SETTINGS, SUE, Story
from ticketlog.domain import ticket
from ticketlog.domain.base import Actor, Command, Event, Recorded, Refused
from ticketlog.domain.ticket import classification, priority
from ticketlog.domain.ticket.assignment import AssigneeChanged, Escalated, TeamChanged
from ticketlog.domain.ticket.automation import Choose, Notify, Route
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.feedback import Rate, Review
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.domain.ticket.lifecycle import Solve
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.status_events import Solved, StatusEvent, TicketClosed
from ticketlog.domain.ticket.work import StopWork

Step = tuple[Command, Actor, int]
ANYTHING = st.lists(STEPS, min_size=5, max_size=30)
ADAPTER = TypeAdapter(Ticket)


def told(steps: list[Step]) -> Story:
    """KIM asks, and then all that is sent; what is refused is refused."""
    story = a_ticket().given(ASKS, by=KIM)
    for command, by, later in steps:
        story.when(command, by=by, after=later)
    return story


def states(story: Story) -> list[Ticket]:
    """The ticket before and after each event, folded again from the beginning."""
    found = [ticket.initial("THIS")]
    for recorded in story.history:
        found.append(ticket.evolve(found[-1], recorded))
    return found


@given(ANYTHING)
def test_the_history_alone_makes_the_ticket(steps: list[Step]) -> None:
    story = told(steps)
    start = ticket.initial("THIS")
    assert reduce(ticket.evolve, story.history, start) == story.state
    assert ticket.fold(start, story.history) == story.state
    assert start == ticket.initial("THIS")


@given(ANYTHING)
def test_versions_follow_each_other_and_the_clock_never_goes_back(steps: list[Step]) -> None:
    for before, after in pairwise(states(told(steps))):
        assert after.version == before.version + 1
        assert after.clock >= before.clock
        assert set(after.changed.values()) <= set(range(after.version + 1))


@given(ANYTHING)
def test_a_snapshot_is_the_ticket(steps: list[Step]) -> None:
    state = told(steps).state
    assert ADAPTER.validate_json(ADAPTER.dump_json(state)) == state


ATTRIBUTES: dict[type[Event], str] = {
    TeamChanged: "team",
    AssigneeChanged: "assignee",
    Escalated: "tier_level",
    classification.TypeChanged: "type",
    classification.CategoryChanged: "category",
    priority.ImpactChanged: "impact",
    priority.UrgencyChanged: "urgency",
    priority.PriorityChanged: "priority",
    classification.SubjectChanged: "subject",
    classification.RequesterChanged: "requester",
    classification.OrganisationChanged: "organisation",
    classification.DueChanged: "due_at",
    classification.TagsChanged: "tags",
}


@given(ANYTHING)
def test_a_change_says_what_was_and_what_is(steps: list[Step]) -> None:
    story = told(steps)
    for recorded, (before, after) in zip(story.history, pairwise(states(story)), strict=True):
        event = recorded.event
        name = "status" if isinstance(event, StatusEvent) else ATTRIBUTES.get(type(event))
        if name:
            assert (getattr(before, name), getattr(after, name)) == (event.old, event.new)  # type: ignore[attr-defined]
        if isinstance(event, StatusEvent):
            assert (before.status_category, after.status_category) == (
                event.old_category,
                event.new_category,
            )


@given(ANYTHING)
def test_zendesks_meaning_of_the_categories_holds_for_what_people_do(steps: list[Step]) -> None:
    lived = [step for step in steps if not isinstance(step[0], RecordActivity)]
    story = told(lived)
    for recorded, (before, after) in zip(story.history, pairwise(states(story)), strict=True):
        if before.exists:
            assert after.status_category != "new" or before.status_category == "new"
            assert after.status_category == "closed" or before.status_category != "closed"
        assert SETTINGS.workflow_of(after.type).status(after.status) or after.type != before.type
        if isinstance(recorded.event, Solved):
            assert recorded.event.assignee is not None
        if isinstance(recorded.event, TicketClosed):
            assert before.status_category == "solved"
        assert after.priority


def says_more(command: Command) -> bool:
    """Whether a second time says something a second time; its id keeps it from being doubled."""
    match command:
        case CreateTicket() | RecordActivity() | Note():
            return True
        case Reply(message_id=None):
            return True
        case Rate(comment=str()) | Review(text=str()) | Solve(resolution=str()):
            return True
        case StopWork(seconds=int()):
            return True
        case Route() | Choose() | Notify():
            return True
    return False


@given(
    ANYTHING, COMMANDS.filter(lambda command: not says_more(command)), st.sampled_from([KIM, SUE])
)
def test_the_same_command_twice_changes_nothing(
    steps: list[Step], command: Command, by: Actor
) -> None:
    story = told(steps)
    story.when(command, by=by)
    if not isinstance(story.outcome, Refused):
        story.when(command, by=by, at=story.state.clock).then()


@given(STEPS)
def test_events_of_others_change_nothing_but_the_version(step: Step) -> None:
    class SomethingElse(Event):
        pass

    story = told([step])
    last = story.history[-1]
    alien = Recorded(story.stream, story.state.version + 1, SomethingElse(), last.meta)
    after = ticket.evolve(story.state, alien)
    assert after == story.state.but({"version": story.state.version + 1})

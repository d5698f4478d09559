from __future__ import annotations

from tests.domain.ticket.shop import a_ticket, new
from tests.given import IMPORT
from ticketlog.domain.base import Invalid, MissingFields
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.domain.ticket.priority import (
    ImpactChanged,
    Prioritise,
    PriorityChanged,
    UrgencyChanged,
)


def test_priority_follows_impact_and_urgency() -> None:
    story = new().when(Prioritise(impact="high"))
    story.then(ImpactChanged(new="high"))
    story.when(Prioritise(urgency="high")).then(
        UrgencyChanged(new="high"),
        PriorityChanged(old="medium", new="critical", old_source="default", source="matrix"),
    )
    story.when(Prioritise(impact="low", urgency="low")).then_made(
        ImpactChanged, UrgencyChanged, PriorityChanged, new="low", source="matrix"
    )
    story.when(Prioritise(impact="low", urgency="low")).then()


def test_a_priority_by_hand_has_a_reason_and_survives_until_it_is_given_back() -> None:
    story = new().when(Prioritise(priority="low"))
    story.then_refused(MissingFields, "reason")
    story.when(Prioritise(priority="low", reason="can wait")).then(
        PriorityChanged(
            old="medium", new="low", old_source="default", source="manual", reason="can wait"
        )
    )
    story.when(Prioritise(priority="low", reason="really")).then()
    story.when(Prioritise(impact="high", urgency="high")).then_made(ImpactChanged, UrgencyChanged)
    story.when(Prioritise(automatic=True)).then_made(
        PriorityChanged, new="critical", source="matrix", old_source="manual"
    )
    story.when(Prioritise(automatic=True)).then()


def test_by_hand_even_where_the_matrix_says_the_same() -> None:
    new().when(Prioritise(priority="medium", reason="I mean it")).then_made(
        PriorityChanged, old="medium", new="medium", source="manual"
    )


def test_priority_is_either_by_hand_or_automatic_and_known() -> None:
    both = Prioritise(priority="low", reason="x", automatic=True)
    new().when(both).then_refused(Invalid, "leave one out")
    new().when(Prioritise(priority="P1", reason="x")).then_refused(Invalid, "'P1'", "critical")
    new().when(Prioritise(impact="huge")).then_refused(Invalid, "impact 'huge'")
    new().when(Prioritise(urgency="now")).then_refused(Invalid, "urgency 'now'")


def test_a_contract_is_a_floor_under_the_priority() -> None:
    story = a_ticket().given(CreateTicket(subject="x", requester="GUS"))
    assert (story.state.priority, story.state.priority_source) == ("high", "contract")
    story.when(Prioritise(impact="low", urgency="low")).then_made(ImpactChanged, UrgencyChanged)
    story.when(Prioritise(priority="low", reason="x")).then_refused(Invalid, "gold", "below high")
    story.when(Prioritise(priority="critical", reason="x")).then_made(PriorityChanged)
    story.when(Prioritise(automatic=True)).then_made(PriorityChanged, new="high", source="contract")


def test_an_imported_priority_stays_until_it_is_given_back() -> None:
    row = RecordActivity(source="old", case="1", row=1, priority="P1")
    story = a_ticket().given(row, by=IMPORT)
    story.when(Prioritise(impact="low", urgency="low")).then_made(ImpactChanged, UrgencyChanged)
    story.when(Prioritise(automatic=True)).then_made(PriorityChanged, old="P1", new="low")

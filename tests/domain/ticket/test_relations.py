from __future__ import annotations

import pytest

from tests.domain.ticket.shop import a_ticket, closed, created, new, open_, solved
from tests.given import ADA, ANN, BOB, KIM, LEE, MAIL, RULE, SUE
from ticketlog.domain.base import Forbidden, IllegalTransition, Invalid
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.feedback import (
    OfferSurvey,
    Rate,
    Rated,
    Review,
    Reviewed,
    SurveyOffered,
)
from ticketlog.domain.ticket.lifecycle import Cancel, Reopen
from ticketlog.domain.ticket.relations import (
    ACYCLIC,
    AddCc,
    CcAdded,
    CcRemoved,
    Follow,
    Followed,
    LegalHoldPlaced,
    LegalHoldReleased,
    Linked,
    LinkTo,
    PlaceLegalHold,
    ReleaseLegalHold,
    RemoveCc,
    Unfollow,
    Unfollowed,
    Unlink,
    Unlinked,
)
from ticketlog.domain.ticket.state import Link, LinkKind, Ticket


def test_agents_follow_and_let_others_follow() -> None:
    story = new().when(Follow()).then(Followed(agent="ann")).when(Follow()).then()
    story.when(Follow(agent="bob")).then(Followed(agent="bob"))
    assert story.state.followers == ("ann", "bob")
    story.when(Unfollow(agent="ann"), by=BOB).then(Unfollowed(agent="ann"))
    story.when(Unfollow(agent="ann"), by=BOB).then()
    story.when(Follow(agent="zoe")).then_refused(Invalid, "'zoe'", "ann, bob")
    story.when(Follow(), by=RULE).then_refused(Forbidden, "only an agent")
    story.when(Follow(agent="sue"), by=RULE).then(Followed(agent="sue"))


def test_persons_are_copied_and_removed() -> None:
    story = new().when(AddCc(person="LEE"), by=KIM).then(CcAdded(person="LEE"))
    story.when(AddCc(person="LEE")).then()
    story.when(AddCc(person="OLD")).then(CcAdded(person="GUS")).when(AddCc(person="OLD")).then()
    story.when(RemoveCc(person="LEE")).then(CcRemoved(person="LEE"))
    story.when(RemoveCc(person="LEE")).then()
    story.when(AddCc(person="NOBODY")).then_refused(Invalid, "person NOBODY")
    assert story.state.ccs == ("GUS",)


def test_who_was_merged_is_in_copy_under_either_id() -> None:
    """OLD was merged into GUS."""
    for copied, other in (("OLD", "GUS"), ("GUS", "OLD")):
        story = new().given(CcAdded(person="LEE"), CcAdded(person=copied))
        story.when(AddCc(person=other)).then()
        story.when(RemoveCc(person=other)).then(CcRemoved(person=copied))
    both = new().given(CcAdded(person="OLD"), CcAdded(person="GUS"))
    both.when(RemoveCc(person="GUS")).then(CcRemoved(person="OLD"), CcRemoved(person="GUS"))
    alone = new().given(CcAdded(person="GUS")).when(RemoveCc(person="LEE")).then()
    assert alone.state.ccs == ("GUS",)


def test_at_most_48_people_are_copied() -> None:
    story = new().given(*(CcAdded(person=f"P{n}") for n in range(48)))
    story.when(AddCc(person="LEE")).then_refused(Invalid, "48 people", "remove one")


def test_a_link_is_stored_once_on_this_side() -> None:
    story = new().when(LinkTo(kind="blocks", target="OTHER"))
    story.then(Linked(kind="blocks", target="ticket/OTHER"))
    story.when(LinkTo(kind="blocks", target="ticket/OTHER")).then()
    story.when(LinkTo(kind="parent", target="ticket/OTHER")).then_made(Linked)
    story.when(Unlink(kind="blocks", target="OTHER")).then(
        Unlinked(kind="blocks", target="ticket/OTHER")
    )
    story.when(Unlink(kind="blocks", target="OTHER")).then()
    assert story.state.links == (Link("parent", "ticket/OTHER"),)


@pytest.mark.parametrize("kind", sorted(ACYCLIC))
@pytest.mark.parametrize("length", [1, 2, 5])
def test_links_of_most_kinds_never_lead_back(kind: LinkKind, length: int) -> None:
    names = [f"T{n}" for n in range(length)]
    chain = {
        f"ticket/{name}": Ticket(id=name, version=1, links=(Link(kind, f"ticket/{after}"),))
        for name, after in zip(names, [*names[1:], "THIS"], strict=True)
    }
    story = a_ticket(**chain).given(created())
    story.when(LinkTo(kind=kind, target="T0")).then_refused(Invalid, *names, "unlink one")
    story.when(LinkTo(kind="problem", target="T0")).then_made(Linked)


def test_a_link_goes_to_another_ticket_that_exists() -> None:
    new().when(LinkTo(kind="blocks", target="THIS")).then_refused(Invalid, "to itself")
    new().when(LinkTo(kind="blocks", target="NONE")).then_refused(Invalid, "ticket/NONE")
    new().when(LinkTo(kind="blocks", target="person/KIM")).then_refused(Invalid, "person/KIM")


def test_a_ticket_is_a_duplicate_of_one_other() -> None:
    story = new().given(LinkTo(kind="duplicate-of", target="OTHER"))
    assert story.state.is_duplicate
    story.when(LinkTo(kind="duplicate-of", target="DONE")).then_refused(
        Invalid, "duplicate of ticket/OTHER", "unlink"
    )
    story.given(Unlink(kind="duplicate-of", target="OTHER"))
    story.when(LinkTo(kind="duplicate-of", target="DONE")).then_made(Linked)


def test_legal_holds_are_placed_and_released_by_matter() -> None:
    story = closed()
    place, release = (
        PlaceLegalHold(matter="M1", reason="court"),
        ReleaseLegalHold(matter="M1", reason="settled"),
    )
    for by in (ANN, RULE, MAIL):
        story.when(place, by=by).then_refused(Forbidden, "admin, supervisor")
        story.when(release, by=by).then_refused(Forbidden, "admin, supervisor")
    story.when(place, by=SUE).then(LegalHoldPlaced(matter="M1", reason="court"))
    story.when(place, by=ADA).then()
    assert story.state.legal_holds == ("M1",)
    story.when(release, by=ADA).then(LegalHoldReleased(matter="M1", reason="settled"))
    story.when(release, by=ADA).then()


def test_a_survey_is_offered_once_when_it_is_solved() -> None:
    open_().when(OfferSurvey(), by=RULE).then_refused(IllegalTransition, "is open")
    for story in (solved(), closed()):
        story.when(OfferSurvey(survey="short"), by=RULE).then(SurveyOffered(survey="short"))
        story.when(OfferSurvey(), by=RULE).then()


def test_the_requester_rates_whoever_solved_it() -> None:
    story = solved().when(Rate(score=2, comment="Wet"), by=KIM)
    story.then(Rated(data_subject="KIM", score=2, comment="Wet", team="network", assignee="ann"))
    story.when(Rate(score=2), by=KIM).then()
    story.when(Rate(score=4), by=KIM).then_made(Rated, old=2, score=4)
    assert story.state.rating == 4


def test_what_was_solved_once_may_be_rated() -> None:
    new().when(Rate(score=1), by=KIM).then_refused(IllegalTransition, "is new")
    solved().given(Reopen(), by=KIM).when(Rate(score=1), by=KIM).then_made(Rated)
    closed().when(Rate(score=1), by=KIM).then_made(Rated)
    new().given(Cancel(reason="x")).when(Rate(score=1), by=KIM).then_made(Rated)


def test_nobody_else_rates() -> None:
    for by in (ANN, SUE, RULE, MAIL, LEE, ANN._replace(on_behalf_of="KIM")):
        solved().when(Rate(score=5), by=by).then_refused(Forbidden)
    solved().when(Rate(score=5), by=MAIL._replace(on_behalf_of="KIM")).then_made(Rated)
    story = a_ticket().given(CreateTicket(subject="x"), Cancel(reason="y"))
    story.when(Rate(score=5), by=MAIL).then_refused(Forbidden, "only its requester")


def test_closed_tickets_are_reviewed() -> None:
    solved().when(Review(verdict="good")).then_refused(IllegalTransition, "when it is closed")
    story = closed().when(Review(verdict="good", text="Quick"), by=SUE)
    story.then(Reviewed(data_subject="KIM", reviewer="sue", verdict="good", text="Quick"))
    story.when(Review(verdict="good"), by=SUE).then()
    story.when(Review(verdict="good"), by=ADA).then_made(Reviewed, reviewer="ada")
    story.when(Review(verdict="poor"), by=SUE).then_made(Reviewed, verdict="poor")
    assert story.state.reviews == {"sue": "poor", "ada": "good"}

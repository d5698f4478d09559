"""Comments that are about something else go to a ticket of their own."""

from __future__ import annotations

import pytest

from tests.domain.ticket.shop import OTHERS, a_ticket, new, open_
from tests.given import KIM, LEE, NOON, Story
from ticketlog.domain.base import Forbidden, Invalid, Refused
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.splitting import (
    MOST_COMMENTS,
    OpenSplitOff,
    Split,
    SplitOff,
    SplitTicket,
)
from ticketlog.domain.ticket.state import SplitComments, Ticket

OPENS = OpenSplitOff(origin="ticket/HALF", subject="Toner, too", requester="KIM")


def talked() -> Story:
    """KIM says something (c2.0), ANN notes something (c3.0)."""
    return (
        open_()
        .given(Reply(body="The toner is low, too"), by=KIM)
        .given(Note(body="That is another matter"))
    )


def split(*comments: str, subject: str = "Toner, too", requester: str | None = None) -> SplitTicket:
    return SplitTicket(comments=comments, subject=subject, requester=requester)


class TestTheTicketThatIsSplit:
    def test_says_what_went_where(self) -> None:
        story = talked().when(split("c2.0", "c3.0"))
        story.then_made(Split, comments=("c2.0", "c3.0"), subject="Toner, too", requester="KIM")
        [went] = story.state.splits
        assert went.comments == ("c2.0", "c3.0")
        assert went.ticket.startswith("ticket/")

    def test_keeps_its_comments_and_its_status(self) -> None:
        before = talked()
        comments, status = before.state.comments, before.state.status
        after = before.when(split("c2.0")).state
        assert (after.comments, after.status) == (comments, status)

    def test_the_id_of_the_new_one_follows_from_the_command(self) -> None:
        one, other = talked().when(split("c2.0")), talked().when(split("c2.0"))
        assert one.outcome == other.outcome
        assert one.state.splits != talked().given(Note(body="x")).when(split("c2.0")).state.splits

    def test_another_requester(self) -> None:
        talked().when(split("c2.0", requester="OLD")).then_made(Split, requester="GUS")
        talked().when(split("c2.0", requester="WHO")).then_refused(Invalid, "person WHO")

    def test_a_comment_that_isnt_there_is_named(self) -> None:
        talked().when(split("c2.0", "c9.0")).then_refused(Invalid, "no comment c9.0")
        talked().when(split("c0.0")).then_refused(Invalid, "c0.0 is the description")

    def test_a_comment_that_went_already_is_named_with_where_it_is(self) -> None:
        story = talked().given(split("c2.0"))
        [went] = story.state.splits
        there = went.ticket.replace("/", " ")
        story.when(split("c3.0", "c2.0")).then_refused(Refused, "comment c2.0", there, "already")
        story.when(split("c3.0")).then_made(Split, comments=("c3.0",))

    def test_a_comment_that_is_read_here_is_split_where_it_stands(self) -> None:
        story = a_ticket().given(OPENS)
        story.when(split("t.0")).then_refused(Invalid, "stands on ticket HALF", "merge")

    def test_only_who_works_on_tickets(self) -> None:
        talked().when(split("c2.0"), by=KIM).then_refused(Forbidden)
        talked().when(split("c2.0"), by=LEE).then_refused(Forbidden)

    def test_nothing_is_no_split(self) -> None:
        with pytest.raises(ValueError, match="at least 1"):
            SplitTicket(comments=(), subject="x")
        with pytest.raises(ValueError, match=f"at most {MOST_COMMENTS}"):
            SplitTicket(comments=tuple(map(str, range(MOST_COMMENTS + 1))), subject="x")


class TestTheNewTicket:
    def test_follows_from_the_record_of_the_split(self) -> None:
        story = a_ticket().when(OPENS)
        story.then_made(
            TicketCreated, SplitOff, origin="ticket/HALF", comments=("t.0",), waits=True
        )
        state = story.state
        assert state.split_from == SplitComments("ticket/HALF", ("t.0",))
        assert (state.subject, state.requester, state.type) == ("Toner, too", "KIM", "incident")
        assert (state.organisation, state.tier) == ("ACME", "b")
        assert (state.team, state.tags, state.ccs) == ("network", ("fire",), ("LEE",))
        assert state.fields == {"floor": 3}
        assert state.category is None  # The settings don't know it any more.

    def test_its_clocks_start_at_the_split(self) -> None:
        state = a_ticket().when(OPENS).state
        assert (state.created_at, state.waiting_since) == (NOON, NOON)
        assert {clock.since for clock in state.clocks.values()} == {NOON}
        assert state.clocks["first_reply_time"].phase == "running"

    def test_it_awaits_nothing_where_all_is_answered(self) -> None:
        half = OTHERS["ticket/HALF"]
        assert isinstance(half, Ticket)
        answered = half.but({"splits": (SplitComments("ticket/THIS", ("s.0",)),)})
        story = a_ticket(**{"ticket/HALF": answered}).when(OPENS)
        story.then_made(TicketCreated, SplitOff, waits=False)
        assert story.state.waiting_since is None

    def test_of_another_requester_it_has_nothing_of_the_first_one(self) -> None:
        state = a_ticket().when(OPENS.model_copy(update={"requester": "GUS"})).state
        assert (state.requester, state.organisation, state.ccs) == ("GUS", "GOLD", ())
        assert not state.fields

    def test_without_a_split_there_is_none(self) -> None:
        stranger = OpenSplitOff(origin="ticket/OTHER", subject="Toner, too")
        a_ticket().when(stranger).then_refused(Refused, "wasn't split into ticket/THIS")
        absent = OpenSplitOff(origin="ticket/NONE", subject="Toner, too")
        a_ticket().when(absent).then_refused(Invalid, "ticket/NONE")
        new().when(OPENS).then_refused(Refused)

    def test_a_second_opening_changes_nothing(self) -> None:
        story = a_ticket().given(OPENS)
        story.when(OPENS).then()

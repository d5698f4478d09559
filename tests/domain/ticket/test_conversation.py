from __future__ import annotations

import pytest

from tests.domain.ticket.shop import a_ticket, closed, new, on_hold, open_, pending, solved
from tests.given import ADA, ANN, BOB, IMPORT, KIM, LEE, MAIL, MINUTE, NOON, RULE, SUE
from ticketlog.domain.base import Actor, Forbidden, IllegalTransition, Invalid
from ticketlog.domain.ticket.assignment import Assign, AssigneeChanged, TeamChanged
from ticketlog.domain.ticket.conversation import (
    Attach,
    AttachmentAdded,
    Note,
    Noted,
    Redact,
    Redacted,
    Replied,
    Reply,
)
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.custom_fields import FieldsChanged
from ticketlog.domain.ticket.lifecycle import Close
from ticketlog.domain.ticket.relations import AddCc
from ticketlog.domain.ticket.status_events import Reopened, Solved, StatusChanged

FILE = Attach(name="smoke.png", media_type="image/png", size=3, sha256="a" * 64)


def test_a_reply_holds_all_that_is_known_about_it() -> None:
    reply = Reply(
        body="Try water",
        message_id="<2@desk>",
        in_reply_to="<1@kim>",
        macro="hello@1",
        template="mail@2",
        article="fire@3",
    )
    open_().when(reply).then(
        Replied(
            data_subject="KIM",
            author="ann",
            author_kind="agent",
            body="Try water",
            direction="outbound",
            message_id="<2@desk>",
            in_reply_to="<1@kim>",
            macro="hello@1",
            template="mail@2",
            article="fire@3",
        )
    )


@pytest.mark.parametrize(
    ("by", "author", "kind", "subject"),
    [
        (KIM, None, "requester", "KIM"),
        (LEE, None, "end-user", "LEE"),
        (ANN, None, "agent", "KIM"),
        (RULE, None, "rule", "KIM"),
        (MAIL, None, "service", "KIM"),
        (MAIL, "KIM", "requester", "KIM"),
        (MAIL, "LEE", "end-user", "LEE"),
        (MAIL, "bob", "agent", "KIM"),
        (ANN, "KIM", "requester", "KIM"),
        (KIM, "KIM", "requester", "KIM"),
    ],
)
def test_the_author_is_the_actor_or_whom_they_send_it_for(
    by: Actor, author: str | None, kind: str, subject: str
) -> None:
    story = open_().when(Reply(body="x", author=author), by=by)
    said = story.outcome[0]  # type: ignore[index]
    assert isinstance(said, Replied)
    assert (said.author, said.author_kind, said.data_subject) == (author or by.id, kind, subject)
    assert said.direction == ("inbound" if kind in ("requester", "end-user") else "outbound")


def test_nobody_speaks_for_whom_they_may_not() -> None:
    open_().when(Reply(body="x", author="LEE"), by=KIM).then_refused(Forbidden, "can't speak for")
    open_().when(Reply(body="x", author="bob"), by=ANN).then_refused(Forbidden, "agent bob")
    open_().when(Reply(body="x", author="NOBODY"), by=MAIL).then_refused(Invalid, "NOBODY")


def test_a_merged_person_is_who_stands_for_them() -> None:
    story = a_ticket().given(CreateTicket(subject="Bonjour", requester="GUS"))
    story.when(Reply(body="Encore", author="OLD"), by=MAIL)
    said = story.outcome[0]  # type: ignore[index]
    assert isinstance(said, Replied)
    assert (said.author, said.author_kind) == ("GUS", "requester")


def test_an_agents_first_answer_opens_a_new_ticket() -> None:
    story = new().when(Reply(body="Hello"), after=MINUTE)
    story.then_made(Replied, StatusChanged, new="open", because="reply")
    assert story.state.first_reply_at == NOON + 2 * MINUTE
    assert story.state.waiting_since is None


def test_what_is_no_answer_leaves_a_ticket_new() -> None:
    for by in (RULE, MAIL):
        assert new().given(Reply(body="We got it"), by=by).state.status == "new"
    story = new().given(Reply(body="I am away", automated=True))
    assert (story.state.status, story.state.first_reply_at) == ("new", None)
    assert new().given(Note(body="hm")).state.status == "new"


def test_an_answer_opens_what_is_new_even_if_it_says_to_stay_new() -> None:
    new().when(Reply(body="Hello", status="new")).then_made(Replied, StatusChanged, new="open")


@pytest.mark.parametrize("by", [KIM, LEE], ids=["requester", "somebody else"])
def test_an_end_users_comment_opens_what_waits_or_is_solved(by: Actor) -> None:
    for story in (pending(), on_hold()):
        story.when(Reply(body="Well?"), by=by).then_made(
            Replied, StatusChanged, new="open", because="reply"
        )
    story = solved().given(AddCc(person="LEE"))
    story.when(Reply(body="Again!"), by=by).then_made(Replied, Reopened, because="reply")
    assert story.state.reopens == 1


def test_an_automated_comment_neither_reopens_nor_waits_for_an_answer() -> None:
    story = solved().given(Reply(body="Try again"))
    story.when(Reply(body="Out of office", automated=True), by=KIM).then_made(
        Replied, automated=True
    )
    assert story.state.waiting_since is None
    assert story.state.requester_replies == 0


def test_whoever_waits_waits_since_their_first_unanswered_comment() -> None:
    story = new().given(Reply(body="Hello"))
    story.given(Reply(body="1"), by=KIM)
    first = story.history[-1].meta.occurred_at
    story.given(Reply(body="2"), by=LEE)
    assert story.state.waiting_since == first
    story.given(Note(body="secret"))
    assert story.state.waiting_since == first
    story.given(Reply(body="3"))
    assert story.state.waiting_since is None


def test_one_reply_may_change_everything_at_once() -> None:
    reply = Reply(
        body="Fixed",
        status="solved",
        team="billing",
        assignee="bob",
        fields={"cause": "toner"},
        resolution_code="fixed",
    )
    story = open_().when(reply)
    story.then_made(
        Replied,
        FieldsChanged,
        TeamChanged,
        AssigneeChanged,
        Solved,
        code="fixed",
        team="billing",
        assignee="bob",
        because="reply",
    )
    assert story.outcome[3] == AssigneeChanged(old="ann", new="bob", method="reply")  # type: ignore[index]


def test_a_reply_that_hands_a_new_ticket_over_opens_it() -> None:
    story = new().when(Reply(body="Bob looks", assignee="bob"), by=RULE)
    story.then_made(Replied, AssigneeChanged, StatusChanged, new="open", because="assignment")


def test_a_reply_whose_status_is_refused_says_nothing_at_all() -> None:
    new().when(Reply(body="x", status="closed")).then_refused(IllegalTransition)
    new().when(Reply(body="x", assignee="rob")).then_refused(Invalid, "retired")
    new().when(Reply(body="x", fields={"floor": "two"})).then_refused(Invalid, "floor")


@pytest.mark.parametrize(
    "change",
    [
        {"status": "solved"},
        {"team": "billing"},
        {"assignee": "ann"},
        {"fields": {"floor": 1}},
        {"resolution_code": "x"},
    ],
)
def test_a_person_says_something_and_changes_nothing_else(change: dict[str, object]) -> None:
    reply = Reply.model_validate({"body": "x", **change})
    new().when(reply, by=KIM).then_refused(Forbidden, "only say something")


def test_a_mail_that_comes_twice_is_recorded_once() -> None:
    first = CreateTicket(subject="Hi", requester="KIM", message_id="<1@kim>")
    story = a_ticket().given(first, by=MAIL)
    again = Reply(body="Hi", author="KIM", message_id="<1@kim>")
    story.when(again, by=MAIL).then()
    more = Reply(body="More", author="KIM", message_id="<2@kim>")
    story.given(more, by=MAIL).when(more, by=MAIL).then()
    assert len(story.state.comments) == 1


def test_a_mail_that_came_before_closing_may_come_again_after() -> None:
    mail = Reply(body="Thanks", message_id="<3@kim>")
    story = open_().given(mail, by=KIM).given(Reply(body="Bye", status="solved"))
    story.given(Close(), by=SUE)
    story.when(mail, by=KIM).then()


def test_a_note_is_internal_and_calls_agents() -> None:
    open_().when(Note(body="Look", mentions=("bob", "sue", "bob"), macro="m@1")).then(
        Noted(
            data_subject="KIM",
            author="ann",
            author_kind="agent",
            body="Look",
            direction="internal",
            macro="m@1",
            mentions=("bob", "sue"),
        )
    )
    open_().when(Note(body="Look", mentions=("zoe",))).then_refused(Invalid, "'zoe'", "ann, bob")
    open_().when(Note(body="Look"), by=KIM).then_refused(Forbidden)


def test_a_file_is_attached_once_to_a_comment_that_exists() -> None:
    story = open_().when(FILE, by=LEE)
    story.then(
        AttachmentAdded(
            data_subject="LEE", name="smoke.png", media_type="image/png", size=3, sha256="a" * 64
        )
    )
    story.when(FILE, by=LEE).then()
    story.given(Reply(body="see above"))
    said = story.state.comments[-1].id
    for comment in (said, "c0.0"):
        story.when(FILE.model_copy(update={"comment": comment})).then_made(
            AttachmentAdded, comment=comment
        )
    story.when(FILE.model_copy(update={"comment": "c9.9"})).then_refused(Invalid, "c9.9")


def test_what_was_said_or_attached_can_be_hidden_once() -> None:
    story = open_().given(Reply(body="password 123"), Note(body="his password")).given(FILE)
    reply, note = (comment.id for comment in story.state.comments)
    file = story.state.attachments[0].id
    for target, kind in (
        ("c0.0", "description"),
        (reply, "comment"),
        (note, "comment"),
        (file, "attachment"),
    ):
        redact = Redact(target=target, reason="a password")
        event = Redacted(target=target, kind=kind, reason="a password")  # type: ignore[arg-type]
        story.when(redact).then(event).when(redact).then()
    ticket = story.state
    assert ticket.description is not None
    assert ticket.description.redacted
    assert [comment.redacted for comment in ticket.comments] == [True, True]
    assert [file.redacted for file in ticket.attachments] == [True]
    story.when(FILE).then_made(AttachmentAdded)


def test_only_agents_hide_and_only_what_is_there() -> None:
    for by in (RULE, MAIL, IMPORT):
        open_().when(Redact(target="c0.0", reason="x"), by=by).then_refused(Forbidden, "agent")
    for by in (ANN, SUE, ADA, BOB):
        closed().when(Redact(target="c0.0", reason="x"), by=by).then_made(Redacted)
    open_().when(Redact(target="c1.0", reason="x")).then_refused(Invalid, "c1.0", "history")
    silent = a_ticket().given(CreateTicket(subject="x"), Assign(assignee="ann"))
    silent.when(Redact(target="c0.0", reason="x")).then_refused(Invalid)


def test_a_long_conversation_is_kept_whole_and_in_order() -> None:
    story = open_()
    for n in range(70):
        story.given(Reply(body=str(n), message_id=f"<{n}@kim>"), by=KIM)
    ticket = story.state
    assert [comment.message_id for comment in ticket.comments] == [f"<{n}@kim>" for n in range(70)]
    assert all(ticket.has_message(f"<{n}@kim>") for n in range(70))
    assert not ticket.has_message("<70@kim>")
    story.given(Redact(target=ticket.comments[40].id, reason="x"))
    assert [comment.redacted for comment in story.state.comments].index(True) == 40


@pytest.mark.parametrize(
    ("note", "called"),
    [
        (Note(body="@Bob, see sue@example.org. @nobody?"), ("bob",)),
        (Note(body="@bob @sue", mentions=("sue",)), ("sue", "bob")),
        (Note(body="@billing?"), ("ann", "bob")),
    ],
)
def test_a_note_calls_whom_its_text_names(note: Note, called: tuple[str, ...]) -> None:
    open_().when(note).then(
        Noted(
            data_subject="KIM",
            author="ann",
            author_kind="agent",
            body=note.body,
            direction="internal",
            mentions=called,
        )
    )

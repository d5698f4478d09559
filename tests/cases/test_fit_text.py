"""What nobody can read is no answer, no name and no reason; what was recorded stays readable."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpdesk import ANN, SUE, create, register
from tests.said import Run
from ticketlog import config
from ticketlog.cli.options import ACTOR_VARIABLE
from ticketlog.desk import Desk, open_desk
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.classification import SetSubject, Tag
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Close, Reopen, Solve
from ticketlog.errors import CommandReused, Usage

HIDDEN = "gpj.\u202eexe"


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(config.VARIABLE, str(folder))
    monkeypatch.setenv(ACTOR_VARIABLE, "agent:ann")
    return folder


def test_white_space_is_no_answer_and_no_first_reply(here: Path, desk: Desk, ask: Run) -> None:
    kim = register(desk)
    ticket = desk.execute(CreateTicket(subject="e", requester=kim), actor=Actor(kim, "person"))
    said = ask("ticket", "reply", ticket.stream, " ", "--as", "agent:bob")
    assert (said.code, said.out) == (2, "")
    assert "body: it holds nothing that anybody could read" in said.err
    assert desk.load(ticket.stream).first_reply_at is None


@pytest.mark.parametrize(
    "given",
    [
        ("ticket", "create", HIDDEN),
        ("ticket", "create", "x", "--tags", HIDDEN),
        ("ticket", "create", "x", "--external", HIDDEN),
        ("ticket", "create", "x", "--system", f"browser={HIDDEN}"),
        ("ticket", "create", "x", "--reason", HIDDEN),
        ("ticket", "create", "x", "--as", f"agent:{HIDDEN}"),
        ("ticket", "create", "x", "--id", HIDDEN),
        ("person", "register", HIDDEN),
        ("person", "register", "Kim", "--address", f"email:{HIDDEN}@example.com"),
        ("organisation", "register", HIDDEN),
    ],
)
def test_a_line_that_hides_something_is_refused(here: Path, ask: Run, given: tuple[str]) -> None:
    said = ask(*given)
    assert said.code in (1, 2)
    assert "U+202E" in said.err or "\\u202e" in said.err
    assert "\u202e" not in said.err


def test_a_blank_reason_is_none(desk: Desk) -> None:
    for blank in ("", " ", "\t\u3164"):
        with pytest.raises(Usage, match="the reason says nothing"):
            desk.execute(CreateTicket(subject="x"), actor=ANN, reason=blank)
        with pytest.raises(Usage, match="the reason says nothing"):
            desk.settings_apply("[teams.x]", actor=SUE, reason=blank)


def test_settings_hold_no_hidden_names(desk: Desk) -> None:
    for file, place in (
        (f'[teams."{HIDDEN}"]', "teams"),
        (f'[teams.x]\nname = "{HIDDEN}"', r"\[teams.x\] name"),
        ('[teams.x]\nname = "a\\u0000b"', r"U\+0000 NULL"),
        ('[teams."x "]\n[teams.x]', r"\[teams.x\] stands there 2 times"),
    ):
        with pytest.raises(Usage, match=place):
            desk.settings_apply(file, actor=SUE)
    desk.settings_apply('[products."Cafe\u0301 "]\nlabel = " Caf\u00e9\\n"', actor=SUE)
    assert desk.settings.products["Caf\xe9"].label == "Caf\xe9"


class TestRecordedBefore:
    """Records of a release that took texts as they were."""

    @pytest.mark.parametrize("subject", [" ", "\u200b", HIDDEN, "\t"])
    def test_a_follow_up_has_a_subject_that_can_be_read(self, desk: Desk, subject: str) -> None:
        old = desk.execute(CreateTicket.of_records(subject=subject, tags=("a\u200b",)), actor=ANN)
        desk.execute(Solve(), on=old.stream, actor=ANN)
        desk.execute(Close(), on=old.stream, actor=SUE)
        for command in (Reply(body="it is back"), Reopen()):
            made = desk.execute(command, on=old.stream, actor=ANN)
            new = desk.load(made.stream)
            assert made.follow_up_of == old.stream
            assert new.subject == (
                "gpj.exe"
                if subject == HIDDEN
                else f"Follow-up of {new.links[0].target.removeprefix('ticket/')}"
            )
            assert new.tags == ("a\u200b",)

    def test_it_is_read_and_shown_with_marks(self, here: Path, desk: Desk, ask: Run) -> None:
        made = desk.execute(
            CreateTicket.of_records(subject=HIDDEN, description="a\x1b[2J\u200fb"), actor=ANN
        )
        for asked in (
            ("ticket", "show", made.stream),
            ("ticket", "history", made.stream),
            ("ticket", "list"),
        ):
            said = ask(*asked)
            assert said.code == 0
            assert "gpj.\ufffdexe" in said.out
            assert not {*said.out} & {*"\u202e\x1b\u200f"}
        assert desk.load(made.stream).subject == HIDDEN

    def test_the_same_id_with_the_same_words_is_the_same_command(
        self, desk: Desk, folder: Path
    ) -> None:
        ticket = create(desk)
        first = desk.execute(
            Reply.model_construct(body="Cafe\u0301 "), on=ticket, actor=ANN, id="mail-1"
        )
        again = desk.execute(Reply(body="Cafe\u0301 "), on=ticket, actor=ANN, id="mail-1")
        assert (again.repeated, again.events) == (True, first.events)
        with pytest.raises(CommandReused):
            desk.execute(Reply(body="Tea"), on=ticket, actor=ANN, id="mail-1")


def test_a_text_that_is_the_same_when_fit_changes_nothing(folder: Path) -> None:
    with open_desk(folder) as desk:
        ticket = create(desk, "Caf\xe9", tags=("vpn",))
        assert not desk.execute(SetSubject(subject=" Cafe\u0301"), on=ticket, actor=ANN).events
        assert not desk.execute(Tag(add=("vpn ",)), on=ticket, actor=ANN).events
        noted = desk.execute(Note(body="a\r\nb\x00\u202e"), on=ticket, actor=ANN)
        assert noted.events[0].event.body == "a\nb"  # type: ignore[attr-defined]

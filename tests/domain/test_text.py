"""Text as it is taken in, whoever sends it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ticketlog.domain import text
from ticketlog.domain.base import Command
from ticketlog.domain.parties.person import RegisterPerson, RenamePerson
from ticketlog.domain.ticket.classification import SetSubject, Tag
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.custom_fields import SetFields
from ticketlog.domain.ticket.feedback import Rate, Review
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.domain.ticket.lifecycle import Cancel, Solve
from ticketlog.log.commit import digest_of

HIDDEN = "\x00\x07\x1b\x7f\x9b\u00ad\u061c\u200b\u200e\u200f\u202a\u202e\u2060\u2066\u2069\ufeff"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
HINDI = "\u0915\u094d\u200d\u0937"
ANY = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from(HIDDEN + "\u200c\u200d\u0301\u212ae \t\r\n\u2028\x85" + SCOTLAND),
    )
)

LINES: list[tuple[type[Command], str]] = [
    (CreateTicket, "subject"),
    (SetSubject, "subject"),
    (RenamePerson, "name"),
    (RegisterPerson, "name"),
    (Cancel, "reason"),
    (Solve, "code"),
]
BODIES: list[tuple[type[Command], str]] = [
    (Reply, "body"),
    (Note, "body"),
    (CreateTicket, "description"),
    (Solve, "resolution"),
    (Rate, "comment"),
    (Review, "text"),
]
NEEDED: dict[type[Command], dict[str, Any]] = {
    CreateTicket: {"subject": "Printer"},
    Rate: {"score": 5},
    Review: {"verdict": "good"},
}


def made(command: type[Command], field: str, value: object) -> Any:
    """The field as the command holds it."""
    return getattr(command(**{**NEEDED.get(command, {}), field: value}), field)


class TestLines:
    @pytest.mark.parametrize(("command", "field"), LINES)
    @pytest.mark.parametrize("hidden", HIDDEN)
    def test_what_nobody_sees_is_refused_by_its_name(
        self, command: type[Command], field: str, hidden: str
    ) -> None:
        with pytest.raises(ValidationError) as refusal:
            made(command, field, f"invoice{hidden}exe.pdf")
        fault = refusal.value.errors()[0]
        assert fault["loc"] == (field,)
        assert f"U+{ord(hidden):04X}" in fault["msg"]

    def test_the_name_is_the_one_of_unicode(self) -> None:
        with pytest.raises(ValueError, match=r"U\+202E RIGHT-TO-LEFT OVERRIDE"):
            text.line("a\u202eb")
        with pytest.raises(ValueError, match=r"U\+0000 NULL"):
            text.line("a\0b")

    @pytest.mark.parametrize(("command", "field"), LINES)
    def test_it_is_composed_and_stripped(self, command: type[Command], field: str) -> None:
        assert made(command, field, "\u3000 Cafe\u0301 \t\n") == "Caf\xe9"

    @pytest.mark.parametrize(("command", "field"), [*LINES, *BODIES])
    @pytest.mark.parametrize("blank", ["", " ", "\t\n", "\xa0", "\u3164", "\u0301", "\u2800"])
    def test_what_is_left_is_something(
        self, command: type[Command], field: str, blank: str
    ) -> None:
        with pytest.raises(ValidationError, match="nothing that anybody could read"):
            made(command, field, blank)

    @pytest.mark.parametrize(
        "script", [FAMILY, SCOTLAND, PERSIAN, HINDI, "\u2764\ufe0f\u200d\U0001f525"]
    )
    def test_scripts_and_emoji_are_written_as_they_are(self, script: str) -> None:
        assert made(CreateTicket, "subject", f"{script} {script}") == f"{script} {script}"
        assert made(Reply, "body", f"{script}\n{script}") == f"{script}\n{script}"

    def test_a_joiner_that_joins_nothing_is_hidden(self) -> None:
        with pytest.raises(ValueError, match="ZERO WIDTH JOINER"):
            text.line("pay\u200dpal")
        assert text.body(f"\u200d{FAMILY}\u200d !") == f"{FAMILY} !"

    def test_several_lines_are_no_line(self) -> None:
        with pytest.raises(ValueError, match=r"several lines \(U\+000A LINE FEED\)"):
            text.line("a\nb")

    def test_names_in_lists_and_tables(self) -> None:
        assert Tag(add=(" vpn ", "Cafe\u0301")).add == ("vpn", "Caf\xe9")
        with pytest.raises(ValidationError, match="U\\+200B"):
            Tag(add=("vpn", "v\u200bpn"))
        command = SetFields(fields={"floor ": " 3\r\n4 ", "seats": 2, "which": (" a",)})
        assert command.fields == {"floor": "3\n4", "seats": 2, "which": ("a",)}
        with pytest.raises(ValidationError, match="U\\+001B ESCAPE"):
            SetFields(fields={"floor": "\x1b[2J"})


class TestBodies:
    @pytest.mark.parametrize(("command", "field"), BODIES)
    @pytest.mark.parametrize("hidden", HIDDEN)
    def test_a_mail_is_not_lost_to_what_nobody_sees(
        self, command: type[Command], field: str, hidden: str
    ) -> None:
        assert made(command, field, f" one{hidden}\n\ttwo\n") == "one\n\ttwo"

    def test_breaks_of_lines_are_all_the_same(self) -> None:
        assert made(Reply, "body", "a\r\nb\rc\u2028d\x85e") == "a\nb\nc\nd\ne"


class TestImportedRows:
    def test_a_row_is_not_lost_either(self) -> None:
        row = RecordActivity(
            source="old", case="c1", row=1, subject="in\u202evoice\n1", comment="a\x00b"
        )
        assert (row.subject, row.comment) == ("invoice 1", "ab")


class TestAlways:
    @given(ANY)
    def test_made_fit_again_it_is_the_same(self, given: str) -> None:
        for fit in (text.body, text.flat):
            once = fit(given)
            assert fit(once) == once
            assert text.lines(once) == once
        assert text.line(text.flat(given)) == text.flat(given)

    @given(ANY)
    def test_nothing_hidden_is_taken_or_shown(self, given: str) -> None:
        for out in (text.body(given), text.shown(given)):
            assert not {*out} & {*HIDDEN}

    @given(ANY)
    def test_what_a_line_takes_loses_nothing_that_can_be_seen(self, given: str) -> None:
        try:
            taken = text.line(given)
        except ValueError:
            return
        assert text.body(given) == taken == text.shown(taken)


@given(ANY, ANY)
def test_words_that_an_older_release_took_as_they_are_have_its_digest(body: str, more: str) -> None:
    given: dict[str, Any] = {"body": f"x{body}", "fields": {"floor": more}}
    try:
        command = Reply(**given)
    except ValidationError:
        return

    as_it_was = Reply.model_construct(**given)

    assert digest_of(command) == digest_of(as_it_was)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Reply, {"body": "Here it is"}),
        (CreateTicket, {"subject": "VPN drops", "tags": ("vpn",), "fields": {"floor": "3"}}),
    ],
)
def test_a_command_of_values_that_are_right_is_the_command_that_checks_make(
    kind: type[Command], values: dict[str, Any]
) -> None:
    checked, taken = kind(**values), kind.of_records(**values)
    assert taken == checked
    assert taken.arguments() == checked.arguments()
    assert taken.model_fields_set == checked.model_fields_set
    assert digest_of(taken) == digest_of(checked)

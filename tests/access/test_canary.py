"""given a restricted ticket with a canary in each of its confidential fields, when another role
asks for anything, then no answer, error or output holds it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.access.restricted_desk import (
    ANN,
    AUD,
    FORM,
    HAL,
    LIA,
    NED,
    QUE,
    ROOT,
    SUE,
    person,
    restricted_desk,
)
from tests.access.test_desks_without_the_hidden import Story, questions
from ticketlog.application.access_review import explained
from ticketlog.application.reports import REPORTS
from ticketlog.application.ticket_documents import history_of, ticket_document
from ticketlog.cli import run
from ticketlog.desk import Desk
from ticketlog.domain.base import Actor, Refused
from ticketlog.domain.ticket.classification import Tag
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.custom_fields import SetFields
from ticketlog.domain.ticket.relations import AddCc, Follow, LinkTo
from ticketlog.errors import TicketlogError

CANARY = "kanarienvogel"
OUTSIDERS = (ANN, SUE, LIA, NED, QUE, FORM)


class Cage:
    """A desk with a restricted ticket full of canaries, and one beside it that all see."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.kim, self.lee = person(desk, "Kim"), person(desk, "Lee")
        created = CreateTicket(
            subject=f"Subject {CANARY}",
            description=f"Description {CANARY}",
            requester=self.kim.id,
            team="hr",
            tags=(f"tag-{CANARY}",),
        )
        made = desk.execute(created, actor=HAL, id="ticket 0")
        self.stream = made.stream
        self.id = made.stream.removeprefix("ticket/")
        other = CreateTicket(subject="Printer", requester=self.lee.id, team="network")
        self.other = desk.execute(other, actor=HAL, id="ticket 1").stream
        for command in (
            Note(body=f"Note for @ann {CANARY}"),
            Reply(body=f"Reply {CANARY}"),
            Tag(add=(f"second-{CANARY}",)),
            SetFields(fields={"floor": 77_412}),
            Follow(agent="ann"),
            AddCc(person=self.lee.id),
            LinkTo(kind="problem", target=self.other),
        ):
            desk.execute(command, on=self.stream, actor=HAL)
        desk.execute(LinkTo(kind="blocks", target=self.stream), on=self.other, actor=HAL)
        desk.attach_file(self.stream, f"File {CANARY}".encode(), actor=HAL, name=f"{CANARY}.txt")

    def held_by(self, said: Any) -> list[str]:
        """The canaries in whatever was said, the ticket's own id among them."""
        text = repr(said)
        return [each for each in (CANARY, self.id, "77412") if each in text]


@pytest.fixture
def cage(tmp_path: Path) -> Iterator[Cage]:
    with restricted_desk(tmp_path / "desk") as desk:
        yield Cage(desk)


def _said(ask: Any, *args: Any, **given: Any) -> Any:
    try:
        found = ask(*args, **given)
        return list(found) if isinstance(found, Iterator) else found
    except (Refused, TicketlogError) as error:
        return f"{type(error).__name__} {error} {dict(getattr(error, 'facts', {}))}"


def _answers(cage: Cage, actor: Actor) -> Iterator[tuple[str, Any]]:
    """Everything that an actor can be told, but what they name themselves: the ticket's id."""
    desk, absent = cage.desk, "000000000000"
    past = desk.at(recorded="2100-01-01T00:00:00Z")
    persons = {"Kim": cage.kim, "Lee": cage.lee}
    story = Story([("Kim", "hr"), ("Lee", "network")], [])
    for source in (desk, past):
        for query in questions(desk, story, persons):
            yield f"{query!r}", _said(source.query, query, actor=actor)
        yield (
            "document",
            _said(ticket_document, source, cage.other, at=None, remark=print, actor=actor),
        )
        yield "history", _said(history_of, source, cage.other, at=None, actor=actor)
        yield "state", _said(source.load, cage.other, actor=actor)
        for stream in ("agent/ann", f"person/{cage.kim.id}", "policy/routing"):
            yield stream, _said(source.history, stream, actor=actor)
            yield stream, _said(source.load, stream, actor=actor)
    for name, report in REPORTS.items():
        yield name, _said(desk.report, name, actor=actor)
        yield name, _said(desk.report, name, actor=actor, by=report.DIMENSIONS[:2])
    yield "events", _said(desk.subscribe, None, False, actor=actor)
    yield "export", _said(desk.log_export, actor=actor)
    for ask in (desk.load, desk.history):
        mine, nobodys = (_said(ask, s, actor=actor) for s in (cage.stream, f"ticket/{absent}"))
        yield ask.__name__, repr(mine).replace(cage.id, absent) == repr(nobodys) or mine


@pytest.mark.parametrize("who", [each.id for each in OUTSIDERS])
def test_nobody_outside_is_told_of_a_restricted_ticket(cage: Cage, who: str) -> None:
    actor = next(each for each in OUTSIDERS if each.id == who)
    for what, said in _answers(cage, actor):
        assert not cage.held_by(said), what


def test_end_users_in_copy_arent_told_of_a_restricted_ticket(cage: Cage) -> None:
    for what, said in _answers(cage, cage.lee):
        assert not cage.held_by(said), what


def test_the_requester_reads_what_is_public_and_nothing_internal(cage: Cage) -> None:
    told = [
        ticket_document(cage.desk, cage.stream, at=None, remark=print, actor=cage.kim).plain(),
        cage.desk.history(cage.stream, actor=cage.kim),
        vars(cage.desk.load(cage.stream, actor=cage.kim)),
    ]
    for said in told:
        assert f"Reply {CANARY}" in repr(said) or isinstance(said, dict)
        for internal in ("Note for", f"tag-{CANARY}", f"second-{CANARY}", "'hr'"):
            assert internal not in repr(said), internal


@pytest.mark.parametrize("actor", [HAL, AUD, ROOT], ids=lambda each: each.id)
def test_members_auditors_and_the_operator_are_told(cage: Cage, actor: Actor) -> None:
    told = dict(_answers(cage, actor))
    assert cage.held_by(told["events"]) == [CANARY, cage.id, "77412"]


def test_every_read_of_it_is_recorded_and_every_refusal(cage: Cage) -> None:
    before = len(cage.desk.access_log.entries(limit=1000).entries)
    list(_answers(cage, AUD))
    list(_answers(cage, ANN))
    found = cage.desk.access_log.entries(limit=1000, about=[cage.stream]).entries
    told = {(each.event.NAME, each.meta.actor.id) for each in found}
    assert ("access.read.v1", "aud") in told
    assert ("access.refused.v1", "ann") in told
    assert len(cage.desk.access_log.entries(limit=1000).entries) > before


def test_explaining_tells_an_outsider_of_no_ticket(cage: Cage) -> None:
    for right in ("ticket.reply", "query:ticket"):
        said = _said(explained, cage.desk.access, HAL, right, cage.stream, SUE)
        assert said.startswith("NotFound")
    told = explained(cage.desk.access, SUE, "ticket.reply", cage.stream, AUD)
    assert not told.may
    assert "restricted team hr" in told.why


def test_the_command_line_tells_an_outsider_nothing(
    cage: Cage, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = str(cage.desk.folder)
    for words in (
        ("ticket", "list", "--json"),
        ("search", CANARY, "--json"),
        ("queue",),
        ("inbox", "ann", "--json"),
        ("report", "flow", "--csv"),
        ("ticket", "show", cage.other.removeprefix("ticket/"), "--json"),
    ):
        assert run([*words, "--desk", folder, "--as", "agent:ann"]) == 0, words
        out, err = capfd.readouterr()
        assert not cage.held_by(out + err.replace(CANARY, "", 1)), words

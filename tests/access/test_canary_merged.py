"""given tickets of two requesters that were merged, each full of canaries of its requester, when
the other one asks for anything, then no answer, error or output holds one: while the merge lasts,
and after it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.access.restricted_desk import ANN, SUE, restricted_desk
from tests.access.test_canary import _said
from tests.access.test_desks_without_the_hidden import Story, questions
from tests.http.serving import client
from tests.joining import merge, replied, unmerge
from ticketlog import queries
from ticketlog.application.ticket_documents import history_of, ticket_document
from ticketlog.cli import run
from ticketlog.desk import Desk
from ticketlog.domain.base import Actor
from ticketlog.domain.parties.contact import AddAddress
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.domain.ticket.conversation import Attach, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.custom_fields import SetFields
from ticketlog.domain.ticket.splitting import SplitTicket

KIM, LEE = "kanarienkim", "kanarienlee"


class Merged:
    """KIM's ticket, merged into LEE's."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.kim, self.lee = self._person(KIM), self._person(LEE)
        self.files: dict[str, str] = {}
        self.source, self.target = self._ticket(self.kim, KIM), self._ticket(self.lee, LEE)

    def _person(self, canary: str) -> Actor:
        made = self.desk.execute(RegisterPerson(name=f"Name {canary}"), actor=ANN)
        address = AddAddress(kind="email", value=f"{canary}@example.com")
        self.desk.execute(address, on=made.stream, actor=ANN)
        return Actor(made.stream.removeprefix("person/"), "person")

    def _ticket(self, person: Actor, canary: str) -> str:
        created = CreateTicket(subject=f"Subject {canary}", description=f"Description {canary}")
        ticket = self.desk.execute(created, actor=person).stream
        self.desk.execute(SetFields(fields={"floor": 3}), on=ticket, actor=SUE)
        self.says(ticket, person, f"Before {canary}")
        self.says(ticket, ANN, f"Answer to {canary}")
        given: dict[str, Any] = {"actor": person, "name": f"{canary}.txt"}
        made = self.desk.attach_file(ticket, f"File {canary}".encode(), **given)
        self.files[canary] = made.events[0].id
        return ticket

    def says(self, ticket: str, by: Actor, words: str) -> str:
        return replied(self.desk, ticket.removeprefix("ticket/"), Reply(body=words), by)

    def merge(self) -> None:
        merge(self.desk, *self.id)

    def speak(self) -> None:
        """Everybody says something more."""
        self.says(self.source, self.kim, f"Later {KIM}")
        self.says(self.target, self.lee, f"Later {LEE}")
        later = Attach(name=f"later-{KIM}.txt", media_type="text/plain", size=4, sha256="a" * 64)
        replied(self.desk, self.id[0], later, self.kim)
        self.says(self.target, ANN, "Answer to both")

    @property
    def id(self) -> tuple[str, str]:
        return self.source.removeprefix("ticket/"), self.target.removeprefix("ticket/")


@pytest.fixture
def merged(tmp_path: Path) -> Iterator[Merged]:
    with restricted_desk(tmp_path / "desk") as desk:
        yield Merged(desk)


def told(merged: Merged, actor: Actor) -> Iterator[tuple[str, Any]]:
    """Everything that a person can be told."""
    desk = merged.desk
    persons = {"Kim": merged.kim, "Lee": merged.lee}
    past = desk.at(position=desk.cut())
    for source in (desk, past):
        for query in questions(desk, Story([], []), persons):
            yield f"{query!r}", _said(source.query, query, actor=actor)
        for words in ("before", "later", "subject", "answer", "description"):
            yield words, _said(source.query, queries.Search(words=words), actor=actor)
        for stream in (merged.source, merged.target):
            given: dict[str, Any] = {"at": None, "actor": actor}
            yield "document", _said(ticket_document, source, stream, remark=print, **given)
            yield "history", _said(history_of, source, stream, **given)
            yield "conversation", _said(source.conversation, stream, actor=actor)
            yield "state", vars(source.load(stream, actor=actor))
        for each in persons.values():
            yield "person", _said(source.load, f"person/{each.id}", actor=actor)
    for stream in (merged.source, merged.target):
        for file in merged.files.values():
            yield "file", _read(desk, stream, file, actor)
        late = Reply(body="Hm")
        yield "stale", _said(desk.execute, late, on=stream, actor=actor, seen=1)
    yield "events", _said(desk.subscribe, None, False, actor=actor)
    page = desk.feed.page(desk.feed.admit(actor), desk.feed.start(), 1_000)
    yield "feed", page


def _read(desk: Desk, stream: str, file: str, actor: Actor) -> Any:
    found = _said(desk.attachment, stream, file, actor=actor)
    if isinstance(found, str):
        return found
    facts, content = found
    with content:
        return facts, content.read()


def check(merged: Merged) -> None:
    for actor, foreign in ((merged.kim, LEE), (merged.lee, KIM)):
        for what, said in told(merged, actor):
            assert foreign not in repr(said), (what, said)


def test_nobody_is_told_of_the_other_ones_words(merged: Merged) -> None:
    merged.merge()
    check(merged)
    merged.speak()
    check(merged)
    unmerge(merged.desk, merged.id[0])
    check(merged)


def test_each_is_told_of_their_own(merged: Merged) -> None:
    merged.merge()
    merged.speak()
    for actor, own in ((merged.kim, KIM), (merged.lee, LEE)):
        ticket = merged.source if own == KIM else merged.target
        said = repr(merged.desk.conversation(ticket, actor=actor))
        for words in (f"Description {own}", f"Before {own}", f"Later {own}", "Answer to both"):
            assert words in said


def test_what_was_split_off_for_another_one_stays_unread(merged: Merged) -> None:
    comment = merged.says(merged.source, merged.kim, f"Another matter {KIM}")
    split = SplitTicket(comments=(comment,), subject="Toner", requester=merged.lee.id)
    merged.desk.execute(split, on=merged.source, actor=ANN)
    check(merged)
    [went] = merged.desk.load(merged.source).splits
    assert KIM not in repr(merged.desk.conversation(went.ticket, actor=merged.lee))
    assert KIM in repr(merged.desk.conversation(went.ticket, actor=ANN))


def test_the_command_line_tells_neither(merged: Merged, capfd: pytest.CaptureFixture[str]) -> None:
    merged.merge()
    merged.speak()
    folder = str(merged.desk.folder)
    for actor, foreign in ((merged.kim, LEE), (merged.lee, KIM)):
        for ticket in merged.id:
            for words in (
                *(("ticket", name, ticket, "--json") for name in ("show", "history")),
                ("ticket", "conversation", ticket),
                ("ticket", "list", "--json"),
                ("search", "later", "--json"),
            ):
                code = run([*words, "--desk", folder, "--as", f"person:{actor.id}"])
                out, err = capfd.readouterr()
                assert foreign not in out + err, words
                own = (ticket == merged.id[0]) == (actor is merged.kim)
                assert (code == 0) == (own or words[0] != "ticket" or words[1] == "list"), err


def test_http_tells_neither(merged: Merged) -> None:
    merged.merge()
    merged.speak()

    async def asked() -> None:
        for actor, foreign in ((merged.kim, LEE), (merged.lee, KIM)):
            async with client(merged.desk, f"person:{actor.id}") as http:
                for path in _paths(merged):
                    answer = await http.get(f"/api/v1{path}")
                    assert foreign.encode() not in answer.content, (path, answer.content)

    asyncio.run(asked())


def _paths(merged: Merged) -> Iterator[str]:
    for ticket in merged.id:
        yield from (
            f"/tickets/{ticket}{part}" for part in ("", "/conversation", "/history", "/sla")
        )
        yield f"/tickets/{ticket}/explanation"
        yield from (f"/tickets/{ticket}/attachments/{file}" for file in merged.files.values())
    yield from (f"/persons/{each.id}" for each in (merged.kim, merged.lee))
    yield from ("/tickets", "/queries/search?words=later", "/queries/search?words=subject")
    yield "/events?after=start"

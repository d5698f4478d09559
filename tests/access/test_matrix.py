"""Each cell of `matrix.md` is tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.access import restricted_desk as made
from ticketlog import queries
from ticketlog.application.ticket_documents import ticket_document
from ticketlog.desk import Desk
from ticketlog.domain.base import Actor, Command, Forbidden, NotFound, Refused
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.custom_fields import SetFields
from ticketlog.domain.ticket.lifecycle import Solve
from ticketlog.domain.ticket.relations import PlaceLegalHold

MATRIX = Path(__file__).with_name("matrix.md")
_AGENTS = (made.ANN, made.HAL, made.SUE, made.AUD, made.LIA, made.NED, made.QUE)
ACTORS: Mapping[str, Actor] = {each.id: each for each in (*_AGENTS, made.FORM, made.HRBOT)}
COMMANDS: Mapping[str, Command] = {
    "ticket.reply": Reply(body="Hello"),
    "ticket.note": Note(body="Hello"),
    "ticket.solve": Solve(resolution="done"),
    "ticket.place-legal-hold": PlaceLegalHold(matter="case 1", reason="court"),
}
QUERIES: Mapping[str, Any] = {
    "tickets": queries.Tickets(),
    "search": queries.Search(words="printer"),
    "queue": queries.Queue(),
    "persons": queries.Persons(text="Kim"),
    "inbox": queries.Inbox(agent="ann", now=made.START),
}


class Tried(NamedTuple):
    """A desk whose tickets are tried, by their names in the matrix."""

    desk: Desk
    actors: Mapping[str, Actor]
    tickets: Mapping[str, str]


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    with made.restricted_desk(tmp_path_factory.mktemp("matrix") / "desk") as desk:
        kim, lee = made.person(desk, "Kim"), made.person(desk, "Lee")
        tickets = {}
        for name, team, requester in (
            ("own", "network", kim),
            ("open", "billing", None),
            ("hr", "hr", kim),
        ):
            asked = requester.id if requester else None
            command = CreateTicket(subject="Printer", team=team, requester=asked)
            tickets[name] = desk.execute(command, actor=made.HAL).stream
        fields = SetFields(fields={"floor": 3, "salary": 1})
        desk.execute(fields, on=tickets["own"], actor=made.SUE)
        yield Tried(desk, {**ACTORS, "Kim": kim, "Lee": lee}, tickets)


def cells() -> list[tuple[str, str, str]]:
    """(what, actor, expected)."""
    lines = [line for line in MATRIX.read_text("utf-8").splitlines() if line.startswith("| ")]
    head, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [
        (row[0], actor, expected)
        for row in rows
        for actor, expected in zip(head[1:], row[1:], strict=True)
    ]


@pytest.mark.parametrize(("what", "who", "expected"), cells())
def test_each_cell_says_what_is_done(tried: Tried, what: str, who: str, expected: str) -> None:
    assert _tried(tried, what, tried.actors[who]) == expected


def _tried(tried: Tried, what: str, actor: Actor) -> str:
    what, _, about = what.partition(" ")
    desk, stream = tried.desk, tried.tickets.get(about, "")
    if what == "read":
        return "yes" if desk.load(stream, actor=actor).exists else "-"
    if what == "history":
        return "yes" if desk.history(stream, actor=actor) else "-"
    if what == "field":
        return _field(tried, about, actor)
    try:
        _done(desk, what, stream, actor)
    except Forbidden:
        return "no"
    except NotFound:
        return "-"
    except Refused:
        return "yes"  # Refused for the state that the ticket is in by now, not for the role.
    return "yes"


def _done(desk: Desk, what: str, stream: str, actor: Actor) -> None:
    if what in COMMANDS:
        desk.execute(COMMANDS[what], on=stream, actor=actor)
    elif what.startswith("query:"):
        desk.query(QUERIES[what.removeprefix("query:")], actor=actor)
    elif what.startswith("report:"):
        desk.report(what.removeprefix("report:"), actor=actor)
    elif what == "export":
        next(desk.log_export(actor=actor))
    else:
        desk.check_right(actor, what)


def _field(tried: Tried, name: str, actor: Actor) -> str:
    stream = tried.tickets["own"]
    try:
        told = ticket_document(tried.desk, stream, at=None, remark=print, actor=actor)
    except NotFound:
        return "-"
    shown = tried.desk.viewer(actor).document(told).plain()
    return "yes" if name in {**shown, **shown["fields"]} else "no"

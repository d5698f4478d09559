"""Every field of every document: instants are ISO texts, durations are named with their unit."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.said import Run
from ticketlog import config, documents
from ticketlog.cli.options import ACTOR_VARIABLE
from ticketlog.desk import Desk, init_desk, open_desk
from ticketlog.projections import PROJECTIONS, agents, inbox, queue, tickets
from ticketlog.reporting import REPORTS

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
INSTANT = re.compile(r"(^|_)(at|since|until|clock)$")
RAW = 10**13
"""Whole numbers from here on would be instants in microseconds, or in milliseconds soon."""

PLAIN: tuple[tuple[str, ...], ...] = (
    ("status",),
    ("queue",),
    ("queue", "--count-by", "team"),
    ("search", "the"),
    ("ticket", "list"),
    ("agent", "list"),
    ("policies", "list"),
    ("views", "list"),
    ("settings", "show"),
    ("settings", "history"),
    ("sla",),
    ("log", "verify"),
    ("replay", "verify"),
    ("import", "list"),
    ("log", "stat"),
    *(("report", name) for name in REPORTS),
)
OF_TICKETS: tuple[tuple[str, ...], ...] = (
    ("ticket", "show"),
    ("ticket", "history"),
    ("settings", "explain"),
    ("sla",),
)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk in which much has happened, some of it just now."""
    folder = tmp_path_factory.mktemp("documents") / "desk"
    with init_desk(folder) as desk:
        desk.simulate(tickets=60, seed=1)
    return folder


@pytest.fixture
def asked(lived: Path, ask: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv(config.VARIABLE, str(lived))
    monkeypatch.setenv(ACTOR_VARIABLE, f"agent:{_agent(lived)}")

    def asked(*arguments: str) -> Any:
        said = ask(*arguments, "--json")
        assert said.code == 0, said
        return said.document

    return asked


def _agent(folder: Path) -> str:
    with open_desk(folder) as desk:
        held = desk.query(agents.load)
        return str(max(held, key=lambda row: row["active"])["agent"])


def _some(folder: Path) -> list[str]:
    with open_desk(folder) as desk:
        return [row["ticket"] for row in desk.query(tickets.page, limit=12).rows]


def fields(document: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """(path, name, value) of every field, however deep."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield f"{path}.{name}", name, value
            yield from fields(value, f"{path}.{name}")
    elif isinstance(document, list):
        for value in document:
            yield f"{path}[]", "", value
            yield from fields(value, f"{path}[]")


def wrong(document: Any) -> set[str]:
    """What stands in a document as it should not."""
    found = set()
    for path, name, value in fields(document):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and abs(value) >= RAW:
            found.add(f"{path} is a raw instant: {value}")
        if INSTANT.search(name) and number:
            found.add(f"{path} is a number: {value}")
        if INSTANT.search(name) and isinstance(value, str) and not ISO.fullmatch(value):
            found.add(f"{path} is no ISO text: {value!r}")
        if isinstance(value, float) and not name.endswith(("seconds", "minutes")):
            found.add(f"{path} is a fraction of what? {value}")
        if name in ("id", "ticket", "agent", "team", "person", "stream") and number:
            found.add(f"{path} is no text: {value!r}")
    return found


@pytest.mark.parametrize("arguments", PLAIN, ids=" ".join)
def test_every_field_of_a_document(asked: Callable[..., Any], arguments: tuple[str, ...]) -> None:
    assert wrong(asked(*arguments)) == set()


@pytest.mark.parametrize("arguments", OF_TICKETS, ids=" ".join)
def test_every_field_of_what_is_said_of_a_ticket(
    lived: Path, asked: Callable[..., Any], arguments: tuple[str, ...]
) -> None:
    assert set().union(*(wrong(asked(*arguments, each)) for each in _some(lived))) == set()


def test_every_field_of_an_inbox_and_of_an_agent(lived: Path, asked: Callable[..., Any]) -> None:
    agent = _agent(lived)
    made = asked("ticket", "create", "For me", "--assignee", agent)["stream"]
    with open_desk(lived) as desk:
        _say(desk, made.removeprefix("ticket/"))
    document = asked("inbox")
    assert document["waiting"]
    assert wrong(document) == set()
    assert wrong(asked("agent", "show", agent)) == set()
    assert wrong(asked("agent", "history", agent)) == set()


def test_every_field_of_an_export(lived: Path, ask: Run, asked: Callable[..., Any]) -> None:
    """faults.sh 6: `waiting_since` too."""
    made = asked("ticket", "create", "Still waiting")["stream"].removeprefix("ticket/")
    with open_desk(lived) as desk:
        _say(desk, made)
    rows = [json.loads(line) for line in ask("export", "--format", "jsonl").out.splitlines()]
    assert set().union(*map(wrong, rows)) == set()
    assert any(row["waiting_since"] for row in rows)
    assert {name for row in rows for name in row if name.endswith("_at")} >= {"ended_at"}
    for row in csv.DictReader(io.StringIO(ask("export").out)):
        for name, value in row.items():
            if INSTANT.search(name) and value:
                assert ISO.fullmatch(value), (name, value)


@pytest.mark.parametrize("view", [each.name for each in PROJECTIONS])
def test_every_field_of_a_views_rows(lived: Path, ask: Run, asked: Any, view: str) -> None:
    cut = asked("log", "verify")["cut"]
    said = ask("replay", "as-of", view, "--as-of", cut, "--rows")
    assert said.code == 0, said
    assert set().union(*(wrong(json.loads(line)) for line in said.out.splitlines())) == set()


def _say(desk: Desk, ticket: str) -> None:
    from ticketlog.domain.base import Actor
    from ticketlog.domain.person import RegisterPerson
    from ticketlog.domain.ticket.classification import SetRequester
    from ticketlog.domain.ticket.conversation import Reply

    by = Actor(max(desk.query(agents.load), key=lambda row: row["active"])["agent"], "agent")
    person = desk.execute(RegisterPerson(name="Kim"), actor=by).stream.removeprefix("person/")
    desk.execute(SetRequester(requester=person), on=ticket, actor=by)
    desk.execute(Reply(body="Still broken"), on=ticket, actor=Actor(person, "person"))


TYPED: tuple[tuple[type[documents.Document], tuple[str, ...]], ...] = (
    (documents.Queue, ("queue",)),
    (documents.TicketRows, ("ticket", "list")),
    (documents.Found, ("search", "the")),
    (documents.Agents, ("agent", "list")),
    (documents.Inbox, ("inbox",)),
)


@pytest.mark.parametrize(("model", "arguments"), TYPED)
def test_a_document_is_what_its_model_says(
    asked: Callable[..., Any], model: type[documents.Document], arguments: tuple[str, ...]
) -> None:
    assert unknown(model.model_validate(asked(*arguments))) == set()


def test_documents_of_a_ticket_are_what_their_models_say(
    lived: Path, asked: Callable[..., Any]
) -> None:
    for ticket in _some(lived):
        shown = documents.Ticket.model_validate(asked("ticket", "show", ticket))
        told = documents.History.model_validate(asked("ticket", "history", ticket))
        assert unknown(shown) | unknown(told) == set()
    made = documents.Outcome.model_validate(asked("ticket", "create", "One more"))
    assert unknown(made) == set()


@pytest.mark.parametrize(
    ("kind", "model"), [("person", documents.Person), ("organisation", documents.Organisation)]
)
def test_documents_of_parties_are_what_their_models_say(
    asked: Callable[..., Any], kind: str, model: type[documents.Document]
) -> None:
    made = asked(kind, "register", "Kim")["stream"].partition("/")[2]
    document = asked(kind, "show", made)
    assert wrong(document) == set()
    assert unknown(model.model_validate(document)) == set()


def test_an_agent_is_what_its_model_says(lived: Path, asked: Callable[..., Any]) -> None:
    shown = documents.Agent.model_validate(asked("agent", "show", _agent(lived)))
    assert unknown(shown) == set()


def unknown(model: BaseModel) -> set[str]:
    """The fields that a document has and its model doesn't name."""
    found = {f"{type(model).__name__}.{name}" for name in model.model_extra or ()}
    for value in vars(model).values():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, BaseModel):
                found |= unknown(each)
    return found


@pytest.mark.parametrize(
    ("model", "columns"),
    [
        (documents.TicketRow, tickets.TABLES[0].columns),
        (documents.QueueRow, queue.TABLES[0].columns),
        (documents.InboxRow, inbox.TABLES[0].columns),
        (documents.UnassignedRow, inbox.TABLES[1].columns),
    ],
)
def test_a_view_and_the_model_of_its_rows_have_the_same_fields(
    model: type[documents.Document], columns: Any
) -> None:
    assert model.model_fields.keys() == columns.keys()


@pytest.mark.parametrize("model", documents.ALL, ids=lambda model: str(model.__name__))
def test_a_model_names_instants_and_durations_as_such(model: type[documents.Document]) -> None:
    assert (model.__doc__ or "").strip()
    for name, field in model.model_fields.items():
        if INSTANT.search(name):
            assert "\\d{4}" in str(field), name

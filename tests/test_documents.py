"""Every field of every document: instants are ISO texts, durations are named with their unit."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from tests.said import Run
from ticketlog import config
from ticketlog.cli.options import ACTOR_VARIABLE
from ticketlog.cli.page import printed
from ticketlog.desk import Desk, init_desk, open_desk
from ticketlog.documents import base, parties
from ticketlog.documents import tickets as documents
from ticketlog.documents.base import Document, Kind, parts
from ticketlog.documents.events import History
from ticketlog.documents.outcomes import Outcome
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


TYPED: tuple[tuple[type[Document], tuple[str, ...]], ...] = (
    (documents.Queue, ("queue",)),
    (documents.QueueCounts, ("queue", "--count-by", "team", "--count-by", "priority")),
    (documents.TicketRows, ("ticket", "list")),
    (documents.Found, ("search", "the")),
    (documents.Agents, ("agent", "list")),
    (documents.Inbox, ("inbox",)),
    (parties.Persons, ("person", "find", "a")),
)


@pytest.mark.parametrize(("model", "arguments"), TYPED)
def test_a_document_is_what_its_model_says(
    asked: Callable[..., Any], model: type[Document], arguments: tuple[str, ...]
) -> None:
    model.model_validate(asked(*arguments))


def test_documents_of_a_ticket_are_what_their_models_say(
    lived: Path, asked: Callable[..., Any]
) -> None:
    for ticket in _some(lived):
        documents.Ticket.model_validate(asked("ticket", "show", ticket))
        History.model_validate(asked("ticket", "history", ticket))
    Outcome.model_validate(asked("ticket", "create", "One more"))


@pytest.mark.parametrize(
    ("kind", "model"), [("person", parties.Person), ("organisation", parties.Organisation)]
)
def test_documents_of_parties_are_what_their_models_say(
    asked: Callable[..., Any], kind: str, model: type[Document]
) -> None:
    made = asked(kind, "register", "Kim")["stream"].partition("/")[2]
    document = asked(kind, "show", made)
    assert wrong(document) == set()
    model.model_validate(document)


def test_an_agent_is_what_its_model_says(lived: Path, asked: Callable[..., Any]) -> None:
    parties.Agent.model_validate(asked("agent", "show", _agent(lived)))


@pytest.mark.parametrize(
    ("model", "columns"),
    [
        (documents.TicketRow, tickets.TABLES[0].columns),
        (documents.QueueRow, queue.TABLES[0].columns),
        (documents.InboxRow, inbox.TABLES[0].columns.keys() - {"by"}),
        (documents.UnassignedRow, inbox.TABLES[1].columns),
    ],
)
def test_a_view_and_the_model_of_its_rows_have_the_same_fields(
    model: type[Document], columns: Any
) -> None:
    assert model.model_fields.keys() == set(columns)


MODELS = {part: None for model in printed() for part in parts(model)}
TELLS_A_TIME = re.compile(
    r"(^|_)(time|times|age|duration|length|used|left|spent|elapsed|lasted|waited|delay|at|since|"
    r"until|due|clock|within|after|before|ago|online|away|worked|engaged|waiting|median|p90|mean)$"
)
"""The names that a number may not have: what it counts, or in which unit, isn't said by them."""
RANKS = re.compile(r"_(median|p90)$")
AS_THEY_ARE = {"Ticket.fields", "Event.data", "Agent.settings"}
"""Fields that hold what settings or records do."""


def leaves(hint: Any) -> Iterator[Any]:
    """What a field holds, without lists, maps, and null."""
    if get_origin(hint) in (list, dict, Sequence, Union, UnionType):
        for each in get_args(hint):
            yield from leaves(each)
    elif hint is not NoneType:
        yield hint


def misnamed(name: str, hint: Any) -> Iterator[str]:
    """What is wrong with a field of a model."""
    for leaf in leaves(hint):
        if leaf is bool or get_origin(leaf) is Literal:
            continue
        if isinstance(leaf, type) and issubclass(leaf, Document):
            continue
        kinds = [mark for mark in getattr(leaf, "__metadata__", ()) if isinstance(mark, Kind)]
        if len(kinds) != 1:
            yield f"{name} doesn't say what it holds: {leaf}"
        elif not re.search(kinds[0].names, name):
            yield f"{name} holds {kinds[0].words}, and is not called so"
        elif (
            numeric(leaf)
            and kinds[0].words != "seconds"
            and TELLS_A_TIME.search(RANKS.sub("", name))
        ):
            yield f"{name} is called as a time or a duration, and is a {kinds[0].words}"


def numeric(hint: Any) -> bool:
    return hint in (int, float) or any(map(numeric, get_args(hint)))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model.__name__))
def test_every_field_of_a_model_says_what_it_holds_and_is_called_so(model: type[Document]) -> None:
    assert (model.__doc__ or "").strip()
    for name, hint in get_type_hints(model, include_extras=True).items():
        if f"{model.__name__}.{name}" not in AS_THEY_ARE:
            assert not [*misnamed(name, hint)]
            assert "anything" not in {
                mark.words
                for each in leaves(hint)
                for mark in getattr(each, "__metadata__", ())
                if isinstance(mark, Kind)
            }


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("handled", int),
        ("handled", int | None),
        ("handled", list[float]),
        ("extra", dict[base.Id, Any]),
        ("first_reply_time", base.Count),
        ("first_reply_time_median", base.Count),
        ("waiting_since", base.Count | None),
        ("used", base.WholeSeconds),
        ("left", base.Seconds | None),
        ("solved_at", base.Number),
    ],
)
def test_a_duration_or_an_instant_can_not_stand_there_as_a_bare_number(
    name: str, hint: Any
) -> None:
    assert [*misnamed(name, hint)]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("hops_median", base.Count | None),
        ("first_reply_time_median_seconds", base.WholeSeconds | None),
        ("left_seconds", base.Seconds),
        ("waiting_since", base.At | None),
        ("next_at", list[base.At]),
    ],
)
def test_what_is_named_with_its_unit_may_stand_there(name: str, hint: Any) -> None:
    assert not [*misnamed(name, hint)]

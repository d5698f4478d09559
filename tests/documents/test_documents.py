"""Every field of every document: instants are ISO texts, durations are named with their unit."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import click
import pytest
from pydantic import ValidationError

from tests.said import Run
from ticketlog import config
from ticketlog.application.accounts import Accounts
from ticketlog.application.reports import REPORTS
from ticketlog.cli.framework import ShellCommand, ShellGroup
from ticketlog.cli.manual import commands, printed
from ticketlog.cli.options import ACTOR_VARIABLE
from ticketlog.cli.root import root
from ticketlog.desk import Desk, init_desk, open_desk
from ticketlog.documents import base
from ticketlog.documents import ticket_rows as documents
from ticketlog.documents.base import Document, Kind, parts
from ticketlog.domain.accounts.identity import SignInIdentity, identity_key
from ticketlog.domain.accounts.login_link import LOCAL
from ticketlog.domain.accounts.owner import owner_of
from ticketlog.domain.accounts.passkey import RegisterPasskey
from ticketlog.domain.base import Actor, kind_and_id
from ticketlog.domain.parties.organisation import RegisterOrganisation
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.domain.rights import admins
from ticketlog.domain.ticket.classification import SetRequester
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.projections import PROJECTIONS
from ticketlog.projections.views import agents, inbox, queue, tickets
from ticketlog.projections.views.sla import sla

ACME = RegisterOrganisation(name="Acme")
OLD = """
source = "old"
format = "csv"
rows = "event"
[columns]
case = "Case"
[time]
column = "At"
[status]
column = "State"
[[status.words]]
status = "open"
to = "open"
[[status.words]]
status = "closed"
to = "closed"
"""
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
INSTANT = re.compile(r"(^|_)(at|since|until|clock)$")
RAW = 10**13
"""Whole numbers from here on would be instants in microseconds, or in milliseconds soon."""


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
        held = desk.query(agents.AgentLoad())
        return str(max(held, key=lambda row: row["active"])["agent"])


def _some(folder: Path) -> list[str]:
    with open_desk(folder) as desk:
        return [row["ticket"] for row in desk.query(tickets.Tickets(limit=12)).rows]


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
    by = Actor(max(desk.query(agents.AgentLoad()), key=lambda row: row["active"])["agent"], "agent")
    person = desk.execute(RegisterPerson(name="Kim"), actor=by).stream.removeprefix("person/")
    desk.execute(SetRequester(requester=person), on=ticket, actor=by)
    desk.execute(Reply(body="Still broken"), on=ticket, actor=Actor(person, "person"))


LINES: tuple[str, ...] = (
    "init {new}/desk",
    "status",
    "policies list",
    "policies run",
    "policies retry sla",
    "demo --tickets 60",
    "import {new}/old.csv --mapping {new}/old.toml",
    "import {new}/old.csv --mapping {new}/old.toml --check",
    "import list",
    "import withdraw old --reason Wrong",
    "ticket show {ticket}",
    "ticket history {ticket}",
    "ticket list",
    "ticket create More",
    "person register Kim",
    "person show {person}",
    "person history {person}",
    "person find Kim",
    "organisation show {organisation}",
    "organisation history {organisation}",
    "agent show {worker}",
    "agent history {worker}",
    "agent list",
    "token list",
    "token create export",
    "token revoke {token}",
    "session list",
    "session revoke {session}",
    "passkey list",
    "passkey remove {passkey}",
    "identity list",
    "identity unlink {identity}",
    "login-link",
    "access review",
    "access explain agent:{worker} ticket.reply {ticket}",
    "access sign-off",
    "audit access {ticket}",
    "webhook list",
    "webhook show crm",
    "webhook deliveries crm",
    "webhook test crm",
    "webhook received",
    "webhook message {message}",
    "webhook again {message}",
    "settings apply {new}/settings.toml --strand",
    "settings apply {new}/settings.toml --check",
    "settings show",
    "settings history",
    "settings explain {ticket}",
    "settings reapply --all",
    "settings reroute --all --check",
    "queue",
    "queue --count-by team --count-by priority",
    "inbox show",
    "inbox seen --all",
    "inbox snooze {ticket} --until 2h",
    "inbox wake {ticket}",
    "inbox unfollow --all",
    "search the",
    "sla",
    "sla --breached",
    "sla {ticket}",
    *(f"report {name}" for name in REPORTS),
    *(f"report {name} --by agent --by team" for name in REPORTS if name != "gaming-cases"),
    "report quality --window 3d",
    "report attainment --basis now --by policy_version",
    "report rules --by version --by kind",
    "log stat",
    "log tail",
    "log verify",
    "log import {new}/log.jsonl {new}/restored",
    "views list",
    "views retry queue",
    "replay rebuild queue",
    "replay verify",
    "replay diff tickets 0:3",
    "replay as-of queue --as-of 0:3",
)
"""A line for each command that prints documents, and for each document that it prints."""
NOT_HERE = {"Publishing"}
"""Documents that need a log in Kafka; tests/publishing has them."""
OF_FORMS = {"Outcome"}
"""Documents of commands that are made of the domain's."""


class Words(NamedTuple):
    """What a line names."""

    new: Path
    ticket: str
    person: str
    organisation: str
    worker: str
    """An agent with a history."""
    message: str
    """A message from outside."""
    token: str
    session: str
    passkey: str
    identity: str


@pytest.fixture
def words(lived: Path, ask: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Words:
    """A copy of the desk, where everything that lines name is there."""
    folder = tmp_path / "lived"
    shutil.copytree(lived, folder)
    monkeypatch.setenv(config.VARIABLE, str(folder))
    with open_desk(folder) as desk:
        agent = admins(desk.settings)[0]
    monkeypatch.setenv(ACTOR_VARIABLE, f"agent:{agent}")
    (tmp_path / "old.csv").write_text("Case,At,State\n1,2026-03-02T10:00:00Z,open\n1,soon,closed\n")
    (tmp_path / "old.toml").write_text(OLD)
    with open_desk(folder) as desk:
        told = [row["ticket"] for row in desk.query(tickets.Tickets(limit=200)).rows]
        breached = desk.query(sla.ClocksAtRisk(breached=True)).rows
        by = Actor(agent, "agent")
        made = [
            kind_and_id(desk.execute(command, actor=by).stream)[1]
            for command in (RegisterPerson(name="Kim"), ACME)
        ]
        desk.import_file(tmp_path / "old.csv", tmp_path / "old.toml", actor=by)
        (tmp_path / "log.jsonl").write_bytes(b"".join(desk.log_export()))
        message = _received(desk, by)
        accounts = _accounts(desk, by)
    (tmp_path / "settings.toml").write_bytes(b"[products.more]\n")
    ticket = breached[0]["ticket"] if breached else told[0]
    return Words(tmp_path, ticket, *made, _agent(folder), message, *accounts)


def _accounts(desk: Desk, by: Actor) -> tuple[str, str, str, str]:
    """The ids of a token, a session, a passkey and an identity of an agent."""
    accounts, owner = Accounts(desk), owner_of(by)
    key = RegisterPasskey(credential="AAAA", public_key="AAAA", sign_count=0, label="phone")
    user = SignInIdentity(provider="corp", issuer="https://id", subject="1", owner=owner)
    identity = identity_key(user.issuer, user.subject)
    accounts.send(user, f"identity/{identity}")
    made = (
        accounts.create_token(owner, label="crm", actor=by).token,
        accounts.begin_session(owner, method="link", used="login-link/x").session,
        accounts.register_passkey(key, actor=by._replace(authenticated=LOCAL)),
    )
    return *(each.id for each in made), identity  # type: ignore[return-value]


def _received(desk: Desk, by: Actor) -> str:
    """An endpoint `crm`, and the id of a message from outside of which a ticket was made."""
    (desk.folder / "secret").write_text("whsec_" + "c2VjcmV0" * 4)
    service = next(iter(desk.settings.known_services))
    endpoint = 'url = "https://127.0.0.1:9/"\nsecrets = "file:secret"\n'
    check = 'check = "token"\nsignature_header = "X-Token"\nsecrets = "file:secret"\n'
    desk.settings_apply(
        f'[webhooks.crm]\n{endpoint}reads_as = "service:{service}"\n'
        f'[hook_sources.outside]\n{check}sends_as = "service:{service}"\n'
        '[[hook_sources.outside.commands]]\ncommand = "ticket.create"\n'
        'fields = { subject = "{a}" }\n',
        actor=by,
    )
    token = {"x-token": "whsec_" + "c2VjcmV0" * 4}
    taken = desk.hook_inbox.receive("outside", token, b'{"a": "It came"}').message
    desk.webhooks().test("crm")
    return taken


def command_of(line: str) -> tuple[str, ShellCommand]:
    """The whole name of a line's command, and the command."""
    at: click.Command = root
    path, words = "ticketlog", line.split()
    while isinstance(at, ShellGroup):
        found = at.get_command(click.Context(at), words[0]) if words else None
        name = words.pop(0) if found else at.default
        assert name is not None, line
        at = found or at.get_command(click.Context(at), name)  # type: ignore[assignment]
        path += f" {name}"
    assert isinstance(at, ShellCommand)
    return path, at


@pytest.mark.parametrize("line", LINES)
def test_a_command_prints_what_its_models_say(words: Words, ask: Run, line: str) -> None:
    _, command = command_of(line)
    said = ask(*line.format(**words._asdict()).split(), "--json")
    assert said.code in (0, 1), said
    told = said.out.splitlines() if line == "log tail" else [said.out]
    assert told
    for each in map(json.loads, told):
        assert wrong(each) == set()
        why = [misfits(each, model) for model in command.prints]
        assert None in why, (said, *why)


def misfits(document: Any, model: type[Document]) -> str | None:
    """Why it hasn't all fields of the model and no others."""
    try:
        same = bool(model.model_validate(document).plain() == document)
    except ValidationError as error:
        return str(error)
    return None if same else f"{model.__name__} says it otherwise"


def test_there_is_a_line_for_each_command_and_each_document() -> None:
    tried = {command_of(line)[0] for line in LINES}
    printing = {
        path: {model.__name__ for model in command.prints}
        for path, command in commands(root, click.Context(root, info_name="ticketlog"))
        if command.prints or "as_json" in {each.name for each in command.params}
    }
    left = {path for path, prints in printing.items() if not prints <= NOT_HERE | OF_FORMS}
    assert left - tried == {"ticketlog export"}
    assert not [path for path, prints in printing.items() if not prints]


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
    r"(^|_)(time|age|duration|length|used|left|spent|elapsed|lasted|waited|delay|at|since|"
    r"until|due|clock|within|after|before|ago|online|away|worked|engaged|waiting|median|p90|mean)$"
)
"""The names that a number may not have: what it counts, or in which unit, isn't said by them."""
RANKS = re.compile(r"_(median|p90)$")
AS_THEY_ARE = {
    *("Ticket.fields", "Event.data", "Failed.values", "Failed.found"),
    *("Differing.key", "Differing.expected", "Differing.found"),
}
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
    hints = get_type_hints(model, include_extras=True)
    for name, hint in ((name, hints[name]) for name in model.model_fields):
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

"""Every command has help, examples and a place in the manual, and prints what the manual says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.said import Run
from ticketlog.cli.base import Command, FormGroup, Group
from ticketlog.cli.outcomes import OUTCOME
from ticketlog.cli.page import cli_page, commands
from ticketlog.cli.parties import agent, organisation, person
from ticketlog.cli.root import root
from ticketlog.cli.ticket import ticket as ticket_group
from ticketlog.domain import agent as agents
from ticketlog.domain import attention
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.ticket import acts
from ticketlog.domain.ticket.activity import RecordActivity
from ticketlog.domain.ticket.conversation import Attach
from ticketlog.domain.ticket.withdrawal import Withdraw

CONTEXT = click.Context(root, info_name="ticketlog")
COMMANDS = list(commands(root, CONTEXT))
each = pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[path for path, _ in COMMANDS])


def groups(group: Group = root) -> Iterator[Group]:
    yield group
    for name in group.list_commands(CONTEXT):
        found = group.get_command(CONTEXT, name)
        if isinstance(found, Group):
            yield from groups(found)


def parsed(line: str) -> tuple[click.Command, click.Context]:
    """The command that a line means, with its values. Raises click's errors."""
    words = re.split(r" [<>|] ", line)[0]
    name, *arguments = shlex.split(words)
    assert name == "ticketlog"
    command: click.Command = root
    context = CONTEXT
    while isinstance(command, Group):
        if command.default and not set(arguments) & set(command.list_commands(context)):
            arguments = [command.default, *arguments]
        found = command.get_command(context, arguments[0])
        assert found is not None, line
        command, arguments = found, arguments[1:]
    return command, command.make_context(command.name, arguments, parent=context)


@each
def test_every_command_has_help_and_examples_that_parse(path: str, command: Command) -> None:
    assert command.help
    assert command.examples
    for example in command.examples:
        found, _ = parsed(example)
        assert found.name == command.name


@each
def test_every_command_is_in_the_manual(path: str, command: Command) -> None:
    page = cli_page()
    assert f"\n### {path}\n" in page
    for example in command.examples:
        assert f"\n    {example}\n" in page


@each
def test_every_option_says_what_it_is(path: str, command: Command) -> None:
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert not [option.name for option in options if not option.help]
    assert {"--desk", "--debug"} <= {name for option in options for name in option.opts}


@each
def test_every_read_takes_json(path: str, command: Command) -> None:
    names = {parameter.name for parameter in command.params}
    if path.split()[-1] not in {"run", "tour", "fetch", "export"}:
        assert "as_json" in names
        assert command.keys
    if "command_id" in names:
        assert {"actor", "reason"} <= names
    assert f"\n{path}\n" not in cli_page()


@pytest.mark.parametrize("group", [*groups()], ids=lambda group: str(group.name))
def test_a_group_lists_its_commands_with_a_line_of_help_each(group: Group) -> None:
    for section in group.sections.values():
        for name, entry in section.items():
            command = group.get_command(CONTEXT, name)
            assert command is not None
            assert command.name == name
            assert entry.help.endswith(".")
            assert len(entry.help) < 80


@pytest.mark.parametrize("group", [ticket_group, person, organisation, agent], ids=lambda g: g.kind)
def test_every_command_of_the_domain_has_one(group: FormGroup) -> None:
    there = {form.command or f"{group.kind}.{name}" for name, form in group.forms.items()}
    wanted = {command.NAME for command in AGGREGATES[group.kind].commands}
    # A row of a history comes and goes by an import, an attachment by its file, the rest by
    # policies. What agents have seen is said by `ticketlog inbox`.
    others = (
        *(RecordActivity, Withdraw, Attach, *acts.BY_POLICIES, *agents.BY_POLICIES),
        *attention.COMMANDS,
    )
    assert there == wanted - {each.NAME for each in others}


def test_the_manual_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "CLI.md"
    assert page.read_text(encoding="utf-8") == cli_page(), "`make docs` writes it anew"


def keys_of(command: str) -> set[str]:
    found, _ = parsed(f"ticketlog {command}")
    assert isinstance(found, Command)
    return {key for names in found.keys for key in names.split(", ")}


def listed(command: str, key: str) -> set[str]:
    """The keys of the rows that the manual lists behind 'each with'."""
    found, _ = parsed(f"ticketlog {command}")
    assert isinstance(found, Command)
    text = re.sub(r" \([^)]*\)", "", found.keys[key].split("each with ")[1])
    return set(text.split(", "))


def test_documents_have_the_keys_that_the_manual_lists(done: Run, ticket: str) -> None:
    kim = done("person", "register", "Kim", "--json").document["stream"].split("/")[1]
    acme = done("organisation", "register", "Acme", "--json").document["stream"].split("/")[1]
    done("agent", "set-availability", "ann", "online")
    done("ticket", "start-work", ticket)
    for line in (
        "status",
        "views list",
        "views retry queue",
        f"ticket show {ticket}",
        f"ticket history {ticket}",
        "ticket list",
        "ticket note X y",
        f"person show {kim}",
        f"person history {kim}",
        f"organisation show {acme}",
        f"organisation history {acme}",
        "agent show ann",
        "agent history ann",
        "agent list",
        "queue",
        "inbox ann",
        "search vpn",
        "report flow",
        "settings show",
        "settings history",
        "log stat",
        "log verify",
        "replay verify",
        "replay rebuild queue",
        "replay diff queue 0:0",
        "replay as-of queue --as-of 0:0",
    ):
        words = line.replace("note X y", f"note {ticket} y").split()
        document = done(*words, "--json").document
        assert set(document) == keys_of(line) - {"counts", "recomputed"}, line
    recomputed = done("report", "attainment", "--basis", "now", "--json").document
    assert set(recomputed) == keys_of("report attainment")
    assert set(done("queue", "--count-by", "team", "--json").document) == {"counts"}


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("ticket list", "tickets"),
        ("queue", "tickets"),
        ("inbox", "waiting"),
        ("inbox ann", "unassigned"),
        ("search vpn", "found"),
        ("agent list", "agents"),
        ("settings history", "events"),
        ("status", "partitions"),
        ("status", "views"),
        ("views list", "views"),
        ("replay verify", "views"),
        ("replay diff queue 0:0", "tables"),
        ("replay as-of queue --as-of 0:0", "tables"),
    ],
)
def test_rows_have_the_keys_that_the_manual_lists(
    done: Run, ticket: str, line: str, key: str
) -> None:
    mine = done("ticket", "create", "Mine", "--team", "billing", "--json").document["stream"]
    done("ticket", "claim", mine)
    done("ticket", "note", ticket, "@ann look", "--mentions", "ann", "--as", "agent:bob")
    rows = done(*line.split(), "--json").document[key]
    assert rows
    for row in rows:
        assert set(row) == listed(line, key)


def test_lines_of_events_have_the_keys_that_the_manual_lists(done: Run, ticket: str) -> None:
    import json

    lines = done("log", "tail", "--json").out.splitlines()
    assert lines
    for line in lines:
        assert set(json.loads(line)) == keys_of("log tail")
    for line in done("export", "--format", "jsonl").out.splitlines():
        assert set(json.loads(line)) == keys_of("export")


def test_a_write_prints_what_it_did(done: Run, ticket: str) -> None:
    assert set(done("ticket", "claim", ticket, "--json").document) == set(OUTCOME)


def test_a_simulation_counts_what_the_manual_lists(done: Run, tmp_path: Path) -> None:
    done("init", str(tmp_path / "new"))
    document = done("--desk", str(tmp_path / "new"), "demo", "--tickets", "1", "--json").document
    assert set(document) == keys_of("demo")

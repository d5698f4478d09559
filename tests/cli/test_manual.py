"""Every command has help, examples and a place in the manual."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ticketlog.cli.commands.parties import agent, organisation, person
from ticketlog.cli.commands.ticket import ticket as ticket_group
from ticketlog.cli.framework import ModelGroup, ShellCommand, ShellGroup
from ticketlog.cli.manual import cli_page, commands
from ticketlog.cli.root import root
from ticketlog.domain.aggregates import AGGREGATES, RIGHTS
from ticketlog.domain.parties import attention
from ticketlog.domain.ticket.automation import Route
from ticketlog.domain.ticket.conversation import Attach
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.domain.ticket.withdrawal import Withdraw

CONTEXT = click.Context(root, info_name="ticketlog")
COMMANDS = list(commands(root, CONTEXT))
each = pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[path for path, _ in COMMANDS])


def groups(group: ShellGroup = root) -> Iterator[ShellGroup]:
    yield group
    for name in group.list_commands(CONTEXT):
        found = group.get_command(CONTEXT, name)
        if isinstance(found, ShellGroup):
            yield from groups(found)


def parsed(line: str) -> tuple[click.Command, click.Context]:
    """The command that a line means, with its values. Raises click's errors."""
    words = re.split(r" [<>|] ", line)[0]
    name, *arguments = shlex.split(words)
    assert name == "ticketlog"
    command: click.Command = root
    context = CONTEXT
    while isinstance(command, ShellGroup):
        if command.default and not set(arguments) & set(command.list_commands(context)):
            arguments = [command.default, *arguments]
        found = command.get_command(context, arguments[0])
        assert found is not None, line
        command, arguments = found, arguments[1:]
    return command, command.make_context(command.name, arguments, parent=context)


@each
def test_every_command_has_help_and_examples_that_parse(path: str, command: ShellCommand) -> None:
    assert command.help
    assert command.examples
    for example in command.examples:
        found, _ = parsed(example)
        assert found.name == command.name


@each
def test_every_command_is_in_the_manual(path: str, command: ShellCommand) -> None:
    page = cli_page()
    assert f"\n### {path}\n" in page
    for example in command.examples:
        assert f"\n    {example}\n" in page


@each
def test_every_option_says_what_it_is(path: str, command: ShellCommand) -> None:
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert not [option.name for option in options if not option.help]
    assert {"--desk", "--debug"} <= {name for option in options for name in option.opts}


@each
def test_every_read_takes_json(path: str, command: ShellCommand) -> None:
    names = {parameter.name for parameter in command.params}
    if path.split()[-1] not in {"run", "serve", "tour", "fetch", "export"}:
        assert "as_json" in names
        assert command.prints
    if "command_id" in names:
        assert {"actor", "reason"} <= names
    assert f"\n{path}\n" not in cli_page()


@pytest.mark.parametrize("group", [*groups()], ids=lambda group: str(group.name))
def test_a_group_lists_its_commands_with_a_line_of_help_each(group: ShellGroup) -> None:
    for section in group.sections.values():
        for name, entry in section.items():
            command = group.get_command(CONTEXT, name)
            assert command is not None
            assert command.name == name
            assert entry.help.endswith(".")
            assert len(entry.help) < 80


@pytest.mark.parametrize("group", [ticket_group, person, organisation, agent], ids=lambda g: g.kind)
def test_every_command_of_the_domain_has_one(group: ModelGroup) -> None:
    aggregate = AGGREGATES[group.kind]
    listed = aggregate.in_shell()
    assert listed.keys() == group.sections["Commands"].keys()
    there = {command.NAME for command in listed.values()}
    wanted = {command.NAME for command in aggregate.commands}
    # A row of a history comes and goes by an import, an attachment by its file, the rest by
    # policies. What agents have seen is said by `ticketlog inbox`.
    by_policies = {right.name for right in RIGHTS.values() if right.roles == {"rule"}}
    others = {each.NAME for each in (RecordActivity, Withdraw, Attach, Route, *attention.COMMANDS)}
    assert there == wanted - others - by_policies


def test_the_manual_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "CLI.md"
    assert page.read_text(encoding="utf-8") == cli_page(), "`make docs` writes it anew"

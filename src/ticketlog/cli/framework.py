"""The frame of commands: groups that load late, the desk that they work on, common options."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import click

from ticketlog.cli.progress import Waiting

if TYPE_CHECKING:
    from ticketlog.desk import Desk
    from ticketlog.documents.base import Document


class App:
    """One run of the command line: which desk, opened when a command first needs it."""

    def __init__(self) -> None:
        self.folder: str | None = None
        self.reads_as: str | None = None
        """The actor who reads, as the command line names them; None: the operator."""

    @cached_property
    def desk(self) -> Desk:
        from ticketlog.desk import open_desk

        desk = open_desk(self.folder, on_progress=Waiting())
        click.get_current_context().find_root().call_on_close(desk.close)
        return desk


pass_app = click.make_pass_decorator(App, ensure=True)


def _choose_desk(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(App).folder = value


def _common() -> list[click.Parameter]:
    return [
        click.Option(
            ["--desk"],
            metavar="DIR",
            callback=_choose_desk,
            expose_value=False,
            help="The desk's folder. Default: TICKETLOG_DESK, or the nearest one upward.",
        ),
        click.Option(
            ["--debug"], is_flag=True, expose_value=False, help="Show the traceback of a failure."
        ),
    ]


class ShellCommand(click.Command):
    """A command that knows `--desk` and `--debug`, and shows its examples last.

    `prints`: the models of the documents that it prints (docs/DOCUMENTS.md).
    """

    def __init__(
        self,
        *args: Any,
        examples: tuple[str, ...] = (),
        prints: tuple[type[Document], ...] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(_common())
        self.examples = examples
        self.prints = prints

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{example}\n")
        super().format_epilog(ctx, formatter)


class Entry(NamedTuple):
    """An entry of a group: a command's module, and its help in one line. No module: its model makes
    it."""

    module: str
    attribute: str
    help: str


class Read(NamedTuple):
    """A command that asks a query, by the query's name; its help in one line.

    `layout`: what shows the document of the answer for people, MODULE:FUNCTION; empty: a table.
    """

    query: str
    help: str
    layout: str = ""


Commands: TypeAlias = "Mapping[str, Entry | Read]"


class ShellGroup(click.Group):
    """A group whose commands are imported when they are called, in titled sections.

    `default`: the command that is meant where none is named.
    """

    def __init__(
        self,
        *args: Any,
        sections: Mapping[str, Commands],
        default: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections
        self.default = default
        self.params.extend(_common())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known, wanted = {*self.list_commands(ctx), *ctx.help_option_names}, set(args)
        if self.default is not None and not known & wanted:
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in self.sections.values() for name in section]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        for section in self.sections.values():
            if name in section:
                return self.load(name, section[name])
        return None

    def load(self, name: str, entry: Entry | Read) -> click.Command:
        if isinstance(entry, Read):
            from ticketlog.cli.query_commands import built

            return built(name, entry)
        command: click.Command = getattr(import_module(entry.module), entry.attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in self.sections.items():
            if not section:
                continue
            with formatter.section(title):
                formatter.write_dl([(name, entry.help) for name, entry in section.items()])


class ReaderGone(Exception):
    """The reader of the output has gone, which click would report as a failure."""


class Root(ShellGroup):
    """The root command."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except BrokenPipeError as error:
            raise ReaderGone from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGone from error


class ModelGroup(ShellGroup):
    """The commands of one kind of stream: some written by hand, most made from the domain's."""

    def __init__(self, kind: str, *, reads: Commands, help: str) -> None:
        # Here, since docs.py writes the list and then the manual, which is made of the groups.
        from ticketlog.cli.model_command_list import MODEL_COMMANDS

        helps = MODEL_COMMANDS.get(kind, {})
        made = {name: Entry("", name, line) for name, line in helps.items()}
        super().__init__(kind, sections={"Reads": reads, "Commands": made}, help=help)
        self.kind = kind

    def load(self, name: str, entry: Entry | Read) -> click.Command:
        if isinstance(entry, Read) or entry.module:
            return super().load(name, entry)
        from ticketlog.cli.model_commands import built

        return built(self.kind, name)

"""Queries as commands of the shell: each option is a field of the query, and what is printed is its
answer.

Its `SHELL` says what the fields don't: help, examples, what is positional, which columns fit on a
page. What is shown in another way than a table names what shows it (`Read.layout`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from ticketlog.application.queries import filled
from ticketlog.cli.framework import App, Read, ShellCommand, pass_app
from ticketlog.cli.model_commands import FieldKind
from ticketlog.cli.options import F, as_json, at_moment, reader
from ticketlog.cli.output import facts, minute, note, print_json, show_all, table
from ticketlog.documents.base import Document, kind_of
from ticketlog.domain.base import instant
from ticketlog.projections import QUERIES
from ticketlog.projections.engine.query import Query

_METAVARS = {"after": "NEXT"}
_NUMBERS = frozenset({"count", "number"})


def built(name: str, read: Read) -> ShellCommand:
    """The shell's command that asks a query."""
    query = QUERIES[read.query]

    @options_of(query)
    @at_moment
    @as_json
    @pass_app
    def callback(
        app: App, /, as_of: str | None, occurred_as_of: str | None, as_json: bool, **values: Any
    ) -> None:
        asked = filled(query, {**_given(query, values), **query.SHELL.fixed})
        answer = reader(app, as_of, occurred_as_of).query(asked)
        document = asked.document(answer)
        if as_json:
            print_json(document)
        elif read.layout:
            module, _, function = read.layout.partition(":")
            getattr(import_module(module), function)(document)
        else:
            show_document(document, query.SHELL.columns)

    command: ShellCommand = click.command(
        name,
        cls=ShellCommand,
        help=query.SHELL.help or query.__doc__,
        short_help=read.help,
        examples=query.SHELL.examples,
        prints=(query.DOCUMENT,),
    )(callback)
    return command


def options_of(query: type[Query[Any]]) -> Callable[[F], F]:
    """Adds an option for each field of a query, an argument for each that is positional."""
    spec = query.SHELL

    def add(function: F) -> F:
        for field, info in reversed(query.model_fields.items()):
            if field in spec.positional:
                function = _argument(query, field, info)(function)
            elif field not in (*spec.hidden, *spec.fixed):
                function = _option(query, field, info)(function)
        return function

    return add


def _argument(query: type[Query[Any]], field: str, info: FieldInfo) -> Callable[[F], F]:
    joined = field in query.SHELL.joined
    return click.argument(field, nargs=-1 if joined else 1, required=info.is_required())


def _option(query: type[Query[Any]], field: str, info: FieldInfo) -> Callable[[F], F]:
    spec, kind = query.SHELL, FieldKind.of(info)
    text = " ".join(part for part in (info.description, kind.help) if part)
    flag = f"--{spec.options.get(field, field).replace('_', '-')}"
    if kind.flag:
        return click.option(flag, field, is_flag=True, help=text)
    least, most = _bound(info, "ge"), _bound(info, "le")
    if least is not None and kind.type is click.INT:
        return click.option(
            *(flag, field),
            type=click.IntRange(least, most),
            default=info.default,
            show_default=bool(info.default),
            help=text,
        )
    metavar = spec.metavars.get(field) or _METAVARS.get(field) or kind.metavar
    return click.option(
        *(flag, field),
        type=kind.type,
        multiple=kind.multiple,
        metavar=metavar,
        required=info.is_required(),
        help=text,
    )


def _bound(info: FieldInfo, name: str) -> Any:
    return next((getattr(mark, name) for mark in info.metadata if hasattr(mark, name)), None)


def _given(query: type[Query[Any]], values: dict[str, Any]) -> dict[str, Any]:
    """The values as the query has them: what nobody said is left out."""
    given = {
        field: " ".join(value) if field in query.SHELL.joined else value
        for field, value in values.items()
    }
    return {field: value for field, value in given.items() if value not in (None, ())}


def show_document(document: Document, columns: Sequence[str] = ()) -> None:
    """The answer of a query for people: its rows as a table, or its fields.

    Times are to the minute, numbers stand to the right, texts may be cut. `columns`: those that fit
    on a page; empty: all."""
    values = document.plain()
    name, row = _rows_of(document)
    if row is None:
        show_all(facts((name.replace("_", " "), value) for name, value in values.items()))
        return
    shown = columns or tuple(row.model_fields)
    words = {column: kind.words if (kind := kind_of(row, column)) else "" for column in shown}
    keys = {column: row.model_fields[column].alias or column for column in shown}
    cells = [
        [_cell(words[column], each.get(keys[column])) for column in shown] for each in values[name]
    ]
    headings = [column.replace("_", " ") for column in shown]
    right = [column.replace("_", " ") for column in shown if words[column] in _NUMBERS]
    flexible = [column.replace("_", " ") for column in shown if words[column] == "text"]
    show_all(table(headings, cells, right=right, flexible=flexible))
    more(values.get("next"))


def _rows_of(document: Document) -> tuple[str, type[Document] | None]:
    """The field of a document that holds its rows, and their model; None: it has no rows."""
    for name, field in type(document).model_fields.items():
        if get_origin(field.annotation) is list:
            [row] = get_args(field.annotation)
            if isinstance(row, type) and issubclass(row, Document):
                return name, row
    return "", None


def _cell(words: str, value: Any) -> Any:
    return minute(instant(value)) if words == "instant" and value else value


def more(next: str | None) -> None:
    """Says how one sees the page behind."""
    if next is not None:
        note(f"more: --after {next}")

"""Reads of persons, organisations and agents."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from ticketlog.application.party_documents import (
    agent_document,
    organisation_document,
    person_document,
)
from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.options import as_json, at_moment, reader
from ticketlog.cli.output import facts, note, print_json, show_all, table
from ticketlog.cli.output_history import print_history
from ticketlog.documents import parties, ticket_rows
from ticketlog.documents.base import Document
from ticketlog.documents.events import History
from ticketlog.documents.plain_text import moment
from ticketlog.domain.base import instant, kind_and_id

if TYPE_CHECKING:
    from ticketlog.application.as_of import Past
    from ticketlog.desk import Desk

_ID = {"person": "7QK2M9ABCD4F", "organisation": "ABCD4F7QK2M9", "agent": "bob"}
_MODELS: dict[str, type[Document]] = {
    "person": parties.Person,
    "organisation": parties.Organisation,
    "agent": parties.Agent,
}
_DOCUMENTS: dict[str, Callable[..., Document]] = {
    "person": partial(person_document, remark=note),
    "organisation": organisation_document,
    "agent": agent_document,
}


def _show(kind: str) -> ShellCommand:
    @click.command(
        "show",
        cls=ShellCommand,
        help=f"Show {_a(kind)}, now or then.",
        examples=(f"ticketlog {kind} show {_ID[kind]} --json",),
        prints=(_MODELS[kind],),
    )
    @click.argument("id", metavar=kind.upper())
    @at_moment
    @as_json
    @pass_app
    def show(
        app: App, id: str, as_of: str | None, occurred_as_of: str | None, as_json: bool
    ) -> None:
        source = reader(app, as_of, occurred_as_of)
        told = _DOCUMENTS[kind](source, id.removeprefix(f"{kind}/"), at=as_of)
        if as_json:
            print_json(told)
        else:
            document = told.plain()
            shown = _in_words(document) if isinstance(told, parties.Person) else document
            show_all(facts(((name.replace("_", " "), v) for name, v in shown.items())))

    return show


def _in_words(document: dict[str, Any]) -> dict[str, Any]:
    """A person's document for people."""
    id = document.get("id") or document["person"]
    addresses = [
        f"{each['kind']}:{each['value']}"
        + (" (verified)" if each["verified"] else "")
        + (f" of {each['person']}" if each["person"] != id else "")
        for each in document["addresses"]
    ]
    merged = [
        f"{each['person']} ({each['name']})" if each["name"] else each["person"]
        for each in document["merged"] or ()
    ]
    return {**document, "addresses": addresses, "merged": merged}


def _history(kind: str) -> ShellCommand:
    @click.command(
        "history",
        cls=ShellCommand,
        help=f"Show what happened to {_a(kind)}"
        + (", and to all who were merged into them." if kind == "person" else "."),
        examples=(f"ticketlog {kind} history {_ID[kind]}",),
        prints=(History,),
    )
    @click.argument("id", metavar=kind.upper())
    @at_moment
    @as_json
    @pass_app
    def history(
        app: App, id: str, as_of: str | None, occurred_as_of: str | None, as_json: bool
    ) -> None:
        stream = f"{kind}/{id.removeprefix(f'{kind}/')}"
        further: list[str] = []
        if kind == "person":
            further = _merged(reader(app, as_of, occurred_as_of), stream)
        print_history(app, stream, as_of, occurred_as_of, as_json, further)

    return history


def _merged(source: Desk | Past, stream: str) -> list[str]:
    """The streams of all who were merged into a person."""
    from ticketlog.projections.views import persons

    found = source.query(persons.MergedPersons(person=kind_and_id(stream)[1]))
    return [f"person/{each}" for each in found]


def _a(kind: str) -> str:
    return f"{'a' if kind == 'person' else 'an'} {kind}"


show_person, show_organisation, show_agent = map(_show, ("person", "organisation", "agent"))
history_person, history_organisation, history_agent = map(
    _history, ("person", "organisation", "agent")
)


def show_load(document: ticket_rows.Agents) -> None:
    """Agents and their load, for people."""
    counts = ("new", "open", "pending", "on-hold", "active")
    columns = ("agent", "availability", "since", *counts)
    rows = document.plain()["agents"]
    shown = [
        [moment(row[c] and instant(row[c])) if c == "since" else row[c] for c in columns]
        for row in rows
    ]
    show_all(table(columns, shown, right=counts))


def show_persons(document: parties.Persons) -> None:
    """Persons who were found, for people."""
    columns = ("person", "name", "addresses", "organisations", "merged")
    rows = map(_in_words, document.plain()["persons"])
    show_all(table(columns, [[row[name] for name in columns] for row in rows]))

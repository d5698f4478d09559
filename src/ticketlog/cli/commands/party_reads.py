"""Reads of persons, organisations and agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from pydantic import BaseModel

from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.options import as_json, at_moment, reader
from ticketlog.cli.output import facts, print_json, show_all, table
from ticketlog.cli.output_history import print_history
from ticketlog.documents import parties, ticket_rows
from ticketlog.documents.base import Document
from ticketlog.documents.events import History
from ticketlog.documents.plain_text import moment
from ticketlog.domain import rights
from ticketlog.domain.base import NotFound, instant
from ticketlog.domain.parties.agent import AgentAtWork, Held
from ticketlog.errors import TicketlogError

if TYPE_CHECKING:
    from ticketlog.application.as_of import Past
    from ticketlog.desk import Desk

_ID = {"person": "7QK2M9ABCD4F", "organisation": "ABCD4F7QK2M9", "agent": "bob"}
_MODELS: dict[str, type[Document]] = {
    "person": parties.Person,
    "organisation": parties.Organisation,
    "agent": parties.Agent,
}
_TIMES = ("since", "absent_since", "reserved_at", "released_at")
_HIDDEN = frozenset({"changed", "version", "clock"})


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
        state = source.load(f"{kind}/{id.removeprefix(f'{kind}/')}")
        about = source.settings.agents.get(state.id) if kind == "agent" else None
        if not state.exists and about is None:
            raise NotFound(f"{kind}/{id} doesn't exist" + (" at that moment" if as_of else ""))
        document = {
            name: _plain(value) for name, value in vars(state).items() if name not in _HIDDEN
        }
        document |= {"version": state.version, "clock": state.clock or None}
        if isinstance(state, AgentAtWork):
            document |= {name: getattr(state, name) or None for name in _TIMES}
            document["settings"] = about.model_dump(mode="json") if about else None
        if kind == "person":
            document |= _together(source, state.id, document)
        told = _MODELS[kind].filled(document)
        document = told.plain()
        if as_json:
            print_json(told)
        else:
            shown = _in_words(document) if kind == "person" else document
            show_all(facts(((name.replace("_", " "), v) for name, v in shown.items())))

    return show


def _together(source: Desk | Past, id: str, document: dict[str, Any]) -> dict[str, Any]:
    """A person's document, completed by persons who were merged into them. Where the views can't be
    read, which is said on stderr, it stays as it is: a person is shown without the views, too."""
    from ticketlog.projections.views import persons

    named = ("addresses", "organisations", "survivor", "merged")
    try:
        card = source.query(persons.PersonCard(person=id))
        return {name: card[name] for name in named}
    except TicketlogError as error:
        click.echo(f"ticketlog: who was merged into them isn't known: {error}", err=True)
    own = document["organisation"]
    return {
        "addresses": [{**each, "person": id} for each in document["addresses"]],
        "organisations": [own] if own else [],
        "survivor": rights.survivor(id, source.load),
        "merged": None,
    }


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


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Held):
        return value._asdict()
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value


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

    found = source.query(persons.MergedPersons(person=stream.partition("/")[2]))
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

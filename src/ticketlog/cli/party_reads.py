"""What one sees of persons, organisations and agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from pydantic import BaseModel

from ticketlog.cli.base import App, Command, pass_app
from ticketlog.cli.histories import HISTORY, print_history
from ticketlog.cli.options import as_json, at_moment, reader
from ticketlog.cli.output import facts, moment, print_json, show_all, table
from ticketlog.documents import parties, tickets
from ticketlog.documents.base import Document
from ticketlog.documents.events import History
from ticketlog.domain.agent import AgentAtWork, Held
from ticketlog.domain.base import NotFound

_ID = {"person": "7QK2M9ABCD4F", "organisation": "ABCD4F7QK2M9", "agent": "bob"}
_KEYS = {
    "person": "id, name, addresses, organisation, language, country, zone, merged_into",
    "organisation": "id, name, tier, contract, language, country, zone, domains",
    "agent": "id, availability, since, absent_since, reason, shifts, zone, held, reserved_at, "
    "released_at, settings",
}
_MODELS: dict[str, type[Document]] = {
    "person": parties.Person,
    "organisation": parties.Organisation,
    "agent": parties.Agent,
}
_TIMES = ("since", "absent_since", "reserved_at", "released_at")
_HIDDEN = frozenset({"changed", "version", "clock"})


def _show(kind: str) -> Command:
    @click.command(
        "show",
        cls=Command,
        help=f"Show {_a(kind)}, now or then.",
        examples=(f"ticketlog {kind} show {_ID[kind]} --json",),
        keys={_KEYS[kind]: "what is known", "version": "of the stream", "clock": "its last event"},
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
        document = _MODELS[kind].of(document).plain()
        if as_json:
            print_json(document)
        else:
            show_all(facts(((name.replace("_", " "), v) for name, v in document.items())))

    return show


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


def _history(kind: str) -> Command:
    @click.command(
        "history",
        cls=Command,
        help=f"Show what happened to {_a(kind)}.",
        examples=(f"ticketlog {kind} history {_ID[kind]}",),
        keys=HISTORY,
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
        print_history(app, stream, as_of, occurred_as_of, as_json)

    return history


def _a(kind: str) -> str:
    return f"{'a' if kind == 'person' else 'an'} {kind}"


show_person, show_organisation, show_agent = map(_show, ("person", "organisation", "agent"))
history_person, history_organisation, history_agent = map(
    _history, ("person", "organisation", "agent")
)


@click.command(
    "list",
    cls=Command,
    examples=("ticketlog agent list", "ticketlog agent list --as-of 2026-01-31T09:00:00Z"),
    keys={"agents": "each with agent, availability, since, new, open, pending, on-hold, active"},
    prints=(tickets.Agents,),
)
@at_moment
@as_json
@pass_app
def list_agents(app: App, as_of: str | None, occurred_as_of: str | None, as_json: bool) -> None:
    """List agents and their load."""
    from ticketlog.projections import agents

    source = reader(app, as_of, occurred_as_of)
    rows = source.query(agents.load)
    known = {row["agent"] for row in rows}
    missing = sorted(set(source.settings.agents) - known)
    if missing:
        rows = source.query(agents.load, agents=[*known, *missing])
    if as_json:
        print_json(tickets.Agents.of(agents=rows).plain())
        return
    columns = ("agent", "availability", "since", *agents.CATEGORIES, "active")
    shown = [[moment(row[c]) if c == "since" else row[c] for c in columns] for row in rows]
    show_all(table(columns, shown, right=(*agents.CATEGORIES, "active")))

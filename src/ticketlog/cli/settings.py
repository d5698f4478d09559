"""`ticketlog settings ...`: what the desk has decided about itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ticketlog.cli.base import App, Command, Entry, Group, pass_app
from ticketlog.cli.histories import EVENT, event_document
from ticketlog.cli.options import SENDING, as_json, at_moment, reader, sender
from ticketlog.cli.output import cell, clean, print_json, show_all, table
from ticketlog.cli.phrases import when, who
from ticketlog.domain.base import Event
from ticketlog.domain.settings_events import SettingChanged
from ticketlog.errors import Usage

_HERE = "ticketlog.cli.settings"
_TABLES = ("workflows", "priorities", "fields", "teams", "agents", "categories", "products")


@click.command(
    cls=Command,
    params=[each for each in SENDING if each.name in ("command_id", "actor", "reason")],
    examples=('ticketlog settings apply settings.toml --reason "A team for Berlin"',),
    keys={
        "position": "of the settings in force now",
        "streams": "what changed",
        "repeated": "whether the id was known",
    },
)
@click.argument("file", type=click.Path(path_type=Path))
@as_json
@pass_app
def apply(app: App, /, file: Path, as_json: bool, **values: Any) -> None:
    """Put a settings file in force; only what differs is recorded."""
    by = sender(values)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Usage(f"{file} can't be read: {error.strerror}") from error
    done = app.desk.settings_apply(content, actor=by.actor, reason=by.reason, id=by.id)
    if as_json:
        print_json(done._asdict())
        return
    if done.repeated:
        click.echo(f"this command was done before; position {done.position} is in force")
    elif not done.streams:
        click.echo(f"nothing differs; position {done.position} stays in force")
    else:
        click.echo(f"{len(done.streams)} changed; position {done.position} is in force:")
        for stream in done.streams:
            click.echo(clean(f"  {stream}"))


@click.command(
    cls=Command,
    examples=("ticketlog settings show", "ticketlog settings show --as-of 2026-01-31T09:00:00Z"),
    keys={
        "position": "of the settings",
        ", ".join(_TABLES): "as in a settings file, with nothing left unsaid",
    },
)
@at_moment
@as_json
@pass_app
def show(app: App, as_of: str | None, occurred_as_of: str | None, as_json: bool) -> None:
    """Show the settings in force, now or then."""
    settings = reader(app, as_of, occurred_as_of).settings
    document: dict[str, Any] = {"position": settings.position}
    for name in _TABLES:
        value = getattr(settings, name)
        if name == "priorities":
            document[name] = value.model_dump(mode="json") if value else None
        else:
            document[name] = {id: each.model_dump(mode="json") for id, each in value.items()}
    if as_json:
        print_json(document)
        return
    rows = [
        [name, id, _brief(each)] for name in _TABLES for id, each in _things(name, document[name])
    ]
    title = f"in force since position {settings.position}"
    show_all(table(("what", "id", "how"), rows, title=title, flexible=("how",)))


def _things(name: str, value: Any) -> list[tuple[str, dict[str, Any]]]:
    if name == "priorities":
        return [(value["id"], value)] if value else []
    return list(value.items())


def _brief(thing: dict[str, Any]) -> str:
    """A thing's filled fields; of nested ones, how many."""
    said = []
    for name, value in thing.items():
        if name == "id" or value in (None, False, [], {}):
            continue
        nested = isinstance(value, list) and value and isinstance(value[0], dict)
        said.append(f"{len(value)} {name}" if nested else f"{name} {cell(value)}")
    return ", ".join(said)


@click.command(
    cls=Command,
    examples=("ticketlog settings history", "ticketlog settings history --json"),
    keys={"events": f"in order, each with {EVENT}"},
)
@as_json
@pass_app
def history(app: App, as_json: bool) -> None:
    """Show who changed what of the settings, in order."""
    events = app.desk.settings_history()
    if as_json:
        print_json({"events": [event_document(each) for each in events]})
        return
    rows = [
        [
            *(each.meta.offset, each.originator_id, _what(each.event), who(each.meta.actor)),
            *(when(each), each.event.model_dump()["file_sha256"][:12]),
        ]
        for each in events
    ]
    columns = ("position", "what", "change", "who", "when", "file")
    show_all(table(columns, rows, right=("position",), flexible=("change",)))


def _what(event: Event) -> str:
    if not isinstance(event, SettingChanged):
        return "in force from here"
    before, after = event.before(), event.after()
    if after is None:
        return "removed"
    return "added" if before is None else _difference(before, after)


def _difference(before: Any, after: Any) -> str:
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    changed = [name for name in new if old.get(name) != new[name]]
    return "changed: " + ", ".join(f"{name} {cell(_plain(new[name]))}" for name in changed)


def _plain(value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return f"({len(value)})"
    return value


settings = Group(
    "settings",
    help="Workflows, priorities, fields, teams, agents, categories, products.",
    sections={
        "Commands": {
            "apply": Entry(_HERE, "apply", "Put a settings file in force."),
            "show": Entry(_HERE, "show", "Show the settings in force, now or then."),
            "history": Entry(_HERE, "history", "Show who changed what of the settings, in order."),
        }
    },
)

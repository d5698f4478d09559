"""A stream's history, printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ticketlog import documents
from ticketlog.cli.options import reader
from ticketlog.cli.output import clean, moment, print_json
from ticketlog.cli.phrases import phrase, text_of, when, who
from ticketlog.domain.base import NotFound, Recorded

if TYPE_CHECKING:
    from ticketlog.cli.base import App

EVENT = (
    "id, stream, version, type, data, occurred_at, recorded_at, claimed_at, actor, channel, "
    "source, reason, cause, correlation, settings, partition, offset"
)
"""The keys of an event's document."""
HISTORY = {"stream": "whose it is", "events": f"in order, each with {EVENT}"}


def print_history(
    app: App, stream: str, as_of: str | None, occurred_as_of: str | None, as_json: bool
) -> None:
    """Raises NotFound for a stream that doesn't exist."""
    events = reader(app, as_of, occurred_as_of).history(stream)
    if not events:
        raise NotFound(f"{stream} doesn't exist" + (" at that moment" if as_of else ""))
    if as_json:
        print_json({"stream": stream, "events": [event_document(each) for each in events]})
    else:
        for each in lines(events):
            click.echo(each)


def event_document(recorded: Recorded) -> dict[str, Any]:
    """An event with its envelope: what `--json` and `log tail` give of it."""
    meta = recorded.meta
    values = {
        "id": recorded.id,
        "stream": recorded.originator_id,
        "version": recorded.originator_version,
        "type": recorded.event.NAME,
        "data": recorded.event.model_dump(mode="json", exclude_defaults=True),
        "occurred_at": meta.occurred_at,
        "recorded_at": meta.recorded_at,
        "claimed_at": meta.claimed_at,
        "actor": {name: value for name, value in meta.actor._asdict().items() if value},
        "channel": meta.channel,
        "source": meta.source,
        "reason": meta.reason,
        "cause": meta.cause,
        "correlation": meta.correlation,
        "settings": meta.settings,
        "partition": meta.partition,
        "offset": meta.offset,
    }
    return documents.said(documents.Event, values)


def lines(events: list[Recorded]) -> list[str]:
    """One line an event: when, who and how where they change, what; texts below, indented."""
    found = []
    width = max(len(who(each.meta.actor)) for each in events)
    before = ""
    for each in events:
        margin = f"{when(each)}  {who(each.meta.actor):{width}}  "
        same = each.meta.commit == before
        before = each.meta.commit
        claimed = None if same else each.meta.claimed_at
        said = "" if claimed is None else f"  (its sender says {moment(claimed)})"
        found.append(clean((" " * len(margin) if same else margin) + phrase(each.event) + said))
        indent = " " * len(margin) + "| "
        found += [clean(indent + line) for line in text_of(each.event).splitlines()]
    return found

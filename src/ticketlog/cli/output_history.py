"""A stream's history, printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ticketlog.application.ticket_documents import history_of
from ticketlog.cli.options import reader
from ticketlog.cli.output import clean, print_json
from ticketlog.documents.event_text import phrase, text_of, when, who
from ticketlog.documents.events import History
from ticketlog.documents.plain_text import moment
from ticketlog.domain.base import Recorded

if TYPE_CHECKING:
    from ticketlog.cli.framework import App


def print_history(
    app: App,
    stream: str,
    as_of: str | None,
    occurred_as_of: str | None,
    as_json: bool,
    further: Sequence[str] = (),
) -> None:
    """Prints a stream's history. `further`: streams whose events are shown among it. Raises
    NotFound for a stream that doesn't exist."""
    source = reader(app, as_of, occurred_as_of)
    events = history_of(source, stream, further=further, at=as_of)
    if as_json:
        print_json(History.made(stream, events))
    else:
        for each in lines(events, stream):
            click.echo(each)


def lines(events: list[Recorded], stream: str | None = None) -> list[str]:
    """One line an event: time, actor and channel where they change, change; texts below, indented.
    `stream`: the one whose history it is; events of further streams name their stream."""
    found = []
    width = max(len(who(each.meta.actor)) for each in events)
    before = ""
    for each in events:
        margin = f"{when(each)}  {who(each.meta.actor):{width}}  "
        same = each.meta.commit == before
        before = each.meta.commit
        claimed = None if same else each.meta.claimed_at
        said = "" if claimed is None else f"  (its sender says {moment(claimed)})"
        if stream is not None and each.originator_id != stream:
            said += f"  (of {each.originator_id.replace('/', ' ')})"
        found.append(clean((" " * len(margin) if same else margin) + phrase(each.event) + said))
        indent = " " * len(margin) + "| "
        found += [clean(indent + line) for line in text_of(each.event).splitlines()]
    return found

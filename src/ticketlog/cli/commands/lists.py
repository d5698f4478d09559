"""Reads of all tickets that ask several queries, or print something else than one document: queue,
inbox, export."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import click

from ticketlog.application.inbox_document import inbox_document
from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.options import (
    actor_of,
    as_json,
    asked_at,
    at_moment,
    limit,
    reader,
    reading_actor,
)
from ticketlog.cli.output import (
    csv_lines,
    minute,
    note,
    print_json,
    print_json_line,
    show_all,
    table,
)
from ticketlog.cli.query_commands import options_of, show_document
from ticketlog.documents import ticket_rows as documents
from ticketlog.domain.base import instant
from ticketlog.projections.views import queue as queue_view
from ticketlog.projections.views import tickets

if TYPE_CHECKING:
    from ticketlog.application.as_of import Past
    from ticketlog.desk import Desk

_TIMES = frozenset({"at", "since", "oldest", "waiting_since", "hold_until"})
_EVERYTHING = 1_000
"""Tickets read at once for an export."""


def _is_time(name: str) -> bool:
    return name in _TIMES or name.endswith("_at")


def rows_table(rows: Sequence[dict[str, Any]], columns: Sequence[str], **how: Any) -> Any:
    """Times are instants, or ISO texts as documents hold them."""
    shown = [[_minute(row[c]) if _is_time(c) else row[c] for c in columns] for row in rows]
    return table([name.replace("_", " ") for name in columns], shown, **how)


def _minute(at: int | str | None) -> str:
    return minute(instant(at) if isinstance(at, str) else at)


@click.command(
    cls=ShellCommand,
    examples=(
        "ticketlog queue --team network",
        "ticketlog queue --unassigned --limit 10 --json",
        "ticketlog queue --count-by team --count-by priority",
        "ticketlog queue --as-of 2026-01-31T09:00:00Z",
    ),
    prints=(documents.Queue, documents.QueueCounts),
)
@options_of(queue_view.Queue)
@click.option(
    "--count-by",
    type=click.Choice(queue_view.COUNTED),
    multiple=True,
    help="Counts instead of tickets. May be repeated.",
)
@at_moment
@as_json
@pass_app
def queue(
    app: App,
    /,
    as_of: str | None,
    occurred_as_of: str | None,
    as_json: bool,
    count_by: tuple[queue_view.Counted, ...],
    **filters: Any,
) -> None:
    """Show what waits: the most urgent first, then the oldest.

    What somebody has who is retired, not in its team any more or removed from the settings is
    unassigned.
    """
    source = reader(app, as_of, occurred_as_of)
    if count_by:
        counts = queue_view.QueueCounts(by=count_by)
        _print_counts(counts, source.query(counts), as_json)
        return
    asked = queue_view.Queue(**filters)
    document = asked.document(source.query(asked))
    if as_json:
        print_json(document)
    else:
        show_document(document, asked.SHELL.columns)


def _print_counts(
    counts: queue_view.QueueCounts, rows: list[dict[str, Any]], as_json: bool
) -> None:
    if as_json:
        print_json(counts.document(rows))
    elif rows:
        show_all(rows_table(rows, list(rows[0]), right=("tickets",)))
    else:
        note("nothing")


@click.command(
    "show",
    cls=ShellCommand,
    examples=("ticketlog inbox", "ticketlog inbox bob --json"),
    prints=(documents.Inbox,),
)
@click.argument("agent", required=False)
@limit
@at_moment
@as_json
@pass_app
def inbox(
    app: App,
    agent: str | None,
    limit: int,
    as_of: str | None,
    occurred_as_of: str | None,
    as_json: bool,
) -> None:
    """Show what waits for one agent, the longest wait first.

    Requesters who wait, tickets held until now, notes that mention the agent, news of tickets that
    they follow, duplicates of their tickets. A solved ticket stays with its news and mentions until
    they are seen; a closed one leaves. Below it what no agent has in the agent's teams, or one who
    is retired, not in the team any more or removed from the settings. Without an agent it is you:
    the default of --as.
    """
    agent = agent or actor_of(None).id
    source = reader(app, as_of, occurred_as_of)
    now = asked_at(source, as_of, occurred_as_of)
    selves = app.desk.selves(agent)
    told = inbox_document(source, agent, now=now, selves=selves, limit=limit)
    if as_json:
        print_json(told)
        return
    columns = ("ticket", "why", "since", "priority", "status", "team", "subject")
    rows = told.plain()
    show_all(rows_table(rows["waiting"], columns, flexible=("subject",), title=f"for {agent}"))
    if told.unassigned:
        fewer = ("ticket", "since", "priority", "status", "team", "subject")
        title = f"unassigned in {', '.join(source.settings.agents[agent].teams)}"
        show_all("", rows_table(rows["unassigned"], fewer, flexible=("subject",), title=title))
    if told.snoozed:
        note(f"snoozed: {len(told.snoozed)}, the next until {_minute(told.snoozed[0].until)}")


@click.command(
    cls=ShellCommand,
    examples=(
        "ticketlog export > tickets.csv",
        "ticketlog export --format jsonl --as-of 2026-01-31T09:00:00Z > tickets.jsonl",
    ),
    prints=(documents.TicketRow,),
)
@click.option(
    "--format",
    "form",
    type=click.Choice(("csv", "jsonl")),
    default="csv",
    show_default=True,
    help="Comma-separated, or one JSON document a line.",
)
@at_moment
@pass_app
def export(app: App, form: str, as_of: str | None, occurred_as_of: str | None) -> None:
    """Write all tickets as CSV or JSON lines, the newest first.

    In CSV a text that a spreadsheet would take for a formula (it begins with =, +, -, @, a tab or a
    line break, and is no number) gets a ' before it; JSON has texts as they are.
    """
    source, actor = reader(app, as_of, occurred_as_of), reading_actor(app)
    app.desk.access.exported(actor, "tickets.export", cut=str(app.desk.cut()))
    if form == "jsonl":
        for row in _every(source):
            print_json_line(row)
        return
    columns = tickets.TABLES[0].columns
    rows = (
        {name: values[name] for name in columns if name in values}
        for values in map(_plain, _every(source))
    )
    for lines in csv_lines(rows):
        click.echo(lines, nl=False)


def _plain(row: documents.TicketRow) -> dict[str, Any]:
    return row.plain()


def _every(source: Desk | Past) -> Iterator[documents.TicketRow]:
    next: str | None = None
    while True:
        asked = tickets.Tickets(limit=_EVERYTHING, after=next)
        page = source.query(asked)
        yield from cast("documents.TicketRows", asked.document(page)).tickets
        next = page.next
        if next is None:
            return

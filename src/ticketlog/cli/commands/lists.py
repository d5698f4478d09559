"""What one asks of all tickets: queue, inbox, search, reports, lists, export."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.options import (
    actor_of,
    after,
    as_json,
    asked_at,
    at_moment,
    limit,
    reader,
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
from ticketlog.documents import tickets as documents
from ticketlog.domain.base import instant
from ticketlog.domain.parties.presence import why_gone
from ticketlog.projections.views import inbox as inbox_view
from ticketlog.projections.views import queue as queue_view
from ticketlog.projections.views import search as search_view
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


def _priorities(source: Desk | Past) -> Sequence[str]:
    known = source.settings.priorities
    return known.names if known else queue_view.PRIORITIES


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
@click.option("--team", help="Only this team's.")
@click.option("--agent", help="Only this agent's.")
@click.option("--unassigned", is_flag=True, help="Only those that no agent has.")
@click.option("--requester", metavar="PERSON", help="Only this person's.")
@click.option("--organisation", help="Only this organisation's.")
@click.option("--status", help="Only of this category of status: new, open, pending, on-hold.")
@click.option(
    "--count-by",
    type=click.Choice(queue_view.COUNTED),
    multiple=True,
    help="Counts instead of tickets. May be repeated.",
)
@limit
@after
@at_moment
@as_json
@pass_app
def queue(
    app: App,
    /,
    as_of: str | None,
    occurred_as_of: str | None,
    as_json: bool,
    count_by: tuple[str, ...],
    agent: str | None,
    status: str | None,
    **filters: Any,
) -> None:
    """Show what waits: the most urgent first, then the oldest.

    What somebody has who is retired, not in its team any more or removed from the settings is
    unassigned.
    """
    source = reader(app, as_of, occurred_as_of)
    if count_by:
        _print_counts(source.query(queue_view.counts, by=count_by, gone=_gone(source)), as_json)
        return
    page = source.query(
        queue_view.page,
        assignee=agent,
        status_category=status,
        priorities=_priorities(source),
        gone=_gone(source),
        **filters,
    )
    if as_json:
        print_json(documents.Queue.filled(tickets=page.rows, next=page.next))
        return
    columns = (
        *("ticket", "priority", "status", "team", "assignee", "created_at", "requester"),
        "subject",
    )
    show_all(rows_table(page.rows, columns, flexible=("subject",)))
    _more(page.next)


def _gone(source: Desk | Past) -> list[tuple[str, str | None]]:
    """Who has tickets of a team and doesn't work there any more, with the team."""
    held = source.query(queue_view.counts, by=("assignee", "team"))
    pairs = [(row["assignee"], row["team"]) for row in held if row["assignee"]]
    return [pair for pair in pairs if why_gone(*pair, source.settings) is not None]


def _more(next: str | None) -> None:
    if next is not None:
        note(f"more: --after {next}")


def _print_counts(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(documents.QueueCounts.filled(counts=rows))
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
    known = source.settings.agents.get(agent)
    teams = known.teams if known else ()
    now = asked_at(source, as_of, occurred_as_of)
    selves = app.desk.selves(agent)
    given: dict[str, Any] = {"gone": _gone(source), "limit": limit}
    mine = source.query(inbox_view.inbox, agent=agent, now=now, selves=selves, **given)
    free = source.query(inbox_view.unassigned, teams=teams, **given) if teams else []
    later = source.query(inbox_view.snoozed, agent=agent, now=now)
    if as_json:
        its = {"agent": agent, "waiting": mine, "unassigned": free, "snoozed": later}
        print_json(documents.Inbox.filled(its))
        return
    columns = ("ticket", "why", "since", "priority", "status", "team", "subject")
    show_all(rows_table(mine, columns, flexible=("subject",), title=f"for {agent}"))
    if free:
        fewer = ("ticket", "since", "priority", "status", "team", "subject")
        title = f"unassigned in {', '.join(teams)}"
        show_all("", rows_table(free, fewer, flexible=("subject",), title=title))
    if later:
        note(f"snoozed: {len(later)}, the next until {minute(later[0]['until'])}")


@click.command(
    cls=ShellCommand,
    examples=(
        "ticketlog search vpn drops",
        "ticketlog search '\"blue screen\"' 'print*' --public --json",
        "ticketlog search 'subject:vpn OR subject:wlan NOT solved'",
        "ticketlog search INC0012345",
    ),
    prints=(documents.Found,),
)
@click.argument("words", nargs=-1, required=True)
@click.option("--public", "public_only", is_flag=True, help="Nothing internal.")
@click.option("--ticket", help="Only in this ticket.")
@click.option("--skip", type=click.IntRange(0), default=0, help="Leave out the first ones.")
@limit
@at_moment
@as_json
@pass_app
def search(
    app: App,
    /,
    words: tuple[str, ...],
    as_of: str | None,
    occurred_as_of: str | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Find words in subjects, descriptions, comments and numbers, the best match first.

    All words must occur in one text; "two words" in quotes stand side by side; wor* is any that
    begin so; NOT word doesn't occur; OR stands between alternatives; subject:word (or description,
    comment, number) is looked for there. Case, accents and width don't matter; of scripts without
    spaces between words, such as Chinese, any part is found. A number is found by its parts
    (INC0012345 by 12345), a ticket by the beginning of its id.
    """
    source = reader(app, as_of, occurred_as_of)
    rows = source.query(search_view.search, words=" ".join(words), **how)
    if as_json:
        print_json(documents.Found.filled(found=rows))
        return
    columns = ("ticket", "kind", "at", "author_kind", "public", "snippet")
    show_all(rows_table(rows, columns, flexible=("snippet",)))


@click.command(
    "list",
    cls=ShellCommand,
    examples=(
        "ticketlog ticket list --status open --team network",
        "ticketlog ticket list --tag vpn --limit 10 --json",
    ),
    prints=(documents.TicketRows,),
)
@click.option("--status", help="Of this status.")
@click.option("--status-category", help="Of this category of status.")
@click.option("--team", help="Of this team.")
@click.option("--assignee", metavar="AGENT", help="Of this agent.")
@click.option("--priority", help="Of this priority.")
@click.option("--category", help="Of this category.")
@click.option("--type", help="Of this type.")
@click.option("--requester", metavar="PERSON", help="Of this person.")
@click.option("--organisation", help="Of this organisation.")
@click.option("--product", help="About this product.")
@click.option("--channel", help="That came by this channel.")
@click.option("--tag", help="With this tag.")
@limit
@after
@at_moment
@as_json
@pass_app
def list_(
    app: App, /, as_of: str | None, occurred_as_of: str | None, as_json: bool, **how: Any
) -> None:
    """List tickets by what they are, the newest first.

    What somebody has who is gone is unassigned, as in the queue; asked for by --assignee it is
    told whose it was.
    """
    source = reader(app, as_of, occurred_as_of)
    page = source.query(tickets.page, **_given(how))
    if how["assignee"] is None:
        gone = set(_gone(source))
        page = page._replace(rows=[_as_held(row, gone) for row in page.rows])
    if as_json:
        print_json(documents.TicketRows.filled(tickets=page.rows, next=page.next))
        return
    columns = ("ticket", "status", "priority", "team", "assignee", "created_at", "subject")
    show_all(rows_table(page.rows, columns, flexible=("subject",)))
    _more(page.next)


def _as_held(row: dict[str, Any], gone: set[tuple[str, str | None]]) -> dict[str, Any]:
    active = row["status_category"] not in ("solved", "closed") and not row["spam"]
    return row | {"assignee": None} if active and (row["assignee"], row["team"]) in gone else row


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


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
    source = reader(app, as_of, occurred_as_of)
    if form == "jsonl":
        for row in _every(source):
            print_json_line(row)
        return
    columns = tickets.TABLES[0].columns
    rows = ({name: values[name] for name in columns} for values in map(_plain, _every(source)))
    for lines in csv_lines(rows):
        click.echo(lines, nl=False)


def _plain(row: documents.TicketRow) -> dict[str, Any]:
    return row.plain()


def _every(source: Desk | Past) -> Iterator[documents.TicketRow]:
    next: str | None = None
    while True:
        page = source.query(tickets.page, limit=_EVERYTHING, **_given({"after": next}))
        yield from map(documents.TicketRow.filled, page.rows)
        next = page.next
        if next is None:
            return

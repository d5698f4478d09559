"""`ticketlog audit`: who had access to what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ticketlog.cli.framework import App, Entry, ShellCommand, ShellGroup, pass_app
from ticketlog.cli.options import actor_of, after, as_json, limit
from ticketlog.cli.output import minute, print_json, show_all, table
from ticketlog.cli.progress import Meter
from ticketlog.cli.query_commands import more
from ticketlog.documents.access import AccessList
from ticketlog.documents.event_text import who

if TYPE_CHECKING:
    from ticketlog.domain.base import Recorded

_HERE = "ticketlog.cli.commands.audit"
_SHOWN = 3
"""Streams of a record that a line names; of more, their number."""


@click.command(
    cls=ShellCommand,
    prints=(AccessList,),
    examples=(
        "ticketlog audit access 4F7K2M9QABCD",
        "ticketlog audit access agent:ann --since 2026-01-01T00:00:00Z --kind read",
        "ticketlog audit access --kind refused --kind exported --json",
    ),
)
@click.argument("about", metavar="[TICKET|ACTOR]", required=False)
@click.option("--since", metavar="TIME", help="Recorded from an ISO time with zone on.")
@click.option("--until", metavar="TIME", help="Recorded before an ISO time with zone.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(["refused", "read", "exported"]),
    help="Only refusals, reads or exports; may be repeated.",
)
@limit
@after
@click.option(
    "--as",
    "actor",
    metavar="ACTOR",
    help="The auditor who asks: KIND:ID or KIND:ID/ROLE. Default: the operator of this machine.",
)
@as_json
@pass_app
def access(
    app: App,
    about: str | None,
    since: str | None,
    until: str | None,
    kinds: tuple[str, ...],
    limit: int,
    after: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Show who was refused, who read what is restricted, and who took what out, the latest first.

    Of a ticket: who read it or was refused it. Of an actor, such as agent:ann or person:ID: what
    they read or were refused, and what became of their accounts, under whichever id they act. To
    look is an access itself, and recorded.
    """
    from ticketlog.domain.accounts.access_record import EVENTS

    desk = app.desk
    with Meter() as meter:

        def told(done: int, all: int) -> None:
            meter.show(f"reading the log of access: {done:,} of {all:,} records")

        found = desk.access_log.entries(
            about=desk.audited(about) if about else (),
            since=_time("--since", since),
            until=_time("--until", until),
            types=[each.NAME for each in EVENTS if each.WORD in kinds],
            limit=limit,
            after=after,
            actor=None if actor is None else actor_of(actor),
            channel="cli",
            on_progress=told,
        )
    if as_json:
        print_json(AccessList.made(found.entries, found.next))
        return
    columns = ("when", "who", "did", "what", "about", "why")
    show_all(table(columns, [_row(each) for each in found.entries], flexible=("about", "why")))
    more(found.next)


def _time(option: str, text: str | None) -> int | None:
    """Raises click.BadParameter for what is no time."""
    from ticketlog.domain.base import instant

    if text is None:
        return None
    try:
        return instant(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from error


def _row(recorded: Recorded) -> list[Any]:
    from ticketlog.domain.accounts.access_record import AccessEvent, AccessRefused

    event, meta = recorded.event, recorded.meta
    first = [minute(meta.recorded_at), who(meta.actor)]
    if not isinstance(event, AccessEvent):
        return [*first, event.NAME.rpartition(".")[0], "", recorded.originator_id, meta.reason]
    why = event.why if isinstance(event, AccessRefused) else None
    if isinstance(event, AccessRefused) and event.times:
        why = f"{event.times} times: {why}"
    return [*first, event.WORD, event.what, _named(event.on) or event.asked, why]


def _named(streams: tuple[str, ...]) -> str:
    named = ", ".join(each.removeprefix("ticket/") for each in streams[:_SHOWN])
    rest = len(streams) - _SHOWN
    return f"{named} and {rest:,} more" if rest > 0 else named


audit = ShellGroup(
    "audit",
    help="Who had access to what.",
    sections={
        "Commands": {
            "access": Entry(
                _HERE, "access", "Show who was refused, who read or took out what is restricted."
            ),
        }
    },
)

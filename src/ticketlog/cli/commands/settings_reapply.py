"""`ticketlog settings reapply`: the SLA policies in force for tickets that were promised others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from ticketlog.application.executor import derived_id, new_id
from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.options import SENDING, as_json, sender
from ticketlog.cli.output import print_json
from ticketlog.documents.outcomes import Reapplied
from ticketlog.domain.ticket.sla_events import ReapplySla
from ticketlog.errors import Usage

if TYPE_CHECKING:
    from ticketlog.desk import Desk

_PAGE = 1_000


@click.command(
    cls=ShellCommand,
    prints=(Reapplied,),
    params=[each for each in SENDING if each.name in ("command_id", "actor", "reason")],
    examples=(
        'ticketlog settings reapply --where organisation=acme --reason "A new contract"',
        "ticketlog settings reapply --all --as service:migration",
    ),
)
@click.option(
    "--where",
    metavar="FIELD=VALUE",
    multiple=True,
    help="Tickets that have it, by what `ticket list` lists them by. May be repeated.",
)
@click.option("--all", "everything", is_flag=True, help="All tickets.")
@as_json
@pass_app
def reapply(
    app: App, /, where: tuple[str, ...], everything: bool, as_json: bool, **values: Any
) -> None:
    """Apply the SLA policies and calendars in force to tickets that were promised others.

    Each ticket gets a commit of its own, where it changes something. Sent again under the same --id
    it goes on where it stopped. Closed tickets stay as they are.
    """
    if bool(where) == everything:
        raise Usage("name the tickets: --where FIELD=VALUE, or --all")
    by = sender(values)
    run, asked, changed = by.id or new_id(), 0, list[str]()
    for ticket in list(_tickets(app.desk, where)):
        asked += 1
        outcome = app.desk.execute(
            ReapplySla(),
            on=ticket,
            actor=by.actor,
            id=derived_id(run, ticket),
            reason=by.reason,
            channel="cli",
        )
        if outcome.events:
            changed.append(ticket)
    if as_json:
        print_json(Reapplied(tickets=asked, changed=changed))
        return
    click.echo(f"{asked:,} tickets, {len(changed):,} changed")
    for ticket in changed:
        click.echo(f"  {ticket}")


def _tickets(desk: Desk, where: tuple[str, ...]) -> Iterator[str]:
    from ticketlog.projections.views import tickets

    filters: dict[str, str] = {}
    for text in where:
        name, equals, value = text.partition("=")
        if not equals or name not in (*tickets.FILTERS, "tag"):
            known = ", ".join((*tickets.FILTERS, "tag"))
            raise Usage(f"--where {text!r} is no FIELD=VALUE; fields are {known}")
        filters[name] = value
    after: str | None = None
    while True:
        page = desk.query(tickets.Tickets(after=after, limit=_PAGE, **filters))
        yield from (row["ticket"] for row in page.rows)
        after = page.next
        if after is None:
            return

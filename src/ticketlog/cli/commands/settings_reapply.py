"""`ticketlog settings reapply`: the SLA policies in force for tickets with other promises."""

from __future__ import annotations

from typing import Any

import click

from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.options import SENDING, as_json, sender
from ticketlog.cli.output import print_json
from ticketlog.documents.outcomes import Reapplied
from ticketlog.errors import Usage


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
    from ticketlog.application.reapplying import reapplied

    by = sender(values)
    told = reapplied(app.desk, where, by.actor, id=by.id, reason=by.reason)
    if as_json:
        print_json(told)
        return
    click.echo(f"{told.tickets:,} tickets, {len(told.changed):,} changed")
    for ticket in told.changed:
        click.echo(f"  {ticket}")

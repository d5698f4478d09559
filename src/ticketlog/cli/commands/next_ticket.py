"""`ticketlog next` and `ticketlog skip`: the most urgent ticket that nobody has, and leaving it."""

from __future__ import annotations

from typing import Any

import click

from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.model_commands import built
from ticketlog.cli.options import SENDING, as_json, sender
from ticketlog.cli.output_outcome import print_outcome
from ticketlog.documents.outcomes import Outcome
from ticketlog.domain.ticket import KIND as TICKET

_SENT = [each for each in SENDING if each.name not in ("seen", "anyway")]


@click.command(
    "next",
    cls=ShellCommand,
    examples=("ticketlog next --as agent:bob", "ticketlog next --team network"),
    prints=(Outcome,),
    params=list(_SENT),
)
@click.option("--team", help="Only of this team. Default: of all your teams.")
@as_json
@pass_app
def next_(app: App, /, team: str | None, as_json: bool, **values: Any) -> None:
    """Take the most urgent ticket that nobody has.

    The one whose promise is due first, then by priority, then the oldest. It is yours when the
    command returns, and nobody else is given it.
    """
    by = sender(values)
    outcome = app.desk.next(
        actor=by.actor,
        team=team,
        id=by.id,
        channel=by.channel,
        source=by.source,
        reason=by.reason,
    )
    print_outcome(outcome, as_json)


skip = built(TICKET, "skip")

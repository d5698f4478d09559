"""`ticketlog settings reroute`: the routing rules in force for tickets that lie about."""

from __future__ import annotations

from typing import Any

import click

from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.options import SENDING, as_json, sender
from ticketlog.cli.output import clean, print_json, show_all, table
from ticketlog.documents.outcomes import Rerouted, Rerouting


@click.command(
    cls=ShellCommand,
    prints=(Rerouting,),
    params=[each for each in SENDING if each.name in ("command_id", "actor", "reason")],
    examples=(
        'ticketlog settings reroute --where "team absent" --check',
        'ticketlog settings reroute --where "subject contains vpn" --reason "A team for the VPN"',
    ),
)
@click.option(
    "--where",
    metavar="CONDITION",
    multiple=True,
    help="'FIELD OPERATOR VALUE', as settings write conditions ('team is network', 'tags contains "
    "vip', 'team absent', 'created_at less 2026-01-31T00:00:00Z'). May be repeated: all must hold.",
)
@click.option("--all", "everything", is_flag=True, help="All active tickets.")
@click.option("--check", is_flag=True, help="Show what would go where, and change nothing.")
@as_json
@pass_app
def reroute(
    app: App, /, where: tuple[str, ...], everything: bool, check: bool, as_json: bool, **values: Any
) -> None:
    """Route tickets by the rules in force, as if they came now; by a supervisor or an admin.

    A rule that came later than a ticket leaves it alone: this is for what lies about then. Only
    active tickets are asked about, and each that changes gets a commit of its own. Sent again under
    the same --id it goes on where it stopped. Exit code 1 where some were refused.
    """
    from ticketlog.application.rerouting import rerouted
    from ticketlog.errors import Usage

    if bool(where) == everything:
        raise Usage("name the tickets: --where CONDITION, or --all")
    by = sender(values)
    told = rerouted(app.desk, where, by.actor, check=check, id=by.id, reason=by.reason)
    if as_json:
        print_json(told)
    else:
        what, number = ("would change", len(told.tickets)) if check else ("changed", told.done)
        click.echo(f"{told.asked:,} active tickets match, {number:,} {what}")
        rows = [
            [each.ticket, ", ".join(each.rules), clean(_goes(each)), each.refused]
            for each in told.tickets
        ]
        if rows:
            columns = ("ticket", "rules", "becomes", "stays, because")
            show_all(table(columns, rows, flexible=("becomes", "stays, because")))
    if any(each.refused for each in told.tickets):
        click.get_current_context().exit(1)


def _goes(row: Rerouted) -> str:
    names = ("team", "assignee", "priority", "category", "product")
    parts = [f"{name} {made}" for name in names if (made := getattr(row, name))]
    parts += [f"+{tag}" for tag in row.add_tags] + [f"-{tag}" for tag in row.remove_tags]
    return ", ".join(parts)

"""`ticketlog views`: how far each view is, and what it couldn't take."""

from __future__ import annotations

import click

from ticketlog.cli.commands.desk import views_table
from ticketlog.cli.framework import App, Entry, ShellCommand, ShellGroup, pass_app
from ticketlog.cli.options import as_json
from ticketlog.cli.output import print_json, retried, show_all, table
from ticketlog.documents import desks

_HERE = "ticketlog.cli.commands.views"


@click.command(
    "list",
    cls=ShellCommand,
    prints=(desks.ViewList,),
    examples=("ticketlog views", "ticketlog views --json"),
)
@as_json
@pass_app
def list_(app: App, as_json: bool) -> None:
    """Show each view's version, position, lag, and the streams that it has parked."""
    found = app.desk.views.status(app.desk.log.latest_ends())
    if as_json:
        print_json(desks.ViewList(views=found))
        return
    show_all(views_table(found))
    rows = [
        [view.view, parked.stream, parked.position, parked.error]
        for view in found
        for parked in view.parked
    ]
    if rows:
        show_all("", table(("view", "parked stream", "at", "why"), rows, flexible=("why",)))


@click.command(
    cls=ShellCommand,
    prints=(desks.ViewRetried,),
    examples=("ticketlog views retry search",),
)
@click.argument("view")
@as_json
@pass_app
@click.pass_context
def retry(context: click.Context, app: App, view: str, as_json: bool) -> None:
    """Try a view's parked streams again; exit code 1 where some are still parked."""
    still = app.desk.views.retry(view)
    retried(still, view, [f"{row.stream}: {row.error}" for row in still.parked], as_json)
    context.exit(1 if still.parked else 0)


views = ShellGroup(
    "views",
    help="How far each view is, and what it couldn't take. Alone: `views list`.",
    default="list",
    sections={
        "Commands": {
            "list": Entry(_HERE, "list_", "Show each view's version, position and lag."),
            "retry": Entry(_HERE, "retry", "Try a view's parked streams again."),
        }
    },
)

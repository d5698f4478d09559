"""`ticketlog macro`: prepared actions, shown before they are applied."""

from __future__ import annotations

from typing import Any

import click

from ticketlog.application.macros import offered
from ticketlog.application.macros import preview as previewed
from ticketlog.cli.framework import App, Entry, ShellCommand, ShellGroup, pass_app
from ticketlog.cli.model_commands import piped, send, stream_of
from ticketlog.cli.options import SENDING, actor_of, actor_option, as_json, sender
from ticketlog.cli.output import clean, print_json, show_all, table
from ticketlog.documents.macros import MacroList, MacroPreview
from ticketlog.documents.outcomes import Outcome
from ticketlog.domain.ticket.macros import ApplyMacro

_HERE = "ticketlog.cli.commands.macro"
_MARKS = {"same": "{}", "added": "[+{}+]", "removed": "[-{}-]"}
_text = click.option(
    "--text", metavar="TEXT", help="What is said in the place of its text; - reads standard input."
)


@click.command(
    "list",
    cls=ShellCommand,
    prints=(MacroList,),
    examples=("ticketlog macro list", "ticketlog macro list 4F7K2M9QABCD --as agent:ann"),
)
@click.argument("ticket", required=False)
@actor_option
@as_json
@pass_app
def list_(app: App, ticket: str | None, actor: str | None, as_json: bool) -> None:
    """Show the macros that you may apply; with a ticket, whether each fits it."""
    stream = stream_of("ticket", ticket) if ticket else None
    found = offered(app.desk, actor_of(actor), stream)
    if as_json:
        print_json(found)
        return
    words = {True: "yes", False: "no", None: ""}
    rows = [
        [each.macro, each.title or "", words[each.fits], each.why_not or ""]
        for each in found.macros
    ]
    show_all(table(("macro", "title", "fits", "why not"), rows, flexible=("title", "why not")))


@click.command(
    cls=ShellCommand,
    prints=(MacroPreview,),
    examples=("ticketlog macro preview vpn-reset 4F7K2M9QABCD",),
)
@click.argument("macro")
@click.argument("ticket")
@_text
@actor_option
@as_json
@pass_app
def preview(
    app: App, macro: str, ticket: str, text: str | None, actor: str | None, as_json: bool
) -> None:
    """Show what a macro would record on a ticket, and its text: [+what was put in+] and [-what was
    taken out-]. Nothing is recorded."""
    found = previewed(
        app.desk, macro, stream_of("ticket", ticket), actor=actor_of(actor), text=piped(text)
    )
    if as_json:
        print_json(found)
        return
    if not found.events:
        click.echo(clean(f"{found.macro} would change nothing: {found.ticket} is so already"))
        return
    rows = [
        [each.type, ", ".join(f"{name}={value}" for name, value in each.data.items())]
        for each in found.events
    ]
    show_all(table(("event", "data"), rows, flexible=("data",)))
    for line in "".join(_MARKS[each.mark].format(each.text) for each in found.marked).splitlines():
        click.echo(clean(f"| {line}"))


@click.command(
    cls=ShellCommand,
    prints=(Outcome,),
    params=[
        click.Argument(["macro"]),
        click.Argument(["ticket"]),
        *SENDING,
    ],
    examples=(
        "ticketlog macro apply vpn-reset 4F7K2M9QABCD",
        "ticketlog macro apply vpn-reset@3 4F7K2M9QABCD --text - --seen 7 < edited.txt",
    ),
)
@_text
@as_json
@pass_app
def apply(
    app: App, /, macro: str, ticket: str, text: str | None, as_json: bool, **values: Any
) -> None:
    """Do what a macro says to a ticket, in one commit; with @VERSION only while that is in
    force."""
    command = ApplyMacro(macro=macro, text=piped(text))
    send(app, command, stream_of("ticket", ticket), sender(values), as_json)


macro = ShellGroup(
    "macro",
    sections={
        "Macros": {
            "list": Entry(_HERE, "list_", "Show the macros that you may apply."),
            "preview": Entry(_HERE, "preview", "Show what a macro would record on a ticket."),
            "apply": Entry(_HERE, "apply", "Do what a macro says to a ticket."),
        }
    },
    help="Prepared actions on tickets, shown before they are applied (docs/TOGETHER.md).",
)

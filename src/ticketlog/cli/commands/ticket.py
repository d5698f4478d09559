"""`ticketlog ticket ...`: every command of the ticket, and its reads."""

from __future__ import annotations

from ticketlog.cli.framework import Commands, Entry, ModelGroup, Read

READS: Commands = {
    "show": Entry("ticketlog.cli.commands.ticket_reads", "show", "Show a ticket as it is, or was."),
    "history": Entry(
        "ticketlog.cli.commands.ticket_reads",
        "history",
        "Show everything that happened to a ticket.",
    ),
    "list": Read("tickets", "List tickets by what they are."),
    "attach": Entry("ticketlog.cli.commands.ticket_reads", "attach", "Attach a file."),
    "fetch": Entry(
        "ticketlog.cli.commands.ticket_reads", "fetch", "Write an attachment's bytes to a file."
    ),
}

ticket = ModelGroup("ticket", reads=READS, help="Create, show and work tickets; one command each.")

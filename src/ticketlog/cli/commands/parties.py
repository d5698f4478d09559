"""`ticketlog person|organisation|agent ...`: who asks, whom they belong to, who works."""

from __future__ import annotations

from ticketlog.cli.framework import Entry, ModelGroup, Read

person = ModelGroup(
    "person",
    help="Register and change those who ask and are answered.",
    reads={
        "show": Entry(
            "ticketlog.cli.commands.party_reads", "show_person", "Show a person, now or then."
        ),
        "history": Entry(
            "ticketlog.cli.commands.party_reads",
            "history_person",
            "Show what happened to a person.",
        ),
        "find": Read(
            "persons",
            "Find persons by address or name.",
            "ticketlog.cli.commands.party_reads:show_persons",
        ),
    },
)

organisation = ModelGroup(
    "organisation",
    help="Register and change organisations.",
    reads={
        "show": Entry(
            "ticketlog.cli.commands.party_reads",
            "show_organisation",
            "Show an organisation, now or then.",
        ),
        "history": Entry(
            "ticketlog.cli.commands.party_reads",
            "history_organisation",
            "Show what happened to an organisation.",
        ),
    },
)

agent = ModelGroup(
    "agent",
    help="Availability and shifts of agents; who they are is in the settings.",
    reads={
        "show": Entry(
            "ticketlog.cli.commands.party_reads", "show_agent", "Show an agent, now or then."
        ),
        "history": Entry(
            "ticketlog.cli.commands.party_reads", "history_agent", "Show what happened to an agent."
        ),
        "list": Read(
            "agent-load",
            "List agents and their load.",
            "ticketlog.cli.commands.party_reads:show_load",
        ),
    },
)

"""The root command: what there is, where it is loaded from."""

from __future__ import annotations

import click

from ticketlog.cli.framework import Commands, Entry, Read, Root

SECTIONS: dict[str, Commands] = {
    "A desk": {
        "init": Entry(
            "ticketlog.cli.commands.desk", "init", "Make a desk: a folder with a log and views."
        ),
        "status": Entry(
            "ticketlog.cli.commands.desk",
            "status",
            "Show what a desk holds and how far its views are.",
        ),
        "run": Entry(
            "ticketlog.cli.commands.run",
            "run",
            "Keep views and policies up, with health and metrics, until stopped.",
        ),
        "serve": Entry(
            "ticketlog.cli.commands.serve",
            "serve",
            "Serve the desk over HTTP, with all that run keeps up.",
        ),
        "policies": Entry(
            "ticketlog.cli.commands.policies",
            "policies",
            "Who reacts by itself, and how far each is.",
        ),
        "publish": Entry(
            "ticketlog.cli.commands.publish",
            "publish",
            "Publish accepted events for other services.",
        ),
        "tour": Entry(
            "ticketlog.cli.commands.tour",
            "tour",
            "Histories in, views up, rebuilt and compared: try it.",
        ),
        "demo": Entry(
            "ticketlog.cli.commands.desk", "demo", "Simulate a help desk with real commands."
        ),
        "import": Entry(
            "ticketlog.cli.commands.import_", "import_", "Histories come in, are listed, withdrawn."
        ),
        "export": Entry(
            "ticketlog.cli.commands.lists", "export", "Write all tickets as CSV or JSON lines."
        ),
    },
    "Work": {
        "ticket": Entry(
            "ticketlog.cli.commands.ticket", "ticket", "Create, show and work tickets."
        ),
        "person": Entry("ticketlog.cli.commands.parties", "person", "Who asks and is answered."),
        "organisation": Entry(
            "ticketlog.cli.commands.parties", "organisation", "Whom persons belong to."
        ),
        "agent": Entry(
            "ticketlog.cli.commands.parties", "agent", "Availability and shifts of those who work."
        ),
        "webhook": Entry(
            "ticketlog.cli.commands.webhook",
            "webhook",
            "Events to the programs of others, and their messages.",
        ),
        "settings": Entry(
            "ticketlog.cli.commands.settings",
            "settings",
            "Workflows, priorities, fields, teams, agents.",
        ),
    },
    "Signing in": {
        "access": Entry("ticketlog.cli.commands.access", "access", "Who may what, and why."),
        "token": Entry(
            "ticketlog.cli.commands.accounts", "token", "API tokens: how programs sign in."
        ),
        "login-link": Entry(
            "ticketlog.cli.commands.accounts",
            "login_link",
            "Print a link that signs somebody in, once.",
        ),
        "session": Entry("ticketlog.cli.commands.accounts", "session", "Sessions of browsers."),
        "passkey": Entry(
            "ticketlog.cli.commands.accounts", "passkey", "Passkeys that people registered."
        ),
        "identity": Entry(
            "ticketlog.cli.commands.accounts",
            "identity",
            "Users of identity providers, and as whom they act.",
        ),
    },
    "Reads": {
        "queue": Entry(
            "ticketlog.cli.commands.lists", "queue", "What waits, most urgent and oldest first."
        ),
        "inbox": Entry(
            "ticketlog.cli.commands.inbox",
            "inbox",
            "What waits for one agent, and what they have seen.",
        ),
        "search": Read("search", "Find words in subjects and comments."),
        "sla": Entry(
            "ticketlog.cli.commands.sla", "sla", "Which promises are due next; a ticket's clocks."
        ),
        "report": Entry(
            "ticketlog.cli.commands.report", "report", "Counts and times by day, week or month."
        ),
    },
    "Log and replay": {
        "log": Entry("ticketlog.cli.commands.log", "log", "Follow and check the log."),
        "audit": Entry("ticketlog.cli.commands.audit", "audit", "Who had access to what."),
        "views": Entry(
            "ticketlog.cli.commands.views", "views", "How far each view is; retry what is parked."
        ),
        "replay": Entry(
            "ticketlog.cli.commands.replay",
            "replay",
            "Rebuild, verify and compare views; read the past.",
        ),
    },
}

EPILOG = """\b
Exit codes: 0 done, 1 refused by a rule or check, 2 wrong usage,
3 not reachable, in doubt or damaged, 130 interrupted.

\b
Shell completion, for bash (zsh and fish likewise):
  eval "$(_TICKETLOG_COMPLETE=bash_source ticketlog)"
"""


def _version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"ticketlog {version('ticketlog')}")
        context.exit()


root = Root(
    "ticketlog",
    sections=SECTIONS,
    help="An event-sourced ticketing engine: complete histories, every report rebuilt by replay.",
    epilog=EPILOG,
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_version,
            help="Show the version and exit.",
        )
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

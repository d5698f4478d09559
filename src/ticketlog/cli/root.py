"""The root command: what there is, where it is loaded from."""

from __future__ import annotations

import click

from ticketlog.cli.base import Entry, Group

_HERE = "ticketlog.cli"

SECTIONS = {
    "A desk": {
        "init": Entry(f"{_HERE}.desks:init", "Make a desk: a folder with a log and views."),
        "status": Entry(f"{_HERE}.desks:status", "Show what a desk holds and how far its views are."),
        "tour": Entry(f"{_HERE}.tour:tour", "Histories in, views up, rebuilt and compared: try it."),
        "demo": Entry(f"{_HERE}.desks:demo", "Simulate a help desk with real commands."),
        "import": Entry(f"{_HERE}.imports:import_", "Import histories from CSV or XES."),
        "export": Entry(f"{_HERE}.reads:export", "Write all tickets as CSV or JSON lines."),
    },
    "Work": {
        "ticket": Entry(f"{_HERE}.ticket:ticket", "Create, show and work tickets."),
        "person": Entry(f"{_HERE}.parties:person", "Who asks and is answered."),
        "organisation": Entry(f"{_HERE}.parties:organisation", "Whom persons belong to."),
        "agent": Entry(f"{_HERE}.parties:agent", "Availability and shifts of those who work."),
        "settings": Entry(f"{_HERE}.settings:settings", "Workflows, priorities, fields, teams, agents."),
    },
    "Reads": {
        "queue": Entry(f"{_HERE}.reads:queue", "What waits, most urgent and oldest first."),
        "inbox": Entry(f"{_HERE}.reads:inbox", "What waits for one agent."),
        "search": Entry(f"{_HERE}.reads:search", "Find words in subjects and comments."),
        "report": Entry(f"{_HERE}.reads:report", "Counts and times by day, week or month."),
    },
    "Log and replay": {
        "log": Entry(f"{_HERE}.log:log", "Follow and check the log."),
        "views": Entry(f"{_HERE}.views:views", "How far each view is; retry what is parked."),
        "replay": Entry(f"{_HERE}.replay:replay", "Rebuild, verify and compare views; read the past."),
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


root = Group(
    "ticketlog",
    sections=SECTIONS,
    help="An event-sourced ticketing engine: complete histories, every report rebuilt by replay.",
    epilog=EPILOG,
    params=[
        click.Option(
            ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=_version,
            help="Show the version and exit.",
        )
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

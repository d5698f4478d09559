"""The outcome of a command, printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ticketlog.cli.output import clean, note, print_json
from ticketlog.documents.event_text import phrase
from ticketlog.documents.outcomes import Outcome as Document

if TYPE_CHECKING:
    from ticketlog.desk import Outcome


def print_outcome(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        print_json(Document.made(outcome))
        return
    outcome_text(outcome)


def outcome_text(outcome: Outcome) -> None:
    click.echo(clean(_headline(outcome)))
    for recorded in outcome.events:
        click.echo(clean(f"  {phrase(recorded.event)}"))
    if outcome.unknown:
        names = ", ".join(f"@{name}" for name in outcome.unknown)
        note(f"{names}: no agent at work and no team is called so; `ticketlog agent list` has them")


def _headline(outcome: Outcome) -> str:
    line = f"{outcome.stream} is at version {outcome.version}"
    if outcome.follow_up_of:
        line += f"; it follows up {outcome.follow_up_of}, which is closed"
    if outcome.repeated:
        return f"{line}; this command was done before:"
    if not outcome.events:
        return f"{line}; nothing to do"
    return f"{line}:"

"""What a command did, printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ticketlog import documents
from ticketlog.cli.output import clean, note, print_json
from ticketlog.cli.phrases import phrase

if TYPE_CHECKING:
    from ticketlog.desk import Outcome

OUTCOME = {
    "stream": "what it was done to; the new one where it creates",
    "version": "of the stream, after it: what a later `--seen` may say",
    "repeated": "whether the id was known, and this is its first answer",
    "follow_up_of": "the closed ticket that it was sent to, if it opened a follow-up",
    "unknown": "names that a note calls, and nobody has",
    "partition": "of the log",
    "offset": "of its commit; null where there was nothing to do",
    "events": "what it recorded: id, type, version",
}
"""The keys of the document that a writing command prints."""


def print_outcome(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        print_json(outcome_document(outcome))
        return
    outcome_text(outcome)


def outcome_text(outcome: Outcome) -> None:
    click.echo(clean(_headline(outcome)))
    for recorded in outcome.events:
        click.echo(clean(f"  {phrase(recorded.event)}"))
    if outcome.unknown:
        names = ", ".join(f"@{name}" for name in outcome.unknown)
        note(f"{names}: no agent at work and no team is called so; `ticketlog agent list` has them")


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    values = {
        "stream": outcome.stream,
        "version": outcome.version,
        "repeated": outcome.repeated,
        "follow_up_of": outcome.follow_up_of,
        "unknown": list(outcome.unknown),
        "partition": outcome.partition,
        "offset": outcome.offset,
        "events": [
            {"id": r.id, "type": r.event.NAME, "version": r.originator_version}
            for r in outcome.events
        ],
    }
    return documents.said(documents.Outcome, values)


def _headline(outcome: Outcome) -> str:
    line = f"{outcome.stream} is at version {outcome.version}"
    if outcome.follow_up_of:
        line += f"; it follows up {outcome.follow_up_of}, which is closed"
    if outcome.repeated:
        return f"{line}; this command was done before:"
    if not outcome.events:
        return f"{line}; nothing to do"
    return f"{line}:"

"""Reads of a ticket: as it is or was, its history, its links, and its attachments."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ticketlog.application.ticket_documents import ticket_document
from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.model_commands import stream_of
from ticketlog.cli.options import (
    SENDING,
    as_json,
    at_moment,
    reader,
    reading_actor,
    reading_as,
    sender,
)
from ticketlog.cli.output import clean, facts, note, print_json, show_all
from ticketlog.cli.output_history import print_history
from ticketlog.cli.output_outcome import print_outcome
from ticketlog.documents import tickets as documents
from ticketlog.documents.events import History
from ticketlog.documents.outcomes import Outcome
from ticketlog.errors import Usage

if TYPE_CHECKING:
    from ticketlog.domain.ticket.state import LinkKind

_T = "4F7K2M9QABCD"


@click.command(
    cls=ShellCommand,
    examples=(
        f"ticketlog ticket show {_T}",
        f"ticketlog ticket show {_T} --as-of 2026-01-31T09:00:00Z --json",
    ),
    prints=(documents.Ticket,),
)
@click.argument("ticket")
@at_moment
@as_json
@pass_app
def show(
    app: App, ticket: str, as_of: str | None, occurred_as_of: str | None, as_json: bool
) -> None:
    """Show a ticket as it is, or was."""
    stream = stream_of("ticket", ticket)
    source = reader(app, as_of, occurred_as_of)
    told = ticket_document(source, stream, at=as_of or occurred_as_of, remark=note)
    if as_json:
        print_json(told)
    else:
        _show(told.plain())


_INVERSE: dict[LinkKind, str] = {
    "duplicate-of": "duplicate",
    "problem": "incident",
    "parent": "child",
    "blocks": "blocked by",
    "follow-up-of": "follow-up",
    "change": "change for",
}
"""What the other ticket of a link is, seen from this one."""


def _show(document: dict[str, Any]) -> None:
    links = [
        f"{link['kind']} {link['target'].removeprefix('ticket/')}" for link in document["links"]
    ]
    linked_by = [
        f"{_INVERSE[link['kind']]} {link['ticket']}" for link in document["linked_by"] or ()
    ]
    attachments = [f"{a['name']} ({a['size']:,} bytes, {a['id']})" for a in document["attachments"]]
    named = {**document, "links": links, "linked_by": linked_by, "attachments": attachments}
    title = f"{document['id']}  {document['subject']}"
    hidden = {"id", "subject", "status_category", "priority_source", "comments", "description"}
    pairs = [
        (name.replace("_", " "), _short(name, value))
        for name, value in named.items()
        if name not in hidden and value not in (0, False)
    ]
    show_all(facts(pairs, title=title))
    if document["description"]:
        click.echo(f"\n{_indented(document['description'])}")
    for comment in document["comments"]:
        kind = "" if comment["public"] else ", internal"
        at = comment["at"][:19].replace("T", " ")
        click.echo(clean(f"\n{at}  {comment['author']} ({comment['author_kind']}{kind})"))
        click.echo(_indented(comment["body"]))


def _short(name: str, value: Any) -> Any:
    return value[:19].replace("T", " ") if name in documents.TIMES and value else value


def _indented(text: str) -> str:
    return clean("\n".join(f"  {line}" for line in text.splitlines()))


@click.command(
    cls=ShellCommand,
    examples=(
        f"ticketlog ticket history {_T}",
        f"ticketlog ticket history {_T} --occurred-as-of 2026-01-31T09:00:00Z --json",
    ),
    prints=(History,),
)
@click.argument("ticket")
@at_moment
@as_json
@pass_app
def history(
    app: App, ticket: str, as_of: str | None, occurred_as_of: str | None, as_json: bool
) -> None:
    """Show everything that happened to a ticket."""
    print_history(app, stream_of("ticket", ticket), as_of, occurred_as_of, as_json)


@click.command(
    cls=ShellCommand,
    examples=(
        f"ticketlog ticket attach {_T} screenshot.png",
        f"ticketlog ticket attach {_T} core.bin --name core-dump --media-type application/gzip",
    ),
    prints=(Outcome,),
    params=[*SENDING],
)
@click.argument("ticket")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="Its name. Default: the file's.")
@click.option("--media-type", help="What it is. Default: what its name says.")
@click.option("--comment", metavar="ID", help="The comment that it came with.")
@as_json
@pass_app
def attach(app: App, /, ticket: str, file: Path, as_json: bool, **values: Any) -> None:
    """Attach a file."""
    by = sender(values)
    outcome = app.desk.attach_file(
        stream_of("ticket", ticket),
        file,
        actor=by.actor,
        id=by.id,
        channel=by.channel,
        source=by.source,
        reason=by.reason,
        seen=by.seen,
        anyway=by.anyway,
        **values,
    )
    print_outcome(outcome, as_json)


@click.command(
    cls=ShellCommand,
    examples=(
        f"ticketlog ticket fetch {_T} 019a0000-0000-7000-8000-000000000000.0 --to shot.png",
        f"ticketlog ticket fetch {_T} 019a0000-0000-7000-8000-000000000000.0 > shot.png",
    ),
)
@click.argument("ticket")
@click.argument("attachment")
@click.option("--to", "target", type=click.Path(path_type=Path), help="Default: standard output.")
@reading_as
@pass_app
def fetch(app: App, ticket: str, attachment: str, target: Path | None) -> None:
    """Write an attachment's bytes to a file."""
    actor = reading_actor(app)
    _, content = app.desk.attachment(stream_of("ticket", ticket), attachment, actor=actor)
    with content:
        if target is None:
            shutil.copyfileobj(content, sys.stdout.buffer)
            return
        try:
            with open(target, "xb") as out:
                shutil.copyfileobj(content, out)
        except FileExistsError:
            raise Usage(f"{target} exists already; name another file") from None

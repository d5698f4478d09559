"""`ticketlog bulk`: one command for many tickets, planned, looked at, run, and taken back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ticketlog.cli.framework import App, Entry, ModelGroup, ShellCommand, pass_app
from ticketlog.cli.options import SENDING, as_json, limit, reading_actor, reading_as, sender
from ticketlog.cli.output import clean, csv_lines, facts, note, print_json, show_all, table
from ticketlog.cli.progress import Meter
from ticketlog.documents import bulks as documents
from ticketlog.errors import Unreachable, Usage

if TYPE_CHECKING:
    from ticketlog.domain.base import Actor

_HERE = "ticketlog.cli.commands.bulk"
_B = "4F7K2M9QABCD"
_SENDER = [each for each in SENDING if each.name in ("command_id", "actor", "reason")]
_STATES = ("listing", "planned", "running", "paused", "done")


@click.command(
    cls=ShellCommand,
    prints=(documents.BulkStatus,),
    params=[*_SENDER],
    examples=(
        'ticketlog bulk plan --where "team is network" --do "tag --add outage"',
        'ticketlog bulk plan --ids tickets.txt --do "solve --code fixed" --reason "It is over"',
    ),
)
@click.option(
    "--where",
    metavar="CONDITION",
    multiple=True,
    help="'FIELD OPERATOR VALUE', as settings write conditions ('team is network', 'tags contains "
    "vip', 'created_at less 2026-01-31T00:00:00Z'). May be repeated: all must hold.",
)
@click.option(
    "--ids", metavar="FILE", help="A file of tickets' ids, a line each; - reads standard input."
)
@click.option("--all", "everything", is_flag=True, help="All tickets.")
@click.option(
    "--do",
    "line",
    required=True,
    metavar="COMMAND",
    help="A command as behind `ticketlog ticket`, without the ticket: 'tag --add vpn'.",
)
@click.option(
    "--notices",
    is_flag=True,
    help="Tell recipients of each ticket, instead of all in one digest.",
)
@as_json
@pass_app
def plan(
    app: App,
    /,
    where: tuple[str, ...],
    ids: str | None,
    everything: bool,
    line: str,
    notices: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Plan a command for many tickets, and show what it would do.

    Nothing is done to a ticket before `ticketlog bulk run`. Tickets that you don't see are as ones
    that aren't there.
    """
    from ticketlog.cli.model_commands import read_line

    if bool(where) + (ids is not None) + everything != 1:
        raise Usage("name the tickets: --where CONDITION, --ids FILE, or --all")
    by = sender(values)
    planned = app.desk.bulks.plan(
        read_line(app, "ticket", line),
        actor=by.actor,
        where=where if ids is None else None,
        ids=None if ids is None else _lines(ids),
        id=by.id,
        notices=notices,
        reason=by.reason,
    )
    _show(app.desk.bulks.show(planned.id, by.actor, unknown=planned.unknown), as_json)


def _lines(name: str) -> list[str]:
    if name == "-":
        return sys.stdin.read().split()
    try:
        return Path(name).read_text(encoding="utf-8").split()
    except OSError as error:
        raise Unreachable(f"{name} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Usage(f"{name} is no UTF-8 text: {error}") from error


@click.command(
    "list",
    cls=ShellCommand,
    prints=(documents.BulkRows,),
    examples=("ticketlog bulk list", "ticketlog bulk list --state running --json"),
)
@click.option("--state", type=click.Choice(_STATES), help="Only those in this state.")
@limit
@reading_as
@as_json
@pass_app
def list_(app: App, state: str | None, limit: int, as_json: bool) -> None:
    """List bulks and how far each is, the latest first."""
    found = app.desk.bulks.listed(reading_actor(app), state=state, limit=limit)
    if as_json:
        print_json(found)
        return
    rows = [
        [
            each.bulk,
            each.state,
            each.command,
            each.reached,
            each.tickets,
            each.by,
            each.planned_at[:19],
        ]
        for each in found.bulks
    ]
    columns = ("bulk", "state", "command", "reached", "tickets", "by", "planned at")
    show_all(table(columns, rows, right=("reached", "tickets")))


@click.command(
    cls=ShellCommand,
    prints=(documents.BulkStatus, documents.BulkTicket),
    examples=(f"ticketlog bulk show {_B}", f"ticketlog bulk show {_B} --csv > tickets.csv"),
)
@click.argument("bulk")
@click.option("--csv", "as_csv", is_flag=True, help="Write a line of CSV for each ticket.")
@reading_as
@as_json
@pass_app
def show(app: App, bulk: str, as_csv: bool, as_json: bool) -> None:
    """Show a bulk: before the run what it would do, later what it has done.

    The preview decides about each ticket as it was when the bulk was planned, and records nothing:
    what would change, what is so already, what is refused and why, and what no undo can reach.
    """
    actor = reading_actor(app)
    if not as_csv:
        _show(app.desk.bulks.show(bulk, actor), as_json)
        return
    for lines in csv_lines(each.plain() for each in app.desk.bulks.rows(bulk, actor)):
        click.echo(lines, nl=False)


def _run(app: App, bulk: str, actor: Actor, as_json: bool, **given: Any) -> None:
    with Meter() as meter:
        found = app.desk.bulks.run(
            bulk,
            actor=actor,
            on_progress=lambda p: meter.far(
                "sending", p.reached, "tickets", p.reached / max(p.tickets, 1), p.seconds
            ),
            **given,
        )
    _show(found, as_json)


@click.command(
    cls=ShellCommand,
    prints=(documents.BulkStatus,),
    params=[each for each in SENDING if each.name == "actor"],
    examples=(f"ticketlog bulk run {_B}", f"ticketlog bulk run {_B} --even-if-changed"),
)
@click.argument("bulk")
@click.option(
    "--even-if-changed", is_flag=True, help="Also tickets that somebody changed since the plan."
)
@as_json
@pass_app
def run(app: App, /, bulk: str, even_if_changed: bool, as_json: bool, **values: Any) -> None:
    """Send the command to the tickets, or go on where it was.

    Each ticket gets one commit. Killed or interrupted, it goes on when it is called again, and two
    that run it at once do it once.
    """
    _run(
        app,
        bulk,
        sender(values | {"reason": None, "command_id": None}).actor,
        as_json,
        even_if_changed=even_if_changed,
    )


@click.command(
    cls=ShellCommand,
    prints=(documents.BulkStatus,),
    params=[*_SENDER],
    examples=(f"ticketlog bulk undo {_B} --plan", f"ticketlog bulk undo {_B}"),
)
@click.argument("bulk")
@click.option("--plan", "only", is_flag=True, help="Plan it and show what it would do, no more.")
@click.option(
    "--even-if-changed",
    is_flag=True,
    help="Also tickets that somebody changed since: the values that are still as the bulk left "
    "them.",
)
@as_json
@pass_app
def undo(
    app: App, /, bulk: str, only: bool, even_if_changed: bool, as_json: bool, **values: Any
) -> None:
    """Take back what a bulk has done: a bulk of its own.

    Values become what they were. A ticket that somebody has changed since is left as it is, and
    listed (`ticketlog bulk show --csv`). What was said, sent or closed stays.
    """
    by = sender(values)
    planned = app.desk.bulks.undo(bulk, actor=by.actor, id=by.id, reason=by.reason)
    if only:
        _show(app.desk.bulks.show(planned.id, by.actor), as_json)
    else:
        _run(app, planned.id, by.actor, as_json, even_if_changed=even_if_changed)


def _show(found: documents.BulkStatus, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    plain = found.plain()
    parts = {"bulk", "preview", "skipped", "unknown", "values", "conditions", "sha256", "cut"}
    pairs = [
        (name.replace("_", " "), value)
        for name, value in plain.items()
        if name not in parts and value not in (None, False)
    ]
    pairs.append(("arguments", str(plain.get("values") or "")))
    pairs.append(("where", " and ".join(plain.get("conditions") or ())))
    show_all(facts([(name, said) for name, said in pairs if said != ""], title=plain["bulk"]))
    skipped = [[each["why"], each["tickets"]] for each in plain.get("skipped", ())]
    if skipped:
        show_all("", table(("skipped, because", "tickets"), skipped, right=("tickets",)))
    if plain.get("preview"):
        _preview(plain["preview"])
    for each in plain.get("unknown") or ():
        note(f"{each} is no ticket")
    if plain["state"] == "planned":
        click.echo(clean(f"\nticketlog bulk run {plain['bulk']}"))


def _preview(preview: dict[str, Any]) -> None:
    counted = ("changed", "unchanged", "overtaken")
    show_all("", facts([(f"would be {n}".replace("_", " "), preview[n]) for n in counted]))
    refused = [[each["why"], each["said"], each["tickets"]] for each in preview["refused"]]
    if refused:
        columns = ("would be refused", "because", "tickets")
        show_all("", table(columns, refused, right=("tickets",), flexible=("because",)))
    stays = [[each["event"], each["why"], each["tickets"]] for each in preview["irreversible"]]
    if stays:
        columns = ("can't be taken back", "because", "tickets")
        show_all("", table(columns, stays, right=("tickets",), flexible=("because",)))
    samples = [[each["ticket"], ", ".join(each["events"])] for each in preview["samples"]]
    if samples:
        show_all("", table(("for example", "events"), samples, flexible=("events",)))


bulk = ModelGroup(
    "bulk",
    help="One command for many tickets: planned, looked at, run, and taken back "
    "(docs/TOGETHER.md).",
    reads={
        "plan": Entry(_HERE, "plan", "Plan a command for many tickets."),
        "list": Entry(_HERE, "list_", "List bulks and how far each is."),
        "show": Entry(_HERE, "show", "Show what a bulk would do, or has done."),
        "run": Entry(_HERE, "run", "Send the command to the tickets."),
        "undo": Entry(_HERE, "undo", "Take back what a bulk has done."),
    },
)

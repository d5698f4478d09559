"""Making a desk, looking at it, filling it with a simulation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.options import SENDING, as_json, first_admin, log_option, views_option
from ticketlog.cli.output import clean, facts, print_json, show_all, table
from ticketlog.cli.progress import Meter
from ticketlog.documents import desks as documents


@click.command(
    cls=ShellCommand,
    prints=(documents.Made,),
    examples=(
        "ticketlog init my-desk",
        "ticketlog init my-desk --as agent:ann",
        "ticketlog init . --log sqlite:///data/log.db",
        "ticketlog init rehearsal --simulation",
    ),
    params=[each for each in SENDING if each.name == "actor"],
)
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@log_option
@views_option
@click.option(
    "--simulation",
    is_flag=True,
    help="To try things out: its clock may be moved ahead, and what is recorded isn't real.",
)
@as_json
@pass_app
def init(
    app: App,
    folder: Path | None,
    log_url: str | None,
    views_url: str | None,
    simulation: bool,
    as_json: bool,
    actor: str | None,
) -> None:
    """Make a desk: a folder with a log and views. Default: here.

    Who makes it is its first admin: the agent of `--as`.
    """
    from ticketlog.application.desk_documents import made_document
    from ticketlog.desk import init_desk

    folder = folder or Path(app.folder or ".")
    given = {"log_url": log_url, "views_url": views_url}
    admin = first_admin(actor)
    with init_desk(folder, **given, simulation=simulation, admin=admin) as desk:
        made = made_document(desk)
    if as_json:
        print_json(made)
        return
    click.echo(f"{folder} is a desk now, with the default settings.")
    click.echo(clean(f"  its admin: {', '.join(f'agent:{id}' for id in made.admins)}"))
    click.echo(f'  next: ticketlog --desk {folder} ticket create "VPN drops every hour"')


@click.command(
    cls=ShellCommand,
    prints=(documents.DeskStatus,),
    examples=("ticketlog status", "ticketlog status --partitions", "ticketlog status --json"),
)
@click.option("--partitions", is_flag=True, help="Show each partition of the log too.")
@as_json
@pass_app
@click.pass_context
def status(context: click.Context, app: App, partitions: bool, as_json: bool) -> None:
    """Show what a desk holds, and how far its index and its views are.

    Where the log doesn't answer, its ends are those of the index. Exit code 3 where the log or
    the views can't be used.
    """
    told = app.desk.status()
    if as_json:
        print_json(told)
    else:
        tables = [facts(_facts(told)), views_table(told.views)]
        if partitions:
            tables += ["", _partitions_table(told)]
        show_all(*tables)
    context.exit(3 if told.troubles else 0)


def _facts(told: documents.DeskStatus) -> list[tuple[str, Any]]:
    log, lacks = told.log, told.index.behind
    void = ", ".join(f"{n:,} {reason}" for reason, n in log.void.items())
    records = f"{log.records:,} in {len(log.ends)} partitions"
    return [
        ("desk", told.desk),
        ("folder", told.folder),
        ("log", log.url if log.reachable else f"{log.url}, which doesn't answer"),
        ("records", f"{records}, {lacks:,} of them not in the index" if lacks else records),
        ("void", void or "none"),
        ("settings", f"in force since position {told.settings.position}"),
        ("access", f"{max(told.access.end - 1, 0):,} recorded of who saw what, and of accounts"),
        ("views", _views(told.views)),
        *_ahead(told.ahead),
        *_circles(told.circles),
        *_shared(told.shared_addresses),
        ("keyring", told.keyring),
        *(("trouble", trouble) for trouble in told.troubles),
    ]


def _ahead(found: documents.Ahead) -> list[tuple[str, str]]:
    if not found.streams:
        return []
    first = ", ".join(f"{row.stream} at {row.clock[:16]}Z" for row in found.first[:3])
    tickets = [row.stream.startswith("ticket/") for row in found.first]
    mends = []
    if any(tickets):
        mends.append("`ticketlog ticket correct-time TICKET --reason WHY` brings a ticket back")
    if not all(tickets):
        mends.append(
            "of persons, organisations and agents, what they do next counts as of then, until now "
            "is there"
        )
    return [("clocks ahead", "; ".join([f"{found.streams:,} ahead of now: {first}", *mends]))]


def _circles(found: documents.Circles) -> list[tuple[str, str]]:
    if not found.number:
        return []
    first = [(row.kind, row.tickets) for row in found.first]
    told = "; ".join(f" {kind} ".join((*tickets, tickets[0])) for kind, tickets in first[:3])
    kind, tickets = first[0]
    last, start = tickets[-1], tickets[0]
    mend = f"`ticketlog ticket unlink {last} {kind} {start}` parts the first"
    what = "nobody works on each other's duplicates; " if kind == "duplicate-of" else ""
    return [("circles", f"{found.number:,} of links that lead back: {told}; {what}{mend}")]


def _shared(found: documents.Shared) -> list[tuple[str, str]]:
    if not found.number:
        return []
    first = [(row.kind, row.persons) for row in found.first]
    told = "; ".join(f"{kind} of {' and '.join(persons)}" for kind, persons in first[:3])
    one, other, *_ = first[0][1]
    mend = (
        f"`ticketlog person merge {other} {one}` where they are one human, else "
        f"`ticketlog person remove-address`"
    )
    return [("addresses", f"{found.number:,} that several persons have: {told}; {mend}")]


def _views(views: list[documents.View]) -> str:
    if not views:
        return "can't be used"
    behind = sum(1 for view in views if view.behind)
    return f"{behind} of {len(views)} are behind the log" if behind else "all caught up"


def _partitions_table(told: documents.DeskStatus) -> Any:
    """A view's column holds its position, and how many records it lacks where it lacks any."""
    names = [view.view for view in told.views]
    columns = ["partition", "end", "index", "void", *names]
    rows = [
        [
            part.partition,
            f"{part.end:,}",
            _place(part.index, part.end - part.index),
            sum(part.void.values()),
            *(_place(part.views[name].position, part.views[name].lag) for name in names),
        ]
        for part in told.partitions
    ]
    return table(columns, rows, right=columns)


def _place(position: int, lag: int) -> str:
    return f"{position:,} (-{lag:,})" if lag > 0 else f"{position:,}"


def views_table(views: list[documents.View]) -> Any:
    columns = ("view", "version", "build", "behind", "parked")
    rows = [[each.view, each.version, each.build, each.behind, len(each.parked)] for each in views]
    return table(columns, rows, right=("version", "build", "behind", "parked"))


@click.command(
    cls=ShellCommand,
    prints=(documents.Simulated,),
    examples=("ticketlog demo", "ticketlog demo --tickets 5000 --seed 7"),
)
@click.option(
    "--tickets",
    type=click.IntRange(1, 10_000_000),
    default=1_000,
    show_default=True,
    help="How many are opened.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same events.")
@as_json
@pass_app
def demo(app: App, tickets: int, seed: int, as_json: bool) -> None:
    """Simulate a help desk with real commands."""
    with Meter() as meter:
        done = app.desk.simulate(
            tickets=tickets,
            seed=seed,
            on_progress=lambda p: meter.far(
                "simulating", p.tickets, "tickets", min(p.tickets / tickets, 1.0), p.seconds
            ),
        )
    if as_json:
        print_json(done.document())
        return
    click.echo(
        f"{done.tickets:,} tickets: {done.commits:,} commits with {done.events:,} events recorded"
        f" ({done.rate:,.0f} commits/s); {done.known:,} were there already"
    )

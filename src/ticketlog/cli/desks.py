"""Making a desk, looking at it, filling it with a simulation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ticketlog.cli.base import App, Command, pass_app
from ticketlog.cli.options import as_json
from ticketlog.cli.output import facts, print_json, show_all, table
from ticketlog.cli.progress import Meter


@click.command(
    cls=Command,
    examples=("ticketlog init my-desk", "ticketlog init . --log-url sqlite:///data/log.db"),
    keys={"desk": "its id", "folder": "where it is", "partitions": "of its log"},
)
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--log-url", metavar="URL", help="Where the log lives. Default: sqlite:///log.db")
@click.option("--views-url", metavar="URL", help="And the views. Default: sqlite:///views.db")
@as_json
@pass_app
def init(
    app: App, folder: Path | None, log_url: str | None, views_url: str | None, as_json: bool
) -> None:
    """Make a desk: a folder with a log and views. Default: here."""
    from ticketlog.desk import init_desk

    folder = folder or Path(app.folder or ".")
    with init_desk(folder, log_url=log_url, views_url=views_url) as desk:
        made = {"desk": desk.log.desk, "folder": str(folder), "partitions": desk.log.partitions}
    if as_json:
        print_json(made)
        return
    click.echo(f"{folder} is a desk now, with the default settings.")
    click.echo(f'  next: ticketlog --desk {folder} ticket create "VPN drops every hour"')


VIEWS = "each with view, version, build, positions, behind, parked (stream, position, error)"


@click.command(
    cls=Command,
    examples=("ticketlog status", "ticketlog status --json"),
    keys={
        "desk": "its id",
        "folder": "where it is",
        "log": "url, ends (a partition each), records, void (verdict and number)",
        "settings": "position",
        "cut": "how far the logs have come",
        "views": VIEWS,
        "keyring": "whether persons can be erased",
    },
)
@as_json
@pass_app
def status(app: App, as_json: bool) -> None:
    """Show what a desk holds and how far its views are."""
    document = app.desk.status()
    if as_json:
        print_json(document)
        return
    log = document["log"]
    void = ", ".join(f"{n:,} {verdict}" for verdict, n in log["void"].items())
    pairs: list[tuple[str, Any]] = [
        ("desk", document["desk"]),
        ("folder", document["folder"]),
        ("log", log["url"]),
        ("records", f"{log['records']:,} in {len(log['ends'])} partitions"),
        ("void", void or "none"),
        ("settings", f"in force since position {document['settings']['position']}"),
        ("keyring", document["keyring"]),
    ]
    show_all(facts(pairs), views_table(document["views"]))


def views_table(views: list[dict[str, Any]]) -> Any:
    columns = ("view", "version", "build", "behind", "parked")
    rows = [[view[c] if c != "parked" else len(view[c]) for c in columns] for view in views]
    return table(columns, rows, right=("version", "build", "behind", "parked"))


@click.command(
    cls=Command,
    examples=("ticketlog demo", "ticketlog demo --tickets 5000 --seed 7"),
    keys={
        "tickets, commits, events": "that were recorded",
        "known": "commits that were there already",
        "seconds, commits_per_second": "how long it took",
    },
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
            progress=lambda p: meter.far(
                "simulating", p.tickets, "tickets", min(p.tickets / tickets, 1.0), p.seconds
            ),
        )
    document = {
        "tickets": done.tickets,
        "commits": done.commits,
        "events": done.events,
        "known": done.known,
        "seconds": round(done.seconds, 3),
        "commits_per_second": round(done.rate),
    }
    if as_json:
        print_json(document)
        return
    click.echo(
        f"{done.tickets:,} tickets: {done.commits:,} commits with {done.events:,} events recorded"
        f" ({done.rate:,.0f} commits/s); {done.known:,} were there already"
    )

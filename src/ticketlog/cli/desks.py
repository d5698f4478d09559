"""Making a desk, looking at it, filling it with a simulation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ticketlog.cli.base import App, Command, pass_app
from ticketlog.cli.options import as_json
from ticketlog.cli.output import facts, print_json, show_all, table


@click.command(
    cls=Command,
    examples=("ticketlog init my-desk", "ticketlog init . --log-url sqlite:///data/log.db"),
)
@click.argument("folder", type=click.Path(path_type=Path), default=".")
@click.option("--log-url", metavar="URL", help="Where the log lives. Default: sqlite:///log.db")
@click.option("--views-url", metavar="URL", help="And the views. Default: sqlite:///views.db")
def init(folder: Path, log_url: str | None, views_url: str | None) -> None:
    """Make a desk: a folder with a log and views."""
    from ticketlog.desk import init_desk

    with init_desk(folder, log_url=log_url, views_url=views_url) as desk:
        click.echo(f"{folder} is a desk now: {desk.log.partitions} partitions, default settings")
        click.echo(f'  next: ticketlog --desk {folder} ticket create "VPN drops every hour"')

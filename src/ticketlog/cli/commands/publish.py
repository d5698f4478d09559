"""`ticketlog publish`: accepted events, for other services."""

from __future__ import annotations

import click

from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.options import as_json
from ticketlog.cli.output import print_json
from ticketlog.cli.progress import Meter
from ticketlog.documents.desks import Publishing


@click.command(
    cls=ShellCommand,
    prints=(Publishing,),
    examples=("ticketlog publish", "ticketlog publish --json"),
)
@as_json
@pass_app
def publish(app: App, as_json: bool) -> None:
    """Publish what isn't published yet to the public topic, once; `ticketlog run` keeps at it.

    Where to, and with which personal fields, stands under [publish] in ticketlog.toml; a desk in
    Kafka publishes to its own cluster. docs/SUBSCRIBING.md says what subscribers get.
    """
    publisher = app.desk.publisher()
    with Meter() as meter:
        meter.show("publishing ...")
        sent = publisher.catch_up()
    if as_json:
        print_json(publisher.status())
    else:
        click.echo(f"{sent:,} events published to {publisher.topic}; it is up to date")

"""`ticketlog serve`: the desk over HTTP, with all that `ticketlog run` keeps up."""

from __future__ import annotations

from contextlib import closing
from time import monotonic

import click

from ticketlog.cli.commands.run import heard_signals, report_failure
from ticketlog.cli.errors import FAILED
from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.progress import duration
from ticketlog.errors import Usage

EXTRA = "ticketlog serve needs the extra `serve`: pip install 'ticketlog[serve]'"


@click.command(
    cls=ShellCommand,
    examples=("ticketlog serve", "ticketlog serve --port 8400"),
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where it listens.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8400,
    show_default=True,
    help="0: the system chooses one.",
)
@pass_app
@click.pass_context
def serve(context: click.Context, app: App, host: str, port: int) -> None:
    """Serve the desk over HTTP, until SIGTERM or Ctrl-C: its API, its feed of events, and all that
    `ticketlog run` keeps up.

    /live, /ready and /metrics tell its condition. Any number of them may run on one desk. When it
    is stopped, requests under way end within 3 s; a second signal ends it at once. Exit code 3
    where something was damaged when it was stopped.
    """
    try:
        from ticketlog.http.options import ServeOptions
        from ticketlog.http.served import Served
        from ticketlog.http.server import HttpServer, listening
    except ModuleNotFoundError as error:
        raise Usage(f"{EXTRA} ({error.name} is missing)") from error
    from ticketlog.service.service import DeskService

    options = ServeOptions(host=host, port=port)
    began = monotonic()
    with closing(listening(options)) as place:
        service = DeskService(app.desk, report_failure)
        server = HttpServer(Served(app.desk, options, service=service), place)
        heard = heard_signals(server.stop)
        service.start()
        try:
            names = ", ".join(each.worker.name for each in service.supervisor.workers)
            click.echo(f"{app.desk.folder} runs: {names}")
            click.echo(f"serving at {server.url}")
            server.run()
        finally:
            sound = service.stop()
    click.echo(f"stopped by {heard().name} after {duration(monotonic() - began)}")
    context.exit(0 if sound else FAILED)

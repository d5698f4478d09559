"""`ticketlog serve`: the desk over HTTP, with all that `ticketlog run` keeps up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from time import monotonic

import click

from ticketlog.cli.commands.run import heard_signals, report_failure
from ticketlog.cli.errors import FAILED
from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.progress import duration
from ticketlog.errors import Usage

TELEMETRY = "--traces needs the extra `telemetry`: pip install 'ticketlog[telemetry]'"
EXTRA = "ticketlog serve needs the extra `serve`: pip install 'ticketlog[serve]'"


@contextmanager
def observed(*, log_json: bool, traces: bool) -> Iterator[None]:
    """Logs as JSON lines, and traces, while a block runs. Raises Usage where what that needs isn't
    installed."""
    with ExitStack() as stack:
        if log_json:
            from ticketlog.service.json_logs import log_as_json

            stack.callback(log_as_json())
        if traces:
            try:
                from ticketlog.service.telemetry import start_tracing
            except ModuleNotFoundError as error:
                raise Usage(f"{TELEMETRY} ({error.name} is missing)") from error
            stack.callback(start_tracing())
        yield


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
@click.option("--log-json", is_flag=True, help="Log requests and failures as JSON lines.")
@click.option("--traces", is_flag=True, help="Send traces to OpenTelemetry's collector.")
@pass_app
@click.pass_context
def serve(
    context: click.Context, app: App, host: str, port: int, log_json: bool, traces: bool
) -> None:
    """Serve the desk over HTTP, until SIGTERM or Ctrl-C: its API, its feed of events, and all that
    `ticketlog run` keeps up.

    /live, /ready and /metrics tell its condition. Any number of them may run on one desk. When it
    is stopped, requests under way end within 3 s; a second signal ends it at once. Exit code 3
    where something was damaged when it was stopped. docs/OPERATING.md tells of logs, metrics and
    traces.
    """
    try:
        from ticketlog.http.options import ServeOptions
        from ticketlog.http.served import Served
        from ticketlog.http.server import HttpServer, listening
    except ModuleNotFoundError as error:
        raise Usage(f"{EXTRA} ({error.name} is missing)") from error
    from ticketlog.service.json_logs import log_failure
    from ticketlog.service.service import DeskService

    options = ServeOptions(host=host, port=port)
    began = monotonic()
    with observed(log_json=log_json, traces=traces), closing(listening(options)) as place:
        service = DeskService(app.desk, log_failure if log_json else report_failure)
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

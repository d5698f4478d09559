"""`ticketlog serve`: the desk over HTTP, with all that `ticketlog run` keeps up."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from ticketlog.cli.commands.accounts import login_url
from ticketlog.cli.commands.run import heard_signals, report_failure
from ticketlog.cli.errors import FAILED
from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.options import actor_of, actor_option
from ticketlog.cli.output import clean
from ticketlog.cli.progress import duration
from ticketlog.domain.base import Refused
from ticketlog.errors import Usage

if TYPE_CHECKING:
    from ticketlog.application.accounts import Accounts
    from ticketlog.http.options import ServeOptions

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


def _checked_options(app: App, given: dict[str, Any]) -> ServeOptions:
    """The options of the command. Raises Usage where the extra isn't installed, or where the desk
    may not be served so."""
    try:
        import_module("ticketlog.http.server")  # which needs all of the extra
        from ticketlog.http.exposure import check_options, check_ways_in
        from ticketlog.http.options import ServeOptions
    except ModuleNotFoundError as error:
        raise Usage(f"{EXTRA} ({error.name} is missing)") from error
    from ticketlog.application.accounts import Accounts

    options = ServeOptions(**given)
    check_options(options)
    check_ways_in(options, app.desk, Accounts(app.desk))
    return options


def _invite(accounts: Accounts, options: ServeOptions, url: str, actor: str | None) -> None:
    """Prints a link that signs in. Served beyond this machine, what is printed may be kept where
    more people read it: there a terminal alone is told."""
    from ticketlog.http.exposure import is_loopback

    if not is_loopback(options.host) and not sys.stdout.isatty():
        return
    by = actor_of(actor)
    try:
        made = accounts.create_link(actor=by)
    except Refused as refusal:
        click.echo(clean(f"no link to sign in ({refusal}); --as names another"))
        return
    click.echo(f"sign in: {login_url(options.public_url or url, made.secret)}")


@click.command(
    cls=ShellCommand,
    examples=(
        "ticketlog serve",
        "ticketlog serve --host desk.example.com --tls-certificate desk.pem --tls-key desk.key",
        "ticketlog serve --behind-proxy --public-url https://desk.example.com",
    ),
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where it listens.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8400,
    show_default=True,
    help="0: the system chooses one.",
)
@click.option(
    "--tls-certificate",
    type=click.Path(path_type=Path),
    help="The server's certificate and those that lead to it, in PEM.",
)
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its key.")
@click.option("--behind-proxy", is_flag=True, help="A proxy in front of the server does TLS.")
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    default=("127.0.0.1", "::1"),
    show_default=True,
    help="From where a proxy's word for the client's address is taken; repeat it.",
)
@click.option("--public-url", metavar="URL", help="Under which browsers reach the desk.")
@actor_option
@click.option("--log-json", is_flag=True, help="Log requests and failures as JSON lines.")
@click.option("--traces", is_flag=True, help="Send traces to OpenTelemetry's collector.")
@pass_app
@click.pass_context
def serve(context: click.Context, app: App, /, actor: str | None, **given: Any) -> None:
    """Serve the desk over HTTP, until SIGTERM or Ctrl-C: its API, its feed of events, and all that
    `ticketlog run` keeps up.

    On this machine it prints a link that signs --as in, once. Beyond it, it needs TLS and a way to
    sign in (docs/SIGNING_IN.md), and is refused without.

    /live, /ready and /metrics tell its condition. Any number of them may run on one desk. When it
    is stopped, requests under way end within 3 s; a second signal ends it at once. Exit code 3
    where something was damaged when it was stopped. docs/OPERATING.md tells of logs, metrics and
    traces.
    """
    log_json, traces = given.pop("log_json"), given.pop("traces")
    options = _checked_options(app, given)
    from ticketlog.http.authentication import accounts_of, authenticator
    from ticketlog.http.served import Served
    from ticketlog.http.server import HttpServer, listening
    from ticketlog.service.json_logs import log_failure
    from ticketlog.service.service import DeskService

    began = monotonic()
    with observed(log_json=log_json, traces=traces), closing(listening(options)) as place:
        service = DeskService(app.desk, log_failure if log_json else report_failure)
        options = replace(options, port=place.getsockname()[1])
        served = Served(app.desk, options, service=service)
        served.authenticate = authenticator(served)
        server = HttpServer(served, place)
        heard = heard_signals(server.stop)
        service.start()
        try:
            names = ", ".join(each.worker.name for each in service.supervisor.workers)
            click.echo(f"{app.desk.folder} runs: {names}")
            click.echo(f"serving at {server.url}")
            _invite(accounts_of(served), options, server.url, actor)
            server.run()
        finally:
            sound = service.stop()
    click.echo(f"stopped by {heard().name} after {duration(monotonic() - began)}")
    context.exit(0 if sound else FAILED)

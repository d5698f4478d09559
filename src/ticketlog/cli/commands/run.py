"""`ticketlog run`: a desk as a long-running process."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING

import click

from ticketlog.cli.errors import FAILED, described, say
from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.progress import duration

if TYPE_CHECKING:
    from ticketlog.application.supervisor import Worker
    from ticketlog.service.health import ListenAddress


_LOOK = 1.0
"""Seconds after which a signal is looked for."""


def _place(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> ListenAddress | None:
    from ticketlog.service.health import ListenAddress

    try:
        return None if value is None else ListenAddress.parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command(
    cls=ShellCommand,
    examples=(
        "ticketlog run",
        "ticketlog run --health 9100",
        "ticketlog run --health 0.0.0.0:9100",
    ),
)
@click.option(
    "--health",
    metavar="[HOST:]PORT",
    callback=_place,
    help="Answer /live, /ready and /metrics (Prometheus) there. Default host: 127.0.0.1.",
)
@pass_app
@click.pass_context
def run(context: click.Context, app: App, health: ListenAddress | None) -> None:
    """Keep up what follows from the log, until SIGTERM or Ctrl-C: the views, the policies, and the
    public topic where the desk publishes.

    What fails is tried again after a pause that grows to 30 s, with a line on standard error each
    time. It goes on where it was, however it was stopped, and any number of them may run on one
    desk. A second signal ends it at once. Exit code 3 where something was damaged when it was
    stopped.

    /ready answers 503 with the reasons until the views have caught up once, while a worker fails,
    and while the log or the views can't be used. A stream that a view has parked, or an event that
    a policy has, is a warning there: all others go on.
    """
    from ticketlog.service.health import Health
    from ticketlog.service.service import DeskService

    heard = heard_signals()
    began = monotonic()
    service = DeskService(app.desk, report_failure)
    with ExitStack() as stack:
        said = ""
        if health is not None:
            answering = stack.enter_context(closing(Health(service, health)))
            said = f"; health at http://{answering.place}"
        service.start()
        names = ", ".join(each.worker.name for each in service.supervisor.workers)
        click.echo(f"{app.desk.folder} runs: {names}{said}")
        number = heard()
        sound = service.stop()
    click.echo(f"stopped by {number.name} after {duration(monotonic() - began)}")
    context.exit(0 if sound else FAILED)


def heard_signals(then: Callable[[], None] = lambda: None) -> Callable[[], signal.Signals]:
    """Hears of the first signal to stop, and calls `then`; the second one ends the process. The
    function that is returned waits for the first, in Python's main thread."""
    heard: SimpleQueue[signal.Signals] = SimpleQueue()

    def hear(number: int, _frame: object) -> None:
        heard.put(signal.Signals(number))
        then()
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, hear)
    return lambda: _first(heard)


def _first(signals: SimpleQueue[signal.Signals]) -> signal.Signals:
    """The first signal, when it comes. Python hears of one in its main thread alone, and a thread
    that waits for good isn't woken by one that the system gave to another thread."""
    while True:
        with suppress(Empty):
            return signals.get(timeout=_LOOK)


def report_failure(worker: Worker, error: Exception, pause: float) -> None:
    """A line on standard error, which may be on a disk that is full."""
    with suppress(OSError):
        say(f"{worker.name}: {described(error)[1]}; tried again in {pause:g} s")

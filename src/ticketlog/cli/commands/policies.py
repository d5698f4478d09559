"""`ticketlog policies`: who reacts to what is recorded, how far each is, and a run by hand."""

from __future__ import annotations

from collections.abc import Mapping

import click

from ticketlog.cli.framework import App, Entry, ShellCommand, ShellGroup, pass_app
from ticketlog.cli.options import as_json
from ticketlog.cli.output import clean, print_json, retried, show_all, table
from ticketlog.cli.progress import Meter
from ticketlog.documents import policies as documents
from ticketlog.policies import POLICIES

_HERE = "ticketlog.cli.commands.policies"


@click.command(
    "list",
    cls=ShellCommand,
    prints=(documents.Policies,),
    examples=("ticketlog policies", "ticketlog policies --json"),
)
@as_json
@pass_app
def list_(app: App, as_json: bool) -> None:
    """Show each policy's position, lag, and the events that it has parked."""
    found = app.desk.policies().status()
    if as_json:
        print_json(documents.Policies(policies=found))
        return
    rows = [
        [each.policy, _positions(each.positions), each.behind, len(each.parked)] for each in found
    ]
    columns = ("policy", "next records", "behind", "parked")
    show_all(table(columns, rows, right=("behind", "parked"), flexible=("next records",)))
    parked = [
        [each.policy, row.event, row.stream, row.position, row.error]
        for each in found
        for row in each.parked
    ]
    if parked:
        what = ("policy", "parked event", "stream", "at", "why")
        show_all("", table(what, parked, flexible=("why",)))


@click.command(
    cls=ShellCommand,
    prints=(documents.PoliciesRan,),
    examples=("ticketlog policies run", "ticketlog policies run --until 2026-02-01T00:00:00Z"),
)
@click.option(
    "--until",
    metavar="TIME",
    help="An ISO time with zone; ahead of now only in a desk made by `init --simulation`. "
    "Default: now.",
)
@click.option(
    "--from",
    "start",
    metavar="now|TIME|P:OFFSET",
    help="Where policies begin that never ran. Default: where the desk began, but of what is more "
    "than a day old nobody is told any more.",
)
@as_json
@pass_app
def run(app: App, until: str | None, start: str | None, as_json: bool) -> None:
    """React to all that is recorded and do all that is due by a time, at once and without waiting.

    What is sent is stamped with the time of its cause, or with the time at which it was due.
    `ticketlog run` does the same all the time, and sends the notifications that are decided; this
    sends none. What would be due ahead of now hasn't happened:
    such a time is refused (exit code 1) unless the desk was made by `init --simulation`.
    """
    from ticketlog.domain.base import iso

    moment = _until(until)
    runner = app.desk.policies()
    if start is not None:
        _check_new(runner.status())
        runner = app.desk.policies(start=app.desk.begin(start))
    with Meter() as meter:
        ran = runner.run_until(moment, meter.show)
    if as_json:
        print_json(ran.document(runner.status()))
    else:
        click.echo(f"until {iso(moment)}: {ran.done:,} commands done, {ran.refused:,} refused")
        click.echo(clean(_notified(ran.notifications)))
        for line in runner.troubles():
            click.echo(clean(line))


@click.command(
    cls=ShellCommand,
    prints=(documents.PolicyRetried,),
    examples=("ticketlog policies retry routing",),
)
@click.argument("policy")
@as_json
@pass_app
@click.pass_context
def retry(context: click.Context, app: App, policy: str, as_json: bool) -> None:
    """Try a policy's parked events again, or send again what an outbox couldn't take (`outbox`);
    exit code 1 where some are still parked."""
    from ticketlog.process_managers.checkpoints import OUTBOX

    desk = app.desk
    told = desk.outbox_relay().retry() if policy == OUTBOX else desk.policies().retry(policy)
    lines = [f"{row.event} of {row.stream}: {row.error}" for row in told.parked]
    retried(told, policy, lines, as_json)
    context.exit(1 if told.parked else 0)


def _check_new(policies: list[documents.PolicyPosition]) -> None:
    """Raises Refused where every policy has a place already: it goes on from there."""
    from ticketlog.domain.base import Refused

    followers = [each for each in policies if each.policy in (p.NAME for p in POLICIES)]
    if all(any(each.positions) for each in followers):
        raise Refused(
            "all policies have begun, and go on where they are: leave --from out. "
            "`ticketlog settings reroute` routes what lies about"
        )


def _notified(decided: Mapping[str, int]) -> str:
    """The decided notifications in a line, which aren't sent yet."""
    if not decided:
        return "no notification decided"
    listed = ", ".join(f"{number:,} for the outbox {name}" for name, number in decided.items())
    return f"notifications decided: {listed}; none is sent by this, `ticketlog run` sends them"


def _until(until: str | None) -> int:
    """Raises Usage for what is no time."""
    import time

    from ticketlog.domain.base import instant
    from ticketlog.errors import Usage

    if until is None:
        return time.time_ns() // 1000
    try:
        return instant(until)
    except ValueError as error:
        raise Usage(f"--until {until}: {error}") from error


def _positions(at: list[int | None]) -> str:
    """A timer follows no partition."""
    return " ".join("-" if each is None else str(each) for each in at) if any(at) else "-"


policies = ShellGroup(
    "policies",
    help="Who reacts to what is recorded, and how far each is. Alone: `policies list`.",
    default="list",
    sections={
        "Commands": {
            "list": Entry(_HERE, "list_", "Show each policy's position, lag and parked events."),
            "run": Entry(_HERE, "run", "React and do what is due by a time, without waiting."),
            "retry": Entry(_HERE, "retry", "Try a policy's parked events again."),
        }
    },
)

"""`ticketlog inbox ...`: what waits for an agent, and what they have seen of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from ticketlog.application.executor import Outcome, derived_id, new_id
from ticketlog.cli.framework import App, Entry, ShellCommand, ShellGroup, pass_app
from ticketlog.cli.model_commands import stream_of
from ticketlog.cli.options import SENDING, F, as_json, sender
from ticketlog.cli.output import note, print_json
from ticketlog.cli.output_outcome import outcome_text
from ticketlog.documents import outcomes
from ticketlog.domain.base import Refused, instant
from ticketlog.domain.parties.attention import MarkSeen, Snooze
from ticketlog.domain.ticket.relations import Unfollow
from ticketlog.errors import Usage

if TYPE_CHECKING:
    from ticketlog.cli.options import SenderOptions
    from ticketlog.domain import base

_HERE = "ticketlog.cli.commands.inbox"
_MOST = 100
"""Tickets that one command marks."""
_SENT = [each for each in SENDING if each.name in ("command_id", "actor", "reason")]
_tickets = click.argument("tickets", metavar="[TICKET]...", nargs=-1)


def _everything(text: str) -> Callable[[F], F]:
    return click.option("--all", "everything", is_flag=True, help=text)


@click.command(
    cls=ShellCommand,
    prints=(outcomes.Done,),
    params=list(_SENT),
    examples=(
        "ticketlog inbox seen 4F7K2M9QABCD",
        "ticketlog inbox seen 4F7K2M9QABCD --version 7",
        "ticketlog inbox seen --all",
    ),
)
@_tickets
@click.option(
    "--version",
    type=click.IntRange(0),
    metavar="VERSION",
    help="Up to which version of the ticket. Default: as it is now.",
)
@_everything("Everything in your inbox that is news, or mentions you.")
@as_json
@pass_app
def seen(
    app: App,
    /,
    tickets: tuple[str, ...],
    version: int | None,
    everything: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Say that you have seen what happened on tickets: news and mentions leave your inbox.

    What happens later comes back. Who waits for you goes on waiting until you answer.
    """
    from ticketlog.projections.views import inbox as view

    _check_named(tickets, everything)
    if version is not None and (everything or len(tickets) != 1):
        raise Usage("--version is that of one ticket: name it")
    by = sender(values)
    marked: dict[str, int | None] = {stream_of("ticket", each): version for each in tickets}
    if everything:
        agent = by.actor.id
        unseen = view.UnseenTickets(agent=agent, selves=tuple(app.desk.selves(agent)))
        found = app.desk.query(unseen, actor=by.actor)
        marked = {f"ticket/{ticket}": latest for ticket, latest in found.items()}
    commands = [MarkSeen(tickets=dict(each)) for each in _portions(list(marked.items()))]
    _send(app, _numbered(commands, by), by, as_json)


@click.command(
    cls=ShellCommand,
    prints=(outcomes.Done,),
    params=list(_SENT),
    examples=(
        "ticketlog inbox snooze 4F7K2M9QABCD --until 2026-01-31T09:00:00Z",
        "ticketlog inbox snooze 4F7K2M9QABCD 2M9QABCD4F7K --until 4h",
    ),
)
@click.argument("tickets", metavar="TICKET...", nargs=-1, required=True)
@click.option(
    "--until",
    required=True,
    metavar="TIME|DURATION",
    help="An ISO time with zone, or how long from now: 30m, 4h, 2d.",
)
@as_json
@pass_app
def snooze(app: App, /, tickets: tuple[str, ...], until: str, as_json: bool, **values: Any) -> None:
    """Take tickets out of your inbox until a time.

    They are back earlier where the requester says more, somebody mentions you, or they are assigned
    anew. Nobody else's inbox, no queue and no promise knows of it.
    """
    by, at = sender(values), _time(until)
    commands = [Snooze(tickets=each, until=at) for each in _portions(_streams(tickets))]
    _send(app, _numbered(commands, by), by, as_json)


@click.command(
    cls=ShellCommand,
    prints=(outcomes.Done,),
    params=list(_SENT),
    examples=("ticketlog inbox wake 4F7K2M9QABCD",),
)
@click.argument("tickets", metavar="TICKET...", nargs=-1, required=True)
@as_json
@pass_app
def wake(app: App, /, tickets: tuple[str, ...], as_json: bool, **values: Any) -> None:
    """Take snoozed tickets back into your inbox."""
    by = sender(values)
    commands = [Snooze(tickets=each) for each in _portions(_streams(tickets))]
    _send(app, _numbered(commands, by), by, as_json)


@click.command(
    cls=ShellCommand,
    prints=(outcomes.Done,),
    params=list(_SENT),
    examples=(
        "ticketlog inbox unfollow 4F7K2M9QABCD 2M9QABCD4F7K",
        "ticketlog inbox unfollow --all",
    ),
)
@_tickets
@_everything("All that you follow.")
@as_json
@pass_app
def unfollow(
    app: App, /, tickets: tuple[str, ...], everything: bool, as_json: bool, **values: Any
) -> None:
    """Follow tickets no more: their news leave your inbox.

    Each ticket gets a commit of its own. What is refused for one is told, and the others go on.
    """
    from ticketlog.projections.views import inbox as view

    _check_named(tickets, everything)
    by = sender(values)
    if everything:
        followed = app.desk.query(view.FollowedTickets(agent=by.actor.id), actor=by.actor)
        tickets = tuple(followed)
    run = by.id or new_id()
    commands = [
        (Unfollow(agent=by.actor.id), stream, derived_id(run, stream))
        for stream in _streams(tickets)
    ]
    _send(app, commands, by, as_json)


def _check_named(tickets: tuple[str, ...], everything: bool) -> None:
    if bool(tickets) == everything:
        raise Usage("name the tickets, or --all")


def _streams(tickets: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stream_of("ticket", each) for each in tickets))


def _portions(every: Sequence[Any]) -> Iterator[Any]:
    return (every[at : at + _MOST] for at in range(0, len(every), _MOST))


def _time(text: str) -> int:
    """Raises Usage."""
    from ticketlog.domain.settings.notation import seconds

    try:
        return instant(text)
    except ValueError as error:
        if "-" in text:
            raise Usage(f"--until {text}: {error}") from error
    try:
        return time.time_ns() // 1_000 + seconds(text) * 1_000_000
    except ValueError:
        raise Usage(
            f"--until {text}: no time; write 2026-01-31T09:00:00Z, or how long: 30m, 4h, 2d"
        ) from None


Sent = tuple["base.Command", str, str]
"""A command, its stream and its id."""


def _numbered(commands: Sequence[base.Command], by: SenderOptions) -> list[Sent]:
    """For the agent's own stream; the first has the id that was given."""
    run = by.id or new_id()
    return [
        (command, f"agent/{by.actor.id}", derived_id(run, str(n)) if n else run)
        for n, command in enumerate(commands)
    ]


def _send(app: App, commands: Sequence[Sent], by: SenderOptions, as_json: bool) -> None:
    """Sends them all, and prints what came of each. Raises the refusal of a single one."""
    done: list[Outcome] = []
    refused: dict[str, str] = {}
    for command, stream, id in commands:
        try:
            done.append(
                app.desk.execute(
                    command, on=stream, id=id, actor=by.actor, channel=by.channel, reason=by.reason
                )
            )
        except Refused as refusal:
            if len(commands) == 1:
                raise
            refused[stream.removeprefix("ticket/")] = str(refusal)
    if as_json:
        told = [outcomes.Outcome.made(each) for each in done]
        print_json(outcomes.Done(done=told, refused=refused))
    for outcome in () if as_json else done:
        outcome_text(outcome)
    if not commands:
        note("nothing to do")
    for why in refused.values():
        note(why)
    if refused:
        click.get_current_context().exit(1)


inbox = ShellGroup(
    "inbox",
    help="What waits for one agent, and what they have seen. Alone, or with an agent: `inbox "
    "show`.",
    default="show",
    sections={
        "Reads": {
            "show": Entry(
                "ticketlog.cli.commands.lists",
                "inbox",
                "Show what waits for one agent, longest first.",
            )
        },
        "Commands": {
            "seen": Entry(_HERE, "seen", "Say that you have seen what happened on tickets."),
            "snooze": Entry(_HERE, "snooze", "Take tickets out of your inbox until a time."),
            "wake": Entry(_HERE, "wake", "Take snoozed tickets back into your inbox."),
            "unfollow": Entry(_HERE, "unfollow", "Follow tickets no more."),
        },
    },
)

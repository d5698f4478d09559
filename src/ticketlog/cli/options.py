"""Options that many commands share, and how their values are read."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import click

if TYPE_CHECKING:
    from ticketlog.application.as_of import Past
    from ticketlog.cli.framework import App
    from ticketlog.desk import Desk
    from ticketlog.domain.base import Actor

F = TypeVar("F", bound=Callable[..., Any])
ACTOR_VARIABLE = "TICKETLOG_ACTOR"
ACTORS = ("agent", "person", "service")
"""The kinds of actors that somebody can be; rules and imports act from inside the desk."""

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
limit = click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Rows at most."
)
after = click.option("--after", metavar="NEXT", help="The page behind: the `next` of this one.")
log_option = click.option(
    "--log", "log_url", metavar="URL", help="Where the log lives. Default: sqlite:///log.db"
)
views_option = click.option(
    "--views", "views_url", metavar="URL", help="And the views. Default: sqlite:///views.db"
)


def _read_as(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    from ticketlog.cli.framework import App

    if value is not None:
        context.ensure_object(App).reads_as = value


reading_as = click.option(
    "--as",
    metavar="ACTOR",
    callback=_read_as,
    expose_value=False,
    help="Who reads: KIND:ID or KIND:ID/ROLE. Default: the operator of this machine.",
)


def reading_actor(app: App) -> Actor:
    """The actor who reads: whom `--as` names, or the operator. Raises click.BadParameter."""
    from ticketlog.application.access_log import operator

    return operator() if app.reads_as is None else actor_of(app.reads_as)


def at_moment(function: F) -> F:
    """Adds `--as`, `--as-of` and `--occurred-as-of`; the command gets `as_of` and
    `occurred_as_of`."""
    for option in (
        click.option(
            "--occurred-as-of",
            metavar="TIME",
            help="As it was in business time: what had occurred by then, whenever it was recorded.",
        ),
        click.option(
            "--as-of",
            metavar="TIME|POSITION",
            help="As it was recorded by then: an ISO time with zone, a record P:OFFSET, "
            "or a cut as reports print it.",
        ),
        reading_as,
    ):
        function = option(function)
    return function


def on_basis(function: F) -> F:
    """Adds `--basis`; the command gets `basis`."""
    option = click.option(
        "--basis",
        metavar="was|now|POSITION",
        default="was",
        show_default=True,
        help="Under which settings promises count: those of their time, or, recomputed, those in "
        "force now or from a position on, as if they had always been.",
    )
    return option(function)


def note_imported(app: App) -> None:
    """Says why imported histories are missing from what was promised."""
    from ticketlog.projections.views import tickets

    if app.desk.query(tickets.Tickets(channel="import", limit=1)).rows:
        click.echo(
            "imported histories have no recorded clocks; --basis now computes them", err=True
        )


def reader(
    app: App, as_of: str | None, occurred_as_of: str | None, basis: str = "was"
) -> Desk | Past:
    """The desk that `--as-of` and `--occurred-as-of` ask about, on a basis: now, or at a moment.

    They are made by whom `--as` names, by default by the operator."""
    from ticketlog.cli.actor_reads import read_by

    source: Desk | Past = app.desk
    if as_of or occurred_as_of or basis != "was":
        source = past(app, as_of or None, occurred_as_of or None, basis)
    return read_by(source, reading_actor(app))


def past(
    app: App, as_of: str | None, occurred_as_of: str | None = None, basis: str = "was"
) -> Past:
    """The desk at one moment. `as_of`: an ISO time, a record P:OFFSET, or a cut; only times have a
    hyphen. Raises click.UsageError for two moments."""
    if as_of is not None and occurred_as_of is not None:
        raise click.UsageError("name one moment: --as-of or --occurred-as-of")
    if as_of is not None and "-" in as_of:
        return app.desk.at(recorded=as_of, basis=basis)
    return app.desk.at(position=as_of, occurred=occurred_as_of, basis=basis)


def asked_at(source: Desk | Past, as_of: str | None, occurred_as_of: str | None) -> int:
    """The time that is asked about: where a position is, that of its latest record."""
    from ticketlog.domain.base import instant

    text = occurred_as_of or as_of
    if text is not None and "-" in text:
        return instant(text)
    return time.time_ns() // 1_000 if text is None else cast("Past", source).now


class SenderOptions(NamedTuple):
    """The sender of a command, and the details that go with it into the record."""

    id: str | None
    actor: Actor
    reason: str | None
    seen: int | None
    channel: str
    source: str | None
    anyway: bool = False


SENDING = (
    click.Option(
        ["--id", "command_id"],
        metavar="ID",
        help="The command's idempotency key: sent twice, done once. Default: a new one.",
    ),
    click.Option(
        ["--as", "actor"],
        metavar="ACTOR",
        help=f"Who acts: KIND:ID or KIND:ID/ROLE, KIND one of {', '.join(ACTORS)}. "
        f"Default: {ACTOR_VARIABLE}, or agent: and your login name.",
    ),
    click.Option(["--reason"], metavar="TEXT", help="Why; it stands in the record."),
    click.Option(
        ["--seen"],
        type=int,
        metavar="VERSION",
        help="The version you saw: refused if what you touch has changed since, and an answer or "
        "another status if somebody else has said something, which is shown.",
    ),
    click.Option(["--anyway"], is_flag=True, help="Whatever has come since --seen, send it."),
    click.Option(
        ["--channel"], default="cli", show_default=True, help="The channel that it came by."
    ),
    click.Option(["--source"], metavar="TEXT", help="Where in the channel it came from."),
)
"""The options of every command that writes."""


def actor_option(function: F) -> F:
    """Adds the option `--as` alone; the command gets `actor`, for `actor_of`."""
    option = click.option(
        "--as",
        "actor",
        metavar="ACTOR",
        help=f"Who acts: KIND:ID or KIND:ID/ROLE. Default: {ACTOR_VARIABLE}, or agent: and your "
        "login name.",
    )
    return option(function)


def sender(values: dict[str, Any], *, keep_reason: bool = False) -> SenderOptions:
    """Takes the options of `SENDING` out of a command's values. Raises click.BadParameter."""
    actor = actor_of(values.pop("actor"))
    reason = values.get("reason") if keep_reason else values.pop("reason")
    return SenderOptions(
        values.pop("command_id"),
        actor,
        None if keep_reason else reason,
        values.pop("seen", None),
        values.pop("channel", "cli"),
        values.pop("source", None),
        values.pop("anyway", False),
    )


def actor_of(text: str | None) -> Actor:
    """The actor named by the text, the environment, or the login. Raises click.BadParameter."""
    from ticketlog.domain.base import Actor

    named = text or os.environ.get(ACTOR_VARIABLE) or f"agent:{_login()}"
    kind, colon, rest = named.partition(":")
    id, slash, role = rest.rpartition("/")
    if not slash:
        id, role = rest, ""
    if not colon or kind not in ACTORS or not id or (slash and not role):
        raise click.BadParameter(
            f"{named!r} names nobody: write KIND:ID or KIND:ID/ROLE, such as agent:ann or "
            f"agent:ann/supervisor; KIND is one of {', '.join(ACTORS)}",
            param_hint="--as",
        )
    return Actor(id, kind, role or None, authenticated="local")  # type: ignore[arg-type]


def first_admin(text: str | None) -> Actor:
    """The agent who makes a desk. Raises click.BadParameter for anybody else."""
    actor = actor_of(text)
    if actor.kind != "agent":
        raise click.BadParameter(
            f"{actor.kind}:{actor.id} can't make a desk: its first admin is an agent; write "
            "agent:ID, such as agent:ann",
            param_hint="--as",
        )
    return actor


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"

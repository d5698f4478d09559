"""`ticketlog webhook`: endpoints that get events, their deliveries, and messages from outside."""

from __future__ import annotations

import sys
from typing import Any

import click

from ticketlog.cli.framework import App, Entry, ModelGroup, Read, ShellCommand, pass_app
from ticketlog.cli.options import SENDING, actor_of, actor_option, as_json, sender
from ticketlog.cli.output import clean, facts, print_json, show_all, table
from ticketlog.documents import webhooks as documents
from ticketlog.documents.outcomes import Outcome

_HERE = "ticketlog.cli.commands.webhook"


@click.command(
    "list",
    cls=ShellCommand,
    prints=(documents.WebhookList,),
    examples=("ticketlog webhook list", "ticketlog webhook list --json"),
)
@as_json
@pass_app
def list_(app: App, as_json: bool) -> None:
    """Show each endpoint, whether it gets events, and how far it is."""
    found = app.desk.webhooks().list()
    if as_json:
        print_json(found)
        return
    rows = [
        [each.webhook, each.state, each.url, each.behind, each.held_back, len(each.given_up)]
        for each in found.webhooks
    ]
    columns = ("webhook", "state", "url", "behind", "held back", "given up")
    show_all(table(columns, rows, right=("behind", "held back", "given up"), flexible=("url",)))


@click.command(
    cls=ShellCommand,
    prints=(documents.WebhookState,),
    examples=("ticketlog webhook show crm",),
)
@click.argument("webhook")
@as_json
@pass_app
def show(app: App, webhook: str, as_json: bool) -> None:
    """Show an endpoint: what it gets, as whom, how far it is, and what it didn't take."""
    found = app.desk.webhooks().show(webhook)
    if as_json:
        print_json(found)
        return
    plain = found.plain()
    parts = ("given_up", "replays")
    show_all(facts([(name, value) for name, value in plain.items() if name not in parts]))
    if found.given_up:
        rows = [[each.event, each.stream, each.error] for each in found.given_up]
        show_all("", table(("event given up", "stream", "why"), rows, flexible=("why",)))
    if found.replays:
        shown = [
            [each.replay, each.asked_at, each.ended_at or "", each.cancelled]
            for each in found.replays
        ]
        show_all("", table(("replay", "asked at", "ended at", "cancelled"), shown))


@click.command(
    cls=ShellCommand,
    prints=(documents.WebhookDeliveries,),
    examples=("ticketlog webhook deliveries crm", "ticketlog webhook deliveries crm --failed"),
)
@click.argument("webhook")
@click.option(
    "--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="Rows at most."
)
@click.option("--failed", is_flag=True, help="Only those that weren't taken.")
@as_json
@pass_app
def deliveries(app: App, webhook: str, limit: int, failed: bool, as_json: bool) -> None:
    """Show the last deliveries to an endpoint, the latest first: status, seconds, and the beginning
    of an answer that was no success. The last 1,000 are kept."""
    found = app.desk.webhooks().deliveries(webhook, limit=limit, failed=failed)
    if as_json:
        print_json(found)
        return
    rows = [
        [
            *(each.at[:19], each.type, each.stream, each.attempt, each.status),
            *(each.took_seconds, each.error or each.answer),
        ]
        for each in found.deliveries
    ]
    columns = ("at", "type", "stream", "attempt", "status", "seconds", "answer")
    show_all(table(columns, rows, right=("attempt", "status", "seconds"), flexible=("answer",)))


@click.command(
    cls=ShellCommand,
    prints=(documents.WebhookDelivery,),
    examples=("ticketlog webhook test crm",),
)
@click.argument("webhook")
@actor_option
@as_json
@pass_app
@click.pass_context
def test(context: click.Context, app: App, webhook: str, actor: str | None, as_json: bool) -> None:
    """Send an endpoint a ping, signed like a delivery, and show what it answers; exit code 1 where
    it doesn't take it."""
    app.desk.check_right(actor_of(actor), "webhook.test")
    found = app.desk.webhooks().test(webhook)
    if as_json:
        print_json(found)
    else:
        said = f"HTTP {found.status}" if found.status is not None else found.error
        answer = f": {found.answer}" if found.answer else ""
        click.echo(clean(f"{said} in {found.took_seconds:.3f} s{answer}"))
    context.exit(0 if found.status is not None and 200 <= found.status < 300 else 1)


def _replay(app: App, as_json: bool, **values: Any) -> None:
    from ticketlog.cli.model_commands import send
    from ticketlog.domain.webhook import ReplayWebhook

    by = sender(values)
    starts, ends = app.desk.log_range(values["start"], values["end"])
    command = ReplayWebhook(starts=starts, ends=ends)
    send(app, command, f"webhook/{values['webhook']}", by, as_json)


replay = as_json(
    ShellCommand(
        "replay",
        callback=pass_app(_replay),
        params=[
            click.Argument(["webhook"], metavar="WEBHOOK"),
            click.Option(
                ["--from", "start"],
                required=True,
                metavar="TIME|P:OFFSET|CUT",
                help="The first that is sent again: recorded from an ISO time on, or a position.",
            ),
            click.Option(
                ["--to", "end"],
                metavar="TIME|P:OFFSET|CUT",
                help="Up to this time, or behind this position. Default: now.",
            ),
            *SENDING,
        ],
        help="Send what an endpoint has got once more, with the same ids and the same bodies.\n\n"
        "The processes that deliver do it beside what is new; `ticketlog webhook show` says how "
        "far they are. What was redacted since, or what the endpoint may no longer read, is left "
        "out.",
        short_help="Send what an endpoint has got once more.",
        examples=(
            "ticketlog webhook replay crm --from 2026-01-31T09:00:00Z",
            "ticketlog webhook replay crm --from 2026-01-31T09:00:00Z --to 2026-01-31T10:00:00Z",
        ),
        prints=(Outcome,),
    )
)


@click.command(
    cls=ShellCommand,
    prints=(documents.HookMessageTaken,),
    examples=(
        "ticketlog webhook message 4F7K2M9QABCD",
        "ticketlog webhook message 4F7K2M9QABCD --body",
    ),
)
@click.argument("message")
@click.option("--body", is_flag=True, help="Write its bytes as they came.")
@as_json
@pass_app
def message(app: App, message: str, body: bool, as_json: bool) -> None:
    """Show a message from outside, and what became of it."""
    if body:
        sys.stdout.buffer.write(app.desk.hook_inbox.body(message))
        return
    _shown(app.desk.hook_inbox.show(message), as_json)


@click.command(
    cls=ShellCommand,
    prints=(documents.HookMessageTaken,),
    examples=("ticketlog webhook again 4F7K2M9QABCD",),
)
@click.argument("message")
@actor_option
@as_json
@pass_app
def again(app: App, message: str, actor: str | None, as_json: bool) -> None:
    """Make commands of a message from outside again, by the settings of now. What was done already
    is done once."""
    app.desk.check_right(actor_of(actor), "webhook.handle")
    _shown(app.desk.hook_inbox.handle_again(message), as_json)


def _shown(found: documents.HookMessageTaken, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    plain = found.plain()
    show_all(facts([(name, value) for name, value in plain.items() if name != "results"]))
    rows = [[each.command, each.outcome, each.stream, each.said] for each in found.results]
    if rows:
        show_all("", table(("command", "outcome", "stream", "why"), rows, flexible=("why",)))


webhook = ModelGroup(
    "webhook",
    help="Endpoints that get events by HTTP, and messages from outside (docs/WEBHOOKS.md).",
    reads={
        "list": Entry(_HERE, "list_", "Show each endpoint and how far it is."),
        "show": Entry(_HERE, "show", "Show an endpoint."),
        "deliveries": Entry(_HERE, "deliveries", "Show the last deliveries to an endpoint."),
        "test": Entry(_HERE, "test", "Send an endpoint a ping."),
        "replay": Entry(_HERE, "replay", "Send what an endpoint has got once more."),
        "received": Read("hook-messages", "Messages from outside, and what became of them."),
        "message": Entry(_HERE, "message", "Show a message from outside."),
        "again": Entry(_HERE, "again", "Make commands of a message again."),
    },
)

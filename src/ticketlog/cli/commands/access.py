"""`ticketlog access`: who may what, and why."""

from __future__ import annotations

from typing import Any

import click

from ticketlog.cli.framework import App, Entry, ShellCommand, ShellGroup, pass_app
from ticketlog.cli.options import actor_of, actor_option, as_json, reading_actor, reading_as
from ticketlog.cli.output import facts, note, print_json, show_all, table
from ticketlog.documents.access_reviews import AccessExplained, AccessReview, SignedOff

_HERE = "ticketlog.cli.commands.access"
_T = "4F7K2M9QABCD"


@click.command(
    cls=ShellCommand,
    prints=(AccessExplained,),
    examples=(
        f"ticketlog access explain agent:ann ticket.solve {_T}",
        "ticketlog access explain person:ANNA query:queue",
    ),
)
@click.argument("actor")
@click.argument("right", metavar="COMMAND|QUERY")
@click.argument("ticket", required=False)
@reading_as
@as_json
@pass_app
def explain(app: App, actor: str, right: str, ticket: str | None, as_json: bool) -> None:
    """Say whether an actor may send a command, ask a query or take a report, and why."""
    from ticketlog.application.access_review import explained
    from ticketlog.application.executor import stream_name

    stream = None if ticket is None else stream_name(ticket)
    asker = reading_actor(app)
    told = explained(app.desk.access, actor_of(actor), right, stream, asker)
    if as_json:
        print_json(told)
        return
    said = told.plain()
    click.echo(f"{'yes' if said['may'] else 'no'}: {said['why']}")
    show_all(facts([("sees", said["sees"])]))
    names = ("role", "grants", "scope", "because")
    show_all(table(names, [[each[name] for name in names] for each in said["roles"]]))


@click.command(
    cls=ShellCommand,
    prints=(AccessReview,),
    examples=(
        "ticketlog access review",
        "ticketlog access review --as-of 2026-01-31T09:00:00Z --json",
    ),
)
@click.option("--as-of", metavar="TIME|POSITION", help="By the settings of then.")
@reading_as
@as_json
@pass_app
def review(app: App, as_of: str | None, as_json: bool) -> None:
    """List who may what, now or at any time.

    Its digest is what a reviewer signs: `ticketlog access sign-off`.
    """
    from ticketlog.application import access_review
    from ticketlog.cli.options import past

    app.desk.access.check(reading_actor(app), "query:access-review")
    settings = past(app, as_of).settings if as_of else app.desk.settings
    told = access_review.review(settings)
    if as_json:
        print_json(told)
    else:
        _show(told.plain())


def _show(said: dict[str, Any]) -> None:
    def listed(names: list[str]) -> str:
        return ", ".join(names) or "-"

    rows = [
        [each["role"], each["scope"], *(len(each[n]) for n in ("commands", "queries", "reports"))]
        for each in said["roles"]
    ]
    show_all(table(("role", "scope", "commands", "queries", "reports"), rows))
    click.echo()
    actors = [
        [each["actor"], listed(each["roles"]), listed(each["teams"])]
        for each in said["actors"]
        if each["active"]
    ]
    show_all(table(("actor", "roles", "teams"), actors))
    for each in said["restricted"]:
        click.echo(
            f"\nrestricted: {each['team']}, seen by {listed(each['members'])}; services "
            f"{listed(each['services'])}; auditors {listed(each['auditors'])}"
        )
    note(f"settings {said['settings']}, sha256 {said['sha256']}")


@click.command(
    "sign-off",
    cls=ShellCommand,
    prints=(SignedOff,),
    examples=("ticketlog access sign-off --comment 'as it should be' --as agent:sue",),
)
@click.option("--sha256", help="The digest of the review that you looked at. Default: that of now.")
@click.option("--comment", metavar="TEXT", help="What you found.")
@actor_option
@as_json
@pass_app
def sign_off(
    app: App, sha256: str | None, comment: str | None, actor: str | None, as_json: bool
) -> None:
    """Stand for the review of who may what: it is recorded."""
    from ticketlog.application.access_review import sign_off as signed

    told = signed(app.desk, actor_of(actor), sha256, comment)
    if as_json:
        print_json(told)
    else:
        said = told.plain()
        click.echo(f"{said['by']} stands for the review of settings {said['settings']}")


access = ShellGroup(
    "access",
    help="Who may what, and why.",
    sections={
        "Commands": {
            "explain": Entry(_HERE, "explain", "Whether an actor may do something, and why."),
            "review": Entry(_HERE, "review", "List who may what, now or at any time."),
            "sign-off": Entry(_HERE, "sign_off", "Stand for the review of who may what."),
        }
    },
)

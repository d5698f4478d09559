"""`ticketlog replay ...`: views made again from the log, and compared."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from ticketlog.cli.framework import App, Entry, ShellCommand, ShellGroup, pass_app
from ticketlog.cli.options import as_json, at_moment, past
from ticketlog.cli.output import print_json, print_line, show_all, table
from ticketlog.cli.progress import Meter
from ticketlog.documents import desks
from ticketlog.documents import replays as documents
from ticketlog.documents.plain_text import cell
from ticketlog.errors import Usage

if TYPE_CHECKING:
    from ticketlog.application.as_of import Past
    from ticketlog.projections.engine.verify import VerifiedView

_HERE = "ticketlog.cli.commands.replay"
views = click.argument("views", nargs=-1, metavar="[VIEW]...")


@click.command(
    cls=ShellCommand,
    prints=(desks.ViewList,),
    examples=("ticketlog replay rebuild", "ticketlog replay rebuild queue reports"),
)
@views
@as_json
@pass_app
def rebuild(app: App, views: tuple[str, ...], as_json: bool) -> None:
    """Make views anew from the log, beside the live ones, and take over.

    All of them, or those named. Queries read the old ones until the new ones are complete; it
    may be interrupted at any time.
    """
    with Meter() as meter:
        app.desk.views.rebuild(views, partial(meter.replayed, "rebuilding"))
    found = [each for each in app.desk.views.status() if not views or each.view in views]
    if as_json:
        print_json(desks.ViewList(views=found))
    else:
        for each in found:
            click.echo(f"{each.view} v{each.version} is made anew (build {each.build})")


@click.command(
    cls=ShellCommand,
    prints=(documents.VerifiedViews,),
    examples=("ticketlog replay verify", "ticketlog replay verify tickets --json"),
)
@views
@as_json
@pass_app
@click.pass_context
def verify(context: click.Context, app: App, views: tuple[str, ...], as_json: bool) -> None:
    """Replay views beside the live ones and compare every row: exit code 1 where one differs."""
    app.desk.views.refresh(views or None)
    with Meter() as meter:
        found = app.desk.views.verify(views, partial(meter.replayed, "replaying"))
    if as_json:
        from ticketlog.application.views import verified_document

        print_json(verified_document(found))
    else:
        show_all(verified_table(found))
        for each in found:
            _print_differing(each.view, each.tables)
            if each.damage:
                click.echo(each.damage)
    context.exit(0 if all(each.same for each in found) else 1)


def verified_table(found: list[VerifiedView]) -> Any:
    rows = [
        [each.view, one.table, f"{one.rows:,}", one.digest[:16], "same" if one.same else "DIFFERS"]
        for each in found
        for one in each.tables
    ]
    return table(("view", "table", "rows", "sha256", "replayed"), rows, right=("rows",))


def _print_differing(view: str, tables: Any) -> None:
    rows = [
        [f"{view}.{one.table}", each.kind, cell(each.key), cell(each.expected), cell(each.found)]
        for one in tables
        for each in one.differing
    ]
    if rows:
        columns = ("table", "row", "key", "expected", "found")
        show_all("", table(columns, rows, flexible=("expected", "found")))


@click.command(
    cls=ShellCommand,
    prints=(documents.Differences,),
    examples=(
        "ticketlog replay diff queue 2026-01-31T09:00:00Z",
        "ticketlog replay diff tickets 3:120 3:121 --json",
    ),
)
@click.argument("view")
@click.argument("first")
@click.argument("second", required=False)
@click.option("--occurred", is_flag=True, help="The two are business times.")
@as_json
@pass_app
def diff(
    app: App, view: str, first: str, second: str | None, occurred: bool, as_json: bool
) -> None:
    """Show what of a view is different at a second moment from the first.

    Moments are as for --as-of; without a second one it is now. `missing` rows went, `extra` rows
    came.
    """
    before = _at(app, first, occurred)
    after = _at(app, second, occurred) if second else app.desk.at(position=app.desk.cut())
    tables = app.desk.views.differences(view, before.moment, after.moment)
    if as_json:
        from ticketlog.application.views import differences_document

        print_json(differences_document(view, tables))
        return
    columns = ("table", "missing", "extra", "changed")
    rows = [[one.table, one.missing, one.extra, one.changed] for one in tables]
    show_all(table(columns, rows, right=columns[1:]))
    _print_differing(view, tables)


def _at(app: App, text: str, occurred: bool) -> Past:
    return past(app, None, text) if occurred else past(app, text)


@click.command(
    "as-of",
    cls=ShellCommand,
    prints=(documents.AsOf,),
    examples=(
        "ticketlog replay as-of queue --as-of 2026-01-31T09:00:00Z",
        "ticketlog replay as-of tickets --occurred-as-of 2012-05-01T00:00:00Z --rows",
    ),
)
@click.argument("view")
@click.option("--rows", is_flag=True, help="Print the rows, one JSON document a line.")
@at_moment
@as_json
@pass_app
def as_of(
    app: App,
    view: str,
    rows: bool,
    as_of: str | None,
    occurred_as_of: str | None,
    as_json: bool,
) -> None:
    """Make a view as it was at a moment, and show its tables with their digests."""
    if as_of is None and occurred_as_of is None:
        raise Usage("say the moment: --as-of or --occurred-as-of")
    views = past(app, as_of, occurred_as_of).views
    if rows:
        for name, row in views.documents(view):
            print_line({"table": name, **row})
        return
    tables = views.compared(view)
    if as_json:
        from ticketlog.application.views import as_of_document

        print_json(as_of_document(view, tables))
        return
    shown = [[one.table, f"{one.rows:,}", one.digest] for one in tables]
    show_all(table(("table", "rows", "sha256"), shown, right=("rows",)))


replay = ShellGroup(
    "replay",
    help="Views made again from the log: rebuilt, verified, compared, as of a moment.",
    sections={
        "Commands": {
            "rebuild": Entry(_HERE, "rebuild", "Make views anew from the log and take over."),
            "verify": Entry(_HERE, "verify", "Replay views and compare every row."),
            "diff": Entry(_HERE, "diff", "Show what of a view differs between two moments."),
            "as-of": Entry(_HERE, "as_of", "Make a view as it was at a moment."),
        }
    },
)

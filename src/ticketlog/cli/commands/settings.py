"""`ticketlog settings ...`: what the desk has decided about itself."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ticketlog.application.settings_store import AppliedSettings
from ticketlog.cli.framework import App, Entry, ShellCommand, ShellGroup, pass_app
from ticketlog.cli.options import SENDING, as_json, at_moment, reader, sender
from ticketlog.cli.output import clean, note, print_json, show_all, table
from ticketlog.documents import settings as documents
from ticketlog.documents.event_text import when, who
from ticketlog.domain.settings.events import KINDS
from ticketlog.domain.settings.kind import SettingKind
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.sla_policy import SlaPolicy
from ticketlog.errors import Usage

if TYPE_CHECKING:
    from ticketlog.application.settings_removal import SettingsPlan

_HERE = "ticketlog.cli.commands.settings"


@click.command(
    cls=ShellCommand,
    prints=(documents.AppliedSettings, documents.Checked),
    params=[each for each in SENDING if each.name in ("command_id", "actor", "reason")],
    examples=(
        "ticketlog settings apply settings.toml --check",
        'ticketlog settings apply settings.toml --reason "A team for Berlin"',
    ),
)
@click.option(
    "--move",
    "texts",
    metavar="KIND:OLD=NEW",
    multiple=True,
    help="Where tickets go of what the file takes away: 'status:waiting=open'. Kinds are status, "
    "team, category, product, priority, agent, type, field, option ('option:severity/s3=s2'). The "
    "file may say it, too: [moves]. May be repeated.",
)
@click.option("--strand", is_flag=True, help="Leave such tickets where they are.")
@click.option("--check", is_flag=True, help="Show what would happen; record nothing.")
@click.argument("file", type=click.Path(path_type=Path))
@as_json
@pass_app
def apply(
    app: App,
    /,
    file: Path,
    texts: tuple[str, ...],
    strand: bool,
    check: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Put a settings file in force; only what differs is recorded.

    Where it takes away a status, team, category, product or priority that active tickets have, it
    is refused until --move or [moves] says where they go, each by a commit of its own, or --strand
    that they stay. Of what else is in use it tells what becomes of it. Interrupted, the same line
    goes on. Exit code 1 where some couldn't be moved, and with --check where it would be refused.
    Texts that look like a secret are warned of: what is applied stays in the log.
    """
    from ticketlog.application.settings_removal import moves

    by = sender(values)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Usage(f"{file} can't be read: {error.strerror}") from error
    given: dict[str, Any] = {"actor": by.actor, "folder": file.parent, "moves": moves(texts)}
    if check:
        _check(app.desk.settings_check(content, **given), strand, as_json)
        return
    done = app.desk.settings_apply(content, reason=by.reason, id=by.id, strand=strand, **given)
    _warn((*done.kept, *map(_for_good, done.warnings)))
    if as_json:
        print_json(done.document())
    else:
        _print_applied(done)
    if done.stayed:
        click.get_current_context().exit(1)


def _warn(lines: Iterable[str]) -> None:
    for line in lines:
        note(f"warning: {clean(line)}")


def _for_good(secret: str) -> str:
    return f"{secret}; the log keeps it for good"


def _check(plan: SettingsPlan, strand: bool, as_json: bool) -> None:
    """Prints the plan of applying a file; exit code 1 where it would be refused."""
    _warn(map(_for_good, plan.warnings))
    refused = bool(plan.stranded) and not strand
    if as_json:
        print_json(plan.document())
    else:
        _print_plan(plan, strand)
    if refused:
        click.get_current_context().exit(1)


def _print_plan(plan: SettingsPlan, strand: bool) -> None:
    from ticketlog.application.settings_removal import counted

    _print_admins(plan.admins)
    if not plan.changes:
        click.echo("nothing differs: nothing would be recorded")
    else:
        click.echo(f"{len(plan.changes)} would change:")
        for stream, event in plan.changes:
            click.echo(clean(f"  {stream}: {documents.change(event)}"))
    for each in plan.used:
        goes = plan.goes(each)
        if goes is not None:
            said = f"{each.kind} {each.id}: {counted(each.tickets, 'ticket')} would move to {goes}"
        elif each.keeps or strand:
            said = str(each) + ("" if each.keeps else ": they stay there")
        else:
            said = f"{each}: say where they go, --move {each.kind}:{each.id}=NEW"
        click.echo(clean(said))


def _print_admins(admins: Iterable[str]) -> None:
    for id in admins:
        click.echo(
            clean(f"agent {id} stays an admin: a desk always has one, and the file names none")
        )


def _print_applied(done: AppliedSettings) -> None:
    from ticketlog.application.settings_removal import counted

    _print_admins(done.admins)
    if done.repeated:
        click.echo(f"this command was done before; position {done.position} is in force")
    elif not done.streams:
        click.echo(f"nothing differs; position {done.position} stays in force")
    else:
        click.echo(f"{len(done.streams)} changed; position {done.position} is in force:")
        for stream in done.streams:
            click.echo(clean(f"  {stream}"))
    if done.moved:
        click.echo(f"{counted(len(done.moved), 'ticket')} moved")
    for ticket, why in done.stayed.items():
        click.echo(clean(f"{ticket} stays where it is: {why}"))


@click.command(
    cls=ShellCommand,
    prints=(documents.IN_FORCE,),
    examples=("ticketlog settings show", "ticketlog settings show --as-of 2026-01-31T09:00:00Z"),
)
@at_moment
@as_json
@pass_app
def show(app: App, as_of: str | None, occurred_as_of: str | None, as_json: bool) -> None:
    """Show the settings in force, now or then."""
    settings = reader(app, as_of, occurred_as_of).settings
    if as_json:
        print_json(documents.in_force(settings))
        return
    rows = [
        [kind.table, each.id, settings.versions[f"{kind.name}/{each.id}"], documents.brief(each)]
        for kind in KINDS
        for each in _things(kind, settings)
    ]
    title = f"in force since position {settings.position}"
    show_all(table(("what", "id", "version", "how"), rows, title=title, flexible=("how",)))


def _things(kind: SettingKind, settings: Settings) -> Iterable[Any]:
    return settings.policies if kind.value is SlaPolicy else kind.held(settings).values()


@click.command(
    cls=ShellCommand,
    prints=(documents.SettingsHistory,),
    examples=("ticketlog settings history", "ticketlog settings history --json"),
)
@as_json
@pass_app
def history(app: App, as_json: bool) -> None:
    """Show who changed what of the settings, in order."""
    events = app.desk.settings_history()
    if as_json:
        print_json(documents.SettingsHistory.made(events))
        return
    rows = [
        [
            *(
                each.meta.offset,
                each.originator_id,
                documents.change(each.event),
                who(each.meta.actor),
            ),
            *(when(each), each.event.model_dump()["file_sha256"][:12]),
        ]
        for each in events
    ]
    columns = ("position", "what", "change", "who", "when", "file")
    show_all(table(columns, rows, right=("position",), flexible=("change",)))


settings = ShellGroup(
    "settings",
    help="Workflows, priorities, fields, teams, agents, calendars, SLA policies and so on.",
    sections={
        "Commands": {
            "apply": Entry(_HERE, "apply", "Put a settings file in force."),
            "show": Entry(_HERE, "show", "Show the settings in force, now or then."),
            "history": Entry(_HERE, "history", "Show who changed what of the settings, in order."),
            "reapply": Entry(
                "ticketlog.cli.commands.settings_reapply",
                "reapply",
                "Apply the SLA policies in force to tickets that were promised others.",
            ),
            "reroute": Entry(
                "ticketlog.cli.commands.settings_reroute",
                "reroute",
                "Route tickets by the rules in force, as if they came now.",
            ),
            "explain": Entry(
                "ticketlog.cli.commands.settings_explain",
                "explain",
                "Show which SLA policy and rules match a ticket, and why.",
            ),
        }
    },
)

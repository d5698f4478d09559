"""`ticketlog log ...`: the log itself."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ticketlog.cli.framework import App, Entry, ShellCommand, ShellGroup, pass_app
from ticketlog.cli.options import as_json, log_option, reading_actor, reading_as, views_option
from ticketlog.cli.output import clean, print_json, print_json_line, show_all, table
from ticketlog.cli.progress import Meter
from ticketlog.documents import desks as documents
from ticketlog.documents.event_text import phrase, when, who
from ticketlog.documents.events import Event
from ticketlog.errors import Unreachable, Usage

if TYPE_CHECKING:
    from ticketlog.domain.base import Recorded

_HERE = "ticketlog.cli.commands.log"


@click.command(
    cls=ShellCommand,
    prints=(documents.LogStat,),
    examples=("ticketlog log stat", "ticketlog log stat --json"),
)
@as_json
@pass_app
def stat(app: App, as_json: bool) -> None:
    """Show how much each partition holds."""
    told = app.desk.log_stat()
    if as_json:
        print_json(told)
        return
    columns = ("log", "partition", "end", "events", "last recorded")
    rows = [
        [name, part.partition, part.end, part.events, part.last_recorded_at]
        for name, log in (
            ("tickets", told.tickets),
            ("settings", told.settings),
            ("access", told.access),
        )
        for part in log.partitions
    ]
    title = f"desk {told.desk}, cut {told.cut}"
    show_all(table(columns, rows, title=title, right=("partition", "end", "events")))


@click.command(
    cls=ShellCommand,
    examples=(
        "ticketlog log tail",
        "ticketlog log tail --json --from 3:120 --follow",
        "ticketlog log tail --json --from 12,40,7,9,3,2,8,1,5,4,11,6/5",
        "ticketlog log tail --access --follow",
    ),
    prints=(Event,),
)
@click.option(
    "--from",
    "start",
    metavar="POSITION",
    help="Begin at a record P:OFFSET, in the other partitions at its time; or behind a cut. "
    "Default: at the beginning.",
)
@click.option("--follow", is_flag=True, help="Wait for more until Ctrl-C.")
@click.option(
    "--access",
    is_flag=True,
    help="The log of access instead: refusals, reads of what is restricted, exports, accounts. "
    "To look is recorded there, too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document a line.")
@reading_as
@pass_app
def tail(app: App, start: str | None, follow: bool, access: bool, as_json: bool) -> None:
    """Print the accepted events in order, the oldest first.

    Events are in the log's order per partition, and by the time of recording between partitions.
    A program that reads on later keeps, for each partition, the offset of the last event it read
    plus one, and begins from that cut.
    """
    for recorded in _accesses(app, start, follow) if access else _events(app, start, follow):
        if as_json:
            print_json_line(Event.made(recorded))
        else:
            meta = recorded.meta
            line = f"{when(recorded)}  {who(meta.actor)}  {recorded.originator_id}"
            click.echo(clean(f"{meta.partition}:{meta.offset}  {line}  {phrase(recorded.event)}"))


def _events(app: App, start: str | None, follow: bool) -> Iterator[Recorded]:
    return app.desk.subscribe(app.desk.position(start), follow, actor=reading_actor(app))


def _accesses(app: App, start: str | None, follow: bool) -> Iterator[Recorded]:
    """The events of the log of access. Raises Usage: it has one partition."""
    place = re.fullmatch(r"(?:0:)?(\d{1,18})", start or "0")
    if place is None:
        raise Usage(f"{start!r} is no place in the log of access: write an offset, such as 120")
    log = app.desk.access_log
    return log.follow(int(place[1]), live=follow, stopped=lambda: False, channel="cli")


@click.command(
    cls=ShellCommand,
    prints=(documents.LogVerified,),
    examples=("ticketlog log verify", "ticketlog log verify --json"),
)
@as_json
@pass_app
@click.pass_context
def verify(context: click.Context, app: App, as_json: bool) -> None:
    """Read every record again and check it: exit code 3 where something is wrong.

    The acceptance rule must give what the index says, bytes must be canonical, offsets complete,
    streams whole, and every view must stand at a record that is still the same.
    """
    with Meter() as meter:
        meter.show("verifying ...")
        told = app.desk.log_verify()
    if as_json:
        print_json(told)
    else:
        for problem in told.problems:
            click.echo(clean(problem))
        problems = f"{len(told.problems)} problems"
        click.echo(f"all is well up to {told.cut}" if told.ok else problems)
    context.exit(0 if told.ok else 3)


@click.command(
    cls=ShellCommand,
    examples=("ticketlog log export desk.jsonl.zst", "ticketlog log export - | sha256sum"),
)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@reading_as
@pass_app
def export(app: App, file: Path) -> None:
    """Write all logs as JSON lines, byte for byte; - is standard output, .gz and .zst compress.

    A line per record, void ones too; the last line holds their number and the SHA-256 of all
    lines before it. The attachments' bytes stay in the desk's folder.
    """
    from ticketlog.log.compressed_lines import writing

    if str(file) == "-":
        sys.stdout.buffer.writelines(app.desk.log_export(actor=reading_actor(app)))
        return
    if file.exists():
        raise Usage(f"{file} exists already: choose another name")
    part = file.with_name(f".{file.name}.part")
    try:
        with writing(part, file.suffix) as out:
            lines = app.desk.log_export(actor=reading_actor(app))
            count = sum(1 for line in lines if out.write(line))
        part.replace(file)
    except OSError as error:
        raise Unreachable(f"{file} can't be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    click.echo(f"{count - 2:,} records in {file}")


@click.command(
    "import",
    cls=ShellCommand,
    prints=(documents.RestoredDesk,),
    examples=(
        "ticketlog log import desk.jsonl.zst my-desk",
        "ticketlog log import desk.jsonl.zst my-desk --log kafka://broker:9092/ticketlog",
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@log_option
@views_option
@as_json
def import_(
    file: Path, folder: Path, log_url: str | None, views_url: str | None, as_json: bool
) -> None:
    """Make a desk in FOLDER from an export: the same records at the same positions.

    In Kafka, it makes the topics, and nothing else may write to them meanwhile. Interrupted, run
    it again: it compares what is there and goes on behind it. Nobody may go on writing to the old
    desk; the attachments' bytes are copied from its folder: cp -r OLD/attachments FOLDER/. A desk
    made by `init --simulation` is for simulation there, too.
    """
    from ticketlog.application.desk_documents import restored_document
    from ticketlog.desk import restore_desk
    from ticketlog.log.compressed_lines import Lines

    started = time.monotonic()
    with Meter() as meter:

        def told(done: int, total: int) -> None:
            meter.far("importing", done, "records", done / total, time.monotonic() - started)

        desk = restore_desk(
            folder, Lines(file), log_url=log_url, views_url=views_url, on_progress=told
        )
    with desk:
        made = restored_document(desk)
    if as_json:
        print_json(made)
    else:
        click.echo(f"{folder} is desk {made.desk} now, up to {made.cut}")


log = ShellGroup(
    "log",
    help="Follow and check the log.",
    sections={
        "Commands": {
            "stat": Entry(_HERE, "stat", "Show how much each partition holds."),
            "tail": Entry(_HERE, "tail", "Print the accepted events in order."),
            "verify": Entry(_HERE, "verify", "Read every record again and check it."),
            "export": Entry(_HERE, "export", "Write all logs as JSON lines, byte for byte."),
            "import": Entry(_HERE, "import_", "Make a desk from an export, embedded or in Kafka."),
        }
    },
)

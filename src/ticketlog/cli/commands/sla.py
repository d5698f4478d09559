"""`ticketlog sla`: which promises are due next; of one ticket, what was promised, how its clocks
stand, and their story."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.model_commands import stream_of
from ticketlog.cli.options import (
    after,
    as_json,
    asked_at,
    at_moment,
    limit,
    note_imported,
    on_basis,
    reader,
)
from ticketlog.cli.output import length, note, print_json, show_all, table
from ticketlog.documents import sla as documents
from ticketlog.documents.plain_text import moment
from ticketlog.domain.base import instant
from ticketlog.domain.ticket.sla.clock_changes import METRICS
from ticketlog.errors import Usage

if TYPE_CHECKING:
    from ticketlog.application.as_of import Past
    from ticketlog.desk import Desk

_SECOND = 1_000_000


@click.command(
    cls=ShellCommand,
    prints=(documents.AtRisk, documents.TicketSla),
    examples=(
        "ticketlog sla --team network --within 4h",
        "ticketlog sla --breached --unassigned --json",
        "ticketlog sla 4F7K2M9QABCD",
        "ticketlog sla 4F7K2M9QABCD --as-of 2026-01-31T09:00:00Z --json",
        "ticketlog sla 4F7K2M9QABCD --basis now",
    ),
)
@click.argument("ticket", required=False)
@click.option("--team", help="Only this team's.")
@click.option("--agent", help="Only this agent's.")
@click.option("--unassigned", is_flag=True, help="Only those of tickets that no agent has.")
@click.option("--organisation", help="Only this organisation's.")
@click.option("--metric", type=click.Choice(METRICS), help="Only these.")
@click.option("--policy", help="Only what this SLA policy promised.")
@click.option("--priority", help="Only those of tickets of this priority.")
@click.option("--within", metavar="DURATION", help="Only what is due by then: 30m, 4h, 2d.")
@click.option(
    "--breached", is_flag=True, help="Those that are broken and go on, and who held them."
)
@limit
@after
@on_basis
@at_moment
@as_json
@pass_app
def sla(
    app: App,
    /,
    ticket: str | None,
    basis: str,
    as_of: str | None,
    occurred_as_of: str | None,
    as_json: bool,
    breached: bool,
    **asked: Any,
) -> None:
    """Show which promises are due next; or a ticket's SLA clocks, and why each did what it did.

    Clocks run without a policy too, and then have no target. Open time (business) is told where a
    calendar has measured it.
    """
    source = reader(app, as_of, occurred_as_of, basis)
    recomputed = None if basis == "was" else source.settings.position
    if ticket is None:
        if recomputed is None:
            note_imported(app)
        now = asked_at(source, as_of, occurred_as_of)
        _list(source, now, breached, _given(asked, now), as_json, recomputed)
        return
    if breached or _given(asked, 0) != {"limit": asked["limit"]}:
        raise click.UsageError("a ticket's clocks are shown all: leave out what selects, or TICKET")
    from ticketlog.application.sla_documents import sla_document

    stream = stream_of("ticket", ticket)
    now = asked_at(source, as_of, occurred_as_of)
    told = sla_document(source, stream, now=now, recomputed=recomputed, remark=note)
    if as_json:
        print_json(told)
    else:
        _show(told.plain())


def _given(asked: dict[str, Any], now: int) -> dict[str, Any]:
    """The options as the view's query has them."""
    from ticketlog.domain.settings.notation import seconds

    given = {name: value for name, value in asked.items() if value}
    if "agent" in given:
        given["assignee"] = given.pop("agent")
    within = given.pop("within", None)
    if within is not None:
        try:
            given["until"] = now + seconds(within) * _SECOND
        except ValueError as error:
            raise Usage(f"--within {within!r} {error}") from None
    return given


def _list(
    source: Desk | Past,
    now: int,
    breached: bool,
    asked: dict[str, Any],
    as_json: bool,
    recomputed: int | None,
) -> None:
    from ticketlog.application.sla_documents import at_risk
    from ticketlog.cli.commands import sla_due

    told = at_risk(source, asked, now=now, breached=breached, recomputed=recomputed)
    if as_json:
        print_json(told)
        return
    document = told.plain()
    sla_due.show(document, breached)
    if document["next"] is not None:
        note(f"more: --after {document['next']}")


def _show(document: dict[str, Any]) -> None:
    title = f"{document['ticket']}  {_cited(document)}"
    if document["recomputed"] is not None:
        title += f"; recomputed under settings {document['recomputed']}"
    columns = ("metric", "no", "state", "used", "open", "target", "left", "due")
    rows = [_row(clock) for clock in document["clocks"]]
    numbers = ("no", "used", "open", "target", "left")
    told = [
        [
            *(_when(each["at"]), _named(each), each["change"], length(each.get("used_seconds"))),
            *(length(each.get("business_used_seconds")), _when(each.get("due")), _why(each)),
        ]
        for each in document["story"]
    ]
    heads = ("when", "metric", "change", "used", "open", "due", "why")
    show_all(
        table(columns, rows, title=title, right=numbers),
        "",
        table(heads, told, right=("used", "open"), flexible=("why",)),
    )
    if document["breaches"]:
        from ticketlog.cli.commands.sla_due import show_breaches

        show_breaches(document["breaches"])


def _row(clock: dict[str, Any]) -> list[Any]:
    state = clock["phase"] + (", breached" if clock["breached_at"] else "")
    target = length(clock["target_seconds"]) + (" open" if clock["business"] else "")
    return [
        *(clock["metric"], clock["instance"], state, length(clock["used_seconds"])),
        *(
            length(clock["business_used_seconds"]),
            target,
            length(clock["left_seconds"]),
            _when(clock["due"]),
        ),
    ]


def _cited(said: dict[str, Any]) -> str:
    if said["policy"] is None:
        return "no policy applies"
    text = f"policy {said['policy']['id']}, version {said['policy']['version']}"
    if said["calendar"]:
        text += f"; calendar {said['calendar']['id']}, version {said['calendar']['version']}"
    return text


def _named(line: dict[str, Any]) -> str:
    if "metric" not in line:
        return ""
    return f"{line['metric']} {line['instance']}" if line["instance"] > 1 else str(line["metric"])


def _why(line: dict[str, Any]) -> str:
    """The cause of a change, and its actor."""
    if "metric" not in line:
        return f"{_cited(line)}: {line['because']}"
    if line["change"] in ("breached", "warned"):
        what = "the target was exceeded already" if line["because"] == "target" else "time"
        if line["event"]["id"] is None:
            return f"{what}; recomputed"
        return f"{what}; recorded {_when(line['recorded_at'])} by {line['actor']}"
    if line["change"] == "applied":
        text = f"another {line['because']}" if line["because"] != "reapplied" else "reapplied"
        return f"{text}; {line['actor']}"
    return f"{line['event']['says']}; {line['actor']}"


def _when(at: str | None) -> str:
    return moment(instant(at)) if at else ""

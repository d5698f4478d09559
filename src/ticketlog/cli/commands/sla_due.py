"""Which promises are due next, which are broken, and in whose hands that came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ticketlog.cli.output import length, show_all, table
from ticketlog.documents.plain_text import moment
from ticketlog.domain.base import instant
from ticketlog.projections.views.sla import sla
from ticketlog.projections.views.sla.breaches import TicketBreaches, breach_values

if TYPE_CHECKING:
    from ticketlog.application.as_of import Past
    from ticketlog.desk import Desk

_HOLDER = ("team", "agent")
_Document = dict[str, Any]


def listed(source: Desk | Past, now: int, breached: bool, asked: Mapping[str, Any]) -> _Document:
    """The clocks at risk, or those that are breached and live, each with its cause."""
    page = source.query(sla.ClocksAtRisk(breached=breached, now=now, **asked))
    clocks = [sla.listed_clock_values(row) for row in page.rows]
    for clock in clocks if breached else ():
        found = broken(source, clock["ticket"], metric=clock["metric"])
        last = [each for each in found if each["instance"] == clock["instance"]][-1]
        clock["cause"] = {name: last[name] for name in ("by_holder", "by_status")}
    return {"at": now, "clocks": clocks, "next": page.next}


def broken(source: Desk | Past, ticket: str, **where: str) -> list[_Document]:
    """The breaches of a ticket, in order."""
    found = source.query(TicketBreaches(ticket=ticket, where=where))
    return list(map(breach_values, found))


def show(document: _Document, breached: bool) -> None:
    head = ("since", "over by") if breached else ("due", "left")
    columns = (*head, "ticket", "metric", "target", "priority", "status", "team", "assignee")
    rows = [[*_told(clock, breached), *_ending(clock)] for clock in document["clocks"]]
    ends = ("held by", "in") if breached else ("subject",)
    shown = table((*columns, *ends), rows, right=(head[1], "target"), flexible=ends[:1])
    show_all(shown)


def _told(clock: _Document, breached: bool) -> list[Any]:
    left = clock["left_seconds"]
    over = -left if breached and left is not None else left
    return [
        moment(instant(clock["breached_at"] if breached else clock["due"])),
        *(length(over), clock["ticket"], clock["metric"], _target(clock)),
        *(clock[name] for name in ("priority", "status", "team", "assignee")),
    ]


def _ending(clock: _Document) -> list[str]:
    cause = clock.get("cause")
    return [_held(each) for each in cause.values()] if cause else [clock["subject"]]


def _target(said: _Document) -> str:
    return length(said["target_seconds"]) + (" open" if said["business"] else "")


def show_breaches(found: Sequence[_Document]) -> None:
    """Each breach of a ticket: while its clock ran, who held it."""
    for each in found:
        at = moment(instant(each["at"]))
        title = f"{each['metric']} broken {at}, target {_target(each)}: who held it"
        rows = [
            [
                *(moment(instant(span["started"])), moment(instant(span["ended"]))),
                *(span["team"], span["agent"], span["status"]),
                *(length(span["seconds"]), length(span["business_seconds"])),
            ]
            for span in each["spans"]
        ]
        columns = ("from", "to", "team", "agent", "status", "time", "open")
        show_all("", table(columns, rows, title=title, right=("time", "open")))


def _held(sums: Sequence[_Document]) -> str:
    """'network/jamal 3:20:00, network 0:10:00'"""
    return ", ".join(
        f"{'/'.join(str(each[n]) for n in (*_HOLDER, 'status') if each.get(n)) or 'nobody'} "
        f"{length(each['seconds'])}"
        for each in sums
    )

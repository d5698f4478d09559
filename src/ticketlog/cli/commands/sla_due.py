"""Tables of promises that are due next, and of broken ones with the holders of their tickets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ticketlog.cli.output import length, show_all, table
from ticketlog.documents.plain_text import moment
from ticketlog.domain.base import instant

_HOLDER = ("team", "agent")
_Document = dict[str, Any]


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

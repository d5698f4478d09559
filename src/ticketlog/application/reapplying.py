"""The SLA policies and calendars in force, applied to tickets with other promises."""

from __future__ import annotations

from collections.abc import Iterable

from ticketlog.application.executor import derived_id, new_id
from ticketlog.application.settings_removal import DeskInUse, listed_tickets
from ticketlog.documents.outcomes import Reapplied
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.sla_events import ReapplySla
from ticketlog.errors import Usage


def reapplied(
    desk: DeskInUse,
    where: Iterable[str],
    actor: Actor,
    *,
    id: str | None = None,
    reason: str | None = None,
) -> Reapplied:
    """Asks the tickets that have all of 'FIELD=VALUE', each by a commit of its own under an id that
    follows from `id`, and says which of them it changed. Raises Usage for another text."""
    run, asked, changed = id or new_id(), 0, list[str]()
    for ticket in [row["ticket"] for row in listed_tickets(desk, **_filters(where))]:
        asked += 1
        outcome = desk.execute(
            ReapplySla(),
            on=ticket,
            actor=actor,
            id=derived_id(run, ticket),
            reason=reason,
            channel="cli",
        )
        if outcome.events:
            changed.append(ticket)
    return Reapplied(tickets=asked, changed=changed)


def _filters(where: Iterable[str]) -> dict[str, str]:
    from ticketlog.projections.views import tickets

    filters: dict[str, str] = {}
    for text in where:
        name, equals, value = text.partition("=")
        if not equals or name not in (*tickets.FILTERS, "tag"):
            known = ", ".join((*tickets.FILTERS, "tag"))
            raise Usage(f"--where {text!r} is no FIELD=VALUE; fields are {known}")
        filters[name] = value
    return filters

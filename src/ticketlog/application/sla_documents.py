"""Documents of SLAs: the promises to a ticket, the states of its clocks, the holders at
breaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ticketlog.application.ticket_documents import TicketSource
from ticketlog.documents.sla import AtRisk, Breach, TicketSla
from ticketlog.domain.base import Actor, NotFound, kind_and_id
from ticketlog.domain.ticket.sla.timeline import timeline
from ticketlog.projections.views.sla.breaches import TicketBreaches, breach_values
from ticketlog.projections.views.sla.sla import ClocksAtRisk, listed_clock_values


def sla_document(
    source: TicketSource,
    stream: str,
    *,
    now: int,
    recomputed: int | None,
    remark: Callable[[str], None],
    actor: Actor | None = None,
) -> TicketSla:
    """The promises to a ticket ('ticket/ID'), up to an instant or to its own clock. `recomputed`:
    the position of the settings of another basis. `remark` is called where nothing was promised
    because it was imported. `actor`: who asks; promises are counted from all events, and for those
    who may ask for clocks. Raises NotFound, Forbidden."""
    if not source.history(stream, actor=actor):
        raise NotFound(f"{stream} doesn't exist; `ticketlog ticket list` shows those that do")
    source.viewer(actor).check("query:ticket-clocks")
    history, settings = source.history(stream), source.settings
    state, story = timeline(kind_and_id(stream)[1], history, settings.calendar)
    broken = any(entry.change == "breached" for entry in story)
    found = breaches_of(source, state.id, actor) if broken else []
    if recomputed is None and state.sla is None and history[0].meta.actor.kind == "import":
        remark(f"{state.id} was imported, without recorded clocks; --basis now computes them")
    now = max(state.clock, now)
    return TicketSla.made(state, story, found, settings, now, recomputed)


def breaches_of(
    source: TicketSource, ticket: str, actor: Actor | None = None, **where: str
) -> list[Breach]:
    """The breaches of a ticket, in order; `where`: only those of a metric."""
    found = source.query(TicketBreaches(ticket=ticket, where=where), actor=actor)
    return [Breach.filled(breach_values(row)) for row in found]


def at_risk(
    source: TicketSource,
    asked: Mapping[str, Any],
    *,
    now: int,
    breached: bool,
    recomputed: int | None,
    actor: Actor | None = None,
) -> AtRisk:
    """The clocks that are due next, or those that are breached and go on, each with its cause.
    `asked`: further parameters of the query `ClocksAtRisk`; `actor`: who asks."""
    page = source.query(ClocksAtRisk(breached=breached, now=now, **asked), actor=actor)
    clocks = [listed_clock_values(row) for row in page.rows]
    for clock in clocks if breached else ():
        found = breaches_of(source, clock["ticket"], actor, metric=clock["metric"])
        last = [each for each in found if each.instance == clock["instance"]][-1]
        clock["cause"] = {"by_holder": last.by_holder, "by_status": last.by_status}
    return AtRisk.filled(at=now, clocks=clocks, next=page.next, recomputed=recomputed)

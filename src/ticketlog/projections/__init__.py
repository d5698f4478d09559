"""The one list of views. A new view is a file here, a line in the list, and a test."""

from __future__ import annotations

from ticketlog.projections.engine.projection import Projection, Query
from ticketlog.projections.views import agents, inbox, persons, queue, search, tickets
from ticketlog.projections.views.gaming import gaming
from ticketlog.projections.views.reports import reports
from ticketlog.projections.views.sla import sla
from ticketlog.projections.views.utilisation import utilisation

PROJECTIONS: tuple[Projection, ...] = (
    tickets.VIEW,
    queue.VIEW,
    agents.VIEW,
    reports.VIEW,
    utilisation.VIEW,
    gaming.VIEW,
    inbox.VIEW,
    persons.VIEW,
    sla.VIEW,
    search.VIEW,
)
_BY_QUERY = {query: view for view in PROJECTIONS for query in view.queries}


def named(name: str) -> Projection:
    """The view of that name. Raises KeyError."""
    return {view.name: view for view in PROJECTIONS}[name]


def view_of(query: Query) -> Projection:
    """The view that a query function reads. Raises KeyError for a function that is none."""
    return _BY_QUERY[query]

"""The one list of views, and with them of all that can be asked. A new view is a file below, a line
in the list, and a test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ticketlog.projections.engine.projection import Projection
from ticketlog.projections.engine.query import Query
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
QUERIES: Mapping[str, type[Query[Any]]] = {
    query.NAME: query for view in PROJECTIONS for query in view.queries
}
"""Every query and report by its name."""
_BY_QUERY = {query: view for view in PROJECTIONS for query in view.queries}


def named(name: str) -> Projection:
    """The view of that name. Raises KeyError."""
    return {view.name: view for view in PROJECTIONS}[name]


def view_of(query: type[Query[Any]]) -> Projection:
    """The view that a query asks. Raises KeyError for one that no view of the list has."""
    return _BY_QUERY[query]

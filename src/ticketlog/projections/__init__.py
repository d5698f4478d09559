"""The one list of views, and with them of all that can be asked. A new view is a file below, a line
in the list, and a test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ticketlog.projections.engine.projection import Projection
from ticketlog.projections.engine.query import Query
from ticketlog.projections.views.agents import VIEW as AGENTS
from ticketlog.projections.views.changes import VIEW as CHANGES
from ticketlog.projections.views.gaming.gaming import VIEW as GAMING
from ticketlog.projections.views.hooks import VIEW as HOOKS
from ticketlog.projections.views.inbox import VIEW as INBOX
from ticketlog.projections.views.persons import VIEW as PERSONS
from ticketlog.projections.views.queue import VIEW as QUEUE
from ticketlog.projections.views.reports.reports import VIEW as REPORTS
from ticketlog.projections.views.scope import VIEW as SCOPE
from ticketlog.projections.views.search import VIEW as SEARCH
from ticketlog.projections.views.sla.sla import VIEW as SLA
from ticketlog.projections.views.tickets import VIEW as TICKETS
from ticketlog.projections.views.utilisation.utilisation import VIEW as UTILISATION

PROJECTIONS: tuple[Projection, ...] = (
    TICKETS,
    QUEUE,
    AGENTS,
    REPORTS,
    UTILISATION,
    GAMING,
    INBOX,
    PERSONS,
    SLA,
    CHANGES,
    HOOKS,
    SCOPE,
    SEARCH,
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

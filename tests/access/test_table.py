"""The declared table of access: nothing is without an entry."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module

from ticketlog import documents
from ticketlog.application import access_table
from ticketlog.application.reports import REPORTS
from ticketlog.documents.base import Document
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.projections import PROJECTIONS, QUERIES
from ticketlog.projections.views.scope import VIEW as SCOPE


def _documents() -> Iterator[type[Document]]:
    for module in pkgutil.iter_modules(documents.__path__):
        home = import_module(f"{documents.__name__}.{module.name}")
        for each in vars(home).values():
            if inspect.isclass(each) and issubclass(each, Document) and each is not Document:
                yield each


def test_every_query_and_every_report_has_an_entry() -> None:
    assert not QUERIES.keys() - REPORTS.keys() - access_table.QUERIES
    assert REPORTS.keys() == access_table.REPORTS


def test_every_field_of_every_document_has_a_class() -> None:
    table = access_table.FIELDS
    missing = {
        f"{model.__name__}.{name}"
        for model in _documents()
        if model.MADE_OF is None  # Settings, which end users don't read.
        for name in model.model_fields
        if name not in table and f"{model.__name__}.{name}" not in table
    }
    assert not missing


def test_every_table_of_every_view_says_whose_its_rows_are() -> None:
    """But the scopes themselves, which no query reads."""
    silent = {
        (view.name, rows.name) for view in PROJECTIONS for rows in view.tables if rows.whose is None
    }
    assert silent == {(SCOPE.name, "tickets"), (SCOPE.name, "copies")}
    assert not SCOPE.queries


def test_rows_that_name_a_ticket_belong_to_it() -> None:
    """By a column `ticket`, which every table has that is kept by ticket."""
    for view in PROJECTIONS:
        for rows in view.tables:
            whose = rows.whose
            if whose is not None and "ticket" in rows.columns:
                assert "ticket" in whose.tickets, (view.name, rows.name)


def test_public_events_are_events_of_tickets_with_these_fields() -> None:
    events = {event.NAME: event for event in AGGREGATES["ticket"].events}
    for name, fields in access_table.PUBLIC_EVENTS.items():
        assert fields <= set(events[name].model_fields), name

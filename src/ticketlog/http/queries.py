"""Queries and reports over HTTP: `GET /queries/NAME` and `GET /reports/NAME`, made from their
list."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ticketlog.application import reports
from ticketlog.application.as_of import Past
from ticketlog.desk import Desk
from ticketlog.documents.base import Document
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import Actor
from ticketlog.http.answers import Answer
from ticketlog.http.documented import read_operation
from ticketlog.http.moments import AfterPosition, AtMoment, OnBasis, awaited, read_past, wait_for
from ticketlog.http.parameters import Parameter, filled, parameters_of, read_parameters
from ticketlog.http.served import Served, actor_of
from ticketlog.projections import QUERIES, view_of
from ticketlog.projections.engine.query import Query

FIELDS = Parameter(
    "fields",
    {"type": "string"},
    False,
    "The only fields that rows (or the answer, where it has no rows) shall have, with commas.",
    str,
)
AFTER = Parameter("after", {"type": "string"}, False, "A position: as `wait_for`.", str)
_NOW = "now"
"""A field that many queries have: the instant that counts as now, which needn't be said."""
_FILTERS = ("as_of", "occurred_as_of", "basis", "fields")


def reading_parameters(basis: bool = False) -> list[Parameter]:
    """The parameters that reads of documents have in common."""
    moment = OnBasis if basis else AtMoment
    return [*parameters_of(moment), *parameters_of(AfterPosition), AFTER, FIELDS]


def query_parameters(query: type[Query[Any]], largest_page: int) -> dict[str, Parameter]:
    """The parameters of a query's route, by name."""
    own = parameters_of(query, hidden=tuple(query.SHELL.fixed), optional=(_NOW,))
    own = [_page(each, largest_page) if each.name == "limit" else each for each in own]
    common = reading_parameters(basis=view_of(query).promises)
    return {each.name: each for each in (*common, *own)}


def _page(limit: Parameter, largest: int) -> Parameter:
    """The parameter of a page's size, of which the server takes less than the desk."""

    def read(text: str) -> int:
        rows: int = limit.read(text)
        if rows > largest:
            raise ValueError(f"a page has {largest} rows at most; `after` gives the next one")
        return rows

    return limit._replace(schema={**limit.schema, "maximum": largest}, read=read)


def router(served: Served) -> APIRouter:
    """The routes of all queries and reports; a collection is the query of its name."""
    routes = APIRouter()
    for name, query in QUERIES.items():
        report = name in reports.REPORTS
        kind = "reports" if report else "queries"
        _add(served, routes, f"/{kind}/{name}", query, f"{kind}.{name}", kind)
    for aggregate in AGGREGATES.values():
        collection = f"{aggregate.kind}s"
        if collection in QUERIES:
            path, query = f"/{collection}", QUERIES[collection]
            _add(served, routes, path, query, f"{collection}.list", collection)
    return routes


def _add(
    served: Served, routes: APIRouter, path: str, query: type[Query[Any]], name: str, tag: str
) -> None:
    known = query_parameters(query, served.options.largest_page)
    report = query.NAME in reports.REPORTS
    routes.add_api_route(
        path,
        _endpoint(served, query, known, _report if report else _document),
        methods=["GET"],
        response_model=query.DOCUMENT,
        **read_operation(name, query.__doc__ or "", known.values(), tag=tag, statuses=(404,)),
    )


def _endpoint(
    served: Served,
    query: type[Query[Any]],
    known: Mapping[str, Parameter],
    made: Callable[[Desk | Past, type[Query[Any]], dict[str, Any], Actor, bool], Document | bytes],
) -> Callable[[Request], Awaitable[Response]]:
    pages = "after" in query.model_fields
    timed = _NOW in query.model_fields and query.model_fields[_NOW].is_required()

    async def ask(request: Request) -> Response:
        actor = await actor_of(request)
        given = read_parameters(request, known)
        await wait_for(served, awaited(given, pages=pages))
        moment = (given.get("as_of"), given.get("occurred_as_of"), given.get("basis", "was"))
        fields = given.get("fields")
        own = {name: value for name, value in given.items() if name not in _FILTERS}
        if timed:
            own.setdefault(_NOW, time.time_ns() // 1000)

        def answer() -> Answer:
            position = str(served.desk.cut())
            whole = fields is None and served.desk.viewer(actor).reads_every_field
            told = read_past(
                served.desk, moment, lambda source: made(source, query, own, actor, whole)
            )
            if not isinstance(told, bytes):
                told = seen(served, actor, told)
            return Answer(told, position, fields=fields, of_rows=True)

        return (await served.read(answer)).response(request)

    return ask


def seen(served: Served, actor: Actor, document: Document) -> Document:
    """The document without the fields that the actor doesn't read."""
    return served.desk.viewer(actor).document(document)


def _document(
    source: Desk | Past, query: type[Query[Any]], given: dict[str, Any], actor: Actor, whole: bool
) -> Document | bytes:
    """The answer's document; its JSON where that is quicker. `whole`: no field is left out."""
    asked = filled(query, {**given, **query.SHELL.fixed})
    answer = source.query(asked, actor=actor)
    body = asked.ready_json(answer) if whole else None
    return asked.document(answer) if body is None else body


def _report(
    source: Desk | Past, query: type[Query[Any]], given: dict[str, Any], actor: Actor, whole: bool
) -> Document:
    return reports.typed(source.report(query.NAME, actor=actor, **given))

"""Answers to queries: the one way to the views, for every caller and every moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from pydantic import ValidationError

from ticketlog.errors import Usage
from ticketlog.projections import view_of

if TYPE_CHECKING:
    from ticketlog.application.access import Access
    from ticketlog.domain.base import Actor
    from ticketlog.domain.settings.model import Settings
    from ticketlog.projections.engine.projection import Projection
    from ticketlog.projections.engine.query import Query, Reading

Answer = TypeVar("Answer")


class Answered(NamedTuple, Generic[Answer]):
    """An answer, with the ends of the log's partitions that it speaks of; none where it is of the
    past."""

    answer: Answer
    ends: tuple[int, ...] = ()


class QuerySource(Protocol):
    """The source of queries: the views as they are, or as of a moment, on a basis
    (`application/views.py`)."""

    def answer(
        self, query: Query[Answer], view: Projection, settings: Callable[[], Settings]
    ) -> Answered[Answer]: ...


def answer(
    query: Query[Answer],
    actor: Actor | None,
    source: QuerySource,
    settings: Callable[[], Settings],
    access: Access,
) -> Answered[Answer]:
    """The answer of a query. `actor`: who asks; None: who may read the desk's files, as the command
    line does. `source`: of which moment and on which basis. `settings`: those of that moment.
    `access`: decides who may ask.

    Raises Usage for what is no query of a view and for parameters that mean nothing, Forbidden
    where the actor may not ask, Unreachable, Damaged.
    """
    try:
        view = view_of(type(query))
    except KeyError:
        raise Usage(f"{query!r} is no query of a view") from None
    access.check_may_ask(actor, query)
    return source.answer(query, view, settings)


def asked(query: Query[Answer], at: Reading) -> Answer:
    """The answer to a query from the tables of its view. Raises Usage."""
    try:
        return query.ask(at)
    except ValueError as error:
        raise Usage(f"{query.NAME}: {error}") from error


def filled(query: type[Query[Answer]], given: dict[str, Any]) -> Query[Answer]:
    """The query of these parameters. Raises Usage for those that it hasn't, or that are wrong."""
    try:
        return query(**given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Usage(f"{query.NAME}: {where}: {first['msg']}") from error

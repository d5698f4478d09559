"""Answers to queries: the one way to the views, for every caller and every moment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from pydantic import ValidationError

from ticketlog.domain.base import Forbidden
from ticketlog.domain.ticket import KIND as TICKET
from ticketlog.errors import Usage
from ticketlog.projections import view_of
from ticketlog.projections.engine.scoping import Limits
from ticketlog.projections.views.shared.report import ReportQuery

if TYPE_CHECKING:
    from ticketlog.application.access import Access, Viewer
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
        self,
        query: Query[Answer],
        view: Projection,
        settings: Callable[[], Settings],
        *,
        limits: Limits | None = None,
    ) -> Answered[Answer]: ...
    def in_teams(
        self, tickets: Sequence[str], teams: frozenset[str], ends: Sequence[int] = ()
    ) -> list[str]: ...


def answer(
    query: Query[Answer],
    actor: Actor | None,
    source: QuerySource,
    settings: Callable[[], Settings],
    access: Access,
) -> Answered[Answer]:
    """The answer of a query. `actor`: who asks; None: who may read the desk's files, as the command
    line does. `source`: of which moment and on which basis. `settings`: those of that moment.
    `access`: decides who may ask, and what of it they are told; refusals, and reads of
    restricted tickets, are recorded before the answer goes out.

    Raises Usage for what is no query of a view and for parameters that mean nothing, Forbidden
    where the actor may not ask, Unreachable, Damaged.
    """
    try:
        view = view_of(type(query))
    except KeyError:
        raise Usage(f"{query!r} is no query of a view") from None
    if actor is None:
        return source.answer(query, view, settings)
    right = right_of(query)
    viewer = access.check(actor, right)
    try:
        viewer.check_conditions(_conditions(query))
    except Forbidden as error:
        access.refused(actor, right, error)
        raise
    limits = limits_of(viewer, right)
    found = source.answer(query, view, settings, limits=limits)
    restricted = access.settings().restricted_teams
    if restricted and not _are_beyond(restricted, limits):
        read = source.in_teams(_tickets_in(found.answer), restricted, found.ends)
        access.read(actor, right, [f"{TICKET}/{each}" for each in read])
    return found._replace(answer=viewer.answer(query, found.answer))


def _are_beyond(teams: frozenset[str], limits: Limits | None) -> bool:
    """Whether every ticket of these teams is beyond the limits, also of those who ask."""
    return limits is not None and limits.sight.closed >= teams and limits.sight.person is None


def right_of(query: Query[Any]) -> str:
    """The right that it takes to ask a query."""
    return f"{'report' if isinstance(query, ReportQuery) else 'query'}:{query.NAME}"


def limits_of(viewer: Viewer, right: str) -> Limits | None:
    """The limits of what a viewer reads by a right; None: there are none."""
    end_user, sight = viewer.end_user, viewer.sight(right)
    limits = Limits(sight, end_user=end_user)
    return limits if limits.hide else None


def _conditions(query: Query[Any]) -> Iterator[str]:
    """The names of what a query chooses and counts by."""
    for name in query.model_fields_set:
        value = getattr(query, name)
        if value not in (None, False, (), {}):
            yield name
            if name in ("by", "where"):
                yield from value


_TICKET_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{12}")
_PREFIX = f"{TICKET}/"
_LENGTHS = (12, 12 + len(_PREFIX))


def _tickets_in(answer: Any) -> list[str]:
    """The ids in an answer that may be tickets', each once."""
    found: dict[str, None] = {}
    left = [answer]
    while left:
        value = left.pop()
        if isinstance(value, str):
            if len(value) in _LENGTHS:
                id = value.removeprefix(_PREFIX)
                if _TICKET_ID.fullmatch(id):
                    found[id] = None
        elif isinstance(value, Mapping):
            left += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple):
            left += value
    return list(found)


def asked(query: Query[Answer], at: Reading) -> Answer:
    """The answer to a query from the tables of its view. Raises Usage."""
    try:
        return query.ask(at)
    except ValueError as error:
        raise Usage(f"{query.NAME}: {error}") from error
    except OverflowError as error:
        raise Usage(
            f"{query.NAME}: a number in it is larger than any that there is; `after` is the `next` "
            "of a page, as it came"
        ) from error


def filled(query: type[Query[Answer]], given: dict[str, Any]) -> Query[Answer]:
    """The query of these parameters. Raises Usage for those that it hasn't, or that are wrong."""
    try:
        return query(**given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Usage(f"{query.NAME}: {where}: {first['msg']}") from error

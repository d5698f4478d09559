"""The views of a desk: brought up before they are asked, made anew, compared with the log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Any
from weakref import WeakSet

from sqlalchemy import Connection, select

from ticketlog.application.logs import Logs
from ticketlog.application.queries import Answer, Answered, asked
from ticketlog.config import Config, views_file
from ticketlog.documents import desks, replays
from ticketlog.domain.settings.model import Settings
from ticketlog.errors import Conflict, TicketlogError, Usage
from ticketlog.log.commit import leaf
from ticketlog.projections import PROJECTIONS, named, view_of
from ticketlog.projections.engine import build_store, storage
from ticketlog.projections.engine.as_of import past
from ticketlog.projections.engine.basis import Basis
from ticketlog.projections.engine.comparison import Compared, Side, compare
from ticketlog.projections.engine.fill import ProgressCallback, ReplayProgress
from ticketlog.projections.engine.moment import Cut, Moment
from ticketlog.projections.engine.projection import Projection, Tables
from ticketlog.projections.engine.query import Query, Reading
from ticketlog.projections.engine.rebuild import rebuild
from ticketlog.projections.engine.runner import ViewRunner
from ticketlog.projections.engine.scope_store import (
    LentScope,
    ScopeBehind,
    lent,
    live_scope,
    scoped,
)
from ticketlog.projections.engine.scoping import Limits, named_tickets
from ticketlog.projections.engine.verify import VerifiedView, differences, verify
from ticketlog.projections.views import tickets
from ticketlog.projections.views.scope import VIEW as SCOPE
from ticketlog.support.tracing import span

_SCHEME = "sqlite:///"
_TRIES = 20
"""Times that scopes are brought up to a view that goes on meanwhile."""


class Views:
    """Thread-safe."""

    def __init__(
        self, logs: Logs, config: Config, on_progress: ProgressCallback | None = None
    ) -> None:
        """`on_progress`: how far it is where a question has to wait for what it is asked of."""
        self._logs = logs
        self._engine = storage.open_views(_url(config))
        self._on_progress = on_progress
        self._runner = ViewRunner(logs.tickets, self._engine, on_progress=on_progress)
        self._past: WeakSet[PastViews] = WeakSet()

    def close(self) -> None:
        for each in list(self._past):
            each.close()
        self._engine.dispose()

    def refresh(self, names: Collection[str] | None = None) -> None:
        """Returns once everything that the log holds now is in the views (or in those named)."""
        self._runner.catch_up(names)

    def follow(self, stop: threading.Event) -> None:
        """Keeps the views up until `stop` is set. Raises Unreachable, Damaged, NewerFormat; after
        that it may be called again, and sees a database file that has taken the place of one."""
        try:
            self._runner.run(stop)
        except TicketlogError:
            self._engine.dispose()
            raise

    @property
    def last_pass_at(self) -> float:
        """When all views had last applied what the log held, in seconds since 1970; 0: they
        haven't yet since they were opened."""
        return self._runner.last_pass_at

    def answer(
        self,
        query: Query[Answer],
        view: Projection,
        settings: Callable[[], Settings],
        moment: Moment | None = None,
        *,
        limits: Limits | None = None,
    ) -> Answered[Answer]:
        """The answer to a query on all records of the log now (`application.queries.answer`
        hands it on). `moment`: of a moment, by the same rows; for one `OF_ANY_MOMENT`. `limits`:
        of what is read; None: there are none.

        Raises Conflict where the scopes of tickets stay behind the view, whatever is done.
        """
        with span("view", view=view.name, query=query.NAME):
            return self._answered(query, view, settings, moment, limits)

    def _answered(
        self,
        query: Query[Answer],
        view: Projection,
        settings: Callable[[], Settings],
        moment: Moment | None,
        limits: Limits | None,
    ) -> Answered[Answer]:
        for _ in range(_TRIES if limits else 1):
            self.refresh((view.name,))
            if limits is not None and view.track != SCOPE.track:
                self.refresh((SCOPE.name,))
            with storage.reading(self._engine) as connection:
                build = build_store.live(connection, view)
                assert build is not None
                tables, places = build.tables, build_store.positions(connection, build)
                ends = tuple(at.next for at in places)
                if limits is not None:
                    tables = scoped(connection, view, tables, limits, ends)
                at = Reading(connection, tables, settings, moment, limits is not None)
                with suppress(ScopeBehind):
                    return Answered(asked(query, at), ends)
        raise Conflict(
            f"the view {SCOPE.name}, which says who may see a ticket, stays behind {view.name}: "
            "`ticketlog status` tells why; ask again"
        )

    def in_teams(
        self, tickets: Sequence[str], teams: frozenset[str], ends: Sequence[int] = ()
    ) -> list[str]:
        """The tickets among these (ids) that are in one of the teams now, in order. `ends`: how far
        the view had come that named them."""
        if not tickets:
            return []
        for _ in range(2):
            with suppress(ScopeBehind), storage.reading(self._engine) as connection:
                scope = live_scope(connection, ends)
                return named_tickets(connection, scope.tables, list(tickets), teams)
            self.refresh((SCOPE.name,))
        raise Conflict(f"the view {SCOPE.name} stays behind the others: ask again")

    def lend_scope(self, into: Connection, limits: Limits, known: LentScope | None) -> LentScope:
        """The scopes of now in another database, as far as the limits ask about them; those that
        were lent before, where nothing has changed since."""
        self.refresh((SCOPE.name,))
        with storage.reading(self._engine) as connection:
            scope = live_scope(connection, ())
            if known is not None and known.limits == limits and known.ends == scope.ends:
                return known
            return lent(connection, scope, into, limits)

    def peek(self, query: Query[Answer]) -> Answer | None:
        """The answer to a query of the desk's own on the records that its view has taken in by now;
        None where the view was never made. No actor asks it."""
        with storage.reading(self._engine) as connection:
            build = build_store.live(connection, view_of(type(query)))
            if build is None:
                return None
            return asked(query, Reading(connection, build.tables))

    def set_back_since(self, moment: Moment) -> bool:
        """Whether a ticket's clock was set back or a ticket was withdrawn after a cut: what live
        rows say of before isn't what was known then. In business time they say what happened."""
        if not isinstance(moment, Cut):
            return False
        corrected = tickets.CorrectedSince(ends=moment.ends)
        return self.answer(corrected, tickets.VIEW, Settings).answer

    def at(self, moment: Moment, basis: Basis | None = None) -> PastViews:
        made = PastViews(self, moment, basis)
        self._past.add(made)
        return made

    def past(
        self, view: Projection, moment: Moment, basis: Basis | None, stream: str | None
    ) -> AbstractContextManager[tuple[Connection, Tables]]:
        """A view's tables as of a moment, made from the log."""
        return past(self._logs.tickets, view, moment, basis, stream, self._on_progress)

    def rebuild(
        self,
        names: Collection[str] = (),
        on_progress: Callable[[ReplayProgress], None] | None = None,
    ) -> None:
        """Makes views anew from the log (all, or those named) and takes over; queries read the
        old ones meanwhile. Raises Usage for an unknown view, Poison, Conflict."""
        rebuild(self._logs.tickets, self._engine, _chosen(names), progress=on_progress)

    def verify(
        self,
        names: Collection[str] = (),
        on_progress: Callable[[ReplayProgress], None] | None = None,
    ) -> list[VerifiedView]:
        """Replays views (all, or those named) beside the live ones and compares every row.
        Raises Usage for a view that is unknown or was never built."""
        views = _chosen(names)
        return verify(self._logs.tickets, self._engine, views, progress=on_progress)

    def differences(self, name: str, first: Moment, second: Moment) -> list[Compared]:
        """The differences of a view at the second moment. Raises Usage for an unknown view."""
        return differences(self._logs.tickets, _named(name), first, second, self._on_progress)

    def status(self, ends: Sequence[int] | None = None) -> list[desks.View]:
        """The position of each view, in a log that reaches to `ends`, or as far as it can be
        read."""
        return [
            desks.View(
                view=each.view,
                version=each.version,
                build=each.build,
                positions=list(each.positions),
                behind=each.behind,
                parked=[
                    desks.ParkedAt(
                        stream=row.stream,
                        position=f"{row.partition}:{row.offset}",
                        error=row.error,
                    )
                    for row in each.parked
                ],
            )
            for each in self._runner.status(ends)
        ]

    def retry(self, name: str) -> desks.ViewRetried:
        """Tries the parked streams of a view again; those that still can't be taken come back.
        Raises Usage for an unknown view."""
        rows = self._runner.retry(_named(name).name)
        parked = [desks.Parked(stream=row.stream, error=row.error) for row in rows]
        return desks.ViewRetried(view=name, parked=parked)

    def problems(self) -> list[str]:
        """Views that stand behind a record which isn't there any more, or is another one now."""
        found = []
        with storage.reading(self._engine) as connection:
            for view in PROJECTIONS:
                build = build_store.live(connection, view)
                for partition, at in enumerate(
                    build_store.positions(connection, build) if build else ()
                ):
                    records = self._logs.tickets.records(partition, at.next - 1, 1)
                    if at.next and (not records or leaf(records[0].data) != at.leaf):
                        found.append(
                            f"view {view.name} was made from another record at "
                            f"{partition}:{at.next - 1} than the one that is there"
                        )
        return found


def _url(config: Config) -> str:
    """The views' URL with the file's whole path. Raises Usage."""
    return f"{_SCHEME}{views_file(config)}"


class PastViews:
    """Views as of a moment, for one thread. What the live rows can't answer is made from the log,
    once, and kept until this or the desk is closed."""

    def __init__(self, views: Views, moment: Moment, basis: Basis | None) -> None:
        self._views = views
        self._moment = moment
        self._basis = basis
        self._made: dict[str, tuple[Connection, Tables]] = {}
        self._lent: dict[Connection, LentScope] = {}
        self._open = ExitStack()

    def close(self) -> None:
        """Gives back what was made from the log."""
        self._made.clear()
        self._lent.clear()
        self._open.close()

    def answer(
        self,
        query: Query[Answer],
        view: Projection,
        settings: Callable[[], Settings],
        *,
        limits: Limits | None = None,
    ) -> Answered[Answer]:
        """The answer to a query at the moment (`application.queries.answer` hands it on). `limits`:
        of what is read, as it is now. Raises Usage on another basis for a view that isn't about
        promises."""
        if self._basis is not None and not view.promises:
            raise Usage(
                f"the view {view.name} tells what was done, not what became of promises: it has no "
                "other basis"
            )
        if self._basis is None and query.OF_ANY_MOMENT:
            found = self._views.answer(query, view, settings, self._moment, limits=limits)
            if not self._views.set_back_since(self._moment):
                return found
        ticket = getattr(query, "ticket", None) if self._basis is not None else None
        connection, tables = self.tables(view, ticket)
        if limits is not None:
            known = self._lent.get(connection)
            scope = self._lent[connection] = self._views.lend_scope(connection, limits, known)
            tables = scope.limit(view, tables)
        limited = limits is not None
        return Answered(asked(query, Reading(connection, tables, settings, limited=limited)))

    def in_teams(
        self, tickets: Sequence[str], teams: frozenset[str], ends: Sequence[int] = ()
    ) -> list[str]:
        """The tickets among these that are in one of the teams now."""
        self._views.refresh((SCOPE.name,))
        return self._views.in_teams(tickets, teams, ends)

    def tables(self, view: Projection, ticket: str | None = None) -> tuple[Connection, Tables]:
        """The view's tables as they were; at least the rows of a ticket, where it is named."""
        key = view.name if ticket is None or view.name in self._made else f"{view.name}/{ticket}"
        if key not in self._made:
            stream = None if key == view.name else f"ticket/{ticket}"
            made = self._views.past(view, self._moment, self._basis, stream)
            self._made[key] = self._open.enter_context(made)
        return self._made[key]

    def compared(self, name: str) -> list[Compared]:
        """The view's tables with their digests. Raises Usage for an unknown view."""
        view = _named(name)
        side = Side(*self.tables(view))
        return compare(view, side, side)

    def rows(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The rows of all tables of a view, ordered by key, each with its table's name."""
        view = _named(name)
        connection, tables = self.tables(view)
        for spec in view.tables:
            columns = [tables[spec.name].c[column] for column in spec.columns]
            query = select(*columns).order_by(*columns[: len(spec.key)])
            for row in connection.execute(query):
                yield spec.name, dict(zip(spec.columns, row, strict=True))

    def documents(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The same, each as documents have it."""
        specs = {spec.name: spec for spec in _named(name).tables}
        for table, row in self.rows(name):
            yield table, specs[table].document(row)


def verified_document(found: Sequence[VerifiedView]) -> replays.VerifiedViews:
    """The document of what `Views.verify` found."""
    return replays.VerifiedViews.filled(
        same=all(each.same for each in found),
        views=[
            {
                "view": each.view,
                "version": each.version,
                "ends": list(each.ends),
                "same": each.same,
                "damage": each.damage,
                "parked": [row.stream for row in each.parked],
                "tables": list(map(_compared_values, each.tables)),
            }
            for each in found
        ],
    )


def differences_document(view: str, found: Sequence[Compared]) -> replays.Differences:
    """The document of what `Views.differences` found."""
    return replays.Differences.filled(view=view, tables=list(map(_compared_values, found)))


def as_of_document(view: str, found: Sequence[Compared]) -> replays.AsOf:
    """The document of what `PastViews.compared` found."""
    tables = [{"table": one.table, "rows": one.rows, "sha256": one.digest} for one in found]
    return replays.AsOf.filled(view=view, tables=tables)


def _compared_values(one: Compared) -> dict[str, Any]:
    """A table's comparison as `ComparedTable` has it."""
    return {
        "table": one.table,
        "rows": one.rows,
        "sha256": one.digest,
        "expected_sha256": one.expected_digest,
        **{name: getattr(one, name) for name in ("missing", "extra", "changed")},
        "differing": [each._asdict() for each in one.differing],
    }


def _chosen(names: Collection[str]) -> tuple[Projection, ...]:
    return tuple(map(_named, names)) if names else PROJECTIONS


def _named(name: str) -> Projection:
    try:
        return named(name)
    except KeyError:
        known = ", ".join(view.name for view in PROJECTIONS)
        raise Usage(f"there is no view {name!r}; there are {known}") from None

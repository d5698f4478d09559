"""The seam between the views and a database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, FromClause, Table

from ticketlog.errors import TicketlogError
from ticketlog.projections.engine.projection import Row
from ticketlog.projections.engine.words import WordGroup


class FullText(Protocol):
    """An index of the words of a table of texts, with an integer `row`, `kind`, `body`, and the
    `words` and `parts` that `engine.words` makes of the body."""

    def create(self, connection: Connection, texts: Table) -> None:
        """Makes the index of all rows; from then on it follows the table by itself."""

    def drop(self, connection: Connection, texts: Table) -> None:
        """Takes it away, also where it was never made."""

    def check(self, connection: Connection, texts: Table) -> None:
        """Raises a database error where the index doesn't fit the rows."""

    def hits(self, texts: Table, groups: Sequence[WordGroup]) -> FromClause:
        """The rows that one of the groups fits, at least one: `row`, and `score`, of which the
        least is the best."""


class Dialect(Protocol):
    """A database's own ways. Its name is SQLAlchemy's."""

    name: str
    full_text: FullText

    def open(self, url: str) -> Engine:
        """The database at a URL. Its connections begin no transaction by themselves."""

    def scratch(self) -> Engine:
        """A database that lasts as long as its engine and has one connection, for one thread after
        the other; what doesn't fit in memory goes to a file that nobody else sees."""

    def begin(self, connection: Connection) -> None:
        """Begins a transaction that sees one state of the database."""

    def begin_writing(self, connection: Connection, goes_on: Callable[[], None]) -> None:
        """Begins a transaction that writes, once nobody else does; calls `goes_on` now and then
        while it waits, and what that raises ends the wait."""

    def failure(self, error: Exception, where: str) -> TicketlogError | None:
        """A database error as one of ticketlog's: Unreachable, Damaged; None for a fault of the
        code. `where`: what was to be used."""

    def insert(self, table: Table) -> Any:
        """An insert that can say what to do where the key is there already, by
        `on_conflict_do_update` and `on_conflict_do_nothing`."""

    def write(self, connection: Connection, sql: str, rows: Sequence[Row]) -> None:
        """Runs a statement of `row_changes.Statements` for each of many rows, as quickly as the
        driver can."""

"""SQLite: a file, or a scratch database, with FTS5's index of words."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import Connection, Engine, Float, FromClause, Table, create_engine, event, text
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from ticketlog.errors import Damaged, TicketlogError, Unreachable
from ticketlog.projections.engine.dialects.base import FullText
from ticketlog.projections.engine.projection import INT, Row
from ticketlog.projections.engine.words import KIND, SearchTerm, WordGroup, phrases, signs
from ticketlog.support.scratch_sqlite import scratch_database

_BUSY_SECONDS = 60
"""To wait for another writer: the indexes of a large view are made in one transaction."""
_LOOK_SECONDS = 0.5
"""Between looks whether to go on waiting."""


class Fts5:
    """FTS5's index over the columns `body` and `parts` of a view of the texts, kept up by
    triggers."""

    _CREATE = """
CREATE VIEW {indexed} (row, body, parts) AS SELECT {every} FROM {texts};
CREATE VIRTUAL TABLE {fts} USING fts5(
    body, parts, content = '{indexed}', content_rowid = 'row',
    tokenize = "unicode61 remove_diacritics 2 categories 'L* N* M* Co'"
);
INSERT INTO {fts} ({fts}, rank) VALUES ('secure-delete', 1);
INSERT INTO {fts} ({fts}, rank) VALUES ('rank', 'bm25(1.0, 0.5)');
INSERT INTO {fts} ({fts}) VALUES ('rebuild');
CREATE TRIGGER {texts}_in AFTER INSERT ON {texts} BEGIN
    INSERT INTO {fts} (rowid, body, parts) VALUES ({new});
END;
CREATE TRIGGER {texts}_out AFTER DELETE ON {texts} BEGIN
    INSERT INTO {fts} ({fts}, rowid, body, parts) VALUES ('delete', {old});
END;
CREATE TRIGGER {texts}_change AFTER UPDATE OF body, words, parts ON {texts} BEGIN
    INSERT INTO {fts} ({fts}, rowid, body, parts) VALUES ('delete', {old});
    INSERT INTO {fts} (rowid, body, parts) VALUES ({new});
END;
"""
    _INDEXED = (
        "{0}.row, coalesce({0}.words, {0}.body), "
        f"'{KIND}' || {{0}}.kind || coalesce(' ' || {{0}}.parts, '')"
    )

    def create(self, connection: Connection, texts: Table) -> None:
        names = {
            **self._names(texts),
            **{each: self._INDEXED.format(each) for each in ("old", "new")},
            "every": self._INDEXED.format(texts.name),
        }
        for statement in re.split(r";\n(?!    |END)", self._CREATE.format(**names).strip()):
            connection.exec_driver_sql(statement)

    def drop(self, connection: Connection, texts: Table) -> None:
        for kind, name in (("TABLE", "fts"), ("VIEW", "indexed")):
            connection.exec_driver_sql(f"DROP {kind} IF EXISTS {self._names(texts)[name]}")

    def check(self, connection: Connection, texts: Table) -> None:
        statement = "INSERT INTO {fts} ({fts}, rank) VALUES ('integrity-check', 1)"
        connection.exec_driver_sql(statement.format(**self._names(texts)))

    def hits(self, texts: Table, groups: Sequence[WordGroup]) -> FromClause:
        statement = "SELECT rowid AS row, rank AS score FROM {fts} WHERE {fts} MATCH :wanted"
        found = text(statement.format(**self._names(texts))).bindparams(wanted=expression(groups))
        return found.columns(row=INT, score=Float()).subquery("hits")

    def _names(self, texts: Table) -> dict[str, str]:
        name = texts.name
        return {"texts": name, "fts": f"{name}_words", "indexed": f"{name}_indexed"}


def expression(groups: Iterable[WordGroup]) -> str:
    """FTS5's expression for a query, over the columns `body` and `parts`; '' finds nothing."""
    return " OR ".join(
        f"(({' AND '.join(map(_expressed, wanted))})"
        + f" NOT ({' OR '.join(map(_expressed, unwanted))})" * bool(unwanted)
        + ")"
        for wanted, unwanted in groups
    )


def _expressed(term: SearchTerm) -> str:
    every = [f'"{sign}"' for sign in signs("".join(term.signs))]
    if term.text:
        every.append(f"({' OR '.join(_quoted(term))})")
    if term.field:
        every.append(f'parts : "{KIND}{term.field}"')
    return f"({' AND '.join(every)})"


def _quoted(term: SearchTerm) -> Iterator[str]:
    for phrase, prefix in phrases(term):
        plain = phrase.replace('"', " ").replace("\0", " ")
        yield f'"{plain}"{"*" * prefix}'


class Sqlite:
    """One file; who writes has it alone, who reads sees one state of it."""

    name = "sqlite"
    full_text: FullText = Fts5()

    def open(self, url: str) -> Engine:
        engine = create_engine(url, module=sqlite, connect_args={"check_same_thread": False})
        return _prepared(engine, "WAL")

    def scratch(self) -> Engine:
        engine = create_engine(
            "sqlite://",
            module=sqlite,
            creator=scratch_database,
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
        )
        return _prepared(engine, "OFF")

    def begin(self, connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    def begin_writing(self, connection: Connection, goes_on: Callable[[], None]) -> None:
        deadline = time.monotonic() + _BUSY_SECONDS
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {_LOOK_SECONDS * 1000:.0f}")
        try:
            while not _has_turn(connection, last=time.monotonic() > deadline):
                goes_on()
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")

    def failure(self, error: Exception, where: str) -> TicketlogError | None:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(error, OperationalError | sqlite.OperationalError):
            return Unreachable(f"the views in {where} can't be used: {cause}")
        if type(error) in (DatabaseError, sqlite.DatabaseError):
            return Damaged(
                f"the views in {where} are damaged ({cause}): delete that file, then "
                "`ticketlog replay rebuild` makes them anew from the log"
            )
        return None

    def insert(self, table: Table) -> Any:
        return insert(table)

    def write(self, connection: Connection, sql: str, rows: Sequence[Row]) -> None:
        connection.exec_driver_sql(sql, list(rows))


def _prepared(engine: Engine, journal: str) -> Engine:
    _adapt()

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout = {_BUSY_SECONDS * 1000}",
            f"journal_mode = {journal}",
            "synchronous = NORMAL",  # views come back by replay
            "cache_size = -65536",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    return engine


def _has_turn(connection: Connection, last: bool) -> bool:
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        if last or getattr(error.orig, "sqlite_errorcode", None) != sqlite.SQLITE_BUSY:
            raise
        return False
    return True


def _adapt() -> None:
    """Names these types' adapters: to find that there is none costs the driver 0.8 microseconds
    a value, more than to write it."""
    sqlite.register_adapter(type(None), lambda value: value)
    sqlite.register_adapter(bool, int)
    sqlite.register_adapter(bytes, bytes)

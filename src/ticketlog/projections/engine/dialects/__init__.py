"""Dialects: the ways of a database that can hold the views, one object a database.

Everything else in `projections` speaks SQLAlchemy Core. A further database is a file here with a
`Dialect`, its line in `DIALECTS`, and the scheme of its URL.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from ticketlog.projections.engine.dialects.base import Dialect
from ticketlog.projections.engine.dialects.sqlite import Sqlite

__all__ = ["DIALECTS", "EMBEDDED", "Dialect", "dialect_of", "named"]

EMBEDDED = Sqlite()
"""The database that needs no server; also of scratch databases, whatever holds the views."""
DIALECTS: tuple[Dialect, ...] = (EMBEDDED,)


def named(name: str) -> Dialect:
    """The dialect by SQLAlchemy's name of it. Raises KeyError."""
    return next(each for each in DIALECTS if each.name == name)


def dialect_of(bind: Engine | Connection) -> Dialect:
    """The dialect of an open database."""
    return named(bind.dialect.name)

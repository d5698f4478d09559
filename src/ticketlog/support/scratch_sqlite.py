"""Scratch databases: SQLite in a temporary file without a name."""

from __future__ import annotations

import os
from tempfile import mkstemp

import pysqlite3.dbapi2 as sqlite


def scratch_database() -> sqlite.Connection:
    """A database of this process alone. Pages beyond its cache lie on disk; it is gone with the
    connection.

    SQLite's own way, a database called '', keeps everything in memory in the builds that we use
    (TEMP_STORE=3). Without a journal: with one, SQLite refuses to write where it sees no name.
    """
    number, path = mkstemp(prefix="ticketlog-", suffix=".db")
    os.close(number)
    try:
        connection = sqlite.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("SELECT * FROM sqlite_master")
    finally:
        os.unlink(path)
    return connection

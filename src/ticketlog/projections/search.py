"""Full text over subjects, descriptions and comments; what was redacted is not found."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, text

from ticketlog.domain.base import Recorded
from ticketlog.domain.ticket.conversation import CommentEvent, Described, Redacted
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.state import Ticket
from ticketlog.projections.base import BOOL, INT, TEXT, Fold, Projection, Row, Rows, Tables

NAME = "search"
VERSION = 1

TABLES = (
    Rows(
        "texts",
        key={"ticket": TEXT, "version": INT, "kind": TEXT},
        values={"public": BOOL, "author_kind": TEXT, "at": INT, "body": TEXT},
        numbered=True,
    ),
)
"""A subject's `version` is -1: a ticket has one. Others have that of their event."""


class _Fold(Fold):
    __slots__ = ("texts",)

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.texts: dict[str, Row] = {}
        """Id of the event -> the row of its text."""

    def step(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        event = recorded.event
        if isinstance(event, CommentEvent):
            public = event.direction != "internal"
            self._add(recorded, "comment", public, event.author_kind, after.clock, event.body)
        elif isinstance(event, TicketCreated | Described) and event.description is not None:
            public, kind = event.description_public, event.author_kind
            self._add(recorded, "description", public, kind, after.clock, event.description)
        elif isinstance(event, Redacted):
            self.hide(event.target)

    def hide(self, text: str) -> None:
        self.texts.pop(text, None)

    def _add(
        self, recorded: Recorded, kind: str, public: bool, author_kind: str, at: int, body: str
    ) -> None:
        version = recorded.originator_version
        self.texts[recorded.id] = (self.id, version, kind, public, author_kind, at, body)

    def rows(self, state: Ticket) -> tuple[list[Row], ...]:
        if not state.subject:
            return (list(self.texts.values()),)
        subject = (self.id, -1, "subject", True, None, state.created_at, state.subject)
        return ([subject, *self.texts.values()],)


_FINISH = """
CREATE VIRTUAL TABLE {fts} USING fts5(
    body, content = '{texts}', content_rowid = 'row', tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO {fts} ({fts}, rank) VALUES ('secure-delete', 1);
INSERT INTO {fts} ({fts}) VALUES ('rebuild');
CREATE TRIGGER {texts}_in AFTER INSERT ON {texts} BEGIN
    INSERT INTO {fts} (rowid, body) VALUES (new.row, new.body);
END;
CREATE TRIGGER {texts}_out AFTER DELETE ON {texts} BEGIN
    INSERT INTO {fts} ({fts}, rowid, body) VALUES ('delete', old.row, old.body);
END;
CREATE TRIGGER {texts}_change AFTER UPDATE OF body ON {texts} BEGIN
    INSERT INTO {fts} ({fts}, rowid, body) VALUES ('delete', old.row, old.body);
    INSERT INTO {fts} (rowid, body) VALUES (new.row, new.body);
END;
"""


def _names(tables: Tables) -> dict[str, str]:
    texts = tables["texts"].name
    return {"texts": texts, "fts": f"{texts}_words"}


def _finish(connection: Connection, tables: Tables) -> None:
    """The index of words, made in one go, and kept up by triggers from then on."""
    for statement in re.split(r";\n(?!    |END)", _FINISH.format(**_names(tables)).strip()):
        connection.exec_driver_sql(statement)


def _discard(connection: Connection, tables: Tables) -> None:
    connection.exec_driver_sql("DROP TABLE IF EXISTS {fts}".format(**_names(tables)))


def _check(connection: Connection, tables: Tables) -> None:
    statement = "INSERT INTO {fts} ({fts}, rank) VALUES ('integrity-check', 1)"
    connection.exec_driver_sql(statement.format(**_names(tables)))


def search(
    connection: Connection,
    tables: Tables,
    *,
    words: str,
    public_only: bool = False,
    ticket: str | None = None,
    skip: int = 0,
    limit: int = 20,
) -> list[dict[str, Any]]:
    """The texts that hold all the words, the best match first.

    "two words" in quotes stand side by side; wor* stands for all words that begin so.
    `public_only`: nothing internal, for readers who aren't agents. In the snippet the words found
    stand in [brackets].
    """
    wanted = _expression(words)
    if not wanted:
        return []
    query = (
        "SELECT t.ticket, t.version, t.kind, t.public, t.author_kind, t.at, "
        "snippet({fts}, 0, '[', ']', '…', 16) AS snippet "
        "FROM {fts} JOIN {texts} t ON t.row = {fts}.rowid WHERE {fts} MATCH :wanted"
        + " AND t.public" * public_only
        + " AND t.ticket = :ticket" * (ticket is not None)
        + " ORDER BY {fts}.rank, t.at DESC, t.ticket, t.version LIMIT :limit OFFSET :skip"
    )
    values = {"wanted": wanted, "ticket": ticket, "limit": limit, "skip": skip}
    found = connection.execute(text(query.format(**_names(tables))), values).mappings()
    return [{**row, "public": bool(row["public"])} for row in found]


def _expression(words: str) -> str:
    """FTS5's expression for what a person typed, whatever they typed."""
    terms = re.findall(r'"([^"]*)"|([^\s"]+)', words)
    return " ".join(
        f'"{phrase}"' if phrase else f'"{word.rstrip("*")}"' + "*" * word.endswith("*")
        for phrase, word in terms
        if re.search(r"\w", phrase or word)
    )


VIEW = Projection(
    NAME,
    VERSION,
    TABLES,
    {"ticket": _Fold},
    (search,),
    apart=True,
    finish=_finish,
    discard=_discard,
    check=_check,
)

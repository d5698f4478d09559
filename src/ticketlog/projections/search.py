"""Full text over subjects, descriptions and comments; what was redacted is not found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from ticketlog.domain.base import Recorded
from ticketlog.domain.ticket.conversation import CommentEvent, Described, Redacted
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.state import Ticket
from ticketlog.projections import words as folding
from ticketlog.projections.base import BOOL, INT, TEXT, Fold, Projection, Row, Rows, Tables

NAME = "search"
VERSION = 2

TABLES = (
    Rows(
        "texts",
        key={"ticket": TEXT, "version": INT, "kind": TEXT},
        values={
            "public": BOOL,
            "author_kind": TEXT,
            "at": INT,
            "body": TEXT,
            "words": TEXT,
            "parts": TEXT,
        },
        numbered=True,
    ),
)
"""The `version` of a subject and of numbers is -1: a ticket has one row of them. Others have that
of their event. `words`: what is indexed where that isn't the body as it stands; `parts`: what else
the text is found by."""


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
        about = (self.id, recorded.originator_version, kind, public, author_kind, at)
        self.texts[recorded.id] = _row(about, body)

    def rows(self, state: Ticket) -> tuple[list[Row], ...]:
        found = list(self.texts.values())
        for kind, body in (("number", " ".join(state.external)), ("subject", state.subject)):
            if body:
                found.insert(0, _row((self.id, -1, kind, True, None, state.created_at), body))
        return (found,)


def _row(about: Row, body: str) -> Row:
    return (*about, body, folding.words(body), folding.parts(body))


_FINISH = """
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
    "{0}.row, coalesce({0}.words, {0}.body), '{1}' || {0}.kind || coalesce(' ' || {0}.parts, '')"
)


def _names(tables: Tables) -> dict[str, str]:
    texts = tables["texts"].name
    return {
        "texts": texts,
        "fts": f"{texts}_words",
        "indexed": f"{texts}_indexed",
        **{each: _INDEXED.format(each, folding.KIND) for each in ("old", "new")},
        "every": _INDEXED.format(texts, folding.KIND),
    }


def _finish(connection: Connection, tables: Tables) -> None:
    """The index of words, made in one go, and kept up by triggers from then on."""
    for statement in re.split(r";\n(?!    |END)", _FINISH.format(**_names(tables)).strip()):
        connection.exec_driver_sql(statement)


def _discard(connection: Connection, tables: Tables) -> None:
    for kind, name in (("TABLE", "fts"), ("VIEW", "indexed")):
        connection.exec_driver_sql(f"DROP {kind} IF EXISTS {_names(tables)[name]}")


def _check(connection: Connection, tables: Tables) -> None:
    statement = "INSERT INTO {fts} ({fts}, rank) VALUES ('integrity-check', 1)"
    connection.exec_driver_sql(statement.format(**_names(tables)))


_ID = re.compile("(?=.*[0-9]|.{6})[0-9A-HJKMNP-TV-Z]{4,12}")
"""What may be a ticket's id or its beginning. Four letters are rather a word."""


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
    """The texts that hold all the words, the best match first; before them the subject of a ticket
    whose id begins so.

    "two words" in quotes stand side by side; wor* stands for all words that begin so; -word and
    NOT word may not occur; OR stands between alternatives; subject:word (description, comment,
    number) is looked for there. `public_only`: nothing internal, for readers who aren't agents. In
    the snippet the words found stand in [brackets].
    """
    groups = folding.asked(words)
    wanted = folding.expression(groups)
    if not wanted:
        return []
    id = words.strip().upper()
    named = _ID.fullmatch(id) is not None
    where = " AND t.public" * public_only + " AND t.ticket = :ticket" * (ticket is not None)
    query = _BY_WORDS.format(where=where, **_names(tables))
    if named:
        query = f"{_BY_ID} UNION ALL {_BY_WORDS} AND NOT ({_NAMED})".format(
            where=where, **_names(tables)
        )
    query += " ORDER BY place, score, at DESC, ticket, version, kind LIMIT :limit OFFSET :skip"
    values = {"wanted": wanted, "ticket": ticket, "limit": limit, "skip": skip}
    values |= {"low": id, "high": id + "\uffff"} if named else {}
    found = connection.execute(text(query), values).mappings()
    return [_shown(row, groups) for row in found]


_COLUMNS = "t.ticket, t.version, t.kind, t.public, t.author_kind, t.at, t.body"
_NAMED = "t.ticket BETWEEN :low AND :high AND t.kind = 'subject'"
_BY_ID = f"SELECT 0 AS place, 0.0 AS score, {_COLUMNS} FROM {{texts}} t WHERE {_NAMED}{{where}}"
_BY_WORDS = (
    f"SELECT 1 AS place, {{fts}}.rank AS score, {_COLUMNS} "
    "FROM {fts} JOIN {texts} t ON t.row = {fts}.rowid WHERE {fts} MATCH :wanted{where}"
)


def _shown(row: RowMapping, groups: Sequence[folding.Group]) -> dict[str, Any]:
    shown = {name: value for name, value in row.items() if name not in ("place", "score", "body")}
    return shown | {
        "public": bool(row["public"]),
        "snippet": folding.snippet(row["body"], groups),
    }


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

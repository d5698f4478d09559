"""Full text over subjects, descriptions and comments; what was redacted is not found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    RowMapping,
    Select,
    Table,
    literal,
    not_,
    select,
    union_all,
)

from ticketlog.domain.base import Recorded
from ticketlog.domain.ticket.conversation import CommentEvent, Described, Redacted
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.state import Ticket
from ticketlog.projections.engine import words as folding
from ticketlog.projections.engine.dialects import dialect_of
from ticketlog.projections.engine.projection import (
    BOOL,
    INT,
    TEXT,
    Fold,
    Projection,
    Row,
    Rows,
    Tables,
)

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


def _finish(connection: Connection, tables: Tables) -> None:
    dialect_of(connection).full_text.create(connection, tables["texts"])


def _discard(connection: Connection, tables: Tables) -> None:
    dialect_of(connection).full_text.drop(connection, tables["texts"])


def _check(connection: Connection, tables: Tables) -> None:
    dialect_of(connection).full_text.check(connection, tables["texts"])


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
    if not groups:
        return []
    texts = tables["texts"]
    hits = dialect_of(connection).full_text.hits(texts, groups)
    where: list[ColumnElement[bool]] = [texts.c.public] * public_only
    where += [texts.c.ticket == ticket] * (ticket is not None)
    by_words = (
        select(literal(1).label("place"), hits.c.score, *_shown_of(texts))
        .join_from(hits, texts, texts.c.row == hits.c.row)
        .where(*where)
    )
    id = words.strip().upper()
    query: Select[Any] | CompoundSelect[Any] = by_words
    if _ID.fullmatch(id):
        named = texts.c.ticket.between(id, id + "\uffff") & (texts.c.kind == "subject")
        by_id = select(literal(0).label("place"), literal(0.0).label("score"), *_shown_of(texts))
        query = union_all(by_id.where(named, *where), by_words.where(not_(named)))
    found = query.selected_columns
    order = (found.place, found.score, found.at.desc(), found.ticket, found.version, found.kind)
    rows = connection.execute(query.order_by(*order).limit(limit).offset(skip)).mappings()
    return [_shown(row, groups) for row in rows]


def _shown_of(texts: Table) -> list[ColumnElement[Any]]:
    at = texts.c
    return [at.ticket, at.version, at.kind, at.public, at.author_kind, at.at, at.body]


def _shown(row: RowMapping, groups: Sequence[folding.WordGroup]) -> dict[str, Any]:
    shown = {name: value for name, value in row.items() if name not in ("place", "score", "body")}
    return shown | {
        "snippet": folding.snippet(row["body"], groups),
    }


VIEW = Projection(
    NAME,
    VERSION,
    TABLES,
    {"ticket": _Fold},
    (search,),
    track=NAME,
    finish=_finish,
    discard=_discard,
    check=_check,
)

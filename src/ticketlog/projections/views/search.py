"""Full text over subjects, descriptions and comments; what was redacted is not found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import Field
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

from ticketlog.documents.ticket_rows import Found
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
    Whose,
)
from ticketlog.projections.engine.query import Limit, Query, Reading, ShellSpec

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
        whose=Whose(("ticket",), public="public"),
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


class Search(Query[list[dict[str, Any]]]):
    """The texts that hold all the words, the best match first; before them the subject of a ticket
    whose id begins so.

    "two words" in quotes stand side by side; wor* stands for all words that begin so; -word and
    NOT word may not occur; OR stands between alternatives; subject:word (description, comment,
    number) is looked for there. In the snippet the words found stand in [brackets].
    """

    NAME = "search"
    DOCUMENT = Found
    SHELL = ShellSpec(
        help="""Find words in subjects, descriptions, comments and numbers, the best match first.

        All words must occur in one text; "two words" in quotes stand side by side; wor* is any that
        begin so; NOT word doesn't occur; OR stands between alternatives; subject:word (or
        description, comment, number) is looked for there. Case, accents and width don't matter; of
        scripts without spaces between words, such as Chinese, any part is found. A number is found
        by its parts (INC0012345 by 12345), a ticket by the beginning of its id.
        """,
        examples=(
            "ticketlog search vpn drops",
            "ticketlog search '\"blue screen\"' 'print*' --public --json",
            "ticketlog search 'subject:vpn OR subject:wlan NOT solved'",
            "ticketlog search INC0012345",
        ),
        positional=("words",),
        joined=("words",),
        options={"public_only": "public"},
        columns=("ticket", "kind", "at", "author_kind", "public", "snippet"),
    )

    words: str = Field(description="What is looked for.")
    public_only: bool = Field(False, description="Nothing internal.")
    ticket: str | None = Field(None, description="Only in this ticket.")
    skip: int = Field(0, ge=0, description="Leave out the first ones.")
    limit: Limit = 50

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        groups = folding.asked(self.words)
        if not groups:
            return []
        texts = at.tables["texts"]
        hits = dialect_of(at.connection).full_text.hits(texts, groups)
        where: list[ColumnElement[bool]] = [texts.c.public] * self.public_only
        where += [texts.c.ticket == self.ticket] * (self.ticket is not None)
        by_words = (
            select(literal(1).label("place"), hits.c.score, *_shown_of(texts))
            .join_from(hits, texts, texts.c.row == hits.c.row)
            .where(*where)
        )
        id = self.words.strip().upper()
        query: Select[Any] | CompoundSelect[Any] = by_words
        if _ID.fullmatch(id):
            named = texts.c.ticket.between(id, id + "\uffff") & (texts.c.kind == "subject")
            first = (literal(0).label("place"), literal(0.0).label("score"))
            by_id = select(*first, *_shown_of(texts)).where(named, *where)
            query = union_all(by_id, by_words.where(not_(named)))
        found = query.selected_columns
        # How well a text matches depends on all texts: of a limited asker the newest come first.
        score = [] if at.limited else [found.score]
        order = (found.place, *score, found.at.desc(), found.ticket, found.version, found.kind)
        query = query.order_by(*order).limit(self.limit).offset(self.skip)
        return [_shown(row, groups) for row in at.connection.execute(query).mappings()]


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
    (Search,),
    track=NAME,
    finish=_finish,
    discard=_discard,
    check=_check,
)

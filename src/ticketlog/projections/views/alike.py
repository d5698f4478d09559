"""Tickets that are alike: those that a new one may repeat, and many at once that have one cause.

Two texts are compared by their words: the title's count twice, the body's once, each by how rare
it is (TF-IDF), and the angle between the two (cosine) is the similarity. How rare a word is follows
from the newest tickets that the asker sees, never from hidden ones: neither what is told nor its
order depends on a ticket that the asker doesn't see.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import log, sqrt
from typing import Any, NamedTuple, TypeAlias
from unicodedata import combining, normalize

from pydantic import Field
from sqlalchemy import Connection, Select, select
from sqlalchemy import Row as SqlRow

from ticketlog.documents import alike as documents
from ticketlog.domain.base import Instant, Recorded
from ticketlog.domain.parties.person import Person
from ticketlog.domain.ticket.conversation import Described, Redacted
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
from ticketlog.projections.engine.query import Query, Reading, ShellSpec
from ticketlog.projections.engine.words import SearchTerm, WordGroup
from ticketlog.projections.views.persons import MERGES, merges, same

NAME = "alike"
VERSION = 1

_OPEN = frozenset({"new", "open", "pending", "on-hold"})
_ENDED = frozenset({"solved", "closed"})
_FAR = 2**62
"""The end of a ticket that is open."""

_FACTS = ("subject", "status", "status_category", "requester", "organisation", "team")

TABLES = (
    Rows(
        "tickets",
        key={"ticket": TEXT},
        values={**dict.fromkeys(_FACTS, TEXT), "created_at": INT, "ends": INT},
        indexes=(
            ("ends", "created_at", "ticket"),
            ("requester", "ends"),
            ("organisation", "ends"),
            ("created_at",),
        ),
        whose=Whose(("ticket",), team="team"),
    ),
    Rows(
        "texts",
        key={"ticket": TEXT, "kind": TEXT},
        values={
            "public": BOOL,
            **dict.fromkeys(("team", "title", "body", "words", "parts"), TEXT),
        },
        numbered=True,
        whose=Whose(("ticket",), public="public", team="team"),
    ),
    MERGES,
)
"""`ends`: when it was solved or closed. `title`, `body`: folded words, the body's with the title's
before them; of kind internal with those of a description that end users don't read. `words` and
`parts` are empty: the index of words takes the body as it stands."""

_CHARACTERS = 2_000
"""Of a description that count: behind them stand logs and signatures."""
_WORDS = 80
"""Words of a body that count."""
_WORD = re.compile(r"[^\W_]+")


def tokens(text: str) -> list[str]:
    """The words of a text, without case and accents; of scripts without spaces, pairs of
    characters."""
    folded = folding.words(text) or text
    if not folded.isascii():
        folded = "".join(each for each in normalize("NFKD", folded) if not combining(each))
    return [each for each in _WORD.findall(folded.casefold()) if len(each) > 1]


class _Fold(Fold):
    __slots__ = ("descriptions", "subject", "title")

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.descriptions: dict[str, tuple[bool, list[str]]] = {}
        """Id of the event -> whether end users read it, and its words."""
        self.subject = ""
        self.title: list[str] = []

    def step(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        event = recorded.event
        if isinstance(event, TicketCreated | Described) and event.description is not None:
            found = tokens(event.description[:_CHARACTERS])[:_WORDS]
            self.descriptions[recorded.id] = event.description_public, found
        elif isinstance(event, Redacted):
            self.hide(event.target)

    def hide(self, text: str) -> None:
        self.descriptions.pop(text, None)

    def rows(self, state: Ticket) -> tuple[list[Row], ...]:
        category = str(state.status_category)
        left_out = state.spam or state.is_duplicate or state.cancelled or not state.status
        if left_out or category not in _OPEN | _ENDED:
            return [], [], []
        if self.subject != state.subject:
            self.subject, self.title = state.subject, tokens(state.subject)
        ends = _FAR if category in _OPEN else state.solved_at or state.closed_at or state.clock
        facts = (
            *(self.id, state.subject, state.status, category, state.requester),
            *(state.organisation, state.team, state.created_at, ends),
        )
        return [facts], list(self._texts(state.team)), []

    def _texts(self, team: str | None) -> Iterator[Row]:
        title = " ".join(self.title)
        public = [*self.title]
        for is_public, found in self.descriptions.values():
            public += found if is_public else []
        yield (self.id, "public", True, team, title, " ".join(public), None, None)
        hidden = [
            each for shown, found in self.descriptions.values() if not shown for each in found
        ]
        if hidden:
            body = " ".join((*public, *hidden))
            yield (self.id, "internal", False, team, title, body, None, None)


class _PersonFold(Fold):
    __slots__ = ()

    def rows(self, state: Person) -> tuple[list[Row], ...]:
        return [], [], merges(state)


Weights: TypeAlias = Mapping[str, float]
"""Word -> how often it occurs in a text, the title's twice."""


class _Words(NamedTuple):
    """The words of a text. `length`: that of the vector whose words are all as frequent as can be:
    none is shorter."""

    weights: Weights
    length: float


def _words(title: Iterable[str], body: Iterable[str]) -> _Words:
    """`body`: with the title's words, as rows have it."""
    found = Counter(body)
    found.update(title)
    return _Words(found, sqrt(sum(n * n for n in found.values())))


@lru_cache(maxsize=2_048)
def _words_of(title: str, body: str) -> _Words:
    """The words of a row: who types asks about the same rows with each letter."""
    return _words(title.split(), body.split())


class _Candidate(NamedTuple):
    row: SqlRow[Any]
    words: _Words


class _Rarity(dict[str, float]):
    """The inverse document frequency of each word in some texts (smoothed: 1 at least)."""

    def __init__(self, texts: Iterable[_Words]) -> None:
        self.texts = 0
        self.holding: Counter[str] = Counter()
        for each in texts:
            self.texts += 1
            self.holding.update(each.weights.keys())

    def __missing__(self, word: str) -> float:
        rare = self[word] = log((1 + self.texts) / (1 + self.holding[word])) + 1
        return rare

    def length(self, weights: Weights) -> float:
        """The length of a text's vector."""
        return sqrt(sum((n * self[word]) ** 2 for word, n in weights.items()))


class _Comparison:
    """One text, compared with any further one by the cosine of the two vectors."""

    def __init__(self, weights: Weights, rarity: _Rarity) -> None:
        self._rarity = rarity
        self._products = {word: n * rarity[word] ** 2 for word, n in weights.items()}
        self._length = rarity.length(weights)

    def percent(self, other: _Words, least: int) -> int:
        """The similarity to a text; 0 where it is below `least`."""
        weights = other.weights
        dot = 0.0
        for word, product in self._products.items():
            if word in weights:
                dot += product * weights[word]
        if 100 * dot < (least - 1) * self._length * other.length:
            return 0
        found = round(100 * dot / (self._length * self._rarity.length(weights)))
        return found if found >= least else 0


_SAMPLE = 500
"""The newest tickets, from which it follows how rare a word is, and which are all compared."""
_OF_PERSON = 100
_OF_ORGANISATION = 200
"""Their newest tickets that are compared, beside the sample."""
_BY_WORDS = 200
"""Tickets that are compared since they hold a rare word."""
_RARE_SHARE = 50
"""A word is rare that no more than one in so many of the sample holds."""
_RARE_WORDS = 6
_DAY = 86_400_000_000


class Alike(Query[list[dict[str, Any]]]):
    """Tickets that a new one may repeat, open or lately solved: those of the same person first,
    then those of their organisation, then the rest of the desk, each the most similar first.

    For while a subject is typed, also with its last word unfinished, and of a ticket that is
    there. Duplicates, spam and cancelled tickets aren't among them.
    """

    NAME = "alike"
    DOCUMENT = documents.AlikeTickets
    SHELL = ShellSpec(
        examples=(
            'ticketlog ticket alike --subject "VPN drops every hour" --requester 7QK2M9ABCD4F',
            "ticketlog ticket alike --ticket 4F7K2M9QABCD --json",
        ),
        columns=("ticket", "similarity_percent", "asked_by", "status", "created_at", "subject"),
    )

    subject: str = Field("", max_length=1_000, description="The title as far as it is written.")
    body: str = Field("", max_length=20_000, description="The description as far as it is.")
    ticket: str | None = Field(None, description="Instead: of this ticket, which isn't among them.")
    requester: str | None = Field(None, description="The person who asks.")
    organisation: str | None = Field(
        None, description="Their organisation; without: that of their newest ticket."
    )
    days: int = Field(14, ge=0, le=3_650, description="Days for which solved tickets count.")
    least: int = Field(30, ge=1, le=100, description="Percent that they are similar at least.")
    now: Instant = Field(description="The instant that counts as now.")
    limit: int = Field(5, ge=1, le=100, description="Rows at most.")

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        asked = self._asked(at)
        if asked is None or not asked.weights:
            return []
        since = self.now - self.days * _DAY
        persons = same(at.connection, at.tables, asked.requester) if asked.requester else []
        own = _of(at, since, _OF_PERSON, "requester", persons)
        organisation = asked.organisation or next(
            (each.row.organisation for each in own.values() if each.row.organisation), None
        )
        organisations = [organisation] if organisation else []
        organisations_own = _of(at, since, _OF_ORGANISATION, "organisation", organisations)
        sample = _found(at, _alive(at, since), _SAMPLE)
        rarity = _Rarity(each.words for each in sample.values())
        weights = _finished(asked, rarity)
        candidates = {**sample, **organisations_own, **own}
        if len(sample) == _SAMPLE and (rare := _rare(weights, rarity)):
            candidates |= _by_words(at, since, rare)
        candidates.pop(self.ticket or "", None)
        comparison = _Comparison(weights, rarity)
        found = []
        for row, words in candidates.values():
            if similarity := comparison.percent(words, self.least):
                asked_by = _asked_by(row, persons, organisation)
                found.append(_shown(row, similarity, asked_by))
        places = documents.ASKED_BY
        found.sort(
            key=lambda each: (
                *(places.index(each["asked_by"]), -each["similarity_percent"]),
                *(-each["created_at"], each["ticket"]),
            )
        )
        return found[: self.limit]

    def _asked(self, at: Reading) -> _Asked | None:
        if self.ticket is None:
            title = tokens(self.subject)
            body = [*title, *tokens(self.body[:_CHARACTERS])[:_WORDS]]
            typed = title[-1] if title and self.subject[-1:].isalnum() else ""
            return _Asked(_words(title, body).weights, self.requester, self.organisation, typed)
        tickets = at.tables["tickets"].c
        found = _found(at, _joined(at).where(tickets.ticket == self.ticket), 1)
        if self.ticket not in found:
            return None
        row, words = found[self.ticket]
        return _Asked(words.weights, row.requester, row.organisation, "")


class _Asked(NamedTuple):
    """A text to be compared. `typed`: the title's last word, which may go on."""

    weights: Weights
    requester: str | None
    organisation: str | None
    typed: str


def _joined(at: Reading) -> Select[Any]:
    tickets, texts = at.tables["tickets"], at.tables["texts"]
    columns = [tickets.c[each] for each in ("ticket", *_FACTS, "created_at", "ends")]
    shown = (*columns, texts.c.kind, texts.c.title, texts.c.body)
    return select(*shown).join_from(tickets, texts, texts.c.ticket == tickets.c.ticket)


def _alive(at: Reading, since: int) -> Select[Any]:
    return _joined(at).where(at.tables["tickets"].c.ends >= since)


def _of(
    at: Reading, since: int, most: int, column: str, values: Sequence[str]
) -> dict[str, _Candidate]:
    """The newest tickets of a person or an organisation."""
    if not values:
        return {}
    table = at.tables["tickets"].c
    return _found(at, _alive(at, since).where(table[column].in_(values)), most)


def _by_words(at: Reading, since: int, rare: Sequence[str]) -> dict[str, _Candidate]:
    """Tickets that hold one of the words."""
    texts = at.tables["texts"]
    groups = [WordGroup((SearchTerm(each),), ()) for each in rare]
    hits = dialect_of(at.connection).full_text.hits(texts, groups)
    query = _alive(at, since).where(texts.c.row.in_(select(hits.c.row)))
    return _found(at, query, _BY_WORDS)


def _found(at: Reading, query: Select[Any], most: int) -> dict[str, _Candidate]:
    """The newest tickets of a query, open ones first, each with all words that the asker reads."""
    tickets = at.tables["tickets"].c
    kind = at.tables["texts"].c.kind
    order = (tickets.ends.desc(), tickets.created_at.desc(), tickets.ticket.desc(), kind)
    found: dict[str, _Candidate] = {}
    # Of the two rows of a ticket with an internal description the one with all words comes first.
    for row in at.connection.execute(query.order_by(*order).limit(2 * most)):
        ticket = row.ticket
        if ticket not in found:
            if len(found) == most:
                break
            found[ticket] = _Candidate(row, _words_of(row.title, row.body))
    return found


def _finished(asked: _Asked, rarity: _Rarity) -> Weights:
    """The words, the one that is being typed as the most frequent one that begins so."""
    typed = asked.typed
    if len(typed) < 3 or typed in rarity.holding:
        return asked.weights
    longer = [(-n, word) for word, n in rarity.holding.items() if word.startswith(typed)]
    if not longer:
        return asked.weights
    weights = Counter(asked.weights)
    weights[min(longer)[1]] += weights.pop(typed)
    return weights


def _rare(weights: Weights, rarity: _Rarity) -> list[str]:
    """The rarest words, not so many that they would find a large part of all tickets."""
    most = rarity.texts // _RARE_SHARE
    found: list[str] = []
    held = 0
    for n, word in sorted((rarity.holding[word], word) for word in weights):
        if held + n > most or len(found) == _RARE_WORDS:
            break
        found.append(word)
        held += n
    return found


def _asked_by(
    row: SqlRow[Any], persons: Sequence[str], organisation: str | None
) -> documents.AskedBy:
    if row.requester in persons:
        return "requester"
    if organisation is not None and row.organisation == organisation:
        return "organisation"
    return "desk"


def _shown(row: SqlRow[Any], similarity: int, asked_by: documents.AskedBy) -> dict[str, Any]:
    values = row._mapping
    return {
        **{name: values[name] for name in ("ticket", *_FACTS, "created_at")},
        "ended_at": None if row.ends == _FAR else row.ends,
        "similarity_percent": similarity,
        "asked_by": asked_by,
    }


_AT_ONCE = 200
"""New tickets that are compared with each other at most, the newest."""
_SHARED_WORDS = 5
_MINUTE = 60_000_000


class Surges(Query[list[dict[str, Any]]]):
    """Groups of open tickets that are alike and were created within minutes: each may have one
    cause, a problem that takes them all. The largest first.

    Tickets are in one group where a chain of similar ones leads from each to each; of the 200
    newest. Nothing is linked by itself.
    """

    NAME = "surges"
    DOCUMENT = documents.Surges
    SHELL = ShellSpec(
        examples=("ticketlog surges", "ticketlog surges --minutes 60 --least 10 --json"),
        columns=("ticket", "count", "since", "words", "subject"),
    )

    minutes: int = Field(30, ge=1, le=10_080, description="Minutes in which they were created.")
    least: int = Field(5, ge=2, le=200, description="Tickets of a group at least.")
    similar: int = Field(40, ge=1, le=100, description="Percent that two are similar at least.")
    now: Instant = Field(description="The instant that counts as now.")

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        tickets = at.tables["tickets"].c
        since = self.now - self.minutes * _MINUTE
        new = _joined(at).where(tickets.created_at.between(since, self.now), tickets.ends == _FAR)
        found = list(_found(at, new, _AT_ONCE).values())
        if len(found) < self.least:
            return []
        sample = _found(at, _alive(at, self.now), _SAMPLE)
        rarity = _Rarity(each.words for each in sample.values())
        groups = [each for each in self._groups(found, rarity) if len(each) >= self.least]
        surges = [_surge(each, rarity) for each in groups]
        return sorted(surges, key=lambda each: (-each["count"], each["ticket"]))

    def _groups(
        self, found: Sequence[_Candidate], rarity: _Rarity
    ) -> Iterator[Sequence[_Candidate]]:
        left = list(found)
        while left:
            group = [left.pop()]
            for each in group:  # It grows while it is gone through.
                comparison = _Comparison(each.words.weights, rarity)
                alike = {id(one) for one in left if comparison.percent(one.words, self.similar)}
                group += (one for one in left if id(one) in alike)
                left = [one for one in left if id(one) not in alike]
            yield group


def _surge(group: Sequence[_Candidate], rarity: _Rarity) -> dict[str, Any]:
    """A group as the document has it: told by its first ticket, and by the words that most of its
    tickets hold, the rarest first."""
    first, *_ = rows = sorted(
        (each.row for each in group), key=lambda row: (row.created_at, row.ticket)
    )
    holding = Counter(word for each in group for word in each.words.weights)
    shared = [word for word, n in holding.items() if 2 * n > len(group)]
    shared.sort(key=lambda word: (rarity.holding[word], word))
    return {
        "ticket": first.ticket,
        "subject": first.subject,
        "since": first.created_at,
        "count": len(group),
        "words": " ".join(shared[:_SHARED_WORDS]),
        "tickets": [row.ticket for row in rows],
    }


def _finish(connection: Connection, tables: Tables) -> None:
    dialect_of(connection).full_text.create(connection, tables["texts"])


def _discard(connection: Connection, tables: Tables) -> None:
    dialect_of(connection).full_text.drop(connection, tables["texts"])


def _check(connection: Connection, tables: Tables) -> None:
    dialect_of(connection).full_text.check(connection, tables["texts"])


VIEW = Projection(
    NAME,
    VERSION,
    TABLES,
    {"ticket": _Fold, "person": _PersonFold},
    (Alike, Surges),
    track=NAME,
    finish=_finish,
    discard=_discard,
    check=_check,
)

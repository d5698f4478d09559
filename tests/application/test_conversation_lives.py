"""Random lives of tickets that are merged, taken apart, split and spoken on, beside an oracle of
plain lists that knows nothing of events: each conversation is the same, for each reader, live, made
anew, and as of every moment on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import helpdesk
from tests.helpdesk import ANN
from tests.joining import Joined
from ticketlog.desk import Desk, open_desk
from ticketlog.domain.base import NotFound
from ticketlog.domain.ticket.conversation import Note, Redact

TICKETS = ("a", "b", "c")
PERSONS = {"a": "Kim", "b": "Lee", "c": "Kim"}
"""Who asks each of the first tickets."""
STAFF = "ann"


@dataclass(frozen=True)
class Said:
    """A comment of the oracle. `stands`: the ticket whose stream it is on; `home`: the one that it
    was sent to."""

    words: str
    by: str
    stands: str
    home: str
    number: int
    public: bool = True
    split: str | None = None
    redacted: bool = False


@dataclass
class Oracle:
    """The comments, in order, and which ticket is in which one now, since when."""

    said: list[Said] = field(default_factory=list)
    into: dict[str, tuple[str, int]] = field(default_factory=dict)
    persons: dict[str, str] = field(default_factory=lambda: dict(PERSONS))

    def copy(self) -> Oracle:
        return Oracle(list(self.said), dict(self.into), dict(self.persons))

    def way(self, ticket: str) -> list[str]:
        """The ticket, the one that it is in, and so on."""
        found = [ticket]
        while found[-1] in self.into:
            found.append(self.into[found[-1]][0])
        return found

    def read(self, ticket: str, by: str | None) -> list[str] | None:
        """The conversation; None: the reader doesn't see the ticket."""
        if by is not None and self.persons[ticket] != by:
            return None
        inside = {each for each in self.persons if ticket in self.way(each)}
        told = (self._told(each, ticket, inside, by) for each in self.said)
        return [each for each in told if each is not None]

    def _told(self, said: Said, ticket: str, inside: set[str], by: str | None) -> str | None:
        there = said.split or said.home
        words = "[redacted]" if said.redacted else said.words
        if by is not None and not said.public:
            return None
        takes_part = by is None or self.persons[said.home] == by
        if there in inside:
            wrote = by is not None and said.split in inside and said.by == by
            return f"{said.home}:{words}" if takes_part or wrote else None
        if takes_part and (said.home in inside or said.stands in inside):
            sees = by is None or self.persons[there] == by
            return f"-> {there if sees else '?'}"
        if by is not None and self._answers(said, ticket):
            return f"{said.home}:{words}"
        return None

    def _answers(self, said: Said, ticket: str) -> bool:
        """Whether it is an agent's public word on a survivor since the ticket is a part of that."""
        way = self.way(ticket)
        if said.by != STAFF or said.home != said.stands or said.split or said.home not in way[1:]:
            return False
        last = way[way.index(said.home) - 1]
        return said.number > self.into[last][1]


class Life:
    """A desk's tickets and the oracle of them, which take the same steps."""

    def __init__(self, desk: Desk) -> None:
        self.joined = Joined(desk)
        self.oracle = Oracle()
        self.ids: dict[int, str] = {}
        self.count = 0
        self.moments: list[tuple[str, Oracle]] = []
        for name in TICKETS:
            self.joined.opens(name, by=PERSONS[name], says=f"first-{name}")
            self._add(f"first-{name}", PERSONS[name], name, name)

    def _add(self, words: str, by: str, stands: str, home: str, public: bool = True) -> int:
        self.count += 1
        self.oracle.said.append(Said(words, by, stands, home, self.count, public))
        return self.count

    def says(self, ticket: str, agent: bool) -> None:
        by = STAFF if agent else self.oracle.persons[ticket]
        words = f"word-{self.count}"
        id = self.joined.says(ticket, by, words)
        self.ids[self._add(words, by, self.oracle.way(ticket)[-1], ticket)] = id

    def notes(self, ticket: str) -> None:
        into = self.oracle.way(ticket)[-1]
        words = f"note-{self.count}"
        self.joined.desk.execute(Note(body=words), on=self.joined.id(into), actor=ANN)
        self._add(words, STAFF, into, into, public=False)

    def merges(self, ticket: str, into: str) -> None:
        roots = {ticket, into}.isdisjoint(self.oracle.into)
        if ticket == into or not roots:
            return
        self.joined.merge(ticket, into)
        self.count += 1
        self.oracle.into[ticket] = (into, self.count)

    def unmerges(self, ticket: str) -> None:
        if len(self.oracle.way(ticket)) == 2:
            self.joined.unmerge(ticket)
            del self.oracle.into[ticket]

    def splits(self, ticket: str, other: str) -> None:
        """The latest comment of the ticket goes, to a ticket of the other one's requester."""
        may_go = [
            n
            for n, each in enumerate(self.oracle.said)
            if each.stands == ticket and not each.split and each.number in self.ids
        ]
        if ticket in self.oracle.into or not may_go or len(self.oracle.persons) > 6:
            return
        said = self.oracle.said[may_go[-1]]
        new = f"n{self.count}"
        who = self.oracle.persons[other]
        self.joined.split(ticket, self.ids[said.number], new=new, requester=who)
        self.oracle.said[may_go[-1]] = replace(said, split=new)
        self.oracle.persons[new] = who

    def redacts(self, ticket: str) -> None:
        mine = [
            n
            for n, each in enumerate(self.oracle.said)
            if each.stands == ticket and not each.redacted and each.number in self.ids
        ]
        if not mine:
            return
        said = self.oracle.said[mine[0]]
        redact = Redact(target=self.ids[said.number], reason="a secret")
        self.joined.desk.execute(redact, on=self.joined.id(ticket), actor=ANN)
        for oracle in (self.oracle, *(each for _, each in self.moments)):
            oracle.said[:] = [
                replace(each, redacted=True) if each.number == said.number else each
                for each in oracle.said
            ]

    def remembers(self) -> None:
        self.moments.append((str(self.joined.desk.cut()), self.oracle.copy()))

    def step(self, kind: int, one: int, other: int) -> None:
        names = list(self.oracle.persons)
        ticket, second = names[one % len(names)], names[other % len(names)]
        match kind:
            case 0 | 1:
                self.says(ticket, agent=bool(kind))
            case 2 | 3:
                self.merges(ticket, second)
            case 4:
                self.unmerges(ticket)
            case 5:
                self.splits(ticket, second)
            case 6:
                self.redacts(ticket)
            case 7:
                self.notes(ticket)
            case _:
                self.remembers()

    def holds(self) -> None:
        """Everybody reads what the oracle says, of now and of every moment."""
        desk = self.joined.desk
        for cut, oracle in [*self.moments, (None, self.oracle)]:
            source = desk if cut is None else desk.at(position=cut)
            for ticket in oracle.persons:
                assert self.joined.read(ticket, source=source) == oracle.read(ticket, None)
        for ticket in self.oracle.persons:
            for who in ("Kim", "Lee"):
                assert self.reads(ticket, who) == self.oracle.read(ticket, who), (ticket, who)

    def reads(self, ticket: str, who: str) -> list[str] | None:
        try:
            return self.joined.read(ticket, by=who)
        except NotFound:
            return None


STEPS = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 6), st.integers(0, 6)), min_size=4, max_size=25
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("lives") / "desk"
    helpdesk.make(folder)
    with open_desk(folder) as desk:
        yield desk


def lives(desk: Desk, steps: list[tuple[int, int, int]]) -> Life:
    life = Life(desk)
    for each in steps:
        life.step(*each)
    return life


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_a_conversation_is_what_the_oracle_says(
    desk: Desk, steps: list[tuple[int, int, int]]
) -> None:
    lives(desk, steps).holds()


@pytest.mark.soak
@settings(max_examples=10_000, deadline=None)
@given(STEPS)
def test_ten_thousand_lives(desk: Desk, steps: list[tuple[int, int, int]]) -> None:
    lives(desk, steps).holds()


@settings(max_examples=5, deadline=None)
@given(STEPS)
def test_made_anew_it_is_the_same(desk: Desk, steps: list[tuple[int, int, int]]) -> None:
    life = lives(desk, steps)
    with open_desk(desk.folder) as again:
        for ticket in life.oracle.persons:
            live = life.joined.read(ticket)
            assert live == life.joined.read(ticket, source=again)

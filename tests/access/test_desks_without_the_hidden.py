"""given a desk on which some tickets are hidden from an actor, when they ask anything, then the
answer is that of a desk on which these tickets never were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.access.restricted_desk import (
    ANN,
    AUD,
    HAL,
    LIA,
    NED,
    QUE,
    START,
    clock_from,
    person,
    restricted_desk,
)
from ticketlog import queries
from ticketlog.application.reports import REPORTS
from ticketlog.desk import Desk
from ticketlog.domain.base import Actor, Command, Refused, stream_key
from ticketlog.domain.ticket.assignment import Assign, Unassign
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Hold, Reopen, SetStatus, Solve
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.domain.ticket.relations import AddCc, Follow, LinkTo
from ticketlog.domain.ticket.work import StartWork
from ticketlog.errors import TicketlogError
from ticketlog.projections import QUERIES

TEAMS = ("network", "billing", "hr")
PERSONS = ("Kim", "Lee")
_PLACES = {"partition", "offset", "from_offset", "to_offset", "cut", "sha256"}
_PLACES |= {"position", "changed_at"}
"""Where something stands in the log: the positions of all records follow each other."""


class Step(NamedTuple):
    """A command on the n-th ticket."""

    ticket: int
    what: str
    with_what: Any = None


_steps = st.one_of(
    st.builds(Step, st.integers(0, 3), st.just("team"), st.sampled_from(TEAMS)),
    st.builds(Step, st.integers(0, 3), st.just("agent"), st.sampled_from(("ann", "hal", "ned"))),
    st.builds(Step, st.integers(0, 3), st.just("asks"), st.sampled_from(("printer", "salary vpn"))),
    st.builds(Step, st.integers(0, 3), st.just("says"), st.sampled_from(("printer", "@ann look"))),
    st.builds(Step, st.integers(0, 3), st.just("notes"), st.sampled_from(("@ann vpn", "@lia"))),
    st.builds(Step, st.integers(0, 3), st.just("cc"), st.sampled_from(PERSONS)),
    st.builds(Step, st.integers(0, 3), st.just("prioritise"), st.sampled_from(("high", "low"))),
    st.builds(Step, st.integers(0, 3), st.just("link"), st.integers(0, 3)),
    st.builds(
        Step,
        st.integers(0, 3),
        st.sampled_from(("solve", "reopen", "pending", "hold", "follow", "work", "free")),
        st.none(),
    ),
)
_creations = st.lists(
    st.tuples(st.sampled_from(PERSONS), st.sampled_from((None, *TEAMS))), min_size=2, max_size=4
)


def _id(number: int) -> str:
    return stream_key(f"ticket {number}")


def _command(step: Step, persons: dict[str, Actor]) -> tuple[Command, Actor] | None:
    given: Any = step.with_what
    match step.what:
        case "team":
            return Assign(team=given), HAL
        case "agent":
            return Assign(assignee=given), HAL
        case "says":
            return Reply(body=given), HAL
        case "notes":
            return Note(body=given), HAL
        case "cc":
            return AddCc(person=persons[given].id), HAL
        case "prioritise":
            return Prioritise(priority=given), HAL
        case "link":
            return LinkTo(kind="problem", target=f"ticket/{_id(given)}"), HAL
        case "work":
            return StartWork(), HAL
    plain: dict[str, Command] = {
        "solve": Solve(resolution="done"),
        "reopen": Reopen(reason="again"),
        "pending": SetStatus(status="pending"),
        "hold": Hold(reason="parts"),
        "follow": Follow(agent="ann"),
        "free": Unassign(),
    }
    return plain[step.what], HAL


class Story(NamedTuple):
    """What happened: who asked for which ticket, and the steps after that."""

    created: list[tuple[str, str | None]]
    steps: list[Step]


def told(desk: Desk, story: Story, without: frozenset[int] = frozenset()) -> dict[str, Actor]:
    """Lets a story happen on a desk, without some of its tickets. Each step has its own instant, so
    that it is the same on every desk."""
    persons = {name: person(desk, name) for name in PERSONS}
    for number, (name, team) in enumerate(story.created):
        if number in without:
            continue
        desk.execute(
            CreateTicket(subject=f"Printer {number}", requester=persons[name].id, team=team),
            actor=HAL,
            id=f"ticket {number}",
            occurred_at=START + number * 60_000_000,
        )
    for place, step in enumerate(story.steps):
        target = step.with_what if step.what == "link" else None
        if {step.ticket, target} & without or step.ticket >= len(story.created):
            continue
        asker = persons[story.created[step.ticket][0]]
        made = (
            _command(step, persons) if step.what != "asks" else (Reply(body=step.with_what), asker)
        )
        assert made is not None
        with suppress(Refused, TicketlogError):
            desk.execute(
                made[0],
                on=_id(step.ticket),
                actor=made[1],
                id=f"step {place}",
                occurred_at=START + (60 + place * 30) * 60_000_000,
            )
    return persons


def questions(desk: Desk, story: Story, persons: dict[str, Actor]) -> Iterator[Any]:
    now = START + 10 * 86_400_000_000
    yield queries.Tickets()
    yield queries.Search(words="printer")
    yield queries.Search(words="vpn")
    for number in range(len(story.created)):
        yield queries.OneTicket(ticket=_id(number))
        yield queries.TicketLinks(ticket=_id(number))
        yield queries.TicketIntervals(ticket=_id(number))
        yield queries.TicketClocks(ticket=_id(number), now=now)
        yield queries.TicketBreaches(ticket=_id(number))
    for each in persons.values():
        yield queries.Tickets(requester=each.id)
        yield queries.PersonCard(person=each.id)
    yield queries.Queue()
    yield queries.QueueCounts(by=("team",))
    yield queries.QueueCounts(by=("assignee", "priority"))
    yield queries.TicketCounts(by=("team",))
    yield queries.TicketCounts()
    yield queries.AgentLoad()
    yield queries.ClocksAtRisk(now=now)
    yield queries.ClocksAtRisk(breached=True, now=now)
    yield queries.TicketBreaches()
    yield queries.UnassignedTickets(teams=TEAMS)
    yield queries.LinkCircles()
    yield QUERIES["changes"]()
    yield QUERIES["changes-since"](since=START)
    yield QUERIES["ratings"]()
    yield QUERIES["used-tags"]()
    yield QUERIES["links-to"](tickets=tuple(_id(n) for n in range(len(story.created))))
    yield queries.ClocksAhead(now=START)
    for agent in ("ann", "hal", "lia"):
        yield queries.Inbox(agent=agent, now=now)
        yield queries.UnseenTickets(agent=agent)
        yield queries.FollowedTickets(agent=agent)
        yield queries.SnoozedTickets(agent=agent, now=START)


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _comparable(each) for k, each in value.items() if k not in _PLACES}
    if hasattr(value, "_asdict"):
        return _comparable(value._asdict())
    if isinstance(value, list | tuple):
        return [_comparable(each) for each in value]
    return value


def _asked(ask: Callable[..., Any], *args: Any, **given: Any) -> Any:
    try:
        return _comparable(ask(*args, **given))
    except Refused as error:
        return type(error).__name__, str(error)


def _hidden(desk: Desk, story: Story, actor: Actor, persons: dict[str, Actor]) -> frozenset[int]:
    """The tickets that an actor doesn't see, by what the desk's tickets say: an oracle that knows
    nothing of roles."""
    names = {each.id: name for name, each in persons.items()}
    found = set()
    for number in range(len(story.created)):
        ticket = desk.load(_id(number))
        asked = ticket.requester == actor.id
        copied = actor.id in ticket.ccs and ticket.team != "hr"
        sees = {
            "ann": ticket.team != "hr",
            "lia": ticket.team != "hr",
            "hal": True,
            "aud": True,
            "ned": ticket.team == "network" or (ticket.assignee == "ned" and ticket.team != "hr"),
            "que": ticket.team == "billing",
        }.get(actor.id, asked or copied)
        if actor.id in names:
            sees = asked or copied
        if not sees:
            found.add(number)
    return frozenset(found)


def _links_seen_to_hidden(story: Story, hidden: frozenset[int]) -> bool:
    return any(
        step.what == "link" and step.ticket not in hidden and step.with_what in hidden
        for step in story.steps
    )


stories = st.builds(Story, _creations, st.lists(_steps, min_size=4, max_size=14))


@given(story=stories, who=st.sampled_from(("ann", "lia", "ned", "que", "aud", "Kim", "Lee")))
@settings(max_examples=settings().max_examples // 5)
def test_answers_are_those_of_a_desk_without_the_hidden_tickets(story: Story, who: str) -> None:
    agents = {each.id: each for each in (ANN, LIA, NED, QUE, AUD)}
    with (
        TemporaryDirectory() as folder,
        restricted_desk(Path(folder) / "full", clock_from()) as full,
    ):
        persons = told(full, story)
        actor = agents.get(who) or persons[who]
        hidden = _hidden(full, story, actor, persons)
        if _links_seen_to_hidden(story, hidden):
            return  # The link itself is an event of the ticket that is seen.
        with restricted_desk(Path(folder) / "less", clock_from()) as less:
            told(less, story, hidden)
            _compare(full, less, story, persons, actor)


def _compare(full: Desk, less: Desk, story: Story, persons: dict[str, Actor], actor: Actor) -> None:
    late = "2100-01-01T00:00:00Z"
    pairs: list[tuple[Any, Any]] = [(full, less), (full.at(recorded=late), less.at(recorded=late))]
    for query in questions(full, story, persons):
        for more, fewer in pairs:
            wanted = _asked(fewer.query, query, actor=actor)
            assert _asked(more.query, query, actor=actor) == wanted, (query, more)
    for name, report in REPORTS.items():
        for by in ((), report.BY, report.DIMENSIONS[:2]):
            given = {"by": by} if by and name != "gaming-cases" else {}
            wanted = _asked(less.report, name, actor=actor, **given)
            assert _asked(full.report, name, actor=actor, **given) == wanted, (name, by)
    for number in range(len(story.created)):
        _compare_streams(full, less, f"ticket/{_id(number)}", actor)


def _history(desk: Desk, stream: str, actor: Actor) -> list[Any]:
    return [(each.id, each.event) for each in desk.history(stream, actor=actor)]


def _state(desk: Desk, stream: str, actor: Actor) -> dict[str, Any]:
    return dict(vars(desk.load(stream, actor=actor)))


def _compare_streams(full: Desk, less: Desk, stream: str, actor: Actor) -> None:
    for read in (_history, _state):
        assert _asked(read, full, stream, actor) == _asked(read, less, stream, actor)
    if less.load(stream).exists:
        return
    for command in (Note(body="x"), Reply(body="x"), Solve(), LinkTo(kind="blocks", target=stream)):
        assert _refusal(full, command, stream, actor) == _refusal(less, command, stream, actor)


def _refusal(desk: Desk, command: Command, stream: str, actor: Actor) -> Any:
    with pytest.raises(Refused) as refused:
        desk.execute(command, on=stream, actor=actor)
    return type(refused.value), str(refused.value), refused.value.facts


def test_every_query_is_asked(tmp_path: Path) -> None:
    """But those that the desk asks itself, and those about persons alone."""
    story = Story([("Kim", None)], [])
    with restricted_desk(tmp_path / "desk") as desk:
        asked = {type(each).NAME for each in questions(desk, story, told(desk, story))}
    besides = {
        *("address-owners", "corrected-since", "merged-persons", "numbered-tickets", "persons"),
        *("shared-addresses", "survivor", "chosen-stream", "hook-messages"),
    }
    assert asked | besides | set(REPORTS) == set(QUERIES)

"""The clocks of a ticket, computed from its whole history in the most plain way.

It knows nothing of `domain.sla`: it walks the events once to see what the ticket was, and then asks
for each metric, from the beginning, in which spans its clock was running. Policies, calendars and
switches it takes from the `ticket.sla-applied` events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ticketlog.domain.base import Event, Recorded
from ticketlog.domain.ticket.assignment import TeamChanged
from ticketlog.domain.ticket.conversation import Replied
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.lifecycle import MarkedSpam, Restored
from ticketlog.domain.ticket.relations import Linked, Unlinked
from ticketlog.domain.ticket.status_events import StatusEvent

Span = tuple[int, int]
COUNTED = {
    "requester_wait_time": ("new", "open", "on-hold"),
    "agent_work_time": ("new", "open"),
    "total_resolution_time": ("new", "open", "pending", "on-hold"),
}
_ACTIVE = COUNTED["total_resolution_time"]


class Moment(NamedTuple):
    """The ticket just after an event."""

    at: int
    event: Event
    by_agent: bool
    category: str
    team: str | None
    out: bool

    @property
    def active(self) -> bool:
        return self.category in _ACTIVE

    @property
    def answers(self) -> bool:
        """An agent tells the requester something."""
        event = self.event
        return isinstance(event, Replied) and event.author_kind == "agent" and not event.automated

    @property
    def asks(self) -> bool:
        """An end user says something."""
        event = self.event
        if not isinstance(event, Replied) or event.automated:
            return False
        return event.author_kind in ("requester", "end-user")


class Run(NamedTuple):
    """An instance of a clock: when it ran, and whether it would go on."""

    spans: list[Span]
    live: bool


def moments(history: Iterable[Recorded]) -> list[Moment]:
    found: list[Moment] = []
    at, category, team, spam, duplicate_of = 0, "", None, False, ""
    for recorded in history:
        event = recorded.event
        at = max(at, recorded.meta.occurred_at)
        match event:
            case TicketCreated():
                category, team = event.status_category, event.team
            case StatusEvent():
                category = event.new_category
            case TeamChanged():
                team = event.new
            case MarkedSpam() | Restored():
                spam = isinstance(event, MarkedSpam)
            case Linked(kind="duplicate-of"):
                duplicate_of = event.target
            case Unlinked(kind="duplicate-of"):
                duplicate_of = ""
        by_agent = recorded.meta.actor.kind == "agent"
        found.append(Moment(at, event, by_agent, category, team, spam or bool(duplicate_of)))
    return found


def runs(metric: str, story: Sequence[Moment], now: int) -> list[Run]:
    """The instances of a metric's clock, the oldest first, each with the spans that it ran."""
    if metric in COUNTED:
        counted = COUNTED[metric]
        spans = [
            (one.at, end)
            for one, end in _with_ends(story, now)
            if one.category in counted and not one.out
        ]
        last = story[-1]
        return [Run(joined(spans), last.active and not last.out)]
    lives = {
        "first_reply_time": _first,
        "next_reply_time": _next,
        "periodic_update_time": _updates,
        "pausable_update_time": _updates,
        "group_ownership_time": _ownerships,
    }[metric](story)
    left_out = "pending" if metric == "pausable_update_time" else ""
    return [_run(life, story, now, left_out) for life in lives]


class Life(NamedTuple):
    """The indices of the moments between which an instance is alive; end None: it still is."""

    start: int
    end: int | None


def _run(life: Life, story: Sequence[Moment], now: int, left_out: str) -> Run:
    upto = len(story) if life.end is None else life.end
    spans = [
        (one.at, end)
        for i, (one, end) in enumerate(_with_ends(story, now))
        if life.start <= i < upto and not one.out and one.category != left_out
    ]
    return Run(joined(spans), life.end is None and not story[-1].out)


def _first(story: Sequence[Moment]) -> list[Life]:
    created = story[0].event
    assert isinstance(created, TicketCreated)
    asks = 0
    if story[0].by_agent:
        asked = (i for i, m in enumerate(story) if m.asks and not m.out and m.category != "closed")
        asks = next(asked, -1)
    if asks < 0:
        return []
    return [Life(asks, _end(story, asks, lambda m: m.answers or _ends(m)))]


def _next(story: Sequence[Moment]) -> list[Life]:
    first = _first(story)
    if not first or first[0].end is None:
        return []
    lives: list[Life] = []
    for i, one in enumerate(story):
        waits = lives and (lives[-1].end is None or lives[-1].end > i)
        if i < first[0].end or waits or one.out or one.category == "closed" or not one.asks:
            continue
        lives.append(Life(i, _end(story, i, lambda m: m.answers or _ends(m))))
    return lives


def _ends(one: Moment) -> bool:
    return isinstance(one.event, StatusEvent) and not one.active


def _updates(story: Sequence[Moment]) -> list[Life]:
    return [
        Life(i, _end(story, i, lambda m: m.answers or not m.active))
        for i, one in enumerate(story)
        if one.answers and one.active and not one.out
    ]


def _ownerships(story: Sequence[Moment]) -> list[Life]:
    lives: list[Life] = []
    for i, one in enumerate(story):
        alive = lives and (lives[-1].end is None or lives[-1].end > i)
        if one.team is None or not one.active or one.out or alive:
            continue
        team = one.team
        lives.append(
            Life(i, _end(story, i, lambda m: isinstance(m.event, TeamChanged) or not m.active))
        )
        assert team
    return lives


def _end(story: Sequence[Moment], start: int, ends) -> int | None:  # type: ignore[no-untyped-def]
    return next((i for i in range(start + 1, len(story)) if ends(story[i])), None)


def _with_ends(story: Sequence[Moment], now: int) -> list[tuple[Moment, int]]:
    ends = [*(one.at for one in story[1:]), now]
    return list(zip(story, ends, strict=True))


def joined(spans: Iterable[Span]) -> list[Span]:
    """The spans that take time; those that touch are one."""
    found: list[Span] = []
    for start, end in spans:
        if start == end:
            continue
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def used(run: Run) -> int:
    return sum(end - start for start, end in run.spans)

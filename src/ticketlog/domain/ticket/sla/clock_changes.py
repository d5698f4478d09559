"""Changes of clocks by a commit, said in events: how each stands, and when it will be due."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

from ticketlog.domain.base import Event
from ticketlog.domain.settings.sla_policy import Metric, SlaPolicy
from ticketlog.domain.sla.clock import (
    Applied,
    Because,
    Clock,
    Clocks,
    Promise,
    exceeded,
    measured,
    reaches,
    spent,
    turned,
)
from ticketlog.domain.ticket.sla_events import (
    Change,
    ClockChange,
    ClocksChanged,
    ComingWarning,
    SlaBreached,
)
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.time.business_hours import SECOND, BusinessHours
from ticketlog.domain.time.calendar import Calendar

METRICS: tuple[Metric, ...] = get_args(Metric)
_WORDS: dict[str, Change] = {
    "running": "resumed",
    "paused": "paused",
    "fulfilled": "fulfilled",
    "withdrawn": "withdrawn",
}


@dataclass(frozen=True)
class Terms:
    """The terms at the instant of a commit: what was promised before, what is now."""

    at: int
    held: Applied | None
    applied: Applied | None
    policy: SlaPolicy | None
    before: Calendar | None
    """The calendar by which the clocks ran until now."""
    calendar: Calendar | None
    reapplied: bool = False

    @property
    def why(self) -> Literal["policy", "calendar", "reapplied"]:
        if self.reapplied:
            return "reapplied"
        old, new = self.held, self.applied
        return "calendar" if old and new and old.policy == new.policy else "policy"

    @cached_property
    def measure(self) -> BusinessHours | None:
        """The calendar that measures the time until now: time without one, by the first there
        is."""
        found = self.before or self.calendar
        return found.timetable if found else None

    @property
    def timetable(self) -> BusinessHours | None:
        return self.calendar.timetable if self.calendar else None

    @cached_property
    def changes_calendar(self) -> bool:
        was = self.held.calendar if self.held else None
        if was is None or self.held is self.applied:
            return False
        return was != (self.applied.calendar if self.applied else None)

    def target(self, metric: Metric, priority: str) -> Promise | None:
        found = self.policy.target(metric, priority) if self.policy else None
        return Promise(found.seconds, found.business) if found else None

    def warnings(self, metric: Metric, priority: str) -> list[int]:
        """The part of the target that is used at each warning, in order."""
        found = self.policy.target(metric, priority) if self.policy else None
        return sorted({each.used_us(found.seconds) for each in found.warnings}) if found else []


class Turn(NamedTuple):
    """A clock that the commit turned, as it is after that."""

    clock: Clock
    change: Change


def changes(states: Sequence[Ticket], plain: Clocks, terms: Terms) -> list[Event]:
    """The changes of clocks by the events of a commit, from the ticket before and after each; then
    the targets that were exceeded when they came to apply.

    Where the rules alone (`plain`: the clocks without the switches of a policy that comes to apply
    by this commit) would say something else, it is recorded too.
    """
    told: list[ClockChange] = []
    breaches: list[Event] = []
    first, last = states[0], states[-1]
    same = terms.applied is terms.held and first.priority == last.priority
    for metric in METRICS:
        clock = last.clocks.get(metric)
        if clock is None or (same and clock is first.clocks.get(metric)):
            continue
        turns = list(turns_of(metric, states, terms.at))
        said = _said(metric, first.clocks.get(metric), turns, last, terms)
        if not said and plain.get(metric) != clock:
            said = turns
        told += [_told(metric, turn, last.priority, terms) for turn in said]
        if said and clock.live:
            breaches += _broken(metric, clock, last.priority, terms)
    return [ClocksChanged(changes=tuple(told)), *breaches] if told else []


def turns_of(metric: Metric, states: Sequence[Ticket], at: int) -> Iterator[Turn]:
    """The changes by which a metric's clock was turned between one state and the next, all at one
    instant."""
    for earlier, later in pairwise(states):
        old, new = earlier.clocks.get(metric), later.clocks.get(metric)
        if new is None or new is old:
            continue
        if old is None or old.instance != new.instance:
            if old is not None and old.live:
                yield Turn(turned(old, "fulfilled", new.because, at), "fulfilled")
            yield Turn(new, "activated")
        elif new.phase != old.phase:
            yield Turn(new, _WORDS[new.phase])


def _said(
    metric: Metric, old: Clock | None, turns: list[Turn], ticket: Ticket, terms: Terms
) -> list[Turn]:
    """The turns of a clock that are recorded: its own where there is a target before or after them;
    else one that says that another target or calendar counts from now on. The calendar that
    ceases to count measures up to here."""
    target, clock = terms.target(metric, ticket.priority), ticket.clocks[metric]
    if turns and (target is not None or (old is not None and old.target is not None)):
        return turns
    asked = terms.changes_calendar and (clock.phase == "running" or bool(clock.unmeasured))
    if asked or (clock.live and clock.target != target):
        return [Turn(clock, "applied")]
    return []


def _told(metric: Metric, turn: Turn, priority: str, terms: Terms) -> ClockChange:
    clock = measured(turn.clock, terms.at, terms.measure)
    fresh = clock.activated_at == terms.at and clock.target is None
    target = terms.target(metric, priority) if clock.live or fresh else clock.target
    due, warnings = None, list[ComingWarning]()
    now = clock._replace(target=target)
    over = exceeded(now) if clock.live else False
    breached = clock.breached_at is not None and (over or target == clock.target)
    if target is not None and clock.phase == "running" and not (over or breached):
        due = reaches(clock, target, target.seconds * SECOND, terms.at, terms.timetable)
        warnings = _coming(
            metric, now, clock.warned if target == clock.target else 0, priority, terms
        )
    return ClockChange(
        metric=metric,
        instance=clock.instance,
        change=turn.change,
        phase=clock.phase,
        because=_because(turn, terms),
        used=clock.used,
        business_used=clock.business,
        target=target.seconds if target else None,
        business=target.business if target else False,
        due=due,
        warnings=tuple(warnings),
        breached=breached,
    )


def afresh(last: Ticket, held: Clocks, terms: Terms) -> list[Event]:
    """The clocks that have a target, or had one in `held`, told anew; before it, the breaches that
    were due by then and that nobody has recorded. `last`: the ticket, at some time before the
    terms' instant."""
    told: list[ClockChange] = []
    breaches: list[SlaBreached] = []
    for metric in METRICS:
        clock, before = last.clocks.get(metric), held.get(metric)
        if clock is None or (clock.target is None and (before is None or before.target is None)):
            continue
        due = _due(metric, clock, last.priority, terms)
        if due is not None and due < terms.at and clock.target is not None:
            breaches.append(_in_time(metric, clock, due, terms))
            clock = clock._replace(breached_at=due, due=None, warnings=())
        change = _told(metric, Turn(clock, "applied"), last.priority, terms)
        told.append(change.model_copy(update={"because": clock.because}))
    breaches.sort(key=lambda each: each.at)
    return [*breaches, ClocksChanged(changes=tuple(told))] if told else []


def _due(metric: Metric, clock: Clock, priority: str, terms: Terms) -> int | None:
    """When a clock's target is used up; None: it doesn't run, was breached, or never will be."""
    target = terms.target(metric, priority)
    if target is None or clock.phase != "running" or clock.breached_at is not None:
        return None
    clock = measured(clock, clock.since, terms.measure)
    return reaches(clock, target, target.seconds * SECOND, clock.since, terms.timetable)


def _in_time(metric: Metric, clock: Clock, due: int, terms: Terms) -> SlaBreached:
    target = clock.target
    assert target is not None
    return SlaBreached(
        metric=metric,
        instance=clock.instance,
        at=due,
        used=target.seconds * SECOND,
        target=target.seconds,
        business=target.business,
        policy=terms.applied.policy if terms.applied else None,
        because="time",
    )


def _because(turn: Turn, terms: Terms) -> Because:
    if turn.change != "applied":
        return turn.clock.because
    return "priority" if terms.held == terms.applied else terms.why


def _coming(
    metric: Metric, clock: Clock, warned: int, priority: str, terms: Terms
) -> list[ComingWarning]:
    """The warnings to come. Of those that another target makes late, the last one comes at once."""
    target = clock.target
    assert target is not None
    ahead = [used for used in terms.warnings(metric, priority) if used > warned]
    passed = [used for used in ahead if used < spent(clock, target)]
    found = []
    for used in ahead[max(len(passed) - 1, 0) :]:
        at = reaches(clock, target, used, terms.at, terms.timetable)
        if at is not None:
            found.append(ComingWarning(at=at, used=used))
    return found


def _broken(metric: Metric, clock: Clock, priority: str, terms: Terms) -> Iterator[Event]:
    """The breach of a target that was exceeded already when it came to apply. It counts from here,
    not from back then (Zendesk), and on a clock that is paused too."""
    target = terms.target(metric, priority)
    clock = measured(clock, terms.at, terms.measure)._replace(target=target)
    if target is None or not exceeded(clock) or clock.breached_at is not None:
        return
    yield SlaBreached(
        metric=metric,
        instance=clock.instance,
        at=terms.at,
        used=spent(clock, target),
        target=target.seconds,
        business=target.business,
        policy=terms.applied.policy if terms.applied else None,
        because="target",
    )

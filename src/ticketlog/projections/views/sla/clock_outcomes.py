"""The outcomes of promises: the clocks that have or had a target, their outcomes, and their
breaches with the holders of the ticket while the clock ran.

All of it follows from the events about clocks, so that a ticket without promises costs next to
nothing. Clocks without a policy follow from the ticket alone.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from ticketlog.domain.base import Recorded
from ticketlog.domain.settings.sla_policy import Metric
from ticketlog.domain.sla.clock import Applied, Clock, Edition
from ticketlog.domain.ticket.assignment import AssigneeChanged, TeamChanged
from ticketlog.domain.ticket.conversation import Noted, Replied
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.sla.clock_changes import turns_of
from ticketlog.domain.ticket.sla_events import (
    ClockChange,
    ClocksChanged,
    SlaApplied,
    SlaBreached,
    clock_after,
)
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.status_events import (
    Cancelled,
    PutOnHold,
    Reopened,
    Solved,
    StatusChanged,
    TicketClosed,
)
from ticketlog.domain.ticket.time_correction import TimeCorrected
from ticketlog.projections.engine.projection import Fold, Row
from ticketlog.projections.views.shared.custody import Holders, Span, edition
from ticketlog.projections.views.shared.dimensions import group

_SECOND = 1_000_000
DIMENSIONS = ("metric", "policy", "policy_version", "team", "agent", "priority", "organisation")
"""Of an outcome and of a breach, at its own instant."""
LISTED = ("team", "assignee", "organisation", "priority", "status", "subject")
_listed = attrgetter(*LISTED)


class _Run:
    """One run of a clock, as it was told."""

    __slots__ = ("applied", "breached", "clock", "outcome", "promised", "spans", "version")

    def __init__(self) -> None:
        self.clock: Clock | None = None
        self.version = -1
        """That of the event that told it last."""
        self.promised = False
        """It has or had a target."""
        self.applied: Applied | None = None
        """What applied when it ended; while it lives, that is the ticket's."""
        self.breached = False
        self.outcome = -1
        """Which of the outcomes ends if it goes on."""
        self.spans: list[Span] = []
        """The time that a calendar has measured."""


class PromisesFold(Fold):
    __slots__ = (
        *("answered", "breaches", "corrected", "groups", "held", "holders", "outcomes", "runs"),
        *("spans", "untold"),
    )

    def __init__(self, id: str) -> None:
        self.id = id
        self.holders = Holders()
        self.answered: tuple[str, str | None] = ("", None)
        """The last commit in which an agent said something, and who did."""
        self.corrected = ""
        """The last commit by which the ticket's clock was set back."""
        self.held: tuple[str, Applied | None] = ("", None)
        """The last commit by which another policy or calendar applied, and what did before."""
        self.runs: dict[tuple[Metric, int], _Run] = {}
        self.untold: set[Metric] = set()
        """Clocks that lost their target: what becomes of them isn't told any more."""
        self.outcomes: list[Row] = []
        self.breaches: list[Row] = []
        self.spans: list[Row] = []
        self.groups: list[Row] = []

    def step(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        take = _TAKES.get(type(recorded.event))
        if take is not None:
            take(self, recorded, before, after)
        if self.untold and after.facts is not before.facts:
            self._follow(before, after)

    def _hand_over(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        self.holders.pass_on(recorded.meta.commit, after)

    def _say(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        event: Any = recorded.event
        if event.author_kind == "agent" and not event.automated:
            self.answered = (recorded.meta.commit, event.author)

    def _correct(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        self.corrected = recorded.meta.commit

    def _apply(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        self.held = (recorded.meta.commit, before.sla)

    def _change(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        event, version, runs = recorded.event, recorded.originator_version, self.runs
        assert isinstance(event, ClocksChanged)
        commit, held = self.held
        if commit != recorded.meta.commit:
            held = after.sla
        # Of several changes of a clock, the last says how it stands.
        for change in reversed(event.changes):
            key = (change.metric, change.instance)
            run = runs.get(key)
            if run is None:
                run = runs[key] = _Run()
            if run.version == version:
                continue
            run.version = version
            was = before.clocks.get(change.metric)
            if change.business_used is not None and was and was.instance == change.instance:
                calendar = _calendar(held) or _calendar(after.sla)
                run.spans += _unmeasured(was, after.clock, calendar)
            self._turn(run, change, held, after)
            if run.promised:
                self._decide(run, recorded, after, change.metric)

    def _turn(self, run: _Run, change: ClockChange, held: Applied | None, after: Ticket) -> None:
        was, clock = run.clock, after.told_clocks[change.metric]
        if clock.instance != change.instance:
            clock = clock_after(was, change, after.clock)
        elif clock.target is None and (run.promised or self.untold):
            self.untold.add(change.metric)
        elif self.untold:
            self.untold.discard(change.metric)
        if not clock.live:
            if was is None or was.target is None:
                run.applied = after.sla
            elif was.live:
                run.applied = held
        run.clock = clock
        run.promised |= clock.target is not None

    def _decide(self, run: _Run, recorded: Recorded, after: Ticket, metric: Metric) -> None:
        clock = run.clock
        assert clock is not None
        if run.outcome >= 0 and clock.live:
            row, ended = self.outcomes[run.outcome], (after.clock, recorded.meta.offset)
            self.outcomes[run.outcome] = (*row[:9], *ended, *row[11:])
            run.outcome = -1
        elif run.outcome >= 0 and self.corrected == recorded.meta.commit:
            row = self.outcomes[run.outcome]
            self.outcomes[run.outcome] = (*row[:-2], _seconds(clock.used), _seconds(clock.business))
        elif clock.live or clock.target is None or run.outcome >= 0:
            return
        elif clock.phase == "fulfilled" or not run.breached:
            late = "late" if run.breached else "met"
            kind = late if clock.phase == "fulfilled" else "withdrawn"
            run.outcome = len(self.outcomes)
            policy = run.applied.policy if run.applied else None
            by = self._credited(clock, recorded.meta.commit)
            its = _group(metric, policy, by, after)
            figures = (_seconds(clock.used), _seconds(clock.business))
            key = (metric, clock.instance)
            self._add(recorded, key, kind, (after.clock, after.clock), its, figures)

    def _credited(self, clock: Clock, commit: str) -> tuple[str | None, str | None]:
        """The team and the agent that it counts for: an answer for who gave it, as in the view
        `reports`; a team's ownership for the team that had it."""
        if clock.because == "team":
            return self.holders.before(commit)[:2]
        team, agent, _ = self.holders.now
        if clock.because in ("reply", "note") and self.answered[0] == commit:
            agent = self.answered[1]
        return team, agent

    def _add(
        self,
        recorded: Recorded,
        clock: tuple[Metric, int],
        kind: str,
        times: tuple[int, int],
        its: Row,
        figures: tuple[int | None, int | None],
    ) -> None:
        """An outcome; `times`: when it was decided, and when that was known."""
        meta = recorded.meta
        key = (self.id, *clock, recorded.originator_version)
        place = (meta.partition, meta.offset, None, None)
        self.outcomes.append((*key, kind, *times, *place, its[0], *figures))
        self.groups.append(its)

    def _breach(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        event, meta = recorded.event, recorded.meta
        assert isinstance(event, SlaBreached)
        clock = (event.metric, event.instance)
        run, was = self.runs.get(clock), before.clocks.get(event.metric)
        if run is None or was is None or was.instance != event.instance:
            return
        run.clock = after.told_clocks[event.metric]
        its = _group(event.metric, event.policy, self.holders.now[:2], after)
        if not run.breached:
            run.breached = True
            self._add(recorded, clock, "breached", (event.at, after.clock), its, (None, None))
        key = (self.id, recorded.originator_version)
        place = (event.instance, event.at, after.clock, meta.partition, meta.offset)
        by = f"{meta.actor.kind}:{meta.actor.id}"
        said = (event.used, event.target, event.business, event.because)
        self.breaches.append((*key, *place, its[0], *said, meta.recorded_at, by))
        self.groups.append(its)
        spans = [*run.spans, *_unmeasured(was, event.at, _calendar(before.sla))]
        found = list(self.holders.cut(spans))
        self.spans += [(*key, n, *row, n == len(found)) for n, row in enumerate(found, 1)]

    def _follow(self, before: Ticket, after: Ticket) -> None:
        for metric in sorted(self.untold):
            for clock, _ in turns_of(metric, (before, after), after.clock):
                run = self.runs.get((metric, clock.instance))
                if run is not None:
                    run.clock = clock
                if run is None or not run.promised:
                    self.untold.discard(metric)

    def rows(self, state: Ticket) -> tuple[list[Row], ...]:
        clocks: list[Row] = []
        at_risk: list[Row] = []
        for (metric, instance), run in self.runs.items():
            clock = run.clock
            if clock is None or not run.promised:
                continue
            applied = state.sla if clock.live else run.applied
            clocks.append((self.id, metric, instance, *_clock(clock, applied)))
            at = clock.breached_at or clock.due
            if clock.live and clock.target is not None and at is not None:
                policy = applied.policy.id if applied else None
                breached = clock.breached_at is not None
                head = (self.id, metric, instance, breached, at, policy)
                at_risk.append((*head, *_listed(state)))
        facts = (self.outcomes, self.breaches, self.spans, self.groups)
        return clocks, at_risk, *map(list, facts)


_TAKES: dict[type, Any] = {
    **dict.fromkeys(
        (
            *(TicketCreated, StatusChanged, PutOnHold, Solved, Reopened, TicketClosed, Cancelled),
            *(TeamChanged, AssigneeChanged),
        ),
        PromisesFold._hand_over,
    ),
    **dict.fromkeys((Replied, Noted), PromisesFold._say),
    ClocksChanged: PromisesFold._change,
    SlaApplied: PromisesFold._apply,
    TimeCorrected: PromisesFold._correct,
    SlaBreached: PromisesFold._breach,
}


def _clock(clock: Clock, applied: Applied | None) -> Row:
    """The columns of a clock that was promised something."""
    if clock.target is None:
        applied = None
    seconds, business = clock.target or (None, False)
    return (
        *(clock.phase, clock.because, clock.activated_at, clock.since, clock.used, clock.business),
        *(seconds, business, clock.due, clock.breached_at),
        *edition(applied.policy if applied else None),
        *edition(_calendar(applied)),
    )


def _calendar(applied: Applied | None) -> Edition | None:
    return applied.calendar if applied else None


def _group(
    metric: Metric, policy: Edition | None, by: tuple[str | None, str | None], ticket: Ticket
) -> Row:
    return group((metric, *edition(policy), *by, ticket.priority, ticket.organisation))


def _unmeasured(clock: Clock, at: int, calendar: Edition | None) -> list[Span]:
    """The time up to an instant that no calendar has measured yet."""
    spans = [(*span, calendar) for span in clock.unmeasured]
    if clock.phase == "running" and at > clock.since:
        spans.append((clock.since, at, calendar))
    return spans


def _seconds(length: int | None) -> int | None:
    return None if length is None else length // _SECOND

"""The recording of a commit's effect on the promises of a ticket, in the same commit.

First whatever was due before it, stamped with the time it was due; then the commit's own events;
then which policy and calendar apply from there on, and what became of each clock with a target. So
no downtime and no race can lose a breach or invent one: timers only cover silence.
"""

from __future__ import annotations

from ticketlog.domain.base import Command, Context, Event, Refused, iso
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.rule import first_match
from ticketlog.domain.settings.sla_policy import SlaPolicy
from ticketlog.domain.sla.clock import Applied, DueItem, late
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.evolution import after, afters
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.domain.ticket.lookups import settings_of
from ticketlog.domain.ticket.sla.clock_changes import Terms, afresh, changes
from ticketlog.domain.ticket.sla_events import (
    ReapplySla,
    RecordDue,
    SlaApplied,
    SlaBreached,
    SlaWarned,
    told,
)
from ticketlog.domain.ticket.state import Decisions, Ticket
from ticketlog.domain.ticket.time_correction import CorrectTime, TimeCorrected
from ticketlog.domain.ticket.withdrawal import Withdraw
from ticketlog.domain.time.calendar import Calendar
from ticketlog.domain.time.receipt import is_ahead


def accounted(
    events: list[Event], command: Command, ticket: Ticket, context: Context
) -> list[Event]:
    """A commit's events with what was due before them and what they do to the clocks.

    An imported history gets neither, since its rows were decided under no settings of the desk. A
    ticket that was imported, and to which a policy was applied here, gets both.
    """
    settings = settings_of(context)
    reapply = isinstance(command, ReapplySla)
    if isinstance(command, RecordDue | CorrectTime | Withdraw) or not (events or reapply):
        return events
    if ticket.sla is None and (not settings.sla_policies or isinstance(command, RecordActivity)):
        return events
    before, effect = around(events, ticket, context, reapply)
    return [*before, *events, *effect] if events or effect else []


def around(
    events: list[Event], ticket: Ticket, context: Context, reapply: bool = False
) -> tuple[list[Event], list[Event]]:
    """The events of what was due before a commit's events, and of what these do to what was
    promised: to be recorded before them and behind them."""
    before = passed(ticket, max(ticket.clock, context.now))
    start = after(ticket, before, context) if before else ticket
    return before, _effect(events, start, context, reapply)


def passed(ticket: Ticket, now: int) -> list[Event]:
    """The breaches and warnings that were due before now and aren't recorded yet."""
    return [_due_event(each, ticket) for each in late(ticket.clocks, now)]


def _due_event(each: DueItem, ticket: Ticket) -> Event:
    metric, clock, warning = each.metric, each.clock, each.warning
    target = clock.target
    assert target is not None
    policy = ticket.sla.policy if ticket.sla else None
    if warning is None:
        return SlaBreached(
            metric=metric,
            instance=clock.instance,
            at=each.at,
            used=target.seconds * 1_000_000,
            target=target.seconds,
            business=target.business,
            policy=policy,
            because="time",
        )
    return SlaWarned(
        metric=metric,
        instance=clock.instance,
        at=each.at,
        used=warning.used,
        target=target.seconds,
        business=target.business,
        policy=policy,
        due=clock.due,
    )


def _effect(events: list[Event], start: Ticket, context: Context, reapply: bool) -> list[Event]:
    """The events of what a commit's events, seen as done to `start`, do to what was promised."""
    settings, held = settings_of(context), start.sla
    plain = steps(start, events, context)
    applied = _applies(plain[-1], settings, reapply)
    if applied is held and _nothing_turned(start, plain[-1]):
        return []
    states = plain
    if _switches(applied) != _switches(held):
        # A policy's switches count for what makes it apply, too.
        states = steps(start.but({"sla": applied, **told(start.clocks)}), events, context)
    at = max(start.clock, context.now)
    terms = _terms(at, held, applied, settings, reapply)
    found = changes(states, plain[-1].clocks, terms)
    if applied is held:
        return found
    return [SlaApplied(old=held, new=applied, because=terms.why), *found]


def _terms(
    at: int, held: Applied | None, applied: Applied | None, settings: Settings, reapply: bool
) -> Terms:
    return Terms(
        at=at,
        held=held,
        applied=applied,
        policy=settings.policy(applied.policy) if applied else None,
        before=settings.calendar(held.calendar if held else None),
        calendar=settings.calendar(applied.calendar if applied else None),
        reapplied=reapply,
    )


def _nothing_turned(before: Ticket, then: Ticket) -> bool:
    """Whether no clock changed, nor what its target depends on beside the policy."""
    return then.clocks is before.clocks and then.priority == before.priority


def steps(ticket: Ticket, events: list[Event], context: Context) -> list[Ticket]:
    """The ticket before the events, and after each of them."""
    return [ticket, *afters(ticket, events, context)]


def _switches(applied: Applied | None) -> tuple[str, ...]:
    return applied.switches if applied else ()


def _applies(ticket: Ticket, settings: Settings, reapply: bool) -> Applied | None:
    """The policy and calendar that apply to a ticket: the policy that matches it, in the version
    that it had when it came to match; that of before where none does. `reapply`: the version in
    force, or none.

    A closed ticket, spam and a duplicate keep what they have.
    """
    held = ticket.sla
    if ticket.status_category == "closed" or ticket.spam or ticket.is_duplicate:
        return held
    found = first_match(settings.policies, facts_of(ticket, settings))
    if found is None:
        return None if reapply or held is None else _on_calendar(held, ticket, settings)
    if held is not None and not reapply and held.policy.id == found.id:
        return _on_calendar(held, ticket, settings)
    calendar = _calendar(found, ticket, settings)
    fresh = Applied(
        policy=settings.edition("sla-policy", found.id),
        calendar=settings.edition("calendar", calendar.id) if calendar else None,
        switches=found.switches,
    )
    return held if fresh == held else fresh


def _on_calendar(held: Applied, ticket: Ticket, settings: Settings) -> Applied:
    """The same promise, on the calendar that is the ticket's now: its organisation or team may be
    another. The same calendar stays in its version."""
    policy, had = settings.policy(held.policy), held.calendar
    found = _calendar(policy, ticket, settings) if policy else None
    if found is None or (had is not None and had.id == found.id):
        return held
    return held.model_copy(update={"calendar": settings.edition("calendar", found.id)})


def _calendar(policy: SlaPolicy, ticket: Ticket, settings: Settings) -> Calendar | None:
    return settings.calendar_of(policy, organisation=ticket.organisation, team=ticket.team)


def _record_due(command: RecordDue, ticket: Ticket, context: Context) -> list[Event]:
    return passed(ticket, max(ticket.clock, context.now))


def _reapply(command: ReapplySla, ticket: Ticket, context: Context) -> list[Event]:
    return []


def _correct_time(command: CorrectTime, ticket: Ticket, context: Context) -> list[Event]:
    """The correction, and what its clocks had used, told anew: what was recorded of them counts
    time that never was."""
    now = context.now
    if ticket.sound is None and not is_ahead(ticket.clock, now):
        raise Refused(
            f"no time of ticket {ticket.id} lies ahead of its receipt, and its clock, "
            f"{iso(ticket.clock)}, isn't ahead of now: there is nothing to correct",
            ticket=ticket.id,
        )
    then = ticket.sound or ticket
    at = max(now, then.clock) if then is not ticket else now
    event = TimeCorrected(old=ticket.clock, new=at, reason=command.reason)
    terms = _terms(at, then.sla, then.sla, settings_of(context), False)
    return [event, *afresh(then, ticket.clocks, terms)]


DECIDE: Decisions = {
    ReapplySla: _reapply,
    RecordDue: _record_due,
    CorrectTime: _correct_time,
}

"""Lifecycle timers: reminders, the end of silence and of holds, closing, surveys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ticketlog.domain.base import Command, Recorded
from ticketlog.domain.settings.automation_rules import LifecycleRule
from ticketlog.domain.settings.conditions import matches
from ticketlog.domain.settings.model import Settings, cited
from ticketlog.domain.settings.rule import in_order
from ticketlog.domain.ticket import EVENTS
from ticketlog.domain.ticket.automation import Remind, RequesterReminded
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.feedback import OfferSurvey, SurveyOffered
from ticketlog.domain.ticket.lifecycle import Close, SetStatus, Solve
from ticketlog.domain.ticket.sla_events import RecordDue
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.status_events import StatusEvent
from ticketlog.policies.protocol import AtWork, Reaction, RuleAct, RulePolicy, by_actor

NAME = "lifecycle"
_SECOND_US = 1_000_000


class PlannedTransition(NamedTuple):
    """A rule and the instant at which it acts on a ticket if nothing changes; None: it doesn't."""

    rule: LifecycleRule
    at: int | None


def due(ticket: Ticket, settings: Settings, at_work: AtWork) -> int | None:
    """The instant at which the first of the rules acts on the ticket."""
    found = _first(ticket, settings)
    return found and found.at


def act(ticket: Ticket, settings: Settings, at_work: AtWork) -> Iterable[Reaction]:
    """The command of the first of the rules."""
    found = _first(ticket, settings)
    if found is None:
        return
    rule = cited("lifecycle-rule", found.rule.id, settings)
    command = _command(found.rule, rule, ticket, settings)
    if command is not None:
        yield Reaction(command, f"ticket/{ticket.id}", rule, seen=ticket.version)


def planned(ticket: Ticket, settings: Settings) -> list[PlannedTransition]:
    """The rules whose conditions match the ticket, in order, with the times at which they act."""
    facts = facts_of(ticket, settings)
    return [
        PlannedTransition(rule, None if ticket.spam else _at(rule, ticket, settings))
        for rule in in_order(settings.rules_of(LifecycleRule).values())
        if matches(rule.when, facts)
    ]


def _first(ticket: Ticket, settings: Settings) -> PlannedTransition | None:
    if not settings.rules_of(LifecycleRule) or ticket.spam:
        return None
    facts = facts_of(ticket, settings)
    found = [
        PlannedTransition(rule, at)
        for rule in in_order(settings.rules_of(LifecycleRule).values())
        if (at := _at(rule, ticket, settings)) is not None and matches(rule.when, facts)
    ]
    return min(found, key=lambda each: each.at or 0, default=None)


def _at(rule: LifecycleRule, ticket: Ticket, settings: Settings) -> int | None:
    category = ticket.status_category
    match rule.action:
        case "remind" if category == "pending" and ticket.reminders < (rule.times or 1):
            return _later(rule, ticket.quiet_since, settings, ticket.reminders + 1)
        case "solve" if category == "pending":
            return _later(rule, ticket.quiet_since, settings)
        case "close" if category == "solved":
            return _later(rule, ticket.solved_at, settings)
        case "survey" if category == "solved" and not ticket.survey_offered:
            return _later(rule, ticket.solved_at, settings)
        case "wake" if category == "on-hold":
            return ticket.hold_until
    return None


def _later(
    rule: LifecycleRule, start: int | None, settings: Settings, times: int = 1
) -> int | None:
    """The end of the rule's span after the start, counted in the rule's calendar if it has one."""
    if start is None:
        return None
    length = (rule.after or 0) * times * _SECOND_US
    calendar = settings.calendars.get(rule.calendar or "")
    return start + length if calendar is None else calendar.timetable.add(start, length)


def _command(rule: LifecycleRule, cited: str, ticket: Ticket, settings: Settings) -> Command | None:
    match rule.action:
        case "remind":
            return Remind(number=ticket.reminders + 1, rule=cited)
        case "solve":
            return Solve.of_records(code=rule.code)
        case "close":
            return Close()
        case "survey":
            return OfferSurvey.of_records(survey=rule.survey or "default")
        case "wake":
            target = settings.workflow_of(ticket.type).first_of("open")
            return SetStatus.of_records(status=target.id) if target else None


def _moved(recorded: Recorded, before: Ticket) -> RuleAct | None:
    """The act of a status event; one that follows from an assignment counts as the assignment's."""
    event = recorded.event
    assert isinstance(event, StatusEvent)
    return None if event.because == "assignment" else by_actor(recorded, before)


RULES = RulePolicy(
    LifecycleRule,
    acts={},
    acts_as_actor={
        **{each: _moved for each in EVENTS if issubclass(each, StatusEvent)},
        SurveyOffered: by_actor,
        RequesterReminded: by_actor,
    },
    commands=frozenset(
        each.NAME for each in (Remind, Solve, Close, OfferSurvey, SetStatus, RecordDue)
    ),
)

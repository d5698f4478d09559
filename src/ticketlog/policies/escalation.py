"""Escalation: up to a tier, by age, by conditions, by words of end users, or because a promise is
broken or about to be.

Age and conditions are computed from the ticket's state, as a timer; words, breaches and warnings
are reacted to when they are recorded. Rules only lead a ticket up, so that each acts on it once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ticketlog.domain.base import Event, Recorded
from ticketlog.domain.settings.automation_rules import EscalationRule
from ticketlog.domain.settings.conditions import ConditionVerdict, judge, matches
from ticketlog.domain.settings.model import Settings, cited
from ticketlog.domain.settings.rule import in_order
from ticketlog.domain.ticket.assignment import Escalate, Escalated
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.conversation import Replied
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.sla_events import DueEvent, SlaBreached, SlaWarned
from ticketlog.domain.ticket.state import Ticket
from ticketlog.policies.protocol import AtWork, Reaction, RulePolicy, Situation, named

NAME = "escalation"
ON: frozenset[type[Event]] = frozenset({TicketCreated, Replied, SlaWarned, SlaBreached})
_SECOND_US = 1_000_000


class PlannedEscalation(NamedTuple):
    """A rule as it stands to a ticket: its conditions' verdict, another reason that holds it back,
    and the instant at which it acts if nothing changes; None: not by time."""

    rule: EscalationRule
    verdict: ConditionVerdict
    why_not: str | None
    at: int | None


class _Found(NamedTuple):
    """A rule, an event that calls for it, and the reason."""

    rule: EscalationRule
    recorded: Recorded
    why: str


def react(recorded: Recorded, situation: Situation) -> Iterable[Reaction]:
    """The escalation by the highest leading rule that the events of the commit call for, the first
    of equals; sent once, because of the event that calls for it.

    It names no version that it was made for: nothing that happens meanwhile unsays a breach or a
    word, and the command itself leads only up, and only what is active.
    """
    settings = situation.settings
    found = [
        _Found(rule, each, why)
        for rule in settings.rules_of(EscalationRule).values()
        if rule.words or rule.on
        if settings.held("escalation-rule", rule.id, recorded.meta.settings)
        for each in situation.commit
        if (why := _called_for(rule, each.event)) is not None
    ]
    if not any(each.recorded is recorded for each in found):
        return
    ticket: Ticket = situation.after()
    rules = list(_open(ticket, settings, [each.rule for each in found]))
    best = max(rules, key=lambda rule: rule.tier, default=None)
    for each in found:
        if each.rule is best:
            if each.recorded is recorded:
                yield _escalated(each.rule, ticket, settings, each.why)
            return


def due(ticket: Ticket, settings: Settings, at_work: AtWork) -> int | None:
    """The instant at which the first of the rules acts on the ticket."""
    rule = _first(ticket, settings)
    return None if rule is None else _at(rule, ticket)


def act(ticket: Ticket, settings: Settings, at_work: AtWork) -> Iterable[Reaction]:
    """The escalation by the first of the rules."""
    rule = _first(ticket, settings)
    if rule is not None:
        why = str(rule.when) if rule.after is None else f"{rule.after} seconds old"
        yield _escalated(rule, ticket, settings, why)._replace(seen=ticket.version)


def planned(ticket: Ticket, settings: Settings) -> list[PlannedEscalation]:
    """All rules in order, with their conditions' verdicts and times."""
    facts = facts_of(ticket, settings)
    found = []
    for rule in in_order(settings.rules_of(EscalationRule).values()):
        verdict, why_not = judge(rule.when, facts), _held_back(rule, ticket)
        at = _missing(rule, ticket) if rule.on else _at(rule, ticket)
        acts = verdict.matches and why_not is None
        found.append(PlannedEscalation(rule, verdict, why_not, at if acts else None))
    return found


def _held_back(rule: EscalationRule, ticket: Ticket) -> str | None:
    if not ticket.active:
        return f"it is {'spam' if ticket.spam else ticket.status_category}"
    return f"it is at tier {ticket.tier_level}" if ticket.tier_level >= rule.tier else None


def _missing(rule: EscalationRule, ticket: Ticket) -> int | None:
    """The next breach or warning that the rule is `on`."""
    clocks = [c for metric, c in ticket.clocks.items() if metric in (rule.metrics or (metric,))]
    breaches = [clock.due for clock in clocks if "breached" in rule.on and clock.due is not None]
    warnings = [each.at for clock in clocks if "warned" in rule.on for each in clock.warnings]
    return min([*breaches, *warnings], default=None)


def _first(ticket: Ticket, settings: Settings) -> EscalationRule | None:
    rules = settings.rules_of(EscalationRule)
    if not rules:
        return None
    timed = [each for each in rules.values() if not each.words and not each.on]
    found = _open(ticket, settings, timed)
    return min(found, key=lambda rule: _at(rule, ticket) or 0, default=None)


def _at(rule: EscalationRule, ticket: Ticket) -> int | None:
    """The instant at which a rule whose conditions hold acts; None: not by time."""
    if rule.words or rule.on:
        return None
    return ticket.clock if rule.after is None else ticket.created_at + rule.after * _SECOND_US


def _open(
    ticket: Ticket, settings: Settings, rules: Iterable[EscalationRule]
) -> Iterator[EscalationRule]:
    """The rules that match a ticket and lead above its tier, in order."""
    if ticket.active:
        facts = facts_of(ticket, settings)
        for rule in in_order(rules):
            if ticket.tier_level < rule.tier and matches(rule.when, facts):
                yield rule


def _called_for(rule: EscalationRule, event: Event) -> str | None:
    """The reason for which an event calls for a rule; None: it doesn't."""
    if isinstance(event, DueEvent):
        occasion = "breached" if isinstance(event, SlaBreached) else "warned"
        of_these = not rule.metrics or event.metric in rule.metrics
        return _missed(event, occasion) if occasion in rule.on and of_these else None
    said = _said(event).casefold() if rule.words else ""
    word = next((each for each in rule.words if each.casefold() in said), None)
    return None if word is None else f"{word!r} was said"


def _missed(event: DueEvent, occasion: str) -> str:
    policy = f" of {event.policy.id}@{event.policy.version}" if event.policy else ""
    basis = "business" if event.business else "calendar"
    target = f"{event.target} seconds of {basis} time"
    used = "" if occasion == "breached" else f"{event.used // _SECOND_US} of "
    return f"{event.metric}{policy} {occasion}: {used}{target}"


def _said(event: Event) -> str:
    """The text of an end user in an event; empty: none."""
    match event:
        case Replied(author_kind="requester" | "end-user", automated=False, body=body):
            return body
        case TicketCreated(author_kind="requester" | "end-user", subject=subject, description=text):
            return f"{subject}\n{text or ''}"
    return ""


def _escalated(rule: EscalationRule, ticket: Ticket, settings: Settings, why: str) -> Reaction:
    named = cited("escalation-rule", rule.id, settings)
    reason = f"{rule.title or rule.id}: {' '.join(why.split())}"[:500]
    command = Escalate.of_records(tier=rule.tier, reason=reason, team=rule.team, rule=named)
    return Reaction(command, f"ticket/{ticket.id}", named)


RULES = RulePolicy(
    EscalationRule,
    acts={Escalated: named},
    commands=frozenset({Escalate.NAME}),
)

"""The explanation of a ticket: the SLA policy and the rules that match it, the reasons for which
the rest don't, the acts that they would do as it is, and recorded acts of rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias

from ticketlog.documents.explained import EXPLAINED, Explained
from ticketlog.domain.base import Actor, NotFound, Recorded
from ticketlog.domain.settings.automation_rules import (
    AbsenceRule,
    AssignmentRule,
    EscalationRule,
    LifecycleRule,
)
from ticketlog.domain.settings.conditions import ConditionVerdict
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.rule import Rule, tried
from ticketlog.domain.settings.sla_policy import SlaPolicy
from ticketlog.domain.ticket.absence import leaving, rule_for
from ticketlog.domain.ticket.assignment import AssigneeChanged, Escalated
from ticketlog.domain.ticket.automation import AgentChosen, ChoiceDropped
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.state import Ticket
from ticketlog.policies import RULES, escalation, lifecycle_timer
from ticketlog.policies.agent_ranking import Weighed, weighed
from ticketlog.policies.protocol import RulePolicy


class ExplainedDesk(Protocol):
    """The part of a desk that is needed here, now or at a moment."""

    @property
    def settings(self) -> Settings: ...

    def load(self, stream: str, *, actor: Actor | None = None) -> Any: ...

    def history(self, ticket: str, *, actor: Actor | None = None) -> list[Recorded]: ...


class _Asked(NamedTuple):
    """The subject of an explanation: a ticket under settings. `now`: the instant, in
    microseconds."""

    ticket: Ticket
    settings: Settings
    now: int
    load: Callable[[str], Any]
    history: Sequence[Recorded]


def explain(desk: ExplainedDesk, stream: str, at: int, *, actor: Actor | None = None) -> Explained:
    """The explanation of a ticket ('ticket/ID') at an instant, in microseconds, by what the actor
    reads of it and of those who work on it. Raises NotFound, Forbidden."""
    load = partial(desk.load, actor=actor)
    ticket: Ticket = load(stream)
    if not ticket.exists:
        raise NotFound(f"{stream} doesn't exist; `ticketlog ticket list` shows those that do")
    settings = desk.settings
    history = desk.history(stream, actor=actor)
    asked = _Asked(ticket, settings, max(ticket.clock, at), load, history)
    return EXPLAINED.filled(_promise(asked), **dict(_rules(asked)))


def _promise(asked: _Asked) -> dict[str, Any]:
    ticket, settings = asked.ticket, asked.settings
    policies = list(tried(settings.sla_policies.values(), facts_of(ticket, settings)))
    found = policies[-1].rule if policies and policies[-1].verdict.matches else None
    return {
        "ticket": ticket.id,
        "position": settings.position,
        "policy": found and found.id,
        "version": found and settings.versions[f"sla-policy/{found.id}"],
        "calendar": found and _calendar(ticket, settings, found),
        "targets": _targets(ticket, found) if found else [],
        "tried": [
            {"policy": rule.id, **_judged("sla-policy", rule, verdict, settings)}
            for rule, verdict in policies
        ],
    }


def _calendar(ticket: Ticket, settings: Settings, policy: SlaPolicy) -> dict[str, Any] | None:
    found = settings.calendar_of(policy, organisation=ticket.organisation, team=ticket.team)
    if found is None:
        return None
    return {"id": found.id, "version": settings.versions[f"calendar/{found.id}"]}


def _targets(ticket: Ticket, policy: SlaPolicy) -> list[dict[str, Any]]:
    return [
        {"metric": each.metric, "seconds": each.seconds, "business": each.business}
        for each in policy.targets
        if each.priority == ticket.priority
    ]


def _rules(asked: _Asked) -> Iterator[tuple[str, Any]]:
    """The table of each kind of rule that is explained, and what is said of its rules."""
    for policy in RULES:
        if policy.explained:
            explained: _Explaining = _EXPLAINED.get(policy.rule, _tried)
            yield policy.kind.table, explained(asked, policy)


def _tried(asked: _Asked, policy: RulePolicy) -> list[dict[str, Any]]:
    return [
        {"rule": rule.id, **_judged(policy.kind.name, rule, verdict, asked.settings)}
        for rule, verdict in policy.explain(asked.ticket, asked.settings)
    ]


def _judged(kind: str, rule: Rule, verdict: ConditionVerdict, settings: Settings) -> dict[str, Any]:
    """The verdict of a rule's conditions."""
    failed = [
        {"group": failure.group, **failure.condition.model_dump(), "found": failure.found}
        for failure in verdict.failed
    ]
    return {
        "version": settings.versions[f"{kind}/{rule.id}"],
        "matches": verdict.matches,
        "failed": failed,
    }


def _lifecycle(asked: _Asked, policy: RulePolicy) -> list[dict[str, Any]]:
    return [
        {
            "rule": each.rule.id,
            "version": asked.settings.versions[f"{policy.kind.name}/{each.rule.id}"],
            "action": each.rule.action,
            "at": each.at,
        }
        for each in lifecycle_timer.planned(asked.ticket, asked.settings)
    ]


def _assignment(asked: _Asked, policy: RulePolicy) -> dict[str, Any]:
    gave_back = _gave_back(asked.history)
    return {
        "waits": asked.ticket.waits_for_agent,
        "tried": _tried(asked, policy),
        "agents": [
            {**each._asdict(), "gave_back": each.agent == gave_back}
            for each in _weighed(asked, policy)
        ],
        "chosen": [_chosen(each, asked.history) for each in _of(asked.history, AgentChosen)],
    }


def _weighed(asked: _Asked, policy: RulePolicy) -> list[Weighed]:
    """The team's agents by the rule that matches; none matches: nobody is asked."""
    rules = policy.explain(asked.ticket, asked.settings)
    if not rules or not rules[-1].verdict.matches:
        return []

    def at_work(id: str) -> Any:
        return asked.load(f"agent/{id}")

    return weighed(asked.ticket, rules[-1].rule, asked.settings, at_work, asked.now)


def _gave_back(history: Sequence[Recorded]) -> str | None:
    """The agent who had the ticket last, where nobody has it since."""
    for recorded in _of(reversed(history), AssigneeChanged):
        changed = recorded.event
        assert isinstance(changed, AssigneeChanged)
        return changed.old if changed.new is None else None
    return None


def _chosen(recorded: Recorded, history: Sequence[Recorded]) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, AgentChosen)
    return {
        "at": recorded.meta.occurred_at,
        "event": recorded.id,
        "agent": event.agent,
        "rule": event.rule,
        "why": event.why,
        "candidates": [each.model_dump() for each in event.candidates],
        "came_of_it": _came_of(recorded.id, history),
    }


def _came_of(choice: str, history: Sequence[Recorded]) -> str | None:
    """The outcome of a choice: 'made', or the reason for which it was dropped; None: none yet."""
    for each in history:
        match each.event:
            case AssigneeChanged(choice=made) if made == choice:
                return "made"
            case ChoiceDropped(choice=dropped, why=why) if dropped == choice:
                return why
    return None


def _absence(asked: _Asked, policy: RulePolicy) -> dict[str, Any]:
    ticket, settings = asked.ticket, asked.settings
    rule, agent = rule_for(ticket, settings), ticket.assignee
    since = asked.load(f"agent/{agent}").absent_since if agent else None
    leaves = leaving(ticket, since, settings)
    return {
        "rule": rule and rule.id,
        "version": rule and settings.versions[f"{policy.kind.name}/{rule.id}"],
        "agent": agent,
        "absent_since": since,
        "at": leaves and leaves.at,
    }


def _escalation(asked: _Asked, policy: RulePolicy) -> dict[str, Any]:
    return {
        "rules": [
            {
                "rule": rule.id,
                "tier": rule.tier,
                "on": rule.on,
                "words": rule.words,
                **_judged(policy.kind.name, rule, verdict, asked.settings),
                "why_not": why_not,
                "at": at,
            }
            for rule, verdict, why_not, at in escalation.planned(asked.ticket, asked.settings)
        ],
        "done": [_done(each) for each in _of(asked.history, Escalated)],
    }


def _done(recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, Escalated)
    by = event.rule or recorded.meta.actor.id
    said = event.model_dump(include={"old", "new", "rule", "reason"})
    return {"at": recorded.meta.occurred_at, **said, "by": by}


def _of(history: Iterable[Recorded], kind: type) -> Iterator[Recorded]:
    return (each for each in history if isinstance(each.event, kind))


_Explaining: TypeAlias = Callable[[_Asked, RulePolicy], Any]
_EXPLAINED: Mapping[type[Rule], _Explaining] = {
    LifecycleRule: _lifecycle,
    AssignmentRule: _assignment,
    AbsenceRule: _absence,
    EscalationRule: _escalation,
}
"""Kinds of rules of which more is said than which match and why not."""

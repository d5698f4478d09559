"""What `ticketlog settings explain` says of assignment and escalation: what the rules in force
would do with a ticket as it is, and what rules have done with it, as recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ticketlog.application.as_of import Past
from ticketlog.cli.output import show_all, table
from ticketlog.desk import Desk
from ticketlog.domain.base import Recorded, iso
from ticketlog.domain.settings.automation_rules import AssignmentRule, EscalationRule
from ticketlog.domain.settings.conditions import ConditionVerdict
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.rule import Rule, tried
from ticketlog.domain.ticket.absence import leaving, rule_for
from ticketlog.domain.ticket.assignment import AssigneeChanged, Escalated
from ticketlog.domain.ticket.automation import AgentChosen, ChoiceDropped
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.state import Ticket
from ticketlog.policies import escalation
from ticketlog.policies.agent_ranking import Weighed, weighed


class WorkExplanation:
    """`now`: the time that is asked about."""

    def __init__(
        self, source: Desk | Past, stream: str, ticket: Ticket, settings: Settings, now: int
    ) -> None:
        self._source = source
        self._ticket = ticket
        self._settings = settings
        self._now = now
        self._history = source.history(stream)
        rules = settings.rules_of(AssignmentRule).values()
        self._tried = list(tried(rules, facts_of(ticket, settings)))
        self._planned = escalation.planned(ticket, settings)

    def document(self) -> dict[str, Any]:
        return {
            "assignment": {
                "waits": self._ticket.waits_for_agent,
                "tried": [
                    {
                        "rule": each.rule.id,
                        **judged("assignment-rule", each.rule, each.verdict, self._settings),
                    }
                    for each in self._tried
                ],
                "agents": [
                    {**each._asdict(), "gave_back": each.agent == self._gave_back()}
                    for each in self._weighed()
                ],
                "chosen": [
                    _chosen(each, self._history) for each in _of(self._history, AgentChosen)
                ],
            },
            "absence": self._absence(),
            "escalation": {
                "rules": [self._rule(each) for each in self._planned],
                "done": [_done(each) for each in _of(self._history, Escalated)],
            },
        }

    def _absence(self) -> dict[str, Any]:
        ticket, settings = self._ticket, self._settings
        rule, agent = rule_for(ticket, settings), ticket.assignee
        since = self._source.load(f"agent/{agent}").absent_since if agent else None
        leaves = leaving(ticket, since, settings)
        return {
            "rule": rule and rule.id,
            "version": rule and settings.versions[f"absence-rule/{rule.id}"],
            "agent": agent,
            "absent_since": None if since is None else iso(since),
            "at": leaves and iso(leaves.at),
        }

    def _weighed(self) -> list[Weighed]:
        if not self._tried or not self._tried[-1].verdict.matches:
            return []
        rule = self._tried[-1].rule

        def at_work(id: str) -> Any:
            return self._source.load(f"agent/{id}")

        return weighed(self._ticket, rule, self._settings, at_work, self._now)

    def _gave_back(self) -> str | None:
        """Who had the ticket last, where nobody has it since."""
        for recorded in reversed(list(_of(self._history, AssigneeChanged))):
            changed = recorded.event
            assert isinstance(changed, AssigneeChanged)
            return changed.old if changed.new is None else None
        return None

    def _rule(self, planned: escalation.PlannedEscalation) -> dict[str, Any]:
        rule = planned.rule
        return {
            "rule": rule.id,
            "tier": rule.tier,
            "on": rule.on,
            "words": rule.words,
            **judged("escalation-rule", rule, planned.verdict, self._settings),
            "why_not": planned.why_not,
            "at": None if planned.at is None else iso(planned.at),
        }

    def show(self) -> None:
        document = self.document()
        self._show_assignment(document["assignment"])
        absence = document["absence"]
        if absence["rule"] is not None:
            columns = ("absence rule", "agent", "absent since", "leaves them at")
            names = ("rule", "agent", "absent_since", "at")
            _table(columns, [[absence[name] or "" for name in names]], flexible=())
        _table(
            ("escalation rule", "tier", "acts", "next at", "why not"),
            [
                [each.rule.id, each.rule.tier, _acts(each.rule), _at(each.at), _why_not(each)]
                for each in self._planned
            ],
            flexible=("why not",),
        )
        _table(
            ("escalated at", "from", "to", "by", "reason"),
            [
                [e["at"], e["old"], e["new"], e["by"], e["reason"]]
                for e in document["escalation"]["done"]
            ],
            flexible=("reason",),
        )

    def _show_assignment(self, document: dict[str, Any]) -> None:
        _table(
            ("position", "assignment rule", "matches", "why not"),
            [
                [rule.position, rule.id, verdict.matches, "; ".join(map(str, verdict.failed))]
                for rule, verdict in self._tried
            ],
            flexible=("why not",),
        )
        _table(
            ("agent", "has", "room for", "may have it", "why not"),
            [
                [
                    *(each["agent"], each["load"], "any" if each["room"] is None else each["room"]),
                    not each["why_not"],
                    "; ".join([*each["why_not"], *(["gave it back"] if each["gave_back"] else [])]),
                ]
                for each in document["agents"]
            ],
            flexible=("why not",),
        )
        _table(
            ("chosen at", "agent", "rule", "why", "came of it", "of (with so many)"),
            [
                [
                    *(each["at"], each["agent"], each["rule"], each["why"], each["came_of_it"]),
                    ", ".join(f"{c['agent']} {c['load']}" for c in each["candidates"]),
                ]
                for each in document["chosen"]
            ],
            flexible=("of (with so many)",),
        )


def judged(kind: str, rule: Rule, verdict: ConditionVerdict, settings: Settings) -> dict[str, Any]:
    """What a rule's conditions say, for a document."""
    failed = [
        {"group": failure.group, **failure.condition.model_dump(), "found": failure.found}
        for failure in verdict.failed
    ]
    return {
        "version": settings.versions[f"{kind}/{rule.id}"],
        "matches": verdict.matches,
        "failed": failed,
    }


def _table(columns: Sequence[str], rows: list[list[Any]], flexible: Sequence[str]) -> None:
    if rows:
        show_all("", table(columns, rows, right=("position", "tier", "has"), flexible=flexible))


def _of(history: Sequence[Recorded], kind: type) -> Iterator[Recorded]:
    return (each for each in history if isinstance(each.event, kind))


def _chosen(recorded: Recorded, history: Sequence[Recorded]) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, AgentChosen)
    return {
        "at": iso(recorded.meta.occurred_at),
        "event": recorded.id,
        "agent": event.agent,
        "rule": event.rule,
        "why": event.why,
        "candidates": [each.model_dump() for each in event.candidates],
        "came_of_it": _came_of(recorded.id, history),
    }


def _came_of(choice: str, history: Sequence[Recorded]) -> str | None:
    """What became of a choice: 'made', or why it was dropped; None: nothing yet."""
    for each in history:
        match each.event:
            case AssigneeChanged(choice=made) if made == choice:
                return "made"
            case ChoiceDropped(choice=dropped, why=why) if dropped == choice:
                return why
    return None


def _done(recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, Escalated)
    by = event.rule or recorded.meta.actor.id
    at = iso(recorded.meta.occurred_at)
    return {"at": at, **event.model_dump(include={"old", "new", "rule", "reason"}), "by": by}


def _acts(rule: EscalationRule) -> str:
    if rule.words:
        return f"when one says {', '.join(rule.words)}"
    if rule.on:
        return f"when {' or '.join(rule.on)}: {', '.join(rule.metrics) or 'any target'}"
    return "when they hold" if rule.after is None else f"{rule.after} seconds old"


def _at(at: int | None) -> str:
    return "" if at is None else iso(at)


def _why_not(planned: escalation.PlannedEscalation) -> str:
    reasons = [planned.why_not] if planned.why_not else []
    return "; ".join([*reasons, *map(str, planned.verdict.failed)])

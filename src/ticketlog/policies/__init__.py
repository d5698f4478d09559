"""Policies: they react to events, or to due times, with commands. One file each, listed here.

A policy is a module with NAME, the events that it is asked about (ON), and `react`, a pure
function (protocol). It only asks for commands; the desk sends them, each under an id that is a hash
of the causing event, the policy and the slot, so a policy may see an event twice and nothing
happens twice. A policy never reacts to imported commits, and a replay never runs one.

A timer computes of a ticket when something is due, and the commands to send then.
"""

from __future__ import annotations

from ticketlog.policies import (
    absence,
    assignment,
    escalation,
    lifecycle_timer,
    notification,
    routing,
    sla_timer,
)
from ticketlog.policies.protocol import Policy, RulePolicy, Timer

POLICIES: tuple[Policy, ...] = (routing, absence, assignment, escalation, notification)
NOTIFYING: frozenset[str] = frozenset({notification.NAME})
"""Policies that notify people: not of events that were old when they began."""
TIMERS: tuple[Timer, ...] = (lifecycle_timer, escalation, sla_timer, absence)
RULES: tuple[RulePolicy, ...] = (
    routing.RULES,
    lifecycle_timer.RULES,
    assignment.RULES,
    absence.RULES,
    escalation.RULES,
    notification.RULES,
)
"""The acts of each kind of rule: one entry for each of `RULE_KINDS`."""

"""When an absent agent's ticket waits for an agent again, as the desk's absence rules say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ticketlog.domain.settings.automation_rules import AbsenceRule
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.rule import first_match, in_order
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.state import Ticket

_SECOND = 1_000_000


class Leaving(NamedTuple):
    """The rule by which a ticket leaves its agent, and the instant at which it does."""

    rule: AbsenceRule
    at: int


def leaving(ticket: Ticket, since: int | None, settings: Settings) -> Leaving | None:
    """When the ticket leaves its agent, who is absent since an instant (None: they aren't), if
    nothing changes; None: it doesn't. The first rule that matches the ticket says so."""
    if since is None or ticket.assignee is None or not ticket.active:
        return None
    rule = rule_for(ticket, settings)
    if rule is None:
        return None
    at = min(_times(ticket, since, rule), default=None)
    return None if at is None else Leaving(rule, at)


def rule_for(ticket: Ticket, settings: Settings) -> AbsenceRule | None:
    """The first rule that matches the ticket; None: it stays with its agent."""
    rules = settings.rules_of(AbsenceRule)
    return first_match(in_order(rules.values()), facts_of(ticket, settings)) if rules else None


def _times(ticket: Ticket, since: int, rule: AbsenceRule) -> Iterator[int]:
    """The instants at which the rule takes the ticket from its agent. It stays where it was given
    to them later than that; that was meant so."""
    got, back, asked = ticket.assigned_at, ticket.back_at, ticket.asked_at
    if rule.begins is not None and got <= since:
        at = since + rule.begins * _SECOND
        if back is None or back <= at:
            yield at
    if rule.reopened is not None and back is not None and back >= since and got < back:
        yield back + rule.reopened * _SECOND
    if rule.replied is None or ticket.waiting_since is None or asked is None:
        return
    if asked >= since and got < asked:
        yield max(asked, max(ticket.waiting_since, since) + rule.replied * _SECOND)

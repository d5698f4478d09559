"""Notifications: that somebody is to be told is an event; sending it is an outbox's business.

Nobody is told of what they did themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ticketlog.domain.automation import NotificationRule, Occasion, Recipient, in_order
from ticketlog.domain.base import Event, Recorded
from ticketlog.domain.conditions import matches
from ticketlog.domain.ticket.assignment import AssigneeChanged, Escalated
from ticketlog.domain.ticket.automation import Notify, RequesterReminded
from ticketlog.domain.ticket.conversation import Noted, Replied
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.facts import facts_of
from ticketlog.domain.ticket.feedback import SurveyOffered
from ticketlog.domain.ticket.lifecycle import Reopened, Solved, TicketClosed
from ticketlog.domain.ticket.service import DueEvent, SlaBreached, SlaWarned
from ticketlog.domain.ticket.state import Ticket
from ticketlog.policies.base import Reaction, Situation, cited

NAME = "notification"
_OCCASIONS: dict[type[Event], Occasion] = {
    TicketCreated: "created",
    Replied: "replied",
    Noted: "noted",
    AssigneeChanged: "assigned",
    Escalated: "escalated",
    RequesterReminded: "reminded",
    Solved: "solved",
    Reopened: "reopened",
    TicketClosed: "closed",
    SurveyOffered: "survey-offered",
    SlaWarned: "warned",
    SlaBreached: "breached",
}
ON: frozenset[type[Event]] = frozenset(_OCCASIONS)


def react(recorded: Recorded, situation: Situation) -> Iterable[Reaction]:
    """A decision for each rule that is for this occasion and this ticket, and has somebody to
    tell."""
    settings = situation.settings
    occasion = _OCCASIONS[type(recorded.event)]
    rules = [each for each in settings.notifications.values() if occasion in each.on]
    if not rules or _is_empty(recorded.event):
        return
    ticket: Ticket = situation.after()
    facts = facts_of(ticket, settings)
    for rule in in_order(rules):
        told = tuple(dict.fromkeys(_told(rule, ticket, recorded)))
        if told and matches(rule.when, facts):
            named = cited("notification-rule", rule.id, settings)
            command = Notify(
                rule=named,
                occasion=occasion,
                of=recorded.id,
                outbox=rule.outbox,
                template=rule.template or rule.id,
                to=told,
            )
            yield Reaction(command, recorded.originator_id, named, slot=rule.id)


def _is_empty(event: Event) -> bool:
    """To be assigned to nobody is no news; a machine's mail must not be answered by another."""
    match event:
        case AssigneeChanged(new=None) | Replied(automated=True) | Noted(automated=True):
            return True
    return False


def _told(rule: NotificationRule, ticket: Ticket, recorded: Recorded) -> Iterator[str]:
    themselves = _themselves(recorded)
    for recipient in rule.to:
        for each in _named(recipient, ticket, recorded.event):
            if each not in themselves:
                yield each


def _themselves(recorded: Recorded) -> set[str]:
    """Whose doing it is. A missed target is time's, whoever's commit records it."""
    if isinstance(recorded.event, DueEvent):
        return set()
    actor = recorded.meta.actor
    return {f"{actor.kind}/{actor.id}", f"person/{actor.on_behalf_of}"}


def _named(recipient: Recipient, ticket: Ticket, event: Event) -> list[str]:
    match recipient:
        case "requester":
            return [f"person/{ticket.requester}"] if ticket.requester else []
        case "ccs":
            return [f"person/{each}" for each in ticket.ccs]
        case "assignee":
            return [f"agent/{ticket.assignee}"] if ticket.assignee else []
        case "followers":
            return [f"agent/{each}" for each in ticket.followers]
        case "mentioned":
            mentions = event.mentions if isinstance(event, Noted) else ()
            return [f"agent/{each}" for each in mentions]

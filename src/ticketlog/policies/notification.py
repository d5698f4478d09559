"""Notifications: that somebody is to be told is an event; sending it is an outbox's business.

What one commit did is told once: a rule tells a person of it in one notification, that names all of
its occasions. Nobody is told of what they did themselves, under whatever id. What is internal isn't
told to end users, whatever a rule says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ticketlog.domain.base import Event, Recorded
from ticketlog.domain.parties.presence import instead, why_gone
from ticketlog.domain.settings.automation_rules import (
    END_USERS,
    INTERNAL,
    NotificationRule,
    Occasion,
    Recipient,
    in_order,
)
from ticketlog.domain.settings.conditions import matches
from ticketlog.domain.settings.model import Settings, cited
from ticketlog.domain.ticket.assignment import AssigneeChanged, Escalated
from ticketlog.domain.ticket.automation import Notify, RequesterReminded
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.conversation import Noted, Replied
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.feedback import SurveyOffered
from ticketlog.domain.ticket.lifecycle import Reopened, Solved, TicketClosed
from ticketlog.domain.ticket.sla_events import DueEvent, SlaBreached, SlaWarned
from ticketlog.domain.ticket.state import Ticket
from ticketlog.policies.protocol import Reaction, Situation

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


class _Told(NamedTuple):
    """Who is told of which events of a commit: the same for each of them."""

    to: tuple[str, ...]
    of: tuple[Recorded, ...]


def react(recorded: Recorded, situation: Situation) -> Iterable[Reaction]:
    """A decision for each rule that is for this ticket and what its commit did, and has somebody to
    tell; said because of the first event of those that they are told of."""
    settings = situation.settings
    rules = [
        each
        for each in settings.notifications.values()
        if _occasion(recorded) in each.on
        and settings.held("notification-rule", each.id, recorded.meta.settings)
    ]
    if not rules or _is_empty(recorded.event):
        return
    ticket: Ticket = situation.after()
    facts = facts_of(ticket, settings)
    for rule in in_order(rules):
        if not matches(rule.when, facts):
            continue
        for number, told in enumerate(_groups(rule, ticket, recorded, situation)):
            if told.of[0].id == recorded.id:
                # The first is named as by releases that told of each event apart.
                slot = rule.id if number == 0 else f"{rule.id} {' '.join(e.id for e in told.of)}"
                yield _decided(rule, told, settings)._replace(slot=slot)


def _occasion(recorded: Recorded) -> Occasion:
    return _OCCASIONS[type(recorded.event)]


def _decided(rule: NotificationRule, told: _Told, settings: Settings) -> Reaction:
    named = cited("notification-rule", rule.id, settings)
    command = Notify(
        rule=named,
        occasion=_occasion(told.of[0]),
        occasions=tuple(dict.fromkeys(map(_occasion, told.of))),
        of=told.of[0].id,
        outbox=rule.outbox,
        template=rule.template or rule.id,
        to=told.to,
    )
    return Reaction(command, told.of[0].originator_id, named)


def _groups(
    rule: NotificationRule, ticket: Ticket, recorded: Recorded, situation: Situation
) -> list[_Told]:
    """Every human once, with those who are told of the same events; the first whom the first event
    concerns come first."""
    by_human: dict[str, list[Recorded]] = {}
    names: dict[str, str] = {}
    for each in situation.commit or (recorded,):
        occasion = _OCCASIONS.get(type(each.event))
        if occasion in rule.on and not _is_empty(each.event):
            for human, name in _told(rule, ticket, each, situation):
                by_human.setdefault(human, []).append(each)
                names[human] = _addressed(name, names.get(human))
    groups: dict[tuple[str, ...], _Told] = {}
    for human, of in by_human.items():
        known = groups.get(key := tuple(each.id for each in of), _Told((), tuple(of)))
        groups[key] = known._replace(to=(*known.to, names[human]))
    return list(groups.values())


def _addressed(name: str, other: str | None) -> str:
    """How somebody is told who is concerned under two names: as an agent, where they are one, since
    an agent may know everything."""
    return (
        name if other is None or name.startswith("agent/") > other.startswith("agent/") else other
    )


def _is_empty(event: Event) -> bool:
    """To be assigned to nobody is no news; a machine's mail must not be answered by another."""
    match event:
        case AssigneeChanged(new=None) | Replied(automated=True) | Noted(automated=True):
            return True
    return False


def _told(
    rule: NotificationRule, ticket: Ticket, recorded: Recorded, situation: Situation
) -> Iterator[tuple[str, str]]:
    """Whom a rule tells of one event: each human once, with the name under which."""
    found: dict[str, str] = {}
    for recipient in rule.to:
        if recipient in END_USERS and _occasion(recorded) in INTERNAL:
            continue
        for each in _here(recipient, ticket, recorded.event, situation):
            human = situation.identity(each)
            name = each if each.startswith("agent/") else human
            found[human] = _addressed(name, found.get(human))
    themselves = {situation.identity(each) for each in _themselves(recorded)}
    return ((human, name) for human, name in found.items() if human not in themselves)


def _themselves(recorded: Recorded) -> Iterator[str]:
    """Whose doing it is. A missed target is time's, whoever's commit records it."""
    if isinstance(recorded.event, DueEvent):
        return
    actor = recorded.meta.actor
    if actor.kind in ("person", "agent"):
        yield f"{actor.kind}/{actor.id}"
    if actor.on_behalf_of is not None:
        yield f"person/{actor.on_behalf_of}"


def _here(
    recipient: Recipient, ticket: Ticket, event: Event, situation: Situation
) -> Iterator[str]:
    """Whom a recipient names, those alone who are here: in the place of an assignee who is gone, or
    from whom this very commit took it for that or for an absence, somebody of the team is told."""
    settings = situation.settings
    if recipient == "assignee" and ticket.assignee is None and _left(situation.commit):
        yield from (f"agent/{other}" for other in instead(ticket.team, settings))
    for each in _named(recipient, ticket, event):
        kind, _, id = each.partition("/")
        team = ticket.team if recipient == "assignee" else None
        if kind != "agent" or why_gone(id, team, settings) is None:
            yield each
        elif recipient == "assignee":
            yield from (f"agent/{other}" for other in instead(ticket.team, settings))


def _left(commit: Sequence[Recorded]) -> bool:
    return any(
        isinstance(each.event, AssigneeChanged)
        and each.event.new is None
        and (each.event.method == "team-left" or each.event.rule is not None)
        for each in commit
    )


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

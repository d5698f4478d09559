"""Notifications: the decision to notify a person is an event; sending it is an outbox's business.

A rule notifies a person of a commit once: the notification names all of the commit's occasions. A
person isn't notified of their own doing, under none of their ids. End users are never notified of
internal events, even where a rule says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ticketlog.domain.base import Event, Recorded, kind_and_id
from ticketlog.domain.parties.presence import instead, why_gone
from ticketlog.domain.settings.automation_rules import (
    END_USERS,
    INTERNAL,
    NotificationRule,
    Occasion,
    Recipient,
)
from ticketlog.domain.settings.conditions import matches
from ticketlog.domain.settings.model import Settings, cited
from ticketlog.domain.settings.rule import in_order
from ticketlog.domain.ticket.assignment import AssigneeChanged, Escalated
from ticketlog.domain.ticket.automation import NotificationDecided, Notify, RequesterReminded
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.conversation import Noted, Replied
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.feedback import SurveyOffered
from ticketlog.domain.ticket.sla_events import DueEvent, SlaBreached, SlaWarned
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.status_events import Reopened, Solved, TicketClosed
from ticketlog.policies.protocol import Reaction, RulePolicy, Situation, named

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


class _Group(NamedTuple):
    """Recipients who are notified of the same events of a commit."""

    to: tuple[str, ...]
    of: tuple[Recorded, ...]


def react(recorded: Recorded, situation: Situation) -> Iterable[Reaction]:
    """A notification by each rule that matches the ticket and an event of the commit, and has a
    recipient; sent because of the first event that it names."""
    settings = situation.settings
    rules = [
        each
        for each in settings.rules_of(NotificationRule).values()
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
        for number, group in enumerate(_groups(rule, ticket, recorded, situation)):
            if group.of[0].id == recorded.id:
                # The first has the slot of releases that notified of each event apart.
                slot = rule.id if number == 0 else f"{rule.id} {' '.join(e.id for e in group.of)}"
                yield _decided(rule, group, settings)._replace(slot=slot)


def _occasion(recorded: Recorded) -> Occasion:
    return _OCCASIONS[type(recorded.event)]


def _decided(rule: NotificationRule, group: _Group, settings: Settings) -> Reaction:
    named = cited("notification-rule", rule.id, settings)
    command = Notify(
        rule=named,
        occasion=_occasion(group.of[0]),
        occasions=tuple(dict.fromkeys(map(_occasion, group.of))),
        of=group.of[0].id,
        outbox=rule.outbox,
        template=rule.template or rule.id,
        to=group.to,
    )
    return Reaction(command, group.of[0].originator_id, named)


def _groups(
    rule: NotificationRule, ticket: Ticket, recorded: Recorded, situation: Situation
) -> list[_Group]:
    """Recipients by the events that they are notified of: every human in one group. Groups come in
    the order of their first events."""
    by_human: dict[str, list[Recorded]] = {}
    names: dict[str, str] = {}
    for each in situation.commit or (recorded,):
        occasion = _OCCASIONS.get(type(each.event))
        if occasion in rule.on and not _is_empty(each.event):
            for human, name in _recipients(rule, ticket, each, situation):
                by_human.setdefault(human, []).append(each)
                names[human] = _addressed(name, names.get(human))
    groups: dict[tuple[str, ...], _Group] = {}
    for human, of in by_human.items():
        known = groups.get(key := tuple(each.id for each in of), _Group((), tuple(of)))
        groups[key] = known._replace(to=(*known.to, names[human]))
    return list(groups.values())


def _addressed(name: str, other: str | None) -> str:
    """The name to notify a human under who has two: the agent's, since agents may see
    everything."""
    return (
        name if other is None or name.startswith("agent/") > other.startswith("agent/") else other
    )


def _is_empty(event: Event) -> bool:
    """Whether nobody is notified of an event: a ticket without assignee is no news, and a machine's
    mail must not be answered by another machine."""
    match event:
        case AssigneeChanged(new=None) | Replied(automated=True) | Noted(automated=True):
            return True
    return False


def _recipients(
    rule: NotificationRule, ticket: Ticket, recorded: Recorded, situation: Situation
) -> Iterator[tuple[str, str]]:
    """The humans that a rule notifies of an event, each once, with the name to notify them
    under."""
    found: dict[str, str] = {}
    for recipient in rule.to:
        if recipient in END_USERS and _occasion(recorded) in INTERNAL:
            continue
        for each in _present(recipient, ticket, recorded.event, situation):
            human = situation.identity(each)
            name = each if each.startswith("agent/") else human
            found[human] = _addressed(name, found.get(human))
    doers = {situation.identity(each) for each in _doers(recorded)}
    return ((human, name) for human, name in found.items() if human not in doers)


def _doers(recorded: Recorded) -> Iterator[str]:
    """The names of the human who has done it: none for a missed target, which time has done."""
    if isinstance(recorded.event, DueEvent):
        return
    actor = recorded.meta.actor
    if actor.kind in ("person", "agent"):
        yield f"{actor.kind}/{actor.id}"
    if actor.on_behalf_of is not None:
        yield f"person/{actor.on_behalf_of}"


def _present(
    recipient: Recipient, ticket: Ticket, event: Event, situation: Situation
) -> Iterator[str]:
    """The present humans that a recipient of a rule stands for. In the place of an assignee who is
    gone, or whom this commit has unassigned for being gone or absent, members of the team."""
    settings = situation.settings
    if recipient == "assignee" and ticket.assignee is None and _left(situation.commit):
        yield from (f"agent/{other}" for other in instead(ticket.team, settings))
    for each in _named(recipient, ticket, event):
        kind, id = kind_and_id(each)
        if not _may_know(kind, id, recipient, ticket, settings):
            continue
        team = ticket.team if recipient == "assignee" else None
        if kind != "agent" or why_gone(id, team, settings) is None:
            yield each
        elif recipient == "assignee":
            yield from (f"agent/{other}" for other in instead(ticket.team, settings))


def _may_know(kind: str, id: str, recipient: Recipient, ticket: Ticket, settings: Settings) -> bool:
    """Whether a recipient sees a ticket: one in a restricted team is for its members, and for the
    requester."""
    if ticket.team not in settings.restricted_teams:
        return True
    if kind == "agent":
        agent = settings.agents.get(id)
        return agent is not None and agent.active and ticket.team in agent.teams
    return recipient == "requester"


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


RULES = RulePolicy(
    NotificationRule,
    acts={NotificationDecided: named},
    commands=frozenset({Notify.NAME}),
    explained=False,
)

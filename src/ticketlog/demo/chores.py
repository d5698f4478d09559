"""Chores of an agent at a ticket: classification, corrections, notes, tags."""

from __future__ import annotations

from typing import Any

from ticketlog.demo.case import DemoCase
from ticketlog.demo.staff import DemoAgent, Staff
from ticketlog.demo.world import DAY, SECOND
from ticketlog.domain.base import iso
from ticketlog.domain.ticket.classification import (
    Classify,
    SetDue,
    SetOrganisation,
    SetRequester,
    SetSubject,
    Tag,
)
from ticketlog.domain.ticket.conversation import Note
from ticketlog.domain.ticket.custom_fields import SetFields
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.domain.ticket.relations import AddCc, Follow, RemoveCc, Unfollow

TAGS = ("remote", "vip", "first-day", "known-error", "training", "on-site")
CAUSES = ("user", "configuration", "defect", "hardware", "third-party")


def sort_out(worker: DemoAgent, case: DemoCase) -> None:
    """Classifies and prioritises the ticket."""
    dice, topic, state = case.world.dice, case.topic, case.state
    case.sorted_out = True
    category: str | None = topic.category
    if dice.chance(0.04):
        category = "general/how-to"
    case.do(
        Classify(category=category, product=topic.product, language=topic.language), worker.actor
    )
    if state.impact is None or dice.chance(0.1):
        impact, urgency = dice.weighted(topic.impact), dice.weighted(topic.urgency)
        case.do(Prioritise(impact=impact, urgency=urgency), worker.actor)
    if dice.chance(0.05):
        subject = f"{topic.product.upper()}: {state.subject}"
        case.do(SetSubject(subject=subject[:500]), worker.actor)
    if state.type in ("incident", "question") and dice.chance(0.03):
        case.do(Classify(type="question" if state.type == "incident" else "incident"), worker.actor)
    if state.type in ("service-request", "change", "task"):
        due = case.world.now + dice.whole(3, 14) * DAY * SECOND
        case.do(SetDue(due_at=due), worker.actor)


def look_again(worker: DemoAgent, case: DemoCase) -> None:
    """Later corrections: category, priority by hand and back, requester, organisation, tags."""
    dice, state = case.world.dice, case.state
    if state.category != case.topic.category:
        case.do(Classify(category=case.topic.category), worker.actor)
    luck = dice.random()
    if luck < 0.02:
        reason = dice.pick(("the director waits", "trade fair tomorrow", "third time this week"))
        case.do(Prioritise(priority="high", reason=reason), worker.actor)
    elif luck < 0.04 and state.priority_source == "manual":
        case.do(Prioritise(automatic=True), worker.actor)
    elif luck < 0.10:
        case.do(Tag(add=(dice.pick(TAGS),)), worker.actor)
    elif luck < 0.12 and state.tags:
        case.do(Tag(remove=state.tags[:1]), worker.actor)
    elif luck < 0.13:
        case.do(Classify(asset=f"NB-{dice.whole(1000, 9999)}"), worker.actor)


def right_the_caller(worker: DemoAgent, case: DemoCase) -> None:
    """Corrects the requester of a call that was noted under another person's name."""
    if case.requester is not None and case.state.requester != case.requester.id:
        case.do(SetRequester(requester=case.requester.id), worker.actor)
        if case.world.dice.chance(0.5):
            case.do(SetOrganisation(organisation=None), worker.actor)


def fill_in(worker: DemoAgent, case: DemoCase) -> None:
    """Fills in the desk's own fields."""
    dice, state = case.world.dice, case.state
    wanted: dict[str, Any] = {}
    if state.impact in ("team", "company"):
        wanted["affected-users"] = dice.whole(2, 60)
    if state.type == "service-request":
        wanted["cost-centre"] = f"{dice.whole(1, 9)}{dice.whole(0, 9)}00"
        wanted["wanted-on"] = iso(case.world.now + dice.whole(1, 30) * DAY * SECOND)[:10]
    if state.type == "incident" and dice.chance(0.3):
        wanted["root-cause"] = dice.pick(CAUSES)
    missing = {name: value for name, value in wanted.items() if name not in state.fields}
    if missing:
        case.do(SetFields(fields=missing), worker.actor)


def note(worker: DemoAgent, case: DemoCase, staff: Staff) -> None:
    """Writes an internal note; a colleague who is mentioned may follow the ticket for a while."""
    dice = case.world.dice
    colleagues = [w for w in staff.teams[case.topic.team] if w is not worker]
    mentioned = dice.pick(colleagues) if colleagues and dice.chance(0.35) else None
    body = case.said("notes", "desk") if case.noted else case.text(case.matter.note)
    case.noted = True
    if mentioned is not None:
        body = f"@{mentioned.id} {body}"
    mentions = (mentioned.id,) if mentioned else ()
    macro = "diagnosis@4" if dice.chance(0.15) else None
    case.do(Note(body=body, mentions=mentions, macro=macro), worker.actor)
    if mentioned is not None and dice.chance(0.3):
        case.do(Follow(), mentioned.actor)
    elif case.state.followers and dice.chance(0.3):
        case.do(Unfollow(agent=case.state.followers[0]), worker.actor)


def copy(worker: DemoAgent, case: DemoCase) -> None:
    """Adds a person in copy, or removes one."""
    state = case.state
    if case.copied is not None and case.copied.id not in state.ccs:
        case.do(AddCc(person=case.copied.id), worker.actor)
    elif state.ccs and case.world.dice.chance(0.5):
        case.do(RemoveCc(person=state.ccs[0]), worker.actor)

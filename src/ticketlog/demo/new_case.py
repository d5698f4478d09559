"""New cases: requester, matter, first details, and the plan of how the case goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ticketlog.demo.case import DemoCase
from ticketlog.demo.dice import Dice, Weighted
from ticketlog.demo.library import DemoTopic, Matter, people
from ticketlog.demo.people import Caller, Cast
from ticketlog.demo.world import World
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.creation import CreateTicket

FATES = Weighted({"solved": 880, "spam": 25, "duplicate": 35, "withdrawn": 25, "silent": 35})
QUESTIONS = Weighted({"0": 58, "1": 28, "2": 11, "3": 3})
SYSTEMS = ("Windows 11", "Windows 10", "macOS 15", "Ubuntu 24.04")


def case_of(
    world: World,
    cast: Cast,
    topic: DemoTopic,
    caller: Caller | None,
    channel: str,
    matter: Matter | None = None,
) -> DemoCase:
    """A case that isn't a ticket yet."""
    colleague = cast.colleague(caller) if caller else None
    slots = _slots(world.dice, topic, caller, colleague)
    case = DemoCase(world, topic, matter or world.dice.pick(topic.matters), channel, slots)
    if caller is not None:
        case.requester = caller.actor(channel)
        if colleague is not None and world.dice.chance(0.1):
            case.copied = colleague.actor("email", "end-user")
        _plan(case, world.dice)
    return case


def with_plain_plan(case: DemoCase) -> DemoCase:
    """The case with a plain plan: it is classified, with the right team, and will be solved."""
    case.fate, case.sorted_out = "solved", True
    return case


def _slots(
    dice: Dice, topic: DemoTopic, caller: Caller | None, colleague: Caller | None
) -> dict[str, Any]:
    home = people().countries[topic.language]
    return {
        "first": caller.first if caller else "",
        "agent": "",
        "colleague": colleague.name if colleague else "a colleague",
        "site": dice.pick(home.sites),
        "floor": dice.pick(home.floors),
        "asset": f"{'NB' if caller else 'SW'}-{dice.whole(1000, 9999)}",
        "product": topic.product,
        "number": dice.whole(2, 9),
        "hour": dice.whole(9, 17),
    }


def _plan(case: DemoCase, dice: Dice) -> None:
    case.fate = dice.weighted(FATES)
    case.questions = int(dice.weighted(QUESTIONS))
    if case.fate in ("silent", "withdrawn"):
        case.questions = max(1, case.questions)
    case.holds = int(bool(case.topic.holds) and dice.chance(0.2))
    case.escalates = dice.chance(0.04)


def open_ticket(case: DemoCase, actor: Actor, **values: Any) -> None:
    """Creates the case's ticket."""
    world = case.world
    values = {
        "subject": case.text(case.matter.subject),
        "description": case.text(case.matter.opening),
        "type": world.dice.weighted(case.topic.types),
        "site": case.slots["site"],
        "ccs": (case.copied.id,) if case.copied and world.dice.chance(0.7) else (),
        **values,
    }
    world.created += 1
    case.begin(CreateTicket(**values), actor)


def classified(case: DemoCase) -> dict[str, Any]:
    """Classification and priority, as an agent or a program states them at once."""
    dice, topic = case.world.dice, case.topic
    return {
        "category": topic.category,
        "product": topic.product,
        "language": topic.language,
        "impact": dice.weighted(topic.impact),
        "urgency": dice.weighted(topic.urgency),
    }


def form(case: DemoCase) -> dict[str, Any]:
    """The fields of the portal's form."""
    dice = case.world.dice
    fields: Mapping[str, Any] = {
        "operating-system": dice.pick(("windows", "windows", "macos", "linux")),
        "employee-number": f"E{dice.whole(10_000, 99_999)}",
    }
    system = {"system": dice.pick(SYSTEMS), "address": f"10.4.{dice.whole(0, 255)}.7"}
    asset = case.slots["asset"] if dice.chance(0.3) else None
    return {**classified(case), "asset": asset, "fields": fields, "system": system}


def mail(case: DemoCase) -> dict[str, Any]:
    """The details that a mail brings along."""
    assert case.requester is not None
    case.message = f"<{case.world.created}.first@mail.example>"
    person = case.world.state_of(f"person/{case.requester.id}")
    return {"message_id": case.message, "source_address": person.addresses[0].value}

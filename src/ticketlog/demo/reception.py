"""The reception: tickets come in by mail, portal, chat, phone and monitoring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ticketlog.demo.case import DemoCase
from ticketlog.demo.dice import Weighted
from ticketlog.demo.files import attach
from ticketlog.demo.library import DemoTopic, Matter, own, topics
from ticketlog.demo.new_case import case_of, classified, form, mail, open_ticket, with_plain_plan
from ticketlog.demo.people import Caller, Cast
from ticketlog.demo.staff import DemoAgent, Staff
from ticketlog.demo.world import DAY, HOUR, MONDAY, SECOND, WEEK, World
from ticketlog.domain.base import Actor
from ticketlog.domain.settings.model import TicketType
from ticketlog.domain.ticket.conversation import Reply

WEEKLY = 900
"""Tickets in a week at most, for the staff to cope with."""
WEEKS = 8
"""The least length of the history."""
HOURS = (2, 1, 1, 1, 2, 4, 15, 50, 110, 130, 110, 90, 60, 90, 95, 80, 60, 30, 15, 10, 8, 6, 4, 3)
DAYS = (135, 110, 100, 95, 80, 12, 8)
CHANNELS = Weighted({"email": 42, "portal": 26, "phone": 16, "chat": 12, "api": 4})

GREETER = Actor("acknowledge-mail", "rule", "rule")
MONITORING = Actor("monitoring", "service", "service")


def weekly(tickets: int) -> float:
    """The number of tickets that arrive in a week, so that the history has its least length."""
    return min(WEEKLY, tickets / WEEKS)


class Reception:
    """Opens tickets. `on_opened` is called with each ticket that a person wrote."""

    def __init__(
        self, world: World, cast: Cast, staff: Staff, on_opened: Callable[[DemoCase], None]
    ) -> None:
        self.world = world
        self.dice = world.dice
        self.cast = cast
        self.staff = staff
        self.on_opened = on_opened
        self.topics = Weighted({topic.id: topic.weight for topic in topics().values()})
        self.latest: dict[str, DemoCase] = {}
        """The last ordinary case of each topic."""

    def hour(self) -> None:
        """Plans the arrivals of the hour that begins, and the next hour."""
        world, dice = self.world, self.dice
        world.after(HOUR, self.hour)
        seconds = world.now // SECOND - MONDAY
        share = DAYS[seconds // DAY % 7] * HOURS[seconds // HOUR % 24]
        expected = weekly(world.tickets) * share / (sum(DAYS) * sum(HOURS))
        for _ in range(int(expected * (0.5 + dice.random()) + dice.random())):
            world.after(dice.whole(0, HOUR - 1), self.arrive)
        if seconds % WEEK // HOUR in (10, 34, 58):
            self.cast.change()

    def arrive(self) -> None:
        """Opens a ticket of a person or of monitoring."""
        if self.world.full:
            return
        topic = topics()[self.dice.weighted(self.topics)]
        if topic.channel is not None:
            self._monitored(topic)
            return
        caller = self.cast.caller(topic.language)
        channel = self.dice.weighted(CHANNELS)
        agents = self.staff.at_work("service-desk")
        if channel != "phone":
            self.written(topic, caller, channel)
        elif agents:
            self._called(topic, caller, self.dice.pick(agents))
        else:
            self.written(topic, caller, "email")

    def written(
        self, topic: DemoTopic, caller: Caller, channel: str, matter: Matter | None = None
    ) -> DemoCase:
        """Opens a ticket that a person writes: by mail, form, chat or another program."""
        case = case_of(self.world, self.cast, topic, caller, channel, matter)
        assert case.requester is not None
        more: dict[str, Any] = {"language": topic.language}
        if case.fate == "duplicate":
            self._pair(case)
        elif case.fate == "spam":
            case.channel = "email"
            for name, occasion in (("subject", "subjects"), ("description", "openings")):
                more[name] = case.said(occasion, "spam")
        if case.channel in ("portal", "api"):
            more |= form(case)
        elif case.channel == "email":
            more |= mail(case)
        open_ticket(case, case.requester, requester=case.requester.id, **more)
        self._received(case)
        return case

    def _pair(self, case: DemoCase) -> None:
        """Makes the case a duplicate of the last one on its topic."""
        case.twin = self.latest.get(case.topic.id)
        if case.twin is None or case.twin.over:
            case.fate = "solved"
        else:
            case.requester, case.slots = case.twin.requester, dict(case.twin.slots)
            case.matter = case.twin.matter
            case.copied = None

    def _received(self, case: DemoCase) -> None:
        dice = self.dice
        if case.requester is not None and dice.chance(0.12):
            attach(case, case.requester, case.channel)
        if case.channel == "email" and case.fate != "spam" and dice.chance(0.6):
            self.world.after(dice.whole(1, 20), self._greet, case)
        if case.fate == "solved":
            self.latest[case.topic.id] = case
        self.on_opened(case)

    def like(self, first: DemoCase) -> DemoCase | None:
        """A ticket of another person with the same trouble; None: all tickets have been opened."""
        if self.world.full:
            return None
        caller = self.cast.caller(first.language)
        channel = self.dice.pick(("email", "portal", "chat"))
        case = self.written(first.topic, caller, channel, first.matter)
        case.fate = "solved"
        return case

    def _called(self, topic: DemoTopic, caller: Caller, worker: DemoAgent) -> None:
        """Opens a ticket for a phone call: the agent writes it, and keeps it if their team solves
        it."""
        case = with_plain_plan(case_of(self.world, self.cast, topic, caller, "phone"))
        mine = topic.team in worker.agent.teams and not worker.busy
        wrong = self.cast.colleague(caller) if self.dice.chance(0.05) else None
        case.slots["agent"] = worker.first
        open_ticket(
            case,
            worker.actor,
            requester=(wrong or caller).id,
            team=topic.team,
            assignee=worker.id if mine else None,
            **classified(case),
        )
        if mine:
            case.questions = 0
            self.staff.sit(worker, case)
        else:
            self.staff.offer(case)

    def _monitored(self, topic: DemoTopic) -> None:
        """Opens a ticket for a report of monitoring."""
        case = with_plain_plan(case_of(self.world, self.cast, topic, None, "monitoring"))
        open_ticket(
            case,
            MONITORING,
            asset=case.slots["asset"],
            team=topic.team,
            external=(f"mon:{self.world.created:07}",),
            tags=("monitoring",),
            **classified(case),
        )
        self.staff.offer(case)

    def raised(
        self, topic: DemoTopic, type: TicketType, by: Actor, like: DemoCase, **more: Any
    ) -> DemoCase | None:
        """A ticket that an agent opens for the desk itself: a problem, a change, a task. None: all
        tickets have been opened."""
        if self.world.full:
            return None
        case = with_plain_plan(case_of(self.world, self.cast, topic, None, "web", own(type)))
        for slot in ("site", "colleague"):
            case.slots[slot] = like.slots[slot]
        values = {"category": topic.category, "product": topic.product, **more}
        open_ticket(case, by, type=type, **values)
        return case

    def follow_up(self, earlier: DemoCase, text: str) -> None:
        """Opens a new ticket for a reply to a closed one, which it names."""
        if self.world.full or earlier.requester is None:
            return
        case = with_plain_plan(
            case_of(self.world, self.cast, earlier.topic, None, earlier.channel, earlier.matter)
        )
        case.slots, case.requester = dict(earlier.slots), earlier.requester
        open_ticket(
            case,
            case.requester,
            subject=earlier.state.subject,
            description=text,
            requester=case.requester.id,
            organisation=earlier.state.organisation,
            category=earlier.state.category,
            team=earlier.state.team,
            follow_up_of=earlier.state.id,
        )
        self.staff.offer(case)

    def _greet(self, case: DemoCase) -> None:
        if case.state.active:
            reply = Reply(body=case.said("received"), automated=True, template="received@2")
            case.do(reply, GREETER, "rule", source="trigger/acknowledge-mail")

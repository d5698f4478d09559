"""Storms: many tickets with one cause become a problem, and the problem a change."""

from __future__ import annotations

from ticketlog.demo.case import DemoCase
from ticketlog.demo.reception import Reception
from ticketlog.demo.staff import Staff
from ticketlog.demo.world import DAY, HOUR, MINUTE, SECOND, World
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.classification import Classify, SetDue
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.custom_fields import SetFields
from ticketlog.domain.ticket.lifecycle import Cancel, Hold, Solve
from ticketlog.domain.ticket.relations import LinkTo

STORMS = ("vpn", "wifi", "erp-posting", "mailbox", "intranet")
ODDS = 0.03
"""The probability that a ticket about one of these is the first of a storm."""


class Trouble:
    """Begins storms, and leads them to their end."""

    def __init__(self, world: World, staff: Staff, reception: Reception) -> None:
        self.world = world
        self.dice = world.dice
        self.staff = staff
        self.reception = reception
        self.quiet_until = world.now
        """The instant from which the next storm may begin."""

    def perhaps(self, case: DemoCase) -> None:
        """Begins a storm with a ticket, now and then."""
        may = case.topic.id in STORMS and case.fate == "solved"
        if may and self.world.now >= self.quiet_until and self.dice.chance(ODDS):
            self.quiet_until = self.world.now + DAY * SECOND
            self._storm(case)

    def _storm(self, first: DemoCase) -> None:
        """Plans tickets of other persons with the same trouble, and the lead's problem ticket."""
        cases = [first]
        for _ in range(self.dice.whole(3, 11)):
            self.world.after(self.dice.skewed(2 * MINUTE, 90 * MINUTE), self._another, cases)
        self.world.after(self.dice.whole(40, 120) * MINUTE, self._see, cases)

    def _another(self, cases: list[DemoCase]) -> None:
        case = self.reception.like(cases[0])
        if case is not None:
            cases.append(case)

    def _see(self, cases: list[DemoCase]) -> None:
        topic = cases[0].topic
        lead = self.staff.leads[topic.team]
        problem = self.reception.raised(
            topic,
            "problem",
            lead,
            cases[0],
            team=topic.team,
            assignee=lead.id,
            impact="company",
            urgency="high",
        )
        if problem is None:
            return
        for case in cases:
            self._gather(problem, case, lead)
        hours = self.dice.skewed(1, 30)
        self.world.after(hours * HOUR // 2, self._investigate, problem, lead)
        self.world.after(hours * HOUR, self._remove, problem, cases, lead)

    def _gather(self, problem: DemoCase, case: DemoCase, lead: Actor) -> None:
        """Links an incident to its problem, and puts it on hold."""
        if case.state.status_category == "closed":
            return
        case.do(LinkTo(kind="problem", target=problem.state.id), lead)
        if not case.state.active or case.busy:
            return
        if case.state.team not in (None, case.topic.team):
            case.do(Assign(team=case.topic.team), lead)
        case.fate, case.questions, case.holds, case.sorted_out = "solved", 0, 0, True
        if case.state.category is None:
            case.do(Classify(category=case.topic.category, product=case.topic.product), lead)
        case.do(
            Reply(body=case.said("outage"), macro="outage@1", message_id=case.next_message()),
            lead,
        )
        case.do(Hold(reason=f"waits for problem {problem.state.id}"), lead)

    def _investigate(self, problem: DemoCase, lead: Actor) -> None:
        problem.do(Note(body=problem.text(problem.matter.note)), lead)
        problem.do(SetFields(fields={"root-cause": "defect"}), lead)

    def _remove(self, problem: DemoCase, cases: list[DemoCase], lead: Actor) -> None:
        """Solves the problem and its incidents, and asks for a change."""
        matter = problem.matter
        self._ask_for_change(problem, lead)
        problem.do(Solve(code=matter.code, resolution=problem.text(matter.fix)), lead)
        for case in cases:
            if case.state.status_category == "on-hold":
                case.do(
                    Reply(
                        body=case.said("restored"),
                        macro="restored@1",
                        status=case.status("solved"),
                        resolution_code="fixed",
                        message_id=case.next_message(),
                    ),
                    lead,
                )

    def _ask_for_change(self, problem: DemoCase, lead: Actor) -> None:
        change = self.reception.raised(
            problem.topic,
            "change",
            lead,
            problem,
            impact="team",
            urgency="low",
        )
        if change is None:
            return
        problem.do(LinkTo(kind="change", target=change.state.id), lead)
        due = self.world.now + 7 * DAY * SECOND
        change.do(SetDue(due_at=due), lead)
        if self.dice.chance(0.25):
            self.world.after(self.dice.whole(2 * HOUR, DAY), self._reject, change, lead)
        else:
            change.do(Assign(team=problem.topic.team), lead)
            self.staff.offer(change)

    def _reject(self, change: DemoCase, lead: Actor) -> None:
        change.do(Cancel(reason="too risky before the end of the quarter"), lead)

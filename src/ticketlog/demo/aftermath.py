"""The aftermath of a solved ticket: answers to surveys, reviews, legal holds and redactions."""

from __future__ import annotations

from ticketlog.demo.case import DemoCase
from ticketlog.demo.requesters import PRIVACY, Requesters
from ticketlog.demo.staff import Staff
from ticketlog.demo.world import DAY, MINUTE, World
from ticketlog.domain.ticket.conversation import Redact
from ticketlog.domain.ticket.feedback import Review
from ticketlog.domain.ticket.relations import (
    PlaceLegalHold,
    ReleaseLegalHold,
)


class Aftermath:
    """Plans what follows of a ticket's solution and closing."""

    def __init__(self, world: World, staff: Staff, requesters: Requesters) -> None:
        self.world = world
        self.dice = world.dice
        self.staff = staff
        self.requesters = requesters

    def solved(self, case: DemoCase) -> None:
        """Plans the requester's reaction to a solution, and goes on with tickets that waited for
        it."""
        self.requesters.react(case)
        for then in case.solved:
            then()
        case.solved.clear()

    def asked(self, case: DemoCase) -> None:
        """Plans the answer to a survey, for a part of the requesters."""
        if self.dice.chance(0.4):
            self.world.after(self.dice.skewed(10 * MINUTE, 3 * DAY), self.requesters.rate, case)

    def closed(self, case: DemoCase) -> None:
        if self.dice.chance(0.03):
            self.world.after(self.dice.whole(DAY, 6 * DAY), self.review, case)
        if self.dice.chance(0.004):
            self.world.after(self.dice.whole(DAY, 9 * DAY), self.hold, case)
        elif self.dice.chance(0.004):
            self.world.after(self.dice.whole(DAY, 9 * DAY), self.redact, case)

    def review(self, case: DemoCase) -> None:
        """A team lead reviews the ticket."""
        lead = self.staff.leads.get(case.state.team or "")
        if lead is None:
            return
        good = case.state.reopens == 0
        verdict = "good" if good else self.dice.pick(("good", "slow", "unclear"))
        text = None if good else "Asked back late, and the first answer did not hold."
        case.do(Review(verdict=verdict, text=text), lead)

    def hold(self, case: DemoCase) -> None:
        """Places a legal hold, and plans its release."""
        matter = f"matter-{self.dice.whole(100, 999)}"
        case.do(PlaceLegalHold(matter=matter, reason="requested by counsel"), PRIVACY)
        if self.dice.chance(0.5):
            self.world.after(self.dice.whole(5 * DAY, 20 * DAY), self.release, case, matter)

    def release(self, case: DemoCase, matter: str) -> None:
        case.do(ReleaseLegalHold(matter=matter, reason="matter settled"), PRIVACY)

    def redact(self, case: DemoCase) -> None:
        """Redacts an attachment that shows another person's data."""
        for attachment in case.state.attachments:
            if not attachment.redacted:
                reason = "shows another person's data"
                case.do(Redact(target=attachment.id, reason=reason), PRIVACY)
                return

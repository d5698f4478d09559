"""What happens to a ticket once it is solved: answers to surveys, reviews, and the law."""

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
    def __init__(self, world: World, staff: Staff, requesters: Requesters) -> None:
        self.world = world
        self.dice = world.dice
        self.staff = staff
        self.requesters = requesters

    def solved(self, case: DemoCase) -> None:
        """Somebody, or a rule, has solved it."""
        self.requesters.react(case)
        for then in case.solved:
            then()
        case.solved.clear()

    def asked(self, case: DemoCase) -> None:
        """They were sent a survey; not everybody answers."""
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
        """A lead looks at how it was handled."""
        lead = self.staff.leads.get(case.state.team or "")
        if lead is None:
            return
        good = case.state.reopens == 0
        verdict = "good" if good else self.dice.pick(("good", "slow", "unclear"))
        text = None if good else "Asked back late, and the first answer did not hold."
        case.do(Review(verdict=verdict, text=text), lead)

    def hold(self, case: DemoCase) -> None:
        """A matter at law: nothing of it may be erased until it is over."""
        matter = f"matter-{self.dice.whole(100, 999)}"
        case.do(PlaceLegalHold(matter=matter, reason="requested by counsel"), PRIVACY)
        if self.dice.chance(0.5):
            self.world.after(self.dice.whole(5 * DAY, 20 * DAY), self.release, case, matter)

    def release(self, case: DemoCase, matter: str) -> None:
        case.do(ReleaseLegalHold(matter=matter, reason="matter settled"), PRIVACY)

    def redact(self, case: DemoCase) -> None:
        """Somebody asks that a file be hidden that shows more than it should."""
        for attachment in case.state.attachments:
            if not attachment.redacted:
                reason = "shows another person's data"
                case.do(Redact(target=attachment.id, reason=reason), PRIVACY)
                return

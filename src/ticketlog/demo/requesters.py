"""The requesters: they wait, answer questions, and react to solutions."""

from __future__ import annotations

from ticketlog.demo.case import DemoCase
from ticketlog.demo.files import attach
from ticketlog.demo.reception import Reception
from ticketlog.demo.staff import Staff
from ticketlog.demo.world import DAY, HOUR, MINUTE, World
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.conversation import Redact, Reply
from ticketlog.domain.ticket.feedback import Rate
from ticketlog.domain.ticket.lifecycle import Cancel, Reopen, Verify

PRIVACY = Actor("privacy-officer", "agent", "admin")


class Requesters:
    """The actions of requesters and of persons in copy."""

    def __init__(self, world: World, staff: Staff, reception: Reception) -> None:
        self.world = world
        self.dice = world.dice
        self.staff = staff
        self.reception = reception

    def wait(self, case: DemoCase) -> None:
        """Plans a withdrawal, a nudge or a comment in copy, while the requester waits."""
        if case.requester is None or case.fate == "spam":
            return
        if case.fate == "withdrawn" and self.dice.chance(0.4):
            self.world.after(self.dice.skewed(5 * MINUTE, 8 * HOUR), self.withdraw, case)
        if self.dice.chance(0.1):
            self.world.after(self.dice.whole(DAY, 3 * DAY), self.nudge, case)
        if case.copied is not None and self.dice.chance(0.35):
            self.world.after(self.dice.skewed(20 * MINUTE, 2 * DAY), self.chime_in, case)

    def say(self, case: DemoCase, text: str, by: Actor | None = None) -> bool:
        """Writes a public comment by mail or in the portal. False: the ticket takes none any
        more."""
        actor = by or case.requester
        if actor is None or case.over:
            return False
        earlier = case.message
        channel = "email" if case.channel in ("email", "phone", "web") else case.channel
        case.do(
            Reply(body=text, message_id=case.next_message(), in_reply_to=earlier), actor, channel
        )
        return True

    def withdraw(self, case: DemoCase) -> None:
        case.fate = "solved"
        if case.requester is None or case.busy or not case.state.active:
            return
        reason = case.said("withdrawn")
        case.do(Cancel(reason=reason), case.requester, "portal")

    def nudge(self, case: DemoCase) -> None:
        if case.state.active and case.state.status_category != "pending":
            self.say(case, case.said("nudge"))
            self._wake(case)

    def chime_in(self, case: DemoCase) -> None:
        """The person in copy writes a comment."""
        if case.state.active and case.copied is not None:
            self.say(case, case.said("copied"), case.copied)
            self._wake(case)

    def answer(self, case: DemoCase) -> None:
        """The requester answers a question."""
        if not case.state.active or case.state.status_category != "pending":
            return
        body = case.text(case.matter.answer) if case.asked == 1 else case.said("since")
        careless = self.dice.chance(0.02)
        if careless:
            body += f" My password is Sunshine{case.slots['number']}, if that helps."
        if self.say(case, body):
            if careless:
                self.world.after(self.dice.whole(HOUR, DAY), self._hide, case, case.last_comment)
            if case.requester is not None and self.dice.chance(0.2):
                attach(case, case.requester, case.channel)
            self._wake(case)

    def _hide(self, case: DemoCase, comment: str | None) -> None:
        if comment and not case.state.legal_holds:
            case.do(Redact(target=comment, reason="contains a password"), PRIVACY)

    def _wake(self, case: DemoCase) -> None:
        """Hands the ticket back to its assignee, who has to look at it again."""
        if case.state.active and not case.busy:
            self.staff.hand_back(case)

    def react(self, case: DemoCase) -> None:
        """Plans the requester's reaction to a solution."""
        if case.requester is None:
            return
        times, luck = case.state.solves, self.dice.random()
        quick = self.dice.skewed(5 * MINUTE, DAY)
        if luck < 0.08:
            self.world.after(quick, self.thank, case, times)
        elif luck < 0.08 + 0.07 / times:
            self.world.after(self.dice.skewed(HOUR, 3 * DAY), self.complain, case, times)
        elif luck < 0.30:
            self.world.after(quick, self.confirm, case, times)
        elif luck < 0.315:
            self.world.after(self.dice.whole(5 * DAY, 15 * DAY), self.come_back, case)

    def _still_solved(self, case: DemoCase, times: int) -> bool:
        return case.state.status_category == "solved" and case.state.solves == times

    def thank(self, case: DemoCase, times: int) -> None:
        """The requester says thanks, which reopens the ticket."""
        if self._still_solved(case, times):
            case.thanked = True
            self.say(case, case.said("thanks"))
            self._wake(case)

    def complain(self, case: DemoCase, times: int) -> None:
        if not self._still_solved(case, times) or case.requester is None:
            return
        text = case.said("reopen")
        if case.channel == "portal":
            case.do(Reopen(reason=text), case.requester, "portal")
        else:
            self.say(case, text)
        self._wake(case)

    def confirm(self, case: DemoCase, times: int) -> None:
        if self._still_solved(case, times) and case.requester is not None:
            case.do(Verify(), case.requester, "portal")

    def come_back(self, case: DemoCase) -> None:
        """The requester replies days later; to a closed ticket, that opens a new one."""
        text = case.said("reopen")
        if case.state.status_category == "closed" and not case.state.spam:
            self.reception.follow_up(case, text)

    def rate(self, case: DemoCase) -> None:
        """The requester answers the survey: the longer it took and the oftener it was reopened, the
        worse."""
        state = case.state
        if case.requester is None or state.solved_at is None or state.spam or state.cancelled:
            return
        days = (state.solved_at - state.created_at) // 1_000_000 / DAY
        luck = self.dice.random()
        score = 5.4 - days * 0.6 - state.reopens * 0.9 - state.team_stations * 0.2 + luck - 0.5
        stars = max(1, min(5, round(score)))
        kind = "praise" if stars >= 4 else "blame"
        comment = case.said(kind) if self.dice.chance(0.4) else None
        case.do(Rate(score=stars, comment=comment), case.requester, "email")

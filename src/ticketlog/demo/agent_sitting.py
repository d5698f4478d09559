"""An agent's sitting at a ticket: the agent takes it, works on it, and passes it one step on."""

from __future__ import annotations

from ticketlog.demo import chores
from ticketlog.demo.case import DemoCase
from ticketlog.demo.files import attach
from ticketlog.demo.library import topics
from ticketlog.demo.reception import Reception
from ticketlog.demo.requesters import Requesters
from ticketlog.demo.staff import DemoAgent, Staff
from ticketlog.demo.world import DAY, HOUR, MINUTE, SECOND, World
from ticketlog.domain.ticket.assignment import Assign, Claim, Escalate, Unassign
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.lifecycle import Hold, MarkSpam, Restore, SetStatus, Solve
from ticketlog.domain.ticket.relations import LinkTo, Unlink
from ticketlog.domain.ticket.work import StartWork, StopWork

VENDOR = "waiting-for-vendor"
"""The desk's own status for tickets that wait for a supplier."""


class Sitting:
    """Sittings of all agents."""

    def __init__(
        self,
        world: World,
        staff: Staff,
        reception: Reception,
        requesters: Requesters,
    ) -> None:
        self.world = world
        self.dice = world.dice
        self.staff = staff
        self.reception = reception
        self.requesters = requesters

    def sit(self, worker: DemoAgent, case: DemoCase) -> None:
        """Begins a sitting, and plans its end."""
        worker.busy = case.busy = True
        if case.state.assignee != worker.id:
            case.do(Claim(), worker.actor)
        case.slots["agent"] = worker.first
        if self.dice.chance(0.4):
            case.do(StartWork(), worker.actor)
        low, high = case.topic.minutes
        minutes = self.dice.skewed(low, high * 2)
        if case.topic.skill not in worker.agent.skills:
            minutes += minutes // 2
        self.world.after(minutes * MINUTE, self.rise, worker, case)

    def rise(self, worker: DemoAgent, case: DemoCase) -> None:
        """Ends a sitting with one step."""
        case.busy = False
        if worker.id in case.state.working:
            seconds = self.dice.whole(3, 30) * MINUTE if self.dice.chance(0.1) else None
            case.do(StopWork(seconds=seconds), worker.actor)
        if case.state.active and case.state.assignee == worker.id:
            self._step(worker, case)
        self.staff.release(worker)

    def _step(self, worker: DemoAgent, case: DemoCase) -> None:
        dice = self.dice
        if case.fate == "spam":
            self._spam(worker, case)
            return
        if not case.sorted_out:
            chores.sort_out(worker, case)
        if case.misrouted:
            self._hand_over(worker, case)
            return
        self._chores(worker, case)
        if case.fate == "duplicate" and self._duplicate(worker, case):
            return
        if case.topic.id == "new-starter" and not case.split and dice.chance(0.4):
            self._split(worker, case)
        else:
            self._advance(worker, case)

    def _advance(self, worker: DemoAgent, case: DemoCase) -> None:
        """The next step of the case's plan."""
        if case.thanked:
            self._solve(worker, case)
        elif case.questions > 0 and case.requester is not None:
            self._ask(worker, case)
        elif case.escalates:
            self._escalate(worker, case)
        elif case.holds > 0:
            self._hold(worker, case)
        elif self.dice.chance(0.02):
            case.do(Unassign(), worker.actor)
            self.staff.offer(case)
        else:
            self._solve(worker, case)

    def _chores(self, worker: DemoAgent, case: DemoCase) -> None:
        dice = self.dice
        chores.right_the_caller(worker, case)
        chores.look_again(worker, case)
        if dice.chance(0.25):
            chores.fill_in(worker, case)
        if dice.chance(0.3):
            chores.note(worker, case, self.staff)
        if dice.chance(0.06):
            chores.copy(worker, case)

    def _spam(self, worker: DemoAgent, case: DemoCase) -> None:
        case.do(MarkSpam(reason="advertising"), worker.actor)
        if self.dice.chance(0.15):
            self.world.after(self.dice.whole(HOUR, 8 * HOUR), self._restore, case)

    def _restore(self, case: DemoCase) -> None:
        """A team lead restores a ticket that was marked as spam by mistake."""
        lead = self.staff.leads.get(case.state.team or "")
        if lead is not None:
            case.fate = "solved"
            case.do(Restore(reason="a real question in odd words"), lead)
            self.staff.hand_back(case)

    def _hand_over(self, worker: DemoAgent, case: DemoCase) -> None:
        """Hands a misrouted ticket over to the right team."""
        chores.note(worker, case, self.staff)
        reason = f"belongs to {case.topic.team}"
        case.do(Assign(team=case.topic.team), worker.actor, reason=reason)
        self.staff.hand_back(case)

    def _duplicate(self, worker: DemoAgent, case: DemoCase) -> bool:
        twin = case.twin
        case.fate = "solved"
        if twin is None:
            return False
        case.do(LinkTo(kind="duplicate-of", target=twin.state.id), worker.actor)
        if self.dice.chance(0.25):
            case.do(Unlink(kind="duplicate-of", target=twin.state.id), worker.actor)
            return False
        case.do(
            Reply(
                body=case.said("duplicate"),
                template="duplicate@1",
                status=case.status("solved"),
                resolution_code="duplicate",
                message_id=case.next_message(),
            ),
            worker.actor,
        )
        return True

    def _split(self, worker: DemoAgent, case: DemoCase) -> None:
        """Opens a task for another team, which the ticket waits for."""
        case.split = True
        task = self.reception.raised(
            topics()["workplace"], "task", worker.actor, case, team="hardware"
        )
        if task is None:
            self._solve(worker, case)
            return
        for kind in ("parent", "blocks"):
            task.do(LinkTo(kind=kind, target=case.state.id), worker.actor)
        self.staff.offer(task)
        case.do(Hold(reason="waits for the workplace"), worker.actor)
        task.solved.append(lambda: self._resume(case, worker))

    def _ask(self, worker: DemoAgent, case: DemoCase) -> None:
        case.questions -= 1
        case.asked += 1
        earlier = case.message
        case.do(
            Reply(
                body=case.text(case.matter.ask) if case.asked == 1 else case.said("more"),
                status=case.status("pending"),
                message_id=case.next_message(),
                in_reply_to=earlier,
                macro="ask-back@2" if self.dice.chance(0.2) else None,
            ),
            worker.actor,
        )
        if case.fate == "withdrawn":
            self.world.after(self.dice.skewed(5 * MINUTE, DAY), self.requesters.withdraw, case)
        elif case.fate != "silent":
            wait = self.dice.skewed(5 * MINUTE, 3 * DAY)
            self.world.after(wait, self.requesters.answer, case)

    def _escalate(self, worker: DemoAgent, case: DemoCase) -> None:
        """Escalates the ticket a tier, to an agent with the skill."""
        case.escalates = False
        tier = case.state.tier_level + 1
        reason = self.dice.pick(("needs rights that we lack", "beyond first line", "vip waits"))
        case.do(Escalate(tier=tier, reason=reason), worker.actor)
        skilled = [
            other
            for other in self.staff.teams[case.state.team or case.topic.team]
            if other is not worker and case.topic.skill in other.agent.skills
        ]
        if skilled:
            case.do(Assign(assignee=self.dice.pick(skilled).id), worker.actor)
        self.staff.hand_back(case)

    def _hold(self, worker: DemoAgent, case: DemoCase) -> None:
        case.holds -= 1
        if case.requester is not None and self.dice.chance(0.6):
            body = case.said("patience")
            case.do(Reply(body=body, message_id=case.next_message()), worker.actor)
        reason = self.dice.pick(case.topic.holds)
        seconds = self.dice.skewed(4 * HOUR, 9 * DAY)
        status = VENDOR if "vendor" in reason or "provider" in reason else None
        until = self.world.now + seconds * SECOND
        case.do(Hold(reason=reason, until=until, status=status), worker.actor)

    def _resume(self, case: DemoCase, worker: DemoAgent) -> None:
        """Goes on with a ticket whose task is done."""
        if case.state.status_category == "on-hold":
            case.do(SetStatus(status=case.status("open")), worker.actor)
            self.staff.hand_back(case)

    def _solve(self, worker: DemoAgent, case: DemoCase) -> None:
        dice, matter = self.dice, case.matter
        fix = case.said("again") if case.state.solves else case.text(matter.fix)
        if case.thanked:
            case.thanked = False
            case.do(Solve(code=matter.code), worker.actor)
        elif case.requester is None or dice.chance(0.25):
            case.do(Solve(code=matter.code, resolution=fix), worker.actor)
        else:
            known, earlier = dice.random(), case.message
            case.do(
                Reply(
                    body=fix,
                    status=case.status("solved"),
                    resolution_code=matter.code,
                    message_id=case.next_message(),
                    in_reply_to=earlier,
                    macro="solved@5" if known < 0.2 else None,
                    article=f"{case.topic.id}@{case.slots['number']}" if known > 0.8 else None,
                ),
                worker.actor,
            )
            if dice.chance(0.05):
                attach(case, worker.actor, "web")

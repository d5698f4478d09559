"""Whatever happened while a ticket's clock was ahead: a correction leaves what would have been."""

from __future__ import annotations

from contextlib import suppress
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from tests.domain.sla import desk
from tests.domain.ticket import shop
from tests.domain.ticket.anything import STEPS
from tests.given import DAY, KIM, MINUTE, SUE, written
from ticketlog.domain import ticket
from ticketlog.domain.aggregates import AGGREGATES, informed
from ticketlog.domain.base import Actor, Command, Context, Meta, Recorded, Refused
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.rectification import rectified_history
from ticketlog.domain.ticket.time_correction import CorrectTime
from ticketlog.domain.ticket.withdrawal import Withdraw
from ticketlog.domain.time.receipt import AHEAD

YEAR = 365 * DAY
MEND = CorrectTime(reason="a wrong date")
RULES = desk.settings(
    desk.policy(
        desk.target("first_reply_time", 120),
        desk.target("requester_wait_time", 600, "critical", "medium", business=True),
        desk.target("total_resolution_time", 3_600),
        calendar="office",
    ),
    desk.named("office"),
)
TIMES = ("clock", "created_at", "solved_at", "closed_at", "first_reply_at", "waiting_since")


class Sufferer:
    """A ticket some of whose commands are stamped a year ahead of their receipt."""

    def __init__(self) -> None:
        self.story = shop.a_ticket()
        self.settings = RULES
        self.state = ticket.initial("THIS")
        self.history: list[Recorded] = []
        self.real = self.story.now
        self.commits = 0

    def does(self, command: Command, by: Actor, after: int, ahead: bool) -> None:
        self.real += after + MINUTE
        stated = self.real + (YEAR if ahead else 0)
        sets_back = command.SETS_BACK
        now = self.real if sets_back else max(stated, self.state.clock)
        context = Context(self.settings, now, by, "ticket/THIS", command_id=f"c{self.commits}")
        aggregate = AGGREGATES["ticket"]
        context = informed(aggregate, command, self.state, context, self.story.others.get)
        events = ticket.decide(command, self.state, context)
        if not events:
            return
        meta = Meta(context.command_id, now, self.real, by, context.channel)
        first = self.state.version + 1
        made = [
            Recorded(context.stream, first + n, event, meta, n) for n, event in enumerate(events)
        ]
        made = [each._replace(meta=meta) for each in written(made)]
        self.state = ticket.fold(self.state, made)
        self.history += made
        self.commits += 1


LIVED = STEPS.filter(lambda step: not isinstance(step[0], CorrectTime | Withdraw))
"""What may happen to a ticket while its clock is ahead; it isn't mended or withdrawn yet."""


@given(st.lists(st.tuples(LIVED, st.booleans()), max_size=25))
def test_always(steps: list[tuple[tuple[Command, Actor, int], bool]]) -> None:
    it = Sufferer()
    it.does(CreateTicket(subject="Printer on fire", requester="KIM"), KIM, 0, ahead=False)
    for (command, by, after), ahead in steps:
        with suppress(Refused):
            it.does(command, by, after, ahead)
    stamped = any(each.meta.occurred_at > each.meta.recorded_at + AHEAD for each in it.history)
    assert (it.state.sound is not None) == stamped
    try:
        it.does(MEND, SUE, 0, ahead=False)
    except Refused:
        assert not stamped
        return
    assert it.state.clock == it.real
    for name in TIMES:
        assert (getattr(it.state, name) or 0) <= it.real
    assert all(each.since <= it.real for each in it.state.clocks.values())
    assert all((each.breached_at or 0) <= it.real for each in it.state.clocks.values())
    counted = rectified_history("THIS", it.history)
    start = ticket.initial("THIS")
    assert ticket.fold(start, counted) == it.state
    assert ticket.fold(start, it.history) == it.state
    assert reduce(ticket.evolve, it.history, start) == it.state
    assert rectified_history("THIS", counted) == counted

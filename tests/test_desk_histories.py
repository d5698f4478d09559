"""Random commands under few ids, beside a plain model of what a desk must be like."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.helpdesk import ANN, BOB, SUE, create
from ticketlog.desk import Desk, Outcome, open_desk
from ticketlog.domain import ticket as aggregate
from ticketlog.domain.base import Actor, Command, Refused
from ticketlog.domain.ticket.assignment import Assign, Claim, Unassign
from ticketlog.domain.ticket.classification import SetSubject, Tag
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.lifecycle import Cancel, Close, Reopen, SetStatus, Solve
from ticketlog.errors import CommandReused
from ticketlog.projections.views import tickets

TAGS = st.lists(st.sampled_from(["vpn", "mail", "wifi"]), max_size=2).map(tuple)
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(Note, body=st.sampled_from(["a", "b"])),
    st.builds(Reply, body=st.sampled_from(["a", "b"])),
    st.builds(Tag, add=TAGS, remove=TAGS),
    st.builds(SetSubject, subject=st.sampled_from(["VPN drops", "Mail bounces"])),
    st.builds(Assign, team=st.sampled_from([None, "network", "billing", "nobody"])),
    st.builds(SetStatus, status=st.sampled_from(["open", "pending", "new", "odd"])),
    st.builds(Cancel, reason=st.just("Withdrawn")),
    st.sampled_from([Claim(), Unassign(), Solve(), Close(), Reopen(reason="Again")]),
)
STEPS = st.lists(
    st.tuples(
        COMMANDS,
        st.sampled_from([ANN, BOB, SUE, Actor("KIM", "person")]),
        st.sampled_from([None, None, "one", "two", "three"]),
    ),
    max_size=25,
)


class Model:
    """What is known of one ticket from the answers alone."""

    def __init__(self, desk: Desk, ticket: str) -> None:
        self.desk = desk
        self.ticket = ticket
        self.history = desk.history(ticket)
        self.answers: dict[str, tuple[Command, Outcome]] = {}
        self.tags: frozenset[str] = frozenset()
        self.comments = 0

    def send(self, command: Command, actor: Actor, id: str | None) -> None:
        known = self.answers.get(id) if id else None
        ends = self.desk.log.ends()
        try:
            answer = self.desk.execute(command, on=self.ticket, actor=actor, id=id)
        except CommandReused:
            assert known is not None
            assert known[0] != command
            assert self.desk.log.ends() == ends
            return
        except Refused:
            assert known is None or known[1].follow_up_of or known[0] != command
            assert self.desk.log.ends() == ends
            return
        if known is not None and known[0] == command:
            assert answer == known[1]._replace(repeated=True)
        elif not answer.repeated and not answer.follow_up_of:
            self._done(command, answer)
        if answer.events and id is not None and id not in self.answers:
            self.answers[id] = (command, answer)

    def _done(self, command: Command, answer: Outcome) -> None:
        self.history += answer.events
        if not answer.events:
            return
        if isinstance(command, Tag):
            self.tags = (self.tags | set(command.add)) - set(command.remove)
        if isinstance(command, Note | Reply):
            self.comments += 1

    def check(self) -> None:
        assert self.desk.history(self.ticket) == self.history
        state = self.desk.load(self.ticket)
        assert state == reduce(aggregate.evolve, self.history, aggregate.initial(state.id))
        assert state.version == len(self.history) - 1
        assert frozenset(state.tags) == self.tags
        assert len(state.comments) == self.comments


@given(steps=STEPS, data=st.data())
def test_whatever_is_sent_the_log_holds_what_was_answered(
    template: Path, steps: list[Any], data: st.DataObject
) -> None:
    for desk in opened(template):
        model = Model(desk, create(desk))
        moments = [(desk.cut(), desk.load(model.ticket))]
        for command, actor, id in steps:
            model.send(command, actor, id)
            moments.append((desk.cut(), desk.load(model.ticket)))
        model.check()
        cut, state = data.draw(st.sampled_from(moments))
        past = desk.at(position=cut)
        assert past.load(model.ticket) == state
        row = past.query(tickets.OneTicket(ticket=model.ticket))
        assert (row["status"], row["assignee"]) == (state.status, state.assignee)


def opened(template: Path) -> Iterator[Desk]:
    with TemporaryDirectory() as name:
        shutil.copytree(template, Path(name) / "desk")
        with open_desk(Path(name) / "desk") as desk:
            yield desk

"""A split is finished: by the desk, by the same command sent again, or by the policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import helpdesk
from tests.helpdesk import ANN
from ticketlog.desk import Desk, Outcome, open_desk
from ticketlog.domain.base import Forbidden, Refused
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.splitting import OpenSplitOff, Split, SplitOff, SplitTicket
from ticketlog.errors import Unreachable


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    helpdesk.make(tmp_path / "desk")
    with open_desk(tmp_path / "desk") as desk:
        yield desk


def said(desk: Desk, ticket: str) -> str:
    """The id of a new comment."""
    return desk.execute(Reply(body="The toner is low, too"), on=ticket, actor=ANN).events[0].id


def split(desk: Desk, ticket: str, *comments: str, id: str = "split-1") -> Outcome:
    command = SplitTicket(comments=comments, subject="Toner")
    return desk.execute(command, on=ticket, actor=ANN, id=id)


def into(outcome: Outcome) -> str:
    [recorded] = outcome.events
    assert isinstance(recorded.event, Split)
    return recorded.event.into


def openings(desk: Desk, ticket: str) -> int:
    return sum(isinstance(each.event, SplitOff) for each in desk.history(ticket))


def test_the_desk_opens_the_new_ticket_at_once(desk: Desk) -> None:
    ticket = helpdesk.create(desk)
    comment = said(desk, ticket)
    made = split(desk, ticket, comment)
    new = desk.load(into(made))
    assert (new.subject, new.created_by) == ("Toner", "ann")
    assert new.split_from.comments == (comment,)
    [first, *_] = desk.history(into(made))
    assert first.meta.cause == made.events[0].id


def test_a_split_that_is_sent_twice_is_made_once(desk: Desk) -> None:
    ticket = helpdesk.create(desk)
    comment = said(desk, ticket)
    first, again = split(desk, ticket, comment), split(desk, ticket, comment)
    assert (into(again), again.repeated) == (into(first), True)
    assert openings(desk, into(first)) == 1
    with pytest.raises(Refused, match=f"comment {comment} of ticket {ticket} was split off"):
        split(desk, ticket, comment, id="split-2")


class _Stopped:
    """A log whose process stops right after a split was recorded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, desk: Desk) -> None:
        append = desk.log.append

        def stops(commit: object) -> object:
            if getattr(commit, "command", "") == OpenSplitOff.NAME:
                raise Unreachable("stopped")
            return append(commit)  # type: ignore[arg-type]

        monkeypatch.setattr(desk.log, "append", stops)


@pytest.mark.parametrize("how", ["policy", "again", "both"])
def test_what_was_interrupted_is_finished_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    policies = desk.policies(start=desk.begin("now"))
    ticket = helpdesk.create(desk)
    comment = said(desk, ticket)
    with monkeypatch.context() as patched:
        _Stopped(patched, desk)
        with pytest.raises(Unreachable):
            split(desk, ticket, comment)
    [went] = desk.load(ticket).splits
    assert not desk.load(went.ticket).exists
    if how in ("policy", "both"):
        policies.run_until(desk.now())
    if how in ("again", "both"):
        split(desk, ticket, comment)
        policies.run_until(desk.now())
    assert openings(desk, went.ticket) == 1
    assert desk.load(went.ticket).split_from.ticket == f"ticket/{ticket}"


def test_nobody_claims_comments_that_werent_split_off(desk: Desk) -> None:
    ticket = helpdesk.create(desk)
    said(desk, ticket)
    claim = OpenSplitOff(origin=f"ticket/{ticket}", subject="Mine")
    with pytest.raises(Refused, match="wasn't split into"):
        desk.execute(claim, actor=ANN)
    kim = helpdesk.register(desk)
    with pytest.raises(Forbidden):
        desk.execute(claim, actor=ANN._replace(id=kim, kind="person"))

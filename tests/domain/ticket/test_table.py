"""docs/LIFECYCLE.md says what every command does in every status; this is what happens."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.domain.ticket import shop
from tests.given import ANN, IMPORT, KIM, LEE, RULE, SUE, Story
from ticketlog.domain import ticket
from ticketlog.domain.base import Actor, Command, Refused
from ticketlog.domain.ticket import relations
from ticketlog.domain.ticket.assignment import Assign, Claim, Escalate, Unassign
from ticketlog.domain.ticket.automation import Choose, Notify, Remind, Route, Settle, Step
from ticketlog.domain.ticket.classification import (
    Classify,
    SetDue,
    SetOrganisation,
    SetRequester,
    SetSubject,
    Tag,
)
from ticketlog.domain.ticket.conversation import Attach, Note, Redact, Reply
from ticketlog.domain.ticket.creation import CreateTicket, TicketCreated
from ticketlog.domain.ticket.custom_fields import SetFields
from ticketlog.domain.ticket.feedback import OfferSurvey, Rate, Review
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.domain.ticket.lifecycle import (
    Cancel,
    Close,
    Hold,
    MarkSpam,
    Reopen,
    Restore,
    SetStatus,
    Solve,
    Verify,
)
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.domain.ticket.sla_events import ReapplySla, RecordDue
from ticketlog.domain.ticket.status_events import Reopened
from ticketlog.domain.ticket.time_correction import CorrectTime
from ticketlog.domain.ticket.withdrawal import Withdraw
from ticketlog.domain.ticket.work import StartWork, StopWork

PAGE = Path(__file__).parents[3] / "docs" / "LIFECYCLE.md"
HEADING = "# Status x command"


class Case(NamedTuple):
    """A row of the table: what is sent, and by whom."""

    command: Command
    by: Actor = ANN


REPLY = Reply(body="Did you try water?")
NOTICE = Notify(
    rule="n@1", occasion="solved", of="c1.0", outbox="log", template="n", to=("agent/ann",)
)
CASES: dict[str, Case] = {
    "create": Case(CreateTicket(subject="Printer on fire", requester="KIM"), KIM),
    "reply, by an agent": Case(REPLY),
    "reply, by the requester": Case(REPLY, KIM),
    "reply, by another end user": Case(REPLY, LEE),
    "reply, automated": Case(Reply(body="I am out of office", automated=True), KIM),
    "note": Case(Note(body="Call the fire brigade")),
    "attach": Case(Attach(name="a.png", media_type="image/png", size=3, sha256="a" * 64), KIM),
    "redact": Case(Redact(target="c0.0", reason="a password")),
    "set-status to open": Case(SetStatus(status="open")),
    "set-status to pending": Case(SetStatus(status="pending")),
    "hold": Case(Hold(reason="waits for parts")),
    "solve": Case(Solve()),
    "verify": Case(Verify(), KIM),
    "reopen": Case(Reopen(), KIM),
    "close, by a supervisor": Case(Close(), SUE),
    "close, by an agent": Case(Close()),
    "cancel": Case(Cancel(reason="asked elsewhere"), KIM),
    "mark-spam": Case(MarkSpam()),
    "restore": Case(Restore()),
    "assign to a team": Case(Assign(team="billing")),
    "assign to an agent": Case(Assign(assignee="sue")),
    "claim": Case(Claim(), SUE),
    "unassign": Case(Unassign()),
    "escalate": Case(Escalate(tier=1, reason="needs an expert")),
    "start-work": Case(StartWork(), SUE),
    "stop-work": Case(StopWork()),
    "classify": Case(Classify(category="network/vpn")),
    "prioritise": Case(Prioritise(impact="high", urgency="high")),
    "set-subject": Case(SetSubject(subject="Printer was on fire")),
    "set-requester": Case(SetRequester(requester="LEE")),
    "set-organisation": Case(SetOrganisation(organisation="GOLD")),
    "set-due": Case(SetDue(due_at=1)),
    "tag": Case(Tag(add=("fire",))),
    "set-fields": Case(SetFields(fields={"floor": 3})),
    "follow": Case(relations.Follow(agent="sue")),
    "unfollow": Case(relations.Unfollow()),
    "add-cc": Case(relations.AddCc(person="MAX"), KIM),
    "remove-cc": Case(relations.RemoveCc(person="LEE")),
    "link": Case(relations.LinkTo(kind="blocks", target="OTHER")),
    "unlink": Case(relations.Unlink(kind="parent", target="OTHER")),
    "place-legal-hold": Case(relations.PlaceLegalHold(matter="M2", reason="court"), SUE),
    "release-legal-hold": Case(relations.ReleaseLegalHold(matter="M1", reason="court"), SUE),
    "offer-survey": Case(OfferSurvey()),
    "rate": Case(Rate(score=5), KIM),
    "review": Case(Review(verdict="good")),
    "record-due, by a timer": Case(RecordDue(), RULE),
    "reapply-sla, by a supervisor": Case(ReapplySla(), SUE),
    "correct-time, by a supervisor": Case(CorrectTime(reason="a wrong date"), SUE),
    "withdraw, by a supervisor": Case(Withdraw(source="old", withdrawal="1", reason="wrong"), SUE),
    "remind, by a policy": Case(Remind(number=1, rule="nudge@1"), RULE),
    "route, by a policy": Case(Route(steps=(Step(rule="r@1", add_tags=("hot",)),)), RULE),
    "choose, by a policy": Case(
        Choose(agent="ann", rule="r@1", why="balance", candidates=()), RULE
    ),
    "settle, by a policy": Case(Settle(choice="c9.0", room=True), RULE),
    "notify, by a policy": Case(NOTICE, RULE),
    "record-activity": Case(RecordActivity(source="old", case="1", row=1), IMPORT),
}


def connected() -> Story:
    """A new ticket with everything that can be taken away from it."""
    story = shop.new().given(
        StartWork(),
        relations.Follow(),
        relations.AddCc(person="LEE"),
        relations.LinkTo(kind="parent", target="OTHER"),
    )
    return story.given(relations.PlaceLegalHold(matter="M1", reason="court"), by=SUE)


STORIES: dict[str, Callable[[], Story]] = {
    "does not exist": shop.a_ticket,
    "new": connected,
    "open": lambda: shop.open_(connected()),
    "pending": lambda: shop.pending(connected()),
    "on-hold": lambda: shop.on_hold(connected()),
    "solved": lambda: shop.solved(connected()),
    "closed": lambda: shop.closed(connected()),
    "spam": lambda: shop.spam(connected()),
}


def table() -> dict[tuple[str, str], str]:
    """(row, column) -> the outcome; what stands in parentheses is a remark."""
    section = PAGE.read_text(encoding="utf-8").partition(HEADING)[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    heads, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {
        (row[0], column): re.sub(r"\s*\(.*\)", "", cell)
        for row in rows
        for column, cell in zip(heads[1:], row[1:], strict=True)
    }


def outcome(story: Story, case: Case) -> str:
    before = story.state
    story.when(case.command, by=case.by)
    if isinstance(story.outcome, Refused):
        assert story.state is before
        return f"refused: {type(story.outcome).__name__}"
    kinds = {type(event) for event in story.outcome}
    if not kinds:
        return "no change"
    if TicketCreated in kinds:
        return "created"
    if Reopened in kinds:
        return f"reopens -> {story.state.status}"
    if story.state.status != before.status:
        return f"-> {story.state.status}"
    return "recorded"


@pytest.mark.parametrize("row", CASES)
def test_every_cell_is_what_happens(row: str) -> None:
    cells = table()
    found = {column: outcome(make(), CASES[row]) for column, make in STORIES.items()}
    assert found == {column: cells.get((row, column)) for column in STORIES}


def test_every_command_and_every_row_is_there() -> None:
    assert {row for row, _ in table()} == set(CASES)
    assert {type(case.command) for case in CASES.values()} == set(ticket.COMMANDS)
    for row, case in CASES.items():
        assert row.split(",")[0].split(" ")[0] == case.command.NAME.removeprefix("ticket.")

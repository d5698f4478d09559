"""A ticket that a wrong time moved ahead is named by `status`; a correction brings it back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import helpdesk
from tests.helpdesk import ANN, SUE
from ticketlog import cli
from ticketlog.application.as_of import Past
from ticketlog.desk import Desk, open_desk
from ticketlog.domain.base import Actor, Command, Forbidden, Refused
from ticketlog.domain.parties.agent import SetAvailability
from ticketlog.domain.parties.organisation import RegisterOrganisation, RenameOrganisation
from ticketlog.domain.parties.person import RegisterPerson, RenamePerson
from ticketlog.domain.ticket.classification import Tag
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Close, MarkSpam, Reopen, Solve
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.domain.ticket.sla_events import SlaBreached
from ticketlog.domain.ticket.time_correction import CorrectTime, TimeCorrected
from ticketlog.domain.ticket.work import StartWork, StopWork
from ticketlog.domain.time.receipt import AHEAD
from ticketlog.projections import PROJECTIONS
from ticketlog.projections.engine.moment import Cut
from ticketlog.projections.views import search, tickets
from ticketlog.projections.views.sla.sla import TicketClocks

SECOND = 1_000_000
DAY = 86_400 * SECOND
YEAR = 365 * DAY
MEND = CorrectTime(reason="a mail was dated a year ahead")
SETTINGS = (
    helpdesk.SETTINGS
    + """
[calendars.office]
zone = "UTC"
years = [2026, 2030]
week = { mon-sun = ["00:00-24:00"] }
[sla_policies.p]
position = 10
calendar = "office"
targets = [
  { metric = "total_resolution_time", within = { medium = "10d", high = "1d" } },
  { metric = "first_reply_time", business = true, within = { medium = "1d" } },
]
"""
)


def now() -> int:
    return time.time_ns() // 1_000


@pytest.fixture
def desk(folder: Path) -> Iterator[Desk]:
    with open_desk(folder) as desk:
        desk.settings_apply(SETTINGS, actor=SUE)
        yield desk


def by_an_older_release(
    desk: Desk, command: Command, on: str, ahead: int = YEAR, **by: Any
) -> None:
    """What a release did that believed every time."""
    desk._executor.simulated = True
    try:
        desk.execute(command, on=on, occurred_at=now() + ahead, **{"actor": ANN, **by})
    finally:
        desk._executor.simulated = False


def suffering(desk: Desk, *then: Command) -> str:
    """A ticket that a mail moved a year ahead, and what was done to it after that."""
    kim = helpdesk.register(desk)
    create = CreateTicket(subject="x", requester=kim)
    ticket = desk.execute(create, actor=Actor(kim, "person")).stream
    by_an_older_release(desk, Reply(body="hi"), ticket, actor=Actor(kim, "person"))
    for command in then:
        desk.execute(command, on=ticket, actor=SUE)
    return ticket.removeprefix("ticket/")


def rows(desk: Desk, name: str, **given: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = desk.report(name, period="month", **given)["rows"]
    return found


def verified(desk: Desk) -> None:
    """Every view says what the log says when it is replayed."""
    desk.refresh()
    assert [each for each in desk.views.verify() if not each.same] == []


def test_what_was_solved_in_a_second_was_never_late(desk: Desk) -> None:
    ticket = suffering(desk, Solve(code="fixed"))
    assert [r["breached"] for r in rows(desk, "attainment") if r["breached"]] != []
    before = desk.cut()
    was = rows(desk, "flow"), rows(desk, "attainment"), rows(desk, "times")
    desk.execute(MEND, on=ticket, actor=SUE)

    state = desk.load(ticket)
    assert abs(state.clock - now()) < 60 * SECOND
    assert state.sound is None
    assert now() - 60 * SECOND < state.solved_at <= state.clock
    clock = state.clocks["total_resolution_time"]
    assert (clock.phase, clock.breached_at) == ("fulfilled", None)
    assert clock.used < 60 * SECOND
    (row,) = rows(desk, "times")
    assert (row["resolution_time_n"], row["resolution_time_median_seconds"]) == (1, 0)
    assert [r["backlog"] for r in rows(desk, "flow")] == [0]
    assert sum(r["breached"] for r in rows(desk, "attainment")) == 0
    verified(desk)

    past = desk.at(position=before)
    assert past.load(ticket).clock > now() + YEAR - DAY
    assert was == tuple(
        past.report(name, period="month")["rows"] for name in ("flow", "attainment", "times")
    )


def test_a_promise_that_goes_on_is_due_when_it_was(desk: Desk) -> None:
    ticket = suffering(desk, Prioritise(priority="high", reason="fire"))
    created = desk.load(ticket).created_at
    desk.execute(MEND, on=ticket, actor=SUE)
    found = {each["metric"]: each for each in desk.query(TicketClocks(ticket=ticket))}
    assert found["total_resolution_time"]["due"] == created + DAY
    assert found["total_resolution_time"]["breached_at"] is None
    assert found["first_reply_time"]["phase"] == "running"
    assert not [e for e in desk.history(ticket)[-2:] if isinstance(e.event, SlaBreached)]
    verified(desk)


def test_it_goes_on_as_if_nothing_had_been(desk: Desk) -> None:
    ticket = suffering(desk, StartWork(), Note(body="?"))
    desk.execute(MEND, on=ticket, actor=SUE)
    desk.execute(StopWork(), on=ticket, actor=SUE)
    desk.execute(Reply(body="done"), on=ticket, actor=ANN)
    desk.execute(Solve(), on=ticket, actor=ANN)
    state = desk.load(ticket)
    assert state.seconds_spent < 60
    assert state.clock < now() + AHEAD
    assert all(clock.breached_at is None for clock in state.clocks.values())
    assert [r["backlog"] for r in rows(desk, "flow")] == [0]
    verified(desk)


def test_time_worked_is_no_year(desk: Desk) -> None:
    kim = helpdesk.register(desk)
    ticket = desk.execute(CreateTicket(subject="x", requester=kim), actor=ANN).stream
    desk.execute(StartWork(), on=ticket, actor=ANN)
    by_an_older_release(desk, Reply(body="hi"), ticket, ahead=30 * DAY)
    desk.execute(StopWork(), on=ticket, actor=ANN)
    assert desk.load(ticket).seconds_spent > 86_400
    desk.execute(MEND, on=ticket, actor=SUE)
    assert desk.load(ticket).seconds_spent < 60


@pytest.mark.parametrize("then", [(Solve(), Close()), (MarkSpam(),), (Solve(), Reopen())])
def test_in_every_status(desk: Desk, then: tuple[Command, ...]) -> None:
    ticket = suffering(desk, *then)
    status = desk.load(ticket).status
    desk.execute(MEND, on=ticket, actor=SUE)
    after = desk.load(ticket)
    assert (after.status, abs(after.clock - now()) < 60 * SECOND) == (status, True)
    verified(desk)


def test_twice(desk: Desk) -> None:
    ticket = suffering(desk)
    desk.execute(MEND, on=ticket, actor=SUE)
    cut = desk.cut()
    by_an_older_release(desk, Note(body="again"), ticket)
    desk.execute(Solve(), on=ticket, actor=SUE)
    desk.execute(MEND, on=ticket, actor=SUE, id="second")
    assert desk.execute(MEND, on=ticket, actor=SUE, id="second").repeated
    assert desk.load(ticket).clock < now() + AHEAD
    verified(desk)
    assert desk.at(position=cut).load(ticket).status_category in ("new", "open")


def test_the_state_is_the_same_however_it_is_come_by(desk: Desk, folder: Path) -> None:
    ticket = suffering(desk, Tag(add=("a",)), Solve(), Tag(add=("b",)))
    desk.execute(MEND, on=ticket, actor=SUE)
    desk.execute(Tag(add=("c",)), on=ticket, actor=SUE)
    kept = desk.load(ticket)
    with open_desk(folder) as other:
        assert other.load(ticket) == kept
        assert other.at(position=other.cut()).load(ticket) == kept


def test_views_that_follow_and_views_that_are_made_anew_agree(desk: Desk) -> None:
    ticket = suffering(desk)
    desk.refresh()
    desk.execute(Solve(), on=ticket, actor=SUE)
    desk.refresh()
    desk.execute(MEND, on=ticket, actor=SUE)
    desk.refresh()
    desk.execute(Tag(add=("c",)), on=ticket, actor=SUE)
    verified(desk)
    assert not [parked for view in desk.status().views for parked in view.parked]


def test_every_view_as_of_before_shows_what_was_known_then(desk: Desk) -> None:
    ticket = suffering(desk, Solve())
    cut = desk.cut()
    past = desk.at(position=cut)
    before = {view.name: list(past.views.rows(view.name)) for view in PROJECTIONS}
    counted = desk.at(position=cut).query(tickets.TicketCounts())
    desk.execute(MEND, on=ticket, actor=SUE)
    again = desk.at(position=cut)
    assert {view.name: list(again.views.rows(view.name)) for view in PROJECTIONS} == before
    assert again.query(tickets.TicketCounts()) == counted


def test_in_business_time_what_is_corrected_happened_when_it_was_received(desk: Desk) -> None:
    ticket = suffering(desk, Solve())
    desk.execute(MEND, on=ticket, actor=SUE)
    late = desk.at(occurred=now() + SECOND)
    assert late.load(ticket).status_category == "solved"
    assert late.query(tickets.OneTicket(ticket=ticket))["status_category"] == "solved"
    assert len([row for row in late.views.rows("tickets") if row[0] == "current"]) == 1


def test_the_story_of_its_promises_and_another_basis_know_no_breach(
    desk: Desk, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ticket = suffering(desk, Solve())
    desk.execute(MEND, on=ticket, actor=SUE)
    assert cli.run(["--desk", str(folder), "sla", ticket]) == 0
    assert "breached" not in capsys.readouterr().out
    assert sum(r["breached"] for r in rows(desk, "attainment", basis="now")) == 0


def test_who_may_and_when(desk: Desk) -> None:
    ticket = suffering(desk)
    with pytest.raises(Forbidden):
        desk.execute(MEND, on=ticket, actor=ANN)
    sound = helpdesk.create(desk)
    with pytest.raises(Refused, match="nothing to correct"):
        desk.execute(MEND, on=sound, actor=SUE)
    (corrected,) = [
        each.event
        for each in desk.execute(MEND, on=ticket, actor=SUE).events
        if isinstance(each.event, TimeCorrected)
    ]
    assert corrected.old > now() + YEAR - DAY
    with pytest.raises(Refused, match="nothing to correct"):
        desk.execute(MEND, on=ticket, actor=SUE)


def test_status_names_streams_that_are_ahead(
    desk: Desk, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.refresh()
    assert desk.status().ahead.plain() == {"streams": 0, "first": []}
    kim = desk.execute(RegisterPerson(name="Kim"), actor=ANN).stream
    by_an_older_release(desk, RenamePerson(name="Kim K."), kim, ahead=2 * YEAR)
    ticket = suffering(desk)
    desk.refresh()
    found = desk.status().ahead.plain()
    assert found["streams"] == 2
    assert [each["stream"] for each in found["first"]] == [kim, f"ticket/{ticket}"]
    assert cli.run(["--desk", str(folder), "status"]) == 0
    said = capsys.readouterr().out
    assert "ahead of now" in said
    assert "correct-time" in said
    mend = ["ticket", "correct-time", ticket, "--reason", "a year", "--as", "agent:sue"]
    assert cli.run(["--desk", str(folder), *mend]) == 0
    desk.refresh()
    capsys.readouterr()
    assert cli.run(["--desk", str(folder), "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ahead"]["streams"] == 1
    assert cli.run(["--desk", str(folder), "status"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert kim in said
    assert "of persons, organisations and agents" in said
    assert "correct-time" not in said


@pytest.mark.parametrize(
    ("make", "then", "on"),
    [
        (RegisterPerson(name="Kim"), RenamePerson(name="Kim K."), None),
        (RegisterOrganisation(name="Acme"), RenameOrganisation(name="Acme Ltd"), None),
        (None, SetAvailability(availability="online"), "agent/ann"),
    ],
    ids=["person", "organisation", "agent"],
)
def test_status_names_whoever_is_ahead_and_what_that_means(
    desk: Desk,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    make: Command | None,
    then: Command,
    on: str | None,
) -> None:
    stream = on or desk.execute(make, actor=ANN).stream if make else on
    assert stream is not None
    by_an_older_release(desk, then, stream)
    ticket = suffering(desk)
    desk.refresh()
    assert {each.stream for each in desk.status().ahead.first} == {
        stream,
        f"ticket/{ticket}",
    }
    assert cli.run(["--desk", str(folder), "status"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert stream in said
    assert "correct-time TICKET --reason WHY` brings a ticket back" in said
    assert "of persons, organisations and agents, what they do next counts as of then" in said


def test_what_a_search_finds_was_said_when_it_was_received(desk: Desk) -> None:
    ticket = suffering(desk)
    [ahead] = desk.query(search.Search(words="hi"))
    assert ahead["at"] > now() + YEAR - DAY
    desk.execute(MEND, on=ticket, actor=SUE)
    [found] = desk.query(search.Search(words="hi"))
    assert (found["ticket"], found["version"]) == (ticket, ahead["version"])
    assert abs(found["at"] - now()) < DAY
    verified(desk)


DOINGS: dict[str, Command] = {
    "reply": Reply(body="hi"),
    "note": Note(body="hm"),
    "solve": Solve(),
    "reopen": Reopen(),
    "priority": Prioritise(priority="high", reason="fire"),
    "work": StartWork(),
    "rest": StopWork(),
    "tag": Tag(add=("a",)),
    "correct": MEND,
}
STEPS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(sorted(DOINGS)), st.booleans(), st.booleans()),
    min_size=3,
    max_size=14,
)


def shown(at: Past) -> dict[str, Any]:
    rows = {view.name: sorted(map(repr, at.views.rows(view.name))) for view in PROJECTIONS}
    reports = {name: at.report(name, period="month")["rows"] for name in ("flow", "times")}
    return rows | reports


@settings(
    max_examples=6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(STEPS)
def test_whatever_happens_views_are_those_of_a_replay_and_the_past_stays(
    desk: Desk, steps: list[tuple[int, str, bool, bool]]
) -> None:
    """Of two tickets one or both suffer, and are corrected once, several times, or never."""
    kim = helpdesk.register(desk)
    made = [CreateTicket(subject=each, requester=kim) for each in "AB"]
    streams = [desk.execute(each, actor=ANN).stream for each in made]
    seen: list[tuple[Cut, dict[str, Any]]] = []
    for number, what, ahead, look in steps:
        with suppress(Refused):
            if ahead and what != "correct":
                by_an_older_release(desk, DOINGS[what], streams[number])
            else:
                desk.execute(DOINGS[what], on=streams[number], actor=SUE)
        if look:
            cut = desk.cut()
            seen.append((cut, shown(desk.at(position=cut))))
    for stream in streams:
        was_ahead = desk.load(stream).sound is not None
        try:
            desk.execute(MEND, on=stream, actor=SUE)
        except Refused:
            assert not was_ahead
        else:
            assert was_ahead
        assert desk.load(stream).clock <= now() + AHEAD
        with open_desk(desk.folder) as other:
            assert other.load(stream) == desk.load(stream)
    verified(desk)
    assert desk.status().ahead.streams == 0
    for cut, was in seen[:2]:
        assert shown(desk.at(position=cut)) == was

"""Whatever happens to a ticket under whatever policies: the rows of `sla` are what its story says,
and what a breach is made of is what its clock had run, in the hands that the ticket was in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given

from tests.domain.sla import naive
from tests.domain.sla.test_clock_properties import LIVES, Life, breaches, lived, open_time
from tests.given import Story
from ticketlog.domain import ticket
from ticketlog.domain.base import Recorded
from ticketlog.domain.sla.clock import LIVE
from ticketlog.domain.ticket.sla.timeline import TimelineEntry, timeline
from ticketlog.domain.ticket.sla_events import SlaBreached
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.time.business_hours import SECOND, BusinessHours
from ticketlog.projections.views.sla.sla import TABLES, VIEW

Key = tuple[str, int]
STAYS = ("warned", "breached", "applied")
"""The changes by which a clock stays in its phase."""


def rows_of(story: Story) -> dict[str, list[dict[str, Any]]]:
    """The ticket's rows, by table."""
    state: Any = ticket.initial("THIS")
    fold = VIEW.folds["ticket"]("THIS")
    for recorded in story.history:
        after = ticket.evolve(state, recorded)
        fold.step(recorded, state, after)
        state = after
    return {
        spec.name: [dict(zip(spec.columns, row, strict=spec.name != "groups")) for row in rows]
        for spec, rows in zip(TABLES, fold.rows(state), strict=True)
    }


def told(story: Story) -> dict[Key, list[TimelineEntry]]:
    """What is told of each clock that has or had a target, in order."""
    lines: dict[Key, list[TimelineEntry]] = {}
    for line in timeline("THIS", story.history, story.settings.calendar)[1]:
        if line.metric is not None:
            lines.setdefault((line.metric, line.instance), []).append(line)
    return {key: some for key, some in lines.items() if any(each.target for each in some)}


@given(LIVES)
def test_each_clock_stands_as_its_story_leaves_it(life: Life) -> None:
    story = lived(life)
    state, promised = story.state, told(story)
    clocks = {(row["metric"], row["instance"]): row for row in rows_of(story)["clocks"]}
    assert clocks.keys() == promised.keys()
    for (metric, instance), row in clocks.items():
        last = [line for line in promised[metric, instance] if line.change not in STAYS][-1]
        assert row["because"] == last.because
        clock = state.clocks[metric]
        if clock.instance != instance:
            assert (row["phase"], row["used"]) == (last.change, last.used)
            assert row["target"] == (last.target.seconds if last.target else None)
            continue
        assert row["phase"] == clock.phase
        assert (row["activated_at"], row["since"], row["used"]) == (
            *(clock.activated_at, clock.since),
            clock.used,
        )
        assert row["business_used"] == clock.business
        assert (row["due"], row["breached_at"]) == (clock.due, clock.breached_at)
        seconds, business = clock.target or (None, False)
        assert (row["target"], row["business"]) == (seconds, business)
        applied = state.sla if clock.target and clock.live else None
        if applied is not None:
            assert (row["policy"], row["policy_version"]) == (
                *(applied.policy.id, applied.policy.version),
            )


@given(LIVES)
def test_the_story_tells_the_time_that_was_used_by_then(life: Life) -> None:
    """Of clocks without a target too, whose open time stands in no event."""
    story = lived(life)
    for line in timeline("THIS", story.history, story.settings.calendar)[1]:
        if line.metric is None or line.change in ("breached", "warned"):
            continue
        until = [e for e in story.history if e.originator_version <= line.cause.originator_version]
        runs = naive.runs(line.metric, naive.moments(until), line.at)
        spans = runs[line.instance - 1].spans
        assert line.used == sum(end - start for start, end in spans)
        if line.business_used is not None:
            assert line.business_used == open_time(story, spans)


@given(LIVES)
def test_what_is_at_risk_is_what_is_due_or_overdue(life: Life) -> None:
    story = lived(life)
    state = story.state
    found = {
        (row["metric"], row["breached"], row["at"], row["team"], row["assignee"], row["priority"])
        for row in rows_of(story)["at_risk"]
    }
    holder = (state.team, state.assignee, state.priority)
    due = {
        (metric, False, clock.due, *holder)
        for metric, clock in state.clocks.items()
        if clock.due is not None
    }
    overdue = {
        (metric, True, clock.breached_at, *holder)
        for metric, clock in state.clocks.items()
        if clock.breached_at is not None and clock.live and clock.target
    }
    assert found == due | overdue


@given(LIVES)
def test_a_breach_is_made_of_the_spans_that_its_clock_ran(life: Life) -> None:
    story = lived(life)
    found = rows_of(story)
    recorded = {each.originator_version: each for each in story.history}
    events = {each.originator_version: event for each, event in breaches(story)}
    assert {row["version"] for row in found["breaches"]} == events.keys()
    for row in found["breaches"]:
        event, cause = events[row["version"]], recorded[row["version"]]
        assert (row["breached_at"], row["used"]) == (event.at, event.used)
        spans = [each for each in found["spans"] if each["version"] == row["version"]]
        assert [each["last"] for each in spans] == [False] * (len(spans) - 1) + [True]
        assert sum(measured(story, each, event) for each in spans) == event.used
        expected = naive.joined(ran(story, event, cause))
        joined = naive.joined((each["started"], each["ended"]) for each in spans)
        assert joined == expected
        for span in spans:
            state = at(story.history, span["started"], cause)
            assert (span["team"], span["agent"], span["status"]) == (
                *(state.team, state.assignee),
                state.status,
            )


def ran(story: Story, event: SlaBreached, cause: Recorded) -> Iterator[naive.Span]:
    """When the clock had run up to its breach."""
    before = [
        each
        for each in story.history
        if each.originator_version < cause.originator_version
        and (event.because == "target" or each.meta.commit != cause.meta.commit)
    ]
    run = naive.runs(event.metric, naive.moments(before), event.at)[event.instance - 1]
    for start, end in run.spans:
        yield start, min(end, event.at)


def measured(story: Story, span: dict[str, Any], event: SlaBreached) -> int:
    length: int = span["ended"] - span["started"]
    assert length > 0
    if not event.business:
        return length
    calendar = timetable(story, span["calendar"], span["calendar_version"])
    return calendar.between(span["started"], span["ended"]) if calendar else 0


def timetable(story: Story, id: str | None, version: int | None) -> BusinessHours | None:
    found = story.settings.editions.get(f"calendar/{id}@{version}") if id else None
    return found.timetable if found else None  # type: ignore[union-attr]


def at(history: list[Recorded], start: int, cause: Recorded) -> Ticket:
    """The ticket as it was from an instant on, before the breach was recorded."""
    state: Ticket = ticket.initial("THIS")
    for each in history:
        if each.meta.occurred_at > start or each.originator_version >= cause.originator_version:
            break
        state = ticket.evolve(state, each)
    return state


@given(LIVES)
def test_each_clock_is_decided_once(life: Life) -> None:
    story = lived(life)
    found, promised = rows_of(story), told(story)
    holding: dict[Key, list[str]] = {}
    for row in found["outcomes"]:
        if row["to_at"] is None:
            holding.setdefault((row["metric"], row["instance"]), []).append(row["kind"])
    for key, lines in promised.items():
        breached = any(line.change == "breached" for line in lines)
        row = next(r for r in found["clocks"] if (r["metric"], r["instance"]) == key)
        kinds = holding.pop(key, [])
        if breached:
            late = row["phase"] == "fulfilled" and row["target"] is not None
            assert kinds == (["breached", "late"] if late else ["breached"])
        elif row["phase"] in LIVE or row["target"] is None:
            assert kinds == []
        else:
            assert kinds == ["met" if row["phase"] == "fulfilled" else "withdrawn"]
    assert holding == {}
    for row in found["outcomes"]:
        if row["kind"] == "met":
            target = [each for each in promised[row["metric"], row["instance"]] if each.target]
            assert target
            assert row["used"] * SECOND <= row["decided_at"]

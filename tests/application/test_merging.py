"""Merging and unmerging on a desk: what comes of each step, of late words, of crashes and races."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import helpdesk
from tests.helpdesk import ANN, SUE, closed, create, facts, register
from ticketlog.desk import Desk, open_desk
from ticketlog.domain.base import Actor, Command, Forbidden, Invalid, Refused
from ticketlog.domain.parties.organisation import RegisterOrganisation
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.domain.ticket.classification import SetSubject, Tag
from ticketlog.domain.ticket.conversation import Note, Replied, Reply
from ticketlog.domain.ticket.lifecycle import SetStatus, Solve
from ticketlog.domain.ticket.merging import Merge, Unmerge
from ticketlog.domain.ticket.relations import AddCc, Follow, RemoveCc
from ticketlog.domain.ticket.state import Ticket


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("merging") / "desk"
    helpdesk.make(folder)
    return folder


@pytest.fixture
def desk(template: Path, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(helpdesk.copy(template, tmp_path / "desk")) as desk:
        yield desk


def kim(desk: Desk) -> Actor:
    return Actor(register(desk), "person")


def ticket(desk: Desk, id: str) -> Ticket:
    state: Ticket = desk.load(f"ticket/{id}")
    return state


def merge(desk: Desk, source: str, into: str, by: Actor = ANN, **how: Any) -> None:
    desk.execute(Merge(into=into, **how), on=source, actor=by)


def unmerge(desk: Desk, source: str, by: Actor = ANN) -> None:
    desk.execute(Unmerge(), on=source, actor=by)


def names(desk: Desk, id: str) -> list[str]:
    return [each.event.NAME.removeprefix("ticket.") for each in desk.history(f"ticket/{id}")]


def test_a_merge_waits_for_its_outcome(desk: Desk) -> None:
    one, two = create(desk), create(desk)
    outcome = desk.execute(Merge(into=two), on=one, actor=ANN)
    assert facts(outcome) == ["ticket.merged.v1"]
    assert (ticket(desk, one).status, ticket(desk, one).merged_into) == ("merged", two)
    assert [each.source for each in ticket(desk, two).absorbed] == [one]
    assert names(desk, one)[-2:] == ["merge-proposed.v1", "merged.v1"]


def test_the_same_merge_again_has_its_first_answer(desk: Desk) -> None:
    one, two = create(desk), create(desk)
    first = desk.execute(Merge(into=two), on=one, actor=ANN, id="m1")
    again = desk.execute(Merge(into=two), on=one, actor=ANN, id="m1")
    assert again.version == first.version
    assert len(ticket(desk, two).absorbed) == 1


def test_each_step_follows_from_the_record_before(desk: Desk) -> None:
    one, two = create(desk), create(desk)
    merge(desk, one, two)
    proposed, merged = list(desk.history(f"ticket/{one}"))[-2:]
    absorbed = list(desk.history(f"ticket/{two}"))[-1]
    assert absorbed.meta.cause == proposed.id
    assert merged.meta.cause == absorbed.id


def test_late_words_reach_the_survivor_glpi_8842(desk: Desk) -> None:
    """glpi#8842: a late reply lands on the deleted ticket and nobody sees it."""
    who = kim(desk)
    one = create(desk, requester=who.id)
    two = create(desk, requester=who.id)
    merge(desk, one, two)
    outcome = desk.execute(Reply(body="It is back"), on=one, actor=who)
    assert outcome.stream == f"ticket/{two}"
    said = outcome.events[0].event
    assert isinstance(said, Replied)
    assert said.received_on == one
    assert ticket(desk, two).waiting_since is not None


def test_a_repeated_late_reply_is_one_also_after_the_unmerge(desk: Desk) -> None:
    who = kim(desk)
    one, two = create(desk, requester=who.id), create(desk, requester=who.id)
    merge(desk, one, two)
    desk.execute(Reply(body="It is back"), on=one, actor=who, id="late")
    unmerge(desk, one)
    again = desk.execute(Reply(body="It is back"), on=one, actor=who, id="late")
    assert (again.stream, again.repeated) == (f"ticket/{two}", True)
    assert not ticket(desk, one).comments


def test_a_ticket_can_be_merged_again_zammad_983(desk: Desk) -> None:
    """zammad#983: what was merged can't be merged again into another one."""
    one, two, three = create(desk), create(desk), create(desk)
    merge(desk, one, two)
    unmerge(desk, one)
    merge(desk, one, three)
    assert ticket(desk, one).merged_into == three
    assert not ticket(desk, two).absorbed


def test_no_entry_of_the_history_goes_thehive_2320(desk: Desk) -> None:
    """TheHive#2320: a merge deletes audit entries."""
    one, two = create(desk), create(desk)
    desk.execute(Note(body="before"), on=one, actor=ANN)
    before = names(desk, one), names(desk, two)
    merge(desk, one, two)
    assert names(desk, one)[: len(before[0])] == before[0]
    assert names(desk, two)[: len(before[1])] == before[1]


def test_a_reply_half_written_at_the_merge_is_said_zammad_702(desk: Desk) -> None:
    """zammad#702: a merge deletes the half-written reply. One that was begun before it is sent
    with the version that its author saw."""
    who = kim(desk)
    one, two = create(desk, requester=who.id), create(desk, requester=who.id)
    seen = ticket(desk, one).version
    merge(desk, one, two)
    outcome = desk.execute(Reply(body="Half written"), on=one, actor=ANN, seen=seen)
    assert outcome.stream == f"ticket/{two}"


@pytest.mark.parametrize("state", ["closed", "spam", "merged", "solved", "itself", "absent"])
def test_a_target_that_cannot_take_it_is_refused(desk: Desk, state: str) -> None:
    from ticketlog.domain.ticket.lifecycle import MarkSpam

    one, two = create(desk), create(desk)
    match state:
        case "closed":
            two = closed(desk)
        case "spam":
            desk.execute(MarkSpam(), on=two, actor=ANN)
        case "merged":
            merge(desk, two, create(desk))
        case "solved":
            desk.execute(Solve(), on=two, actor=ANN)
        case "itself":
            two = one
        case "absent":
            two = "NONE"
    with pytest.raises(Refused, match=one if state != "absent" else "NONE"):
        merge(desk, one, two)
    assert ticket(desk, one).merged_into is None
    assert ticket(desk, one).merge_proposed is None


def test_other_commands_are_refused_naming_the_survivor(desk: Desk) -> None:
    one, two = create(desk), create(desk)
    merge(desk, one, two)
    for command in (Solve(), SetSubject(subject="x"), SetStatus(status="open"), Merge(into="X")):
        with pytest.raises(Refused, match=two):
            desk.execute(command, on=one, actor=ANN)


def test_requesters_of_two_organisations_need_the_right(desk: Desk) -> None:
    one = create(desk, requester=register(desk))
    two = create(desk, requester=register(desk, "Lee"))
    with pytest.raises(Forbidden, match="merge-across"):
        merge(desk, one, two)
    merge(desk, one, two, by=SUE)
    assert ticket(desk, two).ccs == (ticket(desk, one).requester,)


def test_requesters_of_one_organisation_need_none(desk: Desk) -> None:
    made = desk.execute(RegisterOrganisation(name="ACME"), actor=ANN)
    acme = made.stream.removeprefix("organisation/")
    ids = []
    for name in ("Kim", "Lee"):
        registered = desk.execute(RegisterPerson(name=name, organisation=acme), actor=ANN)
        ids.append(create(desk, requester=registered.stream.removeprefix("person/")))
    merge(desk, ids[0], ids[1])
    assert ticket(desk, ids[0]).merged_into == ids[1]


def test_an_unmerge_takes_away_what_was_brought_but_what_people_touched(desk: Desk) -> None:
    who, copied = register(desk), register(desk, "Lee")
    one, two = create(desk, requester=who, ccs=(copied,)), create(desk, tags=("red",))
    desk.execute(Follow(agent="bob"), on=one, actor=ANN)
    desk.execute(Tag(add=("red", "blue")), on=one, actor=ANN)
    merge(desk, one, two, with_tags=True, note="The same fault")
    then = ticket(desk, two)
    assert (then.ccs, then.followers, then.tags) == ((who, copied), ("bob",), ("red", "blue"))
    assert len(then.comments) == 1
    desk.execute(RemoveCc(person=copied), on=two, actor=ANN)
    desk.execute(AddCc(person=copied), on=two, actor=ANN)
    unmerge(desk, one)
    released = list(desk.history(f"ticket/{two}"))[-1].event
    assert released.removed.ccs == (who,)  # type: ignore[attr-defined]
    assert released.kept.ccs == (copied,)  # type: ignore[attr-defined]
    now = ticket(desk, two)
    assert (now.ccs, now.followers, now.tags) == ((copied,), (), ("red",))


def test_what_two_sources_brought_stays_with_the_second(desk: Desk) -> None:
    who = register(desk)
    one, two = create(desk, requester=who), create(desk, requester=who)
    into = create(desk)
    merge(desk, one, into)
    merge(desk, two, into)
    unmerge(desk, one)
    assert ticket(desk, into).ccs == (who,)
    unmerge(desk, two)
    assert ticket(desk, into).ccs == ()


def test_chains(desk: Desk) -> None:
    """A into B into C: what is said to A goes to C, B takes A along, A asks for B first."""
    who = kim(desk)
    a, b, c = (create(desk, requester=who.id) for _ in range(3))
    merge(desk, a, b)
    merge(desk, b, c)
    said = desk.execute(Reply(body="It is back"), on=a, actor=who)
    assert said.stream == f"ticket/{c}"
    assert said.events[0].event.received_on == a  # type: ignore[attr-defined]
    with pytest.raises(Refused, match=f"unmerge {b} first|unmerge {a} first"):
        unmerge(desk, a)
    unmerge(desk, b)
    assert ticket(desk, a).merged_into == b
    assert ticket(desk, c).absorbed == ()
    unmerge(desk, a)
    assert ticket(desk, a).merged_into is None


def test_waiting_since_is_the_earliest_of_both(desk: Desk) -> None:
    who = kim(desk)
    one = create(desk, requester=who.id)
    desk.execute(Reply(body="Hello?"), on=one, actor=who)
    two = create(desk, requester=who.id)
    desk.execute(Reply(body="Hello, too?"), on=two, actor=who)
    early, late = ticket(desk, one).waiting_since, ticket(desk, two).waiting_since
    merge(desk, one, two)
    assert ticket(desk, two).waiting_since == early
    unmerge(desk, one)
    assert ticket(desk, two).waiting_since == late
    assert ticket(desk, one).waiting_since == early


def test_a_late_question_waits_on_the_source_after_the_unmerge(desk: Desk) -> None:
    who = kim(desk)
    one, two = create(desk, requester=who.id), create(desk, requester=who.id)
    merge(desk, one, two)
    asked = desk.execute(Reply(body="And?"), on=one, actor=who).events[0].meta.occurred_at
    unmerge(desk, one)
    assert ticket(desk, one).waiting_since == asked
    assert ticket(desk, two).waiting_since is None


_APART = {"version", "clock", "changed", "last_commit", "touches", "survivors", "crossed"} | {
    *(
        "clocks",
        "told_clocks",
        "facts",
        "sound",
        "id",
        "comment_pages",
        "created_at",
        "description",
    ),
    *("quiet_since", "assigned_at", "asked_at", "own_waiting_since", "back_at", "solved_at"),
    *("first_reply_at",),
}
_OWN: list[Command] = [
    Reply(body="Try again"),
    Note(body="Known"),
    Tag(add=("red",)),
    Solve(),
    SetStatus(status="pending"),
    Follow(agent="bob"),
]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    before=st.lists(st.sampled_from(_OWN), max_size=3),
    between=st.lists(st.sampled_from(_OWN), max_size=3),
    after=st.lists(st.sampled_from(_OWN), max_size=3),
)
def test_an_unmerged_ticket_is_as_if_it_never_was_merged(
    desk: Desk, before: list[Command], between: list[Command], after: list[Command]
) -> None:
    one, twin, two = create(desk), create(desk), create(desk)
    untouched = create(desk)

    def told(command: Command, *ids: str) -> None:
        for id in ids:
            with suppress(Refused):
                desk.execute(command, on=id, actor=ANN)

    for command in before:
        told(command, one, twin)
    merge(desk, one, two)
    for command in between:
        told(command, two, untouched)
    unmerge(desk, one)
    for command in after:
        told(command, one, twin)
    assert _bare(ticket(desk, one)) == _bare(ticket(desk, twin))
    source, target = ticket(desk, two), ticket(desk, untouched)
    if not before:
        assert _bare(source) == _bare(target)


def _bare(state: Ticket) -> dict[str, Any]:
    return {f.name: getattr(state, f.name) for f in fields(state) if f.name not in _APART}


def _stopped_after(desk: Desk, appends: int, act: Callable[[], object]) -> None:
    """Acts until so many records were appended; what comes next meets a desk that was killed."""
    real, left = desk._executor.log.append, [appends]

    def append(commit: Any) -> Any:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        return real(commit)

    desk._executor.log.append = append  # type: ignore[method-assign]
    try:
        with pytest.raises(KeyboardInterrupt):
            act()
    finally:
        desk._executor.log.append = real  # type: ignore[method-assign]


@pytest.mark.parametrize("appends", [1, 2])
@pytest.mark.parametrize("finisher", ["the same command", "another command", "the policy"])
def test_a_merge_that_was_stopped_is_finished(desk: Desk, appends: int, finisher: str) -> None:
    one, two = create(desk), create(desk)
    desk.policies(timers=()).run_until(desk._clock())
    _stopped_after(desk, appends, lambda: desk.execute(Merge(into=two), on=one, actor=ANN, id="m1"))
    assert ticket(desk, one).merge_proposed is not None
    match finisher:
        case "the same command":
            desk.execute(Merge(into=two), on=one, actor=ANN, id="m1")
        case "another command":
            assert desk.execute(Note(body="x"), on=one, actor=ANN).stream == f"ticket/{two}"
        case "the policy":
            desk.policies(timers=()).run_until(desk._clock())
    assert ticket(desk, one).merged_into == two
    assert [each.source for each in ticket(desk, two).absorbed] == [one]


@pytest.mark.parametrize("finisher", ["the same command", "another unmerge", "the policy"])
def test_an_unmerge_that_was_stopped_is_finished(desk: Desk, finisher: str) -> None:
    one, two = create(desk), create(desk)
    merge(desk, one, two)
    desk.policies(timers=()).run_until(desk._clock())
    _stopped_after(desk, 1, lambda: desk.execute(Unmerge(), on=one, actor=ANN, id="u1"))
    assert ticket(desk, two).absorbed == ()
    match finisher:
        case "the same command":
            desk.execute(Unmerge(), on=one, actor=ANN, id="u1")
        case "another unmerge":
            unmerge(desk, one)
        case "the policy":
            desk.policies(timers=()).run_until(desk._clock())
    assert ticket(desk, one).merged_into is None


def _race(*acts: Callable[[], object]) -> list[object]:
    found: list[object] = [None] * len(acts)
    barrier = threading.Barrier(len(acts))

    def run(number: int) -> None:
        barrier.wait()
        try:
            found[number] = acts[number]()
        except Exception as error:
            found[number] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(acts))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return found


def _raced(desk: Desk, times: int) -> None:
    for _ in range(times):
        one, two = create(desk), create(desk)
        _race(partial(merge, desk, one, two), partial(merge, desk, two, one))
        a, b = ticket(desk, one), ticket(desk, two)
        assert (a.merge_proposed, b.merge_proposed) == (None, None)
        assert not (a.merged_into and b.merged_into), "a circle"
        if {"merge-dropped.v1"} <= {*names(desk, one)} & {*names(desk, two)}:
            assert (a.merged_into, b.merged_into) == (None, None)
        for each, other in ((a, b), (b, a)):
            assert (each.merged_into == other.id) == (
                each.id in [part.source for part in other.absorbed]
            )


def _raced_with_replies(desk: Desk, times: int) -> None:
    who = kim(desk)
    for number in range(times):
        one, two = create(desk, requester=who.id), create(desk, requester=who.id)
        merge(desk, one, two)
        found = _race(
            partial(unmerge, desk, one),
            partial(desk.execute, Reply(body=f"word {number}"), on=one, actor=who),
        )
        assert not [each for each in found if isinstance(each, Exception)], found
        said = [*ticket(desk, one).comments, *ticket(desk, two).comments]
        assert len(said) == 1, "a comment was lost, or doubled"
        assert ticket(desk, one).merged_into is None


def test_races(desk: Desk) -> None:
    _raced(desk, 10)
    _raced_with_replies(desk, 10)


@pytest.mark.soak
def test_a_thousand_races(desk: Desk) -> None:
    _raced(desk, 1_000)
    _raced_with_replies(desk, 1_000)


def test_as_of_before_the_merge_there_are_two(desk: Desk) -> None:
    one, two = create(desk), create(desk)
    version = ticket(desk, one).version
    merge(desk, one, two)
    history = [each for each in desk.history(f"ticket/{one}") if each.originator_version <= version]
    assert {each.event.NAME for each in history}.isdisjoint({"ticket.merged.v1"})


def test_a_ticket_that_is_not_merged_is_not_unmerged(desk: Desk) -> None:
    with pytest.raises(Refused, match="isn't merged"):
        unmerge(desk, create(desk))


def test_itself_is_no_target(desk: Desk) -> None:
    one = create(desk)
    with pytest.raises(Invalid, match="itself"):
        merge(desk, one, one)

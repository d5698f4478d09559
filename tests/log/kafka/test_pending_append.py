"""An append in flight: every event in every state."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from tests.log.commits import a_commit
from ticketlog.errors import InDoubt, Unreachable
from ticketlog.log.codec import RecordCodec
from ticketlog.log.kafka.pending_append import (
    TRANSITIONS,
    AppendEvent,
    AppendState,
    PendingAppend,
)
from ticketlog.log.port import Placed

Does = Callable[[PendingAppend], object]
PLACED = Placed(0, 7, 0, 1)


def _fails(*, may_be_written: bool) -> Does:
    def fails(append: PendingAppend) -> object:
        error = Unreachable("no broker")
        return append.fail(append.attempt, error, may_be_written=may_be_written)

    return fails


METHODS: dict[AppendEvent, Does] = {
    AppendEvent.BEGIN: PendingAppend.begin,
    AppendEvent.HAND_OVER: PendingAppend.hand_over,
    AppendEvent.ACKNOWLEDGE: PendingAppend.acknowledge,
    AppendEvent.UNWRITTEN: _fails(may_be_written=False),
    AppendEvent.UNANSWERED: _fails(may_be_written=True),
    AppendEvent.LOSE: lambda append: append.lose(Unreachable("no answer")),
    AppendEvent.SETTLE: lambda append: append.settle(PLACED),
}
WAYS: dict[AppendState, tuple[AppendEvent, ...]] = {
    AppendState.NEW: (),
    AppendState.STARTED: (AppendEvent.BEGIN,),
    AppendState.SENT: (AppendEvent.BEGIN, AppendEvent.HAND_OVER),
    AppendState.ACKED: (AppendEvent.BEGIN, AppendEvent.HAND_OVER, AppendEvent.ACKNOWLEDGE),
    AppendState.FAILED: (AppendEvent.BEGIN, AppendEvent.HAND_OVER, AppendEvent.UNWRITTEN),
    AppendState.IN_DOUBT: (AppendEvent.BEGIN, AppendEvent.HAND_OVER, AppendEvent.LOSE),
    AppendState.SETTLED: (AppendEvent.SETTLE,),
}
"""Events that lead to each state."""
FORBIDDEN = {
    (AppendState.NEW, AppendEvent.HAND_OVER),
    (AppendState.NEW, AppendEvent.ACKNOWLEDGE),
    (AppendState.NEW, AppendEvent.UNWRITTEN),
    (AppendState.NEW, AppendEvent.UNANSWERED),
    (AppendState.STARTED, AppendEvent.BEGIN),
    (AppendState.SENT, AppendEvent.BEGIN),
    (AppendState.FAILED, AppendEvent.ACKNOWLEDGE),
}


def in_state(state: AppendState) -> PendingAppend:
    append = PendingAppend(a_commit(), 1, RecordCodec())
    for event in WAYS[state]:
        METHODS[event](append)
    assert append.state is state
    return append


@pytest.mark.parametrize(("state", "event"), list(product(AppendState, AppendEvent)))
def test_each_event_in_each_state_leads_where_the_table_says(
    state: AppendState, event: AppendEvent
) -> None:
    append = in_state(state)
    if (state, event) in FORBIDDEN:
        assert state not in TRANSITIONS[event]
        with pytest.raises(AssertionError, match=f"{event.name} in state {state.name}"):
            METHODS[event](append)
        assert append.state is state
        return
    METHODS[event](append)
    assert append.state is TRANSITIONS[event][state]


def test_the_docstring_holds_the_table() -> None:
    from ticketlog.log.kafka import pending_append

    rows = (line.split() for line in (pending_append.__doc__ or "").splitlines())
    drawn = {
        AppendState[row[0]]: row[1:] for row in rows if row and row[0] in AppendState.__members__
    }
    assert drawn.keys() == set(AppendState)
    for state, cells in drawn.items():
        for event, cell in zip(AppendEvent, cells, strict=True):
            following = TRANSITIONS[event].get(state)
            assert cell.strip("()") == ("-" if following is None else following.name)
            assert cell.startswith("(") == (following is state and (state, event) not in CHANGES)


CHANGES = {
    (AppendState.ACKED, AppendEvent.ACKNOWLEDGE),
    (AppendState.FAILED, AppendEvent.UNWRITTEN),
    (AppendState.IN_DOUBT, AppendEvent.UNANSWERED),
    (AppendState.IN_DOUBT, AppendEvent.LOSE),
}
"""Events that leave a state as it is and still say something."""


class TestAttempts:
    def test_an_attempt_is_handed_over_once(self) -> None:
        append = in_state(AppendState.STARTED)
        assert [append.hand_over(), append.hand_over()] == [1, None]

    @pytest.mark.parametrize("state", [AppendState.ACKED, AppendState.SETTLED])
    def test_none_begins_where_the_record_is_known_to_be_written(self, state: AppendState) -> None:
        append = in_state(state)
        attempts = append.attempt
        assert (append.begin(), append.hand_over(), append.attempt) == (False, None, attempts)

    @pytest.mark.parametrize(
        ("state", "wants"),
        [(state, state in (AppendState.FAILED, AppendState.IN_DOUBT)) for state in AppendState],
    )
    def test_one_that_failed_is_made_again(self, state: AppendState, wants: bool) -> None:
        assert in_state(state).wants_attempt is wants

    def test_the_failure_of_an_earlier_one_changes_nothing(self) -> None:
        append = in_state(AppendState.IN_DOUBT)
        append.begin()
        assert not append.fail(1, Unreachable("late"), may_be_written=True)
        assert (append.state, append.error) == (AppendState.STARTED, append.error)
        assert str(append.error) == "no answer"

    def test_the_acknowledgement_of_an_earlier_one_counts(self) -> None:
        append = in_state(AppendState.IN_DOUBT)
        append.begin()
        append.acknowledge()
        assert (append.state, append.hand_over()) == (AppendState.ACKED, None)


class TestDoubt:
    def test_it_stays_where_a_later_attempt_fails_unwritten(self) -> None:
        append = in_state(AppendState.IN_DOUBT)
        append.begin()
        append.fail(2, Unreachable("no leader"), may_be_written=False)
        assert (append.state, append.may_be_written) == (AppendState.IN_DOUBT, True)

    @pytest.mark.parametrize(
        ("state", "may_be_written"),
        [
            (AppendState.NEW, False),
            (AppendState.STARTED, False),
            (AppendState.SENT, True),
            (AppendState.ACKED, True),
            (AppendState.FAILED, False),
            (AppendState.IN_DOUBT, True),
        ],
    )
    def test_it_is_there_while_the_record_may_stand_in_the_log(
        self, state: AppendState, may_be_written: bool
    ) -> None:
        assert in_state(state).may_be_written is may_be_written


class TestOutcome:
    def test_the_first_one_counts_and_is_told_once(self) -> None:
        append = in_state(AppendState.SENT)
        append.settle(PLACED)
        append.settle(InDoubt("too late"))
        assert append.outcome == PLACED
        assert append.results.get_nowait() == (None, append)
        assert append.results.empty()

    def test_a_record_of_an_earlier_attempt_is_its_own(self) -> None:
        append = in_state(AppendState.IN_DOUBT)
        assert append.answer_for(PLACED, append.data) == PLACED._replace(repeated=True)
        append.begin()
        assert append.answer_for(PLACED, append.data) == PLACED

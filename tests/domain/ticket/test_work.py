from __future__ import annotations

from tests.domain.ticket.shop import open_
from tests.given import SECOND, SUE
from ticketlog.domain.base import Refused
from ticketlog.domain.ticket.work import StartWork, StopWork, WorkStarted, WorkStopped


def test_time_spent_is_measured_or_said() -> None:
    story = open_().when(StartWork()).then(WorkStarted(agent="ann")).when(StartWork()).then()
    story.when(StopWork(), after=90 * SECOND + 1).then(WorkStopped(agent="ann", seconds=150))
    story.when(StopWork()).then()
    story.given(StartWork()).when(StopWork(seconds=30)).then(WorkStopped(agent="ann", seconds=30))
    assert (story.state.seconds_spent, story.state.working) == (180, {})
    story.when(StopWork(seconds=30)).then_refused(Refused, "ann has not started")


def test_each_agent_has_their_own_time() -> None:
    story = open_().given(StartWork()).given(StartWork(), by=SUE).given(StopWork())
    assert list(story.state.working) == ["sue"]

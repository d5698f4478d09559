"""A correction on a log in Kafka: the desk that made it and another one say the same after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.test_correct_time import DAY, MEND, SETTINGS, now, suffering
from tests.helpdesk import SUE
from ticketlog.desk import Desk, init_desk
from ticketlog.domain.ticket.lifecycle import Solve
from ticketlog.projections.views import search

pytestmark = pytest.mark.service


def test_a_correction_is_the_same_for_every_desk_of_the_topics(
    tmp_path: Path, kafka_url: str
) -> None:
    with init_desk(tmp_path / "one", log_url=kafka_url, admin=SUE) as desk:
        desk.settings_apply(SETTINGS, actor=SUE)
        ticket = suffering(desk, Solve())
        assert told(desk, ticket)[0] > now() + DAY
        desk.execute(MEND, on=ticket, actor=SUE)
        with init_desk(tmp_path / "two", log_url=kafka_url) as other:
            after = told(other, ticket)
            assert after == told(desk, ticket)
            assert max(after) < now() + DAY
            other.refresh()
            assert other.status().ahead.streams == 0
            for each in (desk, other):
                each.refresh()
                assert [view for view in each.views.verify() if not view.same] == []


def told(desk: Desk, ticket: str) -> tuple[int, int]:
    """The ticket's clock, and when a search says that it was answered."""
    [found] = desk.query(search.Search(words="hi"))
    clock: int = desk.load(f"ticket/{ticket}").clock
    return clock, found["at"]

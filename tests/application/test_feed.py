"""The feed: what a viewer gets between two positions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpdesk import ANN, create, register
from ticketlog.application.access import Viewer
from ticketlog.application.feed import Feed, FeedFilter, FeedPage, FeedPosition
from ticketlog.desk import Desk
from ticketlog.domain.base import Recorded
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.conversation import Note, Redact, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.errors import Usage
from ticketlog.log.history import HIDDEN
from ticketlog.projections.engine.moment import Cut


def pages(
    feed: Feed,
    viewer: Viewer,
    limits: Iterator[int],
    wanted: FeedFilter = FeedFilter(),
    at: FeedPosition | None = None,
) -> Iterator[FeedPage]:
    """Pages from a position on, until there is no more; each is read from the text of the one
    before."""
    at = feed.start() if at is None else at
    while True:
        page = feed.page(viewer, feed.parse(str(at)), next(limits), wanted)
        yield page
        at = page.next
        if page.is_last:
            return


def ids(found: Iterator[FeedPage]) -> list[str]:
    return [event.recorded.id for page in found for event in page.events]


def endless(*limits: int) -> Iterator[int]:
    while True:
        yield from limits


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """A desk with tickets and persons; some commits hold several events."""
    tickets = [create(desk, subject=f"Ticket {number}") for number in range(12)]
    for number in range(4):
        register(desk, f"Person {number}")
    for number, ticket in enumerate(tickets):
        desk.execute(Reply(body=f"Look {number}", status="pending"), on=ticket, actor=ANN)
        desk.execute(Assign(team="network" if number % 2 else "billing"), on=ticket, actor=ANN)
    return desk


def whole(desk: Desk) -> list[Recorded]:
    return [
        each
        for each in desk.subscribe(follow=False)
        if each.originator_id.startswith(("ticket/", "person/"))
    ]


@settings(max_examples=25, deadline=None)
@given(limits=st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_however_it_is_paged_each_event_comes_once_and_in_order(
    limits: list[int], paged: Desk
) -> None:
    feed, viewer = paged.feed, paged.viewer(ANN)

    found = list(pages(feed, viewer, endless(*limits)))

    assert sorted(ids(iter(found))) == sorted(each.id for each in whole(paged))
    by_stream: dict[str, list[int]] = {}
    for page in found:
        for event in page.events:
            stream = by_stream.setdefault(event.recorded.originator_id, [])
            stream.append(event.recorded.originator_version)
    assert all(versions == [*range(len(versions))] for versions in by_stream.values())
    assert all(len(page.events) <= max(limits) for page in found)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_behind_any_event_the_rest_follows_exactly(data: st.DataObject, paged: Desk) -> None:
    """Also within a record, and whatever was recorded meanwhile."""
    feed, viewer = paged.feed, paged.viewer(ANN)
    all_of_it = [event for page in pages(feed, viewer, endless(7)) for event in page.events]
    cut = data.draw(st.integers(0, len(all_of_it) - 1))
    had = [event.recorded.id for event in all_of_it[: cut + 1]]

    rest = ids(pages(feed, viewer, endless(5), at=all_of_it[cut].position))

    assert sorted(had + rest) == sorted(each.id for each in whole(paged))


@pytest.fixture(scope="module")
def paged(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    from tests import helpdesk
    from ticketlog.desk import open_desk

    with open_desk(helpdesk.copy(template, tmp_path_factory.mktemp("feed") / "desk")) as desk:
        for number in range(9):
            ticket = create(desk, subject=f"Ticket {number}")
            desk.execute(Reply(body="Look", status="pending"), on=ticket, actor=ANN)
        yield desk


def test_a_position_within_a_record_is_kept_while_another_partition_goes_on(desk: Desk) -> None:
    feed, viewer = desk.feed, desk.viewer(ANN)
    start = feed.now()
    made = desk.execute(CreateTicket(subject="First", team="network"), actor=ANN)
    desk.execute(Reply(body="Look", status="pending"), on=made.stream, actor=ANN)
    whole_page = feed.page(viewer, start, 100).events
    several = next(e for e in whole_page if e.position.number)
    others = [create(desk, subject=f"Later {number}") for number in range(8)]

    rest = [e.recorded.id for e in feed.page(viewer, several.position, 100).events]

    had = [e.recorded.id for e in whole_page[: whole_page.index(several) + 1]]
    later = [each.id for ticket in others for each in desk.history(ticket)]
    assert sorted(had + rest) == sorted([e.recorded.id for e in whole_page] + later)


def test_only_wanted_events_come(busy: Desk) -> None:
    feed, viewer = busy.feed, busy.viewer(ANN)
    ticket = next(e.originator_id for e in whole(busy) if e.originator_id.startswith("ticket/"))

    def got(**wanted: frozenset[str]) -> list[Recorded]:
        found = pages(feed, viewer, endless(3), FeedFilter(**wanted))
        return [event.recorded for page in found for event in page.events]

    created = got(types=frozenset({"ticket.created.v1"}))
    assert {each.event.NAME for each in created} == {"ticket.created.v1"}
    assert len(created) == 12
    of_one = got(tickets=frozenset({ticket.removeprefix("ticket/")}))
    assert [each.id for each in of_one] == [each.id for each in busy.history(ticket)]
    network = got(teams=frozenset({"network"}))
    assert {busy.load(each.originator_id).team for each in network} == {"network"}
    assert len({each.originator_id for each in network}) == 6


def test_a_page_reads_no_further_than_it_is_told(busy: Desk) -> None:
    feed, viewer = busy.feed, busy.viewer(ANN)
    until = feed.now().cut
    before = ids(pages(feed, viewer, endless(100)))
    create(busy, subject="Later")

    page = feed.page(viewer, feed.start(), 1000, until=until)

    assert sorted(event.recorded.id for event in page.events) == sorted(before)
    assert page.next.cut.ends == until.ends


def test_what_was_redacted_is_hidden(desk: Desk) -> None:
    ticket = create(desk)
    noted = desk.execute(Note(body="a secret"), on=ticket, actor=ANN)
    desk.execute(Redact(target=noted.events[0].id, reason="x"), on=ticket, actor=ANN)

    found = pages(desk.feed, desk.viewer(ANN), endless(100))

    bodies = [
        event.recorded.event.body
        for page in found
        for event in page.events
        if hasattr(event.recorded.event, "body")
    ]
    assert bodies == [HIDDEN]


@pytest.mark.parametrize("text", ["", "x", "1,2/3", "now ", "1.2.3/4", "-1/0", "1" * 40])
def test_what_is_no_position_is_refused(desk: Desk, text: str) -> None:
    with pytest.raises(Usage, match="position of this desk"):
        desk.feed.parse(text)


@given(
    ends=st.lists(st.integers(0, 10**9), min_size=1, max_size=12),
    settings_end=st.integers(0, 10**6),
    data=st.data(),
)
def test_a_position_is_read_as_it_is_written(
    ends: list[int], settings_end: int, data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, 50))
    partition = data.draw(st.integers(0, len(ends) - 1)) if number else 0
    position = FeedPosition(Cut(tuple(ends), settings_end), partition, number)
    assert FeedPosition.parse(str(position)) == position

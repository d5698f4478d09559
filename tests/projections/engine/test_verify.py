"""Views are compared with the log row by row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, Table, delete, insert, select, update

from tests.given import KIM
from tests.projections.world import World
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.conversation import Note
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.errors import Usage
from ticketlog.projections import PROJECTIONS
from ticketlog.projections.engine import build_store, comparison, storage
from ticketlog.projections.engine.comparison import Compared, Differing
from ticketlog.projections.engine.moment import Cut
from ticketlog.projections.engine.projection import Projection
from ticketlog.projections.engine.verify import differences, verify
from ticketlog.projections.views import queue, search, tickets


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = storage.open_views(f"sqlite:///{tmp_path}/views.db")
    yield engine
    engine.dispose()


@pytest.fixture
def world(engine: Engine) -> World:
    world = World(engine=engine)
    for id in "ABC":
        world.do(f"ticket/{id}", CreateTicket(subject=f"Help {id}", requester="KIM"), KIM)
    world.runner.catch_up()
    return world


def spoil(engine: Engine, view: Projection, table: str, change: object) -> None:
    with storage.writing(engine) as connection:
        build = build_store.live(connection, view)
        assert build is not None
        connection.execute(change(build.tables[table]))  # type: ignore[operator]


def compared(world: World, view: str, table: str) -> Compared:
    (found,) = (result for result in verify(world.log, world.engine) if result.view == view)
    assert not found.same
    (one,) = (each for each in found.tables if each.table == table)
    assert not one.same
    return one


def test_what_is_as_it_should_be_is_the_same(world: World) -> None:
    results = verify(world.log, world.engine)
    assert [result.view for result in results] == [view.name for view in PROJECTIONS]
    assert all(result.same for result in results)
    (current,) = (
        t for r in results for t in r.tables if (r.view, t.table) == ("tickets", "current")
    )
    assert (current.rows, current.digest) == (3, current.expected_digest)


def test_an_edited_row_is_found(world: World, engine: Engine) -> None:
    def edit(table: Table) -> object:
        return update(table).where(table.c.ticket == "B").values(subject="No help", reopens=7)

    spoil(engine, tickets.VIEW, "current", edit)
    found = compared(world, "tickets", "current")
    assert (found.missing, found.extra, found.changed) == (0, 0, 1)
    assert found.differing == (
        Differing(
            "changed",
            {"ticket": "B"},
            {"subject": "Help B", "reopens": 0},
            {"subject": "No help", "reopens": 7},
        ),
    )


def test_a_missing_row_is_found(world: World, engine: Engine) -> None:
    spoil(engine, queue.VIEW, "entries", lambda table: delete(table).where(table.c.ticket == "C"))
    found = compared(world, "queue", "entries")
    assert (found.missing, found.extra, found.changed) == (1, 0, 0)
    assert (found.differing[0].kind, found.differing[0].key) == ("missing", {"ticket": "C"})
    assert found.differing[0].found is None


def test_an_extra_row_is_found(world: World, engine: Engine) -> None:
    row = dict.fromkeys(("team", "assignee", "status", "status_category", "priority"), "x")
    spoil(engine, queue.VIEW, "counts", lambda table: insert(table).values(n=1, **row))
    found = compared(world, "queue", "counts")
    assert (found.missing, found.extra, found.changed) == (0, 1, 0)
    assert found.differing[0].expected is None


def test_all_differences_are_counted_but_not_all_are_listed(
    world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "SHOWN", 2)
    spoil(engine, tickets.VIEW, "current", delete)
    found = compared(world, "tickets", "current")
    assert (found.missing, len(found.differing)) == (3, 2)


def test_words_that_do_not_fit_the_texts_are_found(world: World, engine: Engine) -> None:
    with storage.writing(engine) as connection:
        build = build_store.live(connection, search.VIEW)
        assert build is not None
        name = build.tables["texts"].name
        connection.exec_driver_sql(f"DROP TRIGGER {name}_change")
        connection.execute(update(build.tables["texts"]).values(body="other words"))
    (result,) = verify(world.log, engine, (search.VIEW,))
    assert result.damage is not None
    assert not result.same


def test_views_at_different_places_are_each_verified_there(world: World) -> None:
    world.do("ticket/A", Assign(assignee="ann"))
    world.runner.catch_up(("queue",))
    results = {result.view: result for result in verify(world.log, world.engine)}
    assert all(result.same for result in results.values())
    assert sum(results["queue"].ends) == sum(results["search"].ends) + 1


def test_a_view_that_was_never_built_cannot_be_verified(world: World) -> None:
    empty = storage.scratch()
    with pytest.raises(Usage, match="never built"):
        verify(world.log, empty)


def test_the_difference_between_two_moments(world: World) -> None:
    first = Cut(world.log.ends())
    world.do("ticket/B", Assign(assignee="ann"))
    world.do("ticket/A", Note(body="touched"))
    world.do("ticket/D", CreateTicket(subject="Help D", requester="KIM"), KIM)
    (entries, *_) = differences(world.log, queue.VIEW, first, Cut(world.log.ends()))
    kinds = {each.key["ticket"]: each.kind for each in entries.differing}
    assert kinds == {"A": "changed", "B": "changed", "D": "extra"}


def test_an_earlier_difference_ends_a_table_s_sameness_only(world: World, engine: Engine) -> None:
    spoil(engine, queue.VIEW, "entries", lambda table: delete(table))
    (result,) = (each for each in verify(world.log, engine) if each.view == "queue")
    assert [table.same for table in result.tables] == [False, True, True, True]
    with storage.reading(engine) as connection:
        build = build_store.live(connection, queue.VIEW)
        assert build is not None
        assert connection.execute(select(build.tables["entries"])).all() == []

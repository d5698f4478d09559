"""Made anew beside the live views, which serve until the pointer moves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, select

from tests.given import KIM
from tests.projections.engine.test_runner import TOUCHY, Touchy
from tests.projections.world import MemoryLog, World
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.conversation import Note
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.errors import Conflict, Poison
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Commit, ForeignEvent
from ticketlog.log.embedded import EmbeddedLog
from ticketlog.projections import PROJECTIONS
from ticketlog.projections.engine import build_store, bulk_fold, runner, storage
from ticketlog.projections.engine.fill import ReplayProgress
from ticketlog.projections.engine.query import Reading
from ticketlog.projections.engine.rebuild import rebuild
from ticketlog.projections.engine.runner import ViewRunner
from ticketlog.projections.engine.stream_fold import typed
from ticketlog.projections.engine.verify import verify
from ticketlog.projections.views import queue, tickets
from ticketlog.projections.views.reports import reports

HELP = CreateTicket(subject="Help", description="Now", requester="KIM")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = storage.open_views(f"sqlite:///{tmp_path}/views.db")
    yield engine
    engine.dispose()


@pytest.fixture
def world(engine: Engine) -> World:
    world = World(engine=engine)
    for n in range(20):
        world.do(f"ticket/{n}", HELP, KIM)
        world.do(f"ticket/{n}", Assign(team="network", assignee="ann"))
    world.runner.catch_up()
    return world


def tables(engine: Engine) -> set[str]:
    with storage.reading(engine) as connection:
        return set(inspect(connection).get_table_names())


def test_nothing_is_left_of_the_old_tables(world: World, engine: Engine) -> None:
    before = tables(engine)
    digests = world.digests()
    rebuild(world.log, engine)
    after = tables(engine)
    assert len(after) == len(before)
    assert not {name for name in before & after if not name.startswith(("ticketlog", "sqlite"))}
    assert world.digests() == digests


def test_queries_are_served_while_it_runs(
    world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_fold, "CHUNK", 10)
    seen: list[int] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            with storage.reading(engine) as connection:
                build = build_store.live(connection, queue.VIEW)
                assert build is not None
                seen.append(len(queue.Queue().ask(Reading(connection, build.tables)).rows))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        for _ in range(3):
            rebuild(world.log, engine, (queue.VIEW, tickets.VIEW))
    finally:
        done.set()
        thread.join()
    assert set(seen) == {20}


def test_what_comes_meanwhile_is_in_it(
    world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_fold, "CHUNK", 10)

    def more(progress: ReplayProgress) -> None:
        world.do("ticket/5", Note(body="meanwhile"))
        world.do(f"ticket/new-{world.commits}", HELP, KIM)
        world.runner.catch_up()

    rebuild(world.log, engine, progress=more)
    with storage.reading(engine) as connection:
        found = [build_store.live(connection, view) for view in PROJECTIONS]
        assert all(build is not None and build.number > 6 for build in found)
    assert [view.view for view in verify(world.log, engine) if not view.same] == []
    assert {status.behind for status in world.runner.status()} == {0}


def test_it_never_takes_over_from_what_is_further(
    world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The live view goes on just when the new one has caught up."""
    asked = []

    def ends() -> tuple[int, ...]:
        found = MemoryLog.ends(world.log)
        asked.append(found)
        if len(asked) == 2:
            world.do("ticket/5", Note(body="just now"))
            world.runner.catch_up()
        return found

    monkeypatch.setattr(world.log, "ends", ends)
    rebuild(world.log, engine, (queue.VIEW,))
    monkeypatch.undo()
    assert {status.behind for status in world.runner.status()} == {0}


def test_an_interrupted_one_leaves_the_live_views_and_is_cleaned_up(
    world: World, engine: Engine
) -> None:
    before = tables(engine)

    def interrupt(progress: ReplayProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(world.log, engine, progress=interrupt)
    assert tables(engine) > before
    assert [view.view for view in world.verified() if not view.same] == []
    rebuild(world.log, engine)
    assert len(tables(engine)) == len(before)


def test_a_newer_one_replaces_one_that_runs(world: World, engine: Engine) -> None:
    started = []

    def again(progress: ReplayProgress) -> None:
        if not started:
            started.append(True)
            rebuild(world.log, engine, (queue.VIEW,))

    with pytest.raises(Conflict, match="another rebuild of queue"):
        rebuild(world.log, engine, (queue.VIEW,), progress=again)
    assert [view.view for view in world.verified() if not view.same] == []


def test_it_says_how_far_it_is(
    world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_fold, "CHUNK", 10)
    said: list[ReplayProgress] = []
    rebuild(world.log, engine, (tickets.VIEW,), progress=said.append)
    assert [each.records for each in said] == sorted(each.records for each in said)
    assert said[-1].total == sum(world.log.ends())
    assert said[-1].records == said[-1].total - world.log.partitions
    assert said[-1].events == sum(known[-1].stop for known in world.log.entries.values())
    assert ReplayProgress(50, 100, 200, 2.0).rate == 50
    assert ReplayProgress(50, 100, 200, 2.0).left == 6
    assert ReplayProgress(0, 0, 200, 0.0).left is None


def test_poison_stops_it_and_leaves_the_live_view(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World((TOUCHY,), engine)
    monkeypatch.setattr(Touchy, "poison", False)
    world.do("ticket/A", HELP, KIM)
    world.do("ticket/A", Note(body="poison"))
    world.runner.catch_up()
    monkeypatch.setattr(Touchy, "poison", True)
    with pytest.raises(Poison, match=r"view touchy can't take ticket/A at \d+:2 \(ZeroDivision"):
        rebuild(world.log, engine, (TOUCHY,))
    with storage.reading(engine) as connection:
        build = build_store.live(connection, TOUCHY)
        assert build is not None
        assert connection.execute(select(build.tables["notes"])).all() == [("A", "1")]


def test_a_view_that_is_far_behind_is_built_anew(
    world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LARGE", 10)
    follower = ViewRunner(world.log, engine)
    follower.catch_up()
    before = {status.build for status in follower.status()}
    for n in range(30):
        world.do(f"ticket/more-{n}", HELP, KIM)
        world.do(f"ticket/more-{n}", Note(body="more"))
    follower.catch_up()
    assert before.isdisjoint(status.build for status in follower.status())
    assert [view.view for view in world.verified() if not view.same] == []


def test_several_processes_make_the_same_as_one(
    world: World, engine: Engine, tmp_path: Path
) -> None:
    log = EmbeddedLog.create(
        tmp_path / "log.db", RecordCodec(), name="tickets", desk="test", partitions=4
    )
    log.append_all(commits_of(world))
    rebuild(log, engine)
    alone = digests(log, engine)
    said: list[ReplayProgress] = []
    rebuild(log, engine, workers=3, progress=said.append)
    assert digests(log, engine) == alone
    assert said[-1].events == sum(known[-1].stop for known in world.log.entries.values())
    log.close()


def test_a_process_that_stumbles_stops_the_rebuild(
    world: World, engine: Engine, tmp_path: Path
) -> None:
    log = EmbeddedLog.create(
        tmp_path / "log.db", RecordCodec(), name="tickets", desk="test", partitions=4
    )
    first, *others = commits_of(world)
    log.append_all([replace(first, events=[ForeignEvent("ticket.teleported.v1", b"{}")]), *others])
    with pytest.raises(Poison, match=r"view reports can't take ticket/0 at .*can't be read"):
        rebuild(log, engine, (reports.VIEW,), workers=2)
    log.close()


def commits_of(world: World) -> list[Commit]:
    return [
        Commit(
            id=events[0].meta.commit,
            command="test",
            digest="",
            stream=stream,
            expects=events[0].originator_version,
            events=[each.event for each in events],
            occurred_at=events[0].meta.occurred_at,
            recorded_at=events[0].meta.recorded_at,
            actor=events[0].meta.actor,
            channel=events[0].meta.channel,
        )
        for stream, known in world.log.entries.items()
        for events in (typed(entry.record, RecordCodec()) for entry in known)
    ]


def digests(log: Any, engine: Engine) -> list[str]:
    return [table.digest for view in verify(log, engine) for table in view.tables]

"""Each event counts once in each view, whoever follows, whatever fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from tests.given import ANN, KIM
from tests.projections.world import MemoryLog, World
from ticketlog import projections
from ticketlog.domain.base import Recorded
from ticketlog.domain.ticket.assignment import Assign, Unassign
from ticketlog.domain.ticket.conversation import Note, Noted
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Solve
from ticketlog.domain.ticket.state import Ticket
from ticketlog.errors import Damaged, NewerFormat, Unreachable
from ticketlog.log.commit import Verdict
from ticketlog.projections import PROJECTIONS
from ticketlog.projections.engine import build_store, bulk_fold, storage
from ticketlog.projections.engine.projection import TEXT, Fold, Projection, Row, Rows
from ticketlog.projections.engine.rebuild import rebuild
from ticketlog.projections.engine.runner import ViewRunner
from ticketlog.projections.engine.verify import verify
from ticketlog.projections.views import agents, queue, tickets

HELP = CreateTicket(subject="Help", requester="KIM")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = storage.open_views(f"sqlite:///{tmp_path}/views.db")
    yield engine
    engine.dispose()


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine=engine)


class Touchy(Fold):
    """Can't take a note that says 'poison'."""

    __slots__ = ("notes",)
    poison = True

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.notes = 0

    def step(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        if isinstance(recorded.event, Noted):
            if Touchy.poison and recorded.event.body == "poison":
                raise ZeroDivisionError("too much")
            self.notes += 1

    def rows(self, state: Ticket) -> tuple[list[Row], ...]:
        return ([(self.id, str(self.notes))],)


def notes(connection: Any, tables: Any) -> dict[str, str]:
    return dict(connection.execute(select(tables["notes"])).all())


TOUCHY = Projection(
    "touchy",
    1,
    (Rows("notes", key={"ticket": TEXT}, values={"count": TEXT}),),
    {"ticket": Touchy},
    (notes,),
)


@pytest.fixture
def touchy(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> World:
    """Ticket A has a note that the view `touchy` can't take, and another one after it."""
    monkeypatch.setattr(Touchy, "poison", True)
    world = World((TOUCHY, queue.VIEW), engine)
    world.runner.catch_up()
    for id in "AB":
        world.do(f"ticket/{id}", HELP, KIM)
        world.do(f"ticket/{id}", Note(body="fine"))
    world.do("ticket/A", Note(body="poison"))
    world.do("ticket/A", Note(body="fine again"))
    world.do("ticket/B", Note(body="fine again"))
    world.runner.catch_up()
    return world


def counted(world: World) -> dict[str, str]:
    with storage.reading(world.engine) as connection:
        build = build_store.live(connection, TOUCHY)
        assert build is not None
        return notes(connection, build.tables)


def test_two_runners_at_once_count_each_event_once(world: World, engine: Engine) -> None:
    runners = [ViewRunner(world.log, engine) for _ in range(3)]
    for round in range(8):
        for id in "ABCD":
            if round == 0:
                world.do(f"ticket/{id}", HELP, KIM)
            else:
                world.do(f"ticket/{id}", Assign(assignee="ann") if round % 2 else Unassign())
        threads = [threading.Thread(target=runner.catch_up, daemon=True) for runner in runners]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [view.view for view in world.verified() if not view.same] == []
    with storage.reading(engine) as connection:
        build = build_store.live(connection, queue.VIEW)
        assert build is not None
        assert [n for *_, n in connection.execute(select(build.tables["counts"]))] == [4]


def test_a_runner_that_failed_looks_at_the_views_anew(engine: Engine) -> None:
    """What another process has made of them since is what it goes on with."""
    views = (queue.VIEW, tickets.VIEW)
    world, other = World(views, engine), World(views, engine)
    world.do("ticket/A", HELP, KIM)
    world.runner.catch_up()
    last_pass_at = world.runner.last_pass_at
    assert last_pass_at > 0
    other.do("ticket/A", CreateTicket(subject="Of another log", requester="KIM"), KIM)
    other.do("ticket/A", Note(body="more"))
    world.log.stored, world.log.entries = other.log.stored, other.log.entries
    with pytest.raises(Damaged, match="is not the record"):
        world.runner.catch_up()
    assert world.runner.last_pass_at == last_pass_at
    rebuild(world.log, engine, views)
    world.runner.catch_up()
    assert world.runner.last_pass_at > last_pass_at
    assert [view.view for view in other.verified() if not view.same] == []


def test_a_build_that_is_stopped_keeps_nobody_waiting(
    world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_fold, "CHUNK", 1)
    for id in "ABCDEF":
        world.do(f"ticket/{id}", HELP, KIM)
    stop, streams = threading.Event(), world.log.streams

    def stopping(*arguments: Any) -> Iterator[Any]:
        stop.set()
        return streams(*arguments)

    monkeypatch.setattr(world.log, "streams", stopping)
    world.runner.run(stop)
    assert world.runner.last_pass_at == 0
    with storage.reading(engine) as connection:
        assert all(build_store.live(connection, view) is None for view in PROJECTIONS)
        assert not any(build_store.building(connection, view, 60) for view in PROJECTIONS)
    world.runner.catch_up()
    assert [view.view for view in world.verified() if not view.same] == []


def test_a_runner_that_lags_loses_and_goes_on(world: World, engine: Engine) -> None:
    slow, quick = ViewRunner(world.log, engine), ViewRunner(world.log, engine)
    world.do("ticket/A", HELP, KIM)
    slow.catch_up()
    world.do("ticket/A", Assign(assignee="ann"))
    quick.catch_up()
    world.do("ticket/A", Note(body="more"))
    slow.catch_up()
    assert [view.view for view in world.verified() if not view.same] == []


@pytest.mark.parametrize("where", ["queue_entries", "ticketlog_positions"])
def test_rows_and_position_are_written_together_or_not_at_all(
    world: World, engine: Engine, where: str
) -> None:
    world.runner.catch_up()
    world.do("ticket/A", HELP, KIM)
    before = world.runner.status()

    def fail(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if where in statement and statement.startswith(("INSERT", "UPDATE")):
            raise KeyboardInterrupt

    event.listen(engine, "before_cursor_execute", fail)
    with pytest.raises(KeyboardInterrupt):
        world.runner.catch_up()
    event.remove(engine, "before_cursor_execute", fail)

    assert [s.positions for s in world.runner.status()] == [s.positions for s in before]
    assert [view.view for view in verify(world.log, engine) if not view.same] == []
    assert [view.view for view in world.verified() if not view.same] == []
    assert sum(status.behind for status in world.runner.status()) == 0


def test_a_void_record_changes_nothing_but_the_position(world: World) -> None:
    world.do("ticket/A", HELP, KIM)
    world.log.put("ticket/A", b"{}", 0, Verdict.MALFORMED)
    world.do("ticket/A", Note(body="more"))
    assert [view.view for view in world.verified() if not view.same] == []
    assert {status.behind for status in world.runner.status()} == {0}


def test_one_view_is_brought_up_without_waiting_for_the_slow_ones(world: World) -> None:
    world.runner.catch_up()
    world.do("ticket/A", HELP, KIM)
    world.runner.catch_up(("queue",))
    behind = {status.view: status.behind for status in world.runner.status()}
    assert (behind["queue"], behind["search"]) == (0, 1)


def test_running_follows_the_log_until_it_is_told_to_stop(world: World, engine: Engine) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=world.runner.run, args=(stop,), daemon=True)
    thread.start()
    world.do("ticket/A", HELP, KIM)
    other = ViewRunner(world.log, engine)
    while thread.is_alive() and sum(status.behind for status in other.status()):
        pass
    assert thread.is_alive()
    stop.set()
    thread.join()
    assert [view.view for view in world.verified() if not view.same] == []


def test_it_stops_while_another_writer_has_the_views(world: World, engine: Engine) -> None:
    world.runner.catch_up()
    stop = threading.Event()
    thread = threading.Thread(target=world.runner.run, args=(stop,), daemon=True)
    with storage.writing(engine) as connection:
        thread.start()
        world.do("ticket/A", HELP, KIM)
        thread.join(1)
        assert thread.is_alive()
        stop.set()
        thread.join(20)
        assert not thread.is_alive()
        connection.rollback()
    assert sum(status.behind for status in world.runner.status()) > 0


def test_what_fails_while_running_is_raised(world: World) -> None:
    world.do("ticket/A", HELP, KIM)
    world.runner.catch_up()
    world.log.stored = [records[:1] for records in world.log.stored]
    with pytest.raises(Damaged):
        world.runner.run(threading.Event())


def test_a_stream_that_a_view_cannot_take_is_parked_there_alone(touchy: World) -> None:
    assert counted(touchy) == {"A": "1", "B": "2"}
    by_view = {status.view: status for status in touchy.runner.status()}
    (parked,) = by_view["touchy"].parked
    assert parked.stream == "ticket/A"
    assert parked.error == "ZeroDivisionError: too much"
    assert by_view["queue"].parked == ()
    assert {status.behind for status in by_view.values()} == {0}


def test_where_a_stream_is_parked_does_not_depend_on_the_batches(
    touchy: World, tmp_path: Path
) -> None:
    other = World((TOUCHY, queue.VIEW), storage.open_views(f"sqlite:///{tmp_path}/other.db"))
    ViewRunner(other.log, other.engine, other.projections).catch_up()
    other.log.stored = [list(records[:1]) for records in touchy.log.stored]
    stored = sorted(
        (record.offset, p) for p, records in enumerate(touchy.log.stored) for record in records
    )
    for offset, p in stored[3:]:
        other.log.stored[p].append(touchy.log.stored[p][offset])
        other.log.entries = touchy.log.prefix(other.log.ends()).entries
        other.runner.catch_up()
    assert counted(other) == counted(touchy)
    assert [s.parked[0].offset for s in other.runner.status() if s.parked] == [
        s.parked[0].offset for s in touchy.runner.status() if s.parked
    ]
    other.engine.dispose()


def test_a_parked_stream_is_tried_again_when_asked(
    touchy: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ViewRunner(touchy.log, touchy.engine, touchy.projections)
    other.catch_up()
    assert [row.stream for row in touchy.runner.retry("touchy")] == ["ticket/A"]
    monkeypatch.setattr(Touchy, "poison", False)
    assert touchy.runner.retry("touchy") == []
    assert counted(touchy) == {"A": "3", "B": "2"}
    touchy.do("ticket/A", Note(body="on it goes"))
    other.catch_up()
    assert counted(touchy) == {"A": "4", "B": "2"}
    assert [view.view for view in touchy.verified() if not view.same] == []


def test_a_view_that_is_built_when_it_is_first_asked_parks_too(touchy: World) -> None:
    fresh = storage.scratch()
    ViewRunner(touchy.log, fresh, touchy.projections).catch_up()
    with storage.reading(fresh) as connection:
        build = build_store.live(connection, TOUCHY)
        assert build is not None
        assert notes(connection, build.tables) == {"A": "1", "B": "2"}
        assert [row.stream for row in build_store.parked(connection, build)] == ["ticket/A"]


def test_verify_parks_what_the_live_view_parked(touchy: World) -> None:
    results = {result.view: result for result in touchy.verified()}
    assert results["touchy"].same
    assert [row.stream for row in results["touchy"].parked] == ["ticket/A"]


def test_an_event_of_a_newer_release_parks_its_stream(world: World) -> None:
    world.do("ticket/A", HELP, KIM)
    world.do("ticket/B", HELP, KIM)
    world.runner.catch_up()
    noted = world.log.stream(f"ticket/{'A'}")[0]
    data = noted.data.replace(b'"ticket.created.v1"', b'"ticket.teleported.v1"').replace(
        b'"expects":0', b'"expects":1'
    )
    world.log.put("ticket/A", data, 1)
    world.do("ticket/B", Solve(), ANN)
    world.runner.catch_up()
    follow = {view.name for view in PROJECTIONS if "ticket" in view.folds}
    for status in world.runner.status():
        if status.view not in follow:
            assert not status.parked
            continue
        (parked,) = status.parked
        assert parked.stream == "ticket/A"
        assert "ticket.teleported.v1" in parked.error
    assert [view.view for view in world.verified() if not view.same] == []


def test_another_log_is_refused(world: World) -> None:
    world.do("ticket/A", HELP, KIM)
    world.do("ticket/A", Note(body="more"))
    world.runner.catch_up()
    partition = world.log.stream("ticket/A")[0].partition
    records = world.log.stored[partition]
    records[-1] = records[-1]._replace(data=records[-1].data.replace(b"more", b"less"))
    world.do("ticket/A", Note(body="even more"))
    with pytest.raises(Damaged, match="not the record that the views were made from"):
        world.runner.catch_up()


def test_a_log_that_lost_records_is_refused(world: World) -> None:
    world.do("ticket/A", HELP, KIM)
    world.do("ticket/A", Note(body="more"))
    world.runner.catch_up()
    partition = world.log.stream("ticket/A")[0].partition
    del world.log.stored[partition][-1]
    for runner in (world.runner, ViewRunner(world.log, world.engine)):
        with pytest.raises(Damaged, match="is missing"):
            runner.catch_up()


def test_a_log_of_other_partitions_is_refused(world: World) -> None:
    world.runner.catch_up()
    with pytest.raises(Damaged, match="a log of 3 partitions, the tickets log has 5"):
        ViewRunner(MemoryLog(5), world.engine).catch_up()


def test_a_new_version_is_built_beside_and_takes_over(world: World, engine: Engine) -> None:
    world.do("ticket/A", HELP, KIM)
    world.runner.catch_up()
    newer = replace(queue.VIEW, version=queue.VERSION + 1)
    projections = (tickets.VIEW, newer, agents.VIEW)
    ViewRunner(world.log, engine, projections).catch_up()
    with storage.reading(engine) as connection:
        assert build_store.live(connection, newer) is not None
        with pytest.raises(NewerFormat, match="upgrade"):
            build_store.live(connection, queue.VIEW)
    world.do("ticket/A", Note(body="more"))
    with pytest.raises(NewerFormat):
        world.runner.catch_up()
    ViewRunner(world.log, engine, projections).catch_up()
    assert all(view.same for view in verify(world.log, engine, projections))


def test_a_file_that_is_no_database_is_reported(tmp_path: Path) -> None:
    (tmp_path / "views.db").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(Damaged, match="delete that file"):
        storage.open_views(f"sqlite:///{tmp_path}/views.db")
    with pytest.raises(Unreachable):
        storage.open_views(f"sqlite:///{tmp_path}/no/such/folder/views.db")


def test_every_view_is_in_the_list_once() -> None:
    names = [view.name for view in PROJECTIONS]
    assert len(names) == len(set(names))
    files = Path(projections.__file__).parent.rglob("*.py")
    assert set(names) == {f.stem for f in files if "\nVIEW = " in f.read_text(encoding="utf-8")}

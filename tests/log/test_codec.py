"""The codec of records with a keyring: personal values go in and come out under its keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

import ticketlog.desk
from tests.given import ANN, KIM
from tests.projections.engine.test_rebuild import commits_of
from tests.projections.world import World
from ticketlog.desk import init_desk, open_desk, restore_desk
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Solve
from ticketlog.errors import Unreadable
from ticketlog.log.codec import RecordCodec
from ticketlog.log.embedded import EmbeddedLog
from ticketlog.log.eventsourcing.repository import Repository
from ticketlog.log.history import history
from ticketlog.log.index.indexed_log import IndexedLog
from ticketlog.projections.engine import build_store, storage
from ticketlog.projections.engine.query import Reading
from ticketlog.projections.engine.rebuild import rebuild
from ticketlog.projections.views import search

SECRET = "My password is swordfish"


class Mirror:
    """A keyring that writes values backwards, of the persons whom it knows."""

    def __init__(self, *subjects: str) -> None:
        self.subjects = set(subjects)

    def wrap(self, subject: str, item: str, value: Any) -> dict[str, Any]:
        return {"alg": "mirror", "value": orjson.dumps(value).decode()[::-1]}

    def unwrap(self, wrapped: dict[str, Any]) -> Any:
        if wrapped["subject"] not in self.subjects:
            raise ValueError(f"the key of {wrapped['subject']} was destroyed")
        return orjson.loads(wrapped["value"][::-1])


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EmbeddedLog]:
    world = World()
    for number in range(8):
        subject = SECRET if number else "No light"
        world.do(f"ticket/{number}", CreateTicket(subject=subject), KIM)
    EmbeddedLog.create(
        tmp_path / "log.db", RecordCodec(), name="tickets", desk="d", partitions=2
    ).close()
    with closing(EmbeddedLog.open(tmp_path / "log.db", RecordCodec(Mirror("KIM")))) as log:
        log.append_all(commits_of(world))
        yield log


def test_what_is_written_holds_no_personal_value(log: EmbeddedLog) -> None:
    (record,) = log.stream("ticket/1")
    assert SECRET.encode() not in record.data
    assert SECRET[::-1].encode() in record.data


def test_histories_and_states_have_it_back(log: EmbeddedLog, tmp_path: Path) -> None:
    (created,) = history(log, "ticket/1")
    assert created.event.subject == SECRET
    assert Repository(log, AGGREGATES, tmp_path / "snapshots.db").load("ticket/1").subject == SECRET


@pytest.mark.parametrize("workers", [0, 2])
def test_a_rebuild_has_it_back_in_its_child_processes_too(
    log: EmbeddedLog, tmp_path: Path, workers: int
) -> None:
    assert len(found(log, tmp_path / "views.db", workers)) == 7


def test_without_its_key_it_cant_be_read(log: EmbeddedLog) -> None:
    with (
        closing(EmbeddedLog.open(log.path, RecordCodec())) as keyless,
        pytest.raises(Unreadable, match="no key for subject"),
    ):
        history(keyless, "ticket/1")
    with (
        closing(EmbeddedLog.open(log.path, RecordCodec(Mirror()))) as erased,
        pytest.raises(Unreadable, match="the key of KIM was destroyed"),
    ):
        history(erased, "ticket/1")


def test_what_was_written_without_a_keyring_is_read_with_one(tmp_path: Path) -> None:
    world = World()
    world.do("ticket/1", CreateTicket(subject=SECRET), KIM)
    path = tmp_path / "log.db"
    with closing(
        EmbeddedLog.create(path, RecordCodec(), name="tickets", desk="d", partitions=1)
    ) as keyless:
        keyless.append_all(commits_of(world))
    with closing(EmbeddedLog.open(path, RecordCodec(Mirror("KIM")))) as log:
        (created,) = history(log, "ticket/1")
    assert created.event.subject == SECRET


class Mirrored(Mirror):
    """A keyring that knows everybody."""

    def unwrap(self, wrapped: dict[str, Any]) -> Any:
        return orjson.loads(wrapped["value"][::-1])


def found(log: IndexedLog, file: Path, workers: int) -> list[dict[str, Any]]:
    """What a search finds after a rebuild of the view."""
    engine = storage.open_views(f"sqlite:///{file}")
    rebuild(log, engine, (search.VIEW,), workers=workers)
    with storage.reading(engine) as connection:
        build = build_store.live(connection, search.VIEW)
        assert build is not None
        rows = search.Search(words="swordfish").ask(Reading(connection, build.tables))
    engine.dispose()
    return rows


def test_a_desk_uses_its_keyring_wherever_it_writes_or_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticketlog.desk, "codec_of", lambda config: RecordCodec(Mirrored()))
    with init_desk(tmp_path / "one", admin=ANN) as desk:
        stream = desk.execute(CreateTicket(subject=SECRET), actor=ANN).stream
    with open_desk(tmp_path / "one") as desk:
        (record,) = desk.log.stream(stream)
        assert SECRET.encode() not in record.data
        assert SECRET[::-1].encode() in record.data
        desk.execute(Solve(), on=stream, actor=ANN)
        assert desk.history(stream)[0].event.subject == SECRET
        assert desk.load(stream).subject == SECRET
        assert len(desk.query(search.Search(words="swordfish"))) == 1
        lines = list(desk.log_export())
        assert SECRET.encode() not in b"".join(lines)
    for _ in range(2):  # The second time it is compared.
        with restore_desk(tmp_path / "two", lines) as restored:
            assert restored.load(stream).subject == SECRET
            assert restored.history(stream)[0].event.subject == SECRET
    with open_desk(tmp_path / "two") as desk:
        for workers in (0, 2):
            assert len(found(desk.log, tmp_path / f"{workers}.db", workers)) == 1

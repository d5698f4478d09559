"""The codec of records with a keyring: personal values go in and come out under its keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.given import KIM
from tests.projections.engine.test_rebuild import commits_of
from tests.projections.world import World
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.errors import Unreadable
from ticketlog.log.codec import RecordCodec
from ticketlog.log.embedded import EmbeddedLog
from ticketlog.log.eventsourcing.repository import Repository
from ticketlog.log.history import history
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
    EmbeddedLog.create(tmp_path / "log.db", name="tickets", desk="d", partitions=2).close()
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
    engine = storage.open_views(f"sqlite:///{tmp_path}/views.db")
    rebuild(log, engine, (search.VIEW,), workers=workers)
    with storage.reading(engine) as connection:
        build = build_store.live(connection, search.VIEW)
        assert build is not None
        found = search.Search(words="swordfish").ask(Reading(connection, build.tables))
    engine.dispose()
    assert len(found) == 7


def test_without_its_key_it_cant_be_read(log: EmbeddedLog) -> None:
    with (
        closing(EmbeddedLog.open(log.path)) as keyless,
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
    with closing(EmbeddedLog.create(path, name="tickets", desk="d", partitions=1)) as keyless:
        keyless.append_all(commits_of(world))
    with closing(EmbeddedLog.open(path, RecordCodec(Mirror("KIM")))) as log:
        (created,) = history(log, "ticket/1")
    assert created.event.subject == SECRET

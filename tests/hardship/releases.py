"""Two releases of ticketlog, of which one has an event more, each in a process of its own."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import orjson

from tests.helpdesk import ANN
from tests.log.commits import a_commit
from ticketlog.desk import Desk, open_desk
from ticketlog.domain import catalogue
from ticketlog.domain.base import Event
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Commit, Head, canonical
from ticketlog.log.index.reader import IndexReader
from ticketlog.log.port import Placed


class Teleported(Event):
    NAME = "ticket.teleported.v1"

    to: str


class Release:
    """A desk, as far as the tests ask it; what goes in and out can be pickled."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def create(self, subject: str) -> str:
        """The new ticket's stream."""
        return self.desk.execute(CreateTicket(subject=subject), actor=ANN).stream

    def reply(self, stream: str, body: str) -> int:
        """The version after it."""
        return self.desk.execute(Reply(body=body), on=stream, actor=ANN).version

    def teleport(self, stream: str) -> Placed:
        """Commands that only the newer release writes."""
        head = self.head(stream)
        event = Teleported(to="Mars")
        return self.append(a_commit(stream, head.version, [event], settings=head.settings))

    def claim(self, stream: str, body: str) -> int:
        """A reply whose stated time can't be true, in a record that says more of itself than any
        release knows. The version after it."""
        encode = RecordCodec.encode

        def richer(codec: RecordCodec, commit: Commit) -> bytes:
            return canonical({**orjson.loads(encode(codec, commit)), "weather": {"in": "Rome"}})

        ahead = time.time_ns() // 1_000 + 365 * 86_400_000_000
        RecordCodec.encode = richer  # type: ignore[method-assign]
        try:
            done = self.desk.execute(Reply(body=body), on=stream, actor=ANN, occurred_at=ahead)
        finally:
            RecordCodec.encode = encode  # type: ignore[method-assign]
        assert done.events[0].meta.claimed_at == ahead
        return done.version

    def append(self, commit: Commit) -> Placed:
        return self.desk.log.append(commit)

    def head(self, stream: str) -> Head:
        self.desk.log.sync()
        return self.desk.log.head(stream)

    def events(self, stream: str) -> list[str]:
        """The names of a ticket's events. Raises Unreadable."""
        version = self.desk.load(stream).version
        names = [each.event.NAME for each in self.desk.history(stream)]
        assert len(names) == version + 1
        return names

    def parked(self) -> dict[str, list[str]]:
        """Per view that has parked any the streams, once it holds everything else."""
        self.desk.refresh()
        return {
            view.view: [row.stream for row in view.parked]
            for view in self.desk.status().views
            if view.parked
        }

    def retry(self) -> int:
        """Tries what is parked again; how many streams still are."""
        return sum(len(self.desk.views.retry(view).parked) for view in self.parked())

    def sound(self) -> bool:
        """Whether views are what a replay makes of the log, and the index is what the rule says."""
        return self.desk.log_verify().ok and all(each.same for each in self.desk.views.verify())

    def index(self) -> str:
        """A digest of every record, verdict and entry."""
        log = self.desk.log
        assert isinstance(log, IndexReader)
        log.sync()
        found = hashlib.sha256()
        for partition in range(log.partitions):
            for row in (*log.indexed_records(partition), *log.entries(partition)):
                found.update(repr(row).encode())
        return found.hexdigest()

    def close(self) -> None:
        self.desk.close()


class Older:
    @staticmethod
    def open(folder: Path) -> Release:
        return Release(open_desk(folder))


class Newer:
    @staticmethod
    def open(folder: Path) -> Release:
        catalogue.EVENTS[Teleported.NAME] = Teleported
        return Release(open_desk(folder))

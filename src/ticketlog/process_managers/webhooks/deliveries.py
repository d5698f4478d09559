"""Deliveries: the events of the log that an endpoint gets, as it gets them, and the notes of those
that were made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson
import pysqlite3.dbapi2 as sqlite

from ticketlog.application.hook_signatures import webhook_id
from ticketlog.domain.base import Recorded, iso, kind_and_id
from ticketlog.domain.settings.conditions import Conditions, matches
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.webhooks import Webhook, matches_type
from ticketlog.domain.ticket import KIND as TICKET
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.process_managers.webhooks.schedule import HOUR
from ticketlog.publishing.cloudevent import PUBLIC, PublishedFields, envelope, is_public

THIN_TYPE = "application/json"
FULL_TYPE = "application/cloudevents+json"
LARGEST_BODY = 256_000
"""Bytes beyond which the body is a thin one, whatever the endpoint asks for."""
_ALL_FIELDS: PublishedFields = {name: frozenset(each.PERSONAL) for name, each in PUBLIC.items()}
"""The reader's rights have decided what is in an event; nothing more is left out."""


class EventReader(Protocol):
    """The sight of the actor as whom an endpoint reads (`application/access.py: Viewer`)."""

    def event(self, recorded: Recorded) -> Recorded | None: ...


class Delivery(NamedTuple):
    """A delivery of one event to one endpoint. `attempts`: those that have failed before."""

    event: str
    type: str
    stream: str
    version: int
    partition: int
    offset: int
    number: int
    media_type: str
    body: bytes
    attempts: int = 0
    waited: bool = False
    """Its stream is one that waits."""

    @property
    def id(self) -> str:
        """The id of the delivery, the same in every attempt and replay."""
        return webhook_id(self.event)


class EventChoice:
    """The choice of events for an endpoint, by the settings and the rights of now."""

    def __init__(
        self,
        webhook: Webhook,
        settings: Settings,
        reader: EventReader,
        load: Callable[..., Any],
        source: str,
    ) -> None:
        self._webhook = webhook
        self._settings = settings
        self._reader = reader
        self._load = load
        self._source = source
        self.restricted: set[str] = set()
        """Tickets of restricted teams among what was chosen, until their reading is told."""

    def delivery(self, recorded: Recorded) -> Delivery | None:
        """The delivery of an event; None: the endpoint doesn't get it."""
        webhook = self._webhook
        if not is_public(recorded) or not matches_type(webhook.types, recorded.event.NAME):
            return None
        if not self._holds(webhook.when, recorded):
            return None
        readable = self._reader.event(recorded)
        if readable is None:
            return None
        self._note_restricted(recorded.originator_id)
        media_type, body = body_of(readable, webhook.body, self._source)
        return Delivery(
            recorded.id,
            recorded.event.NAME,
            recorded.originator_id,
            recorded.originator_version,
            recorded.meta.partition,
            recorded.meta.offset,
            recorded.index,
            media_type,
            body,
        )

    def _note_restricted(self, stream: str) -> None:
        teams = self._settings.restricted_teams
        if teams and kind_and_id(stream)[0] == TICKET and self._load(stream).team in teams:
            self.restricted.add(stream)

    def _holds(self, when: Conditions, recorded: Recorded) -> bool:
        """Whether the conditions hold of the ticket as the event left it."""
        if not (when.all or when.any):
            return True
        stream, version = recorded.originator_id, recorded.originator_version
        if kind_and_id(stream)[0] != TICKET:
            return False
        state = self._load(stream)
        if state.version != version:
            state = self._load(stream, version)
        return matches(when, facts_of(state, self._settings))


def body_of(recorded: Recorded, kind: str, source: str) -> tuple[str, bytes]:
    """The media type and the bytes of a delivery: the same for the same event, whenever made."""
    if kind == "full":
        body = orjson.dumps(envelope(recorded, source, _ALL_FIELDS))
        if len(body) <= LARGEST_BODY:
            return FULL_TYPE, body
    meta = recorded.meta
    data = {
        "id": recorded.id,
        "source": source,
        "subject": recorded.originator_id,
        "sequence": recorded.originator_version,
        "position": f"{meta.partition}:{meta.offset}",
    }
    thin = {"type": recorded.event.NAME, "timestamp": iso(meta.occurred_at), "data": data}
    return THIN_TYPE, orjson.dumps(thin)


class DeliveryNote(NamedTuple):
    """A note of a delivery that was made: to which endpoint, when it ended, of what, how it went.
    `took`: microseconds."""

    webhook: str
    at: int
    id: str
    event: str
    type: str
    stream: str
    attempt: int
    status: int | None
    took: int
    error: str | None
    start: str | None
    replay: str | None = None


FILE = "webhooks.db"
KEPT_NOTES = 1_000
"""Of each endpoint."""
PING = "ping"
"""The type of a test's delivery."""
LONGEST_SILENCE = 2 * HOUR
"""Microseconds between two failures of a row; an endpoint that is away is tried more often."""
_COLUMNS = ", ".join(DeliveryNote._fields)
_MADE = (
    """CREATE TABLE IF NOT EXISTS delivery (number INTEGER PRIMARY KEY, webhook TEXT NOT NULL,
    at INTEGER NOT NULL, id TEXT, event TEXT, type TEXT, stream TEXT, attempt INTEGER,
    status INTEGER, took INTEGER, error TEXT, start TEXT, replay TEXT)""",
    "CREATE INDEX IF NOT EXISTS delivery_webhook ON delivery (webhook, number)",
)
_TRIM = (
    "DELETE FROM delivery WHERE webhook = ? AND number <= (SELECT number FROM delivery "
    "WHERE webhook = ? ORDER BY number DESC LIMIT 1 OFFSET ?)"
)


class Failures(NamedTuple):
    """The deliveries to an endpoint that failed in a row: since when, how many."""

    since: int | None = None
    times: int = 0


class DeliveryNotes:
    """The last deliveries of each endpoint, in a file beside the log. It is no truth: it may be
    deleted at any time, and a note that can't be written stops nothing."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def add(self, notes: Iterable[DeliveryNote]) -> None:
        """Keeps notes, and of each endpoint the last ones."""
        notes = list(notes)
        marks = ", ".join("?" for _ in DeliveryNote._fields)
        try:
            connection = self._connected()
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(f"INSERT INTO delivery ({_COLUMNS}) VALUES ({marks})", notes)
                for webhook in {each.webhook for each in notes}:
                    connection.execute(_TRIM, (webhook, webhook, KEPT_NOTES))
                connection.execute("COMMIT")
            finally:
                connection.close()
        except sqlite.Error:
            return

    def last(self, webhook: str, limit: int, failed: bool = False) -> list[DeliveryNote]:
        """The last notes of an endpoint, the latest first; `failed`: of those not taken."""
        return list(self._read(webhook, limit, failed))

    def failures(self, webhook: str, now: int, after: int) -> Failures:
        """The failures since an endpoint took a delivery, or since a long pause between two.
        `after`: the time before which nothing counts."""
        found = Failures()
        for note in self._read(webhook, KEPT_NOTES, False):
            taken = note.status is not None and 200 <= note.status < 300
            if note.type == PING:
                continue
            last = now if found.since is None else found.since
            if taken or note.at < after or last - note.at > LONGEST_SILENCE:
                break
            found = Failures(note.at, found.times + 1)
        return found

    def _read(self, webhook: str, limit: int, failed: bool) -> Iterator[DeliveryNote]:
        if not self._path.exists():
            return
        which = " AND (status IS NULL OR status NOT BETWEEN 200 AND 299)" if failed else ""
        sql = (
            f"SELECT {_COLUMNS} FROM delivery WHERE webhook = ?{which} ORDER BY number DESC LIMIT ?"
        )
        try:
            connection = self._connected()
            try:
                rows = connection.execute(sql, (webhook, limit)).fetchall()
            finally:
                connection.close()
        except sqlite.Error:
            return
        yield from (DeliveryNote(*row) for row in rows)

    def _connected(self) -> sqlite.Connection:
        connection = sqlite.connect(self._path, isolation_level=None, timeout=2)
        connection.execute("PRAGMA synchronous = OFF")
        for statement in _MADE:
            connection.execute(statement)
        return connection

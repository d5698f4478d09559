"""A case of an imported file: its ticket, what the log has of it, and what the file said so far."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from hashlib import blake2b
from itertools import count, islice
from typing import Any, NamedTuple

from ticketlog.domain import ticket
from ticketlog.domain.base import instant, kind_and_id
from ticketlog.domain.ticket.imported import stream_of
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.withdrawal import Withdrawn
from ticketlog.errors import Damaged
from ticketlog.importing.row import ImportRow
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import parse
from ticketlog.log.port import Log, Record

_WITHDRAWN = Withdrawn.NAME.encode()


class CaseTicket(NamedTuple):
    """The ticket that a case is now: its stream, how often one was withdrawn before it, and what
    the log has of it."""

    stream: str
    generation: int
    records: list[Record]


def holds_tickets(log: Log) -> bool:
    """Whether a log has a ticket."""
    return any(
        name.startswith(f"{ticket.KIND}/")
        for partition in range(log.partitions)
        for name, _ in islice(log.streams(partition, None, f"{ticket.KIND}/"), 1)
    )


def first_of(source: str, case: str) -> CaseTicket:
    """The ticket that a case of a source will be, in a log that has none."""
    return CaseTicket(stream_of(source, case, 0), 0, [])


def find(log: Log, source: str, case: str) -> CaseTicket:
    """The ticket that a case of a source is, or the one that it will be."""
    for generation in count():
        stream = stream_of(source, case, generation)
        records = log.stream(stream)
        if not is_withdrawn(records):
            return CaseTicket(stream, generation, records)
    raise AssertionError("there is always a next generation")


def latest(log: Log, source: str, case: str) -> str | None:
    """The stream of the ticket that a case of a source is; of those that were withdrawn, the last.
    None where nothing was imported of it."""
    found = find(log, source, case)
    if found.records:
        return found.stream
    return stream_of(source, case, found.generation - 1) if found.generation else None


def is_withdrawn(records: list[Record]) -> bool:
    """Whether the ticket of these commits was withdrawn. Their bytes are searched before they are
    read: what was said may name the event."""
    return any(
        event["type"] == Withdrawn.NAME
        for record in records
        if _WITHDRAWN in record.data
        for event in envelope_of(record)["events"]
    )


class ImportedCase:
    """`known`: of the commits that its stream has, the command's digest by id. `clock`: the time of
    the latest thing that the log had of it when it was met, None for nothing."""

    __slots__ = (
        *("_codec", "_records", "_seen", "_ticket", "clock", "generation", "key", "known"),
        *("latest", "stream"),
    )

    def __init__(
        self, found: CaseTicket, codec: RecordCodec, seen: array[int] | None = None
    ) -> None:
        self._codec = codec
        self.stream, self.generation, records = found
        self.key = kind_and_id(self.stream)[1]
        self._seen: dict[int, int] = {}
        for hash in seen or ():
            self._seen[hash] = self._seen.get(hash, 0) + 1
        self._take(records)
        self.latest = 0
        """The latest time of the rows that the file had of it so far."""

    def load(self, log: Log) -> None:
        """Forgets what it holds and takes what the log has."""
        self._take(log.stream(self.stream))

    def _take(self, records: list[Record]) -> None:
        self._ticket: Ticket | None = None
        self._records = records
        self.known: Mapping[str, str] = {}
        self.clock: int | None = None
        if records:
            envelopes = [envelope_of(record) for record in records]
            self.known = {each["id"]: each["command"]["digest"] for each in envelopes}
            self.clock = instant(max(each["occurred_at"] for each in envelopes))

    @property
    def ticket(self) -> Ticket:
        """Its state after the last commit. Raises Unreadable."""
        if self._ticket is None:
            self._ticket = self._folded()
            self._records = []
        return self._ticket

    @ticket.setter
    def ticket(self, value: Ticket) -> None:
        self._ticket = value

    def _folded(self) -> Ticket:
        history = (
            each
            for record in self._records
            for each in self._codec.decode(record.data, record.partition, record.offset)
        )
        return ticket.fold(ticket.initial(self.key), history)

    def identified(self, row: ImportRow, secret: bytes = b"") -> tuple[str, int]:
        """The id of the commit that records a row, and how many equal rows the file had before it.

        Where a row names persons it is made with the secret, so that their names can't be guessed
        from it. A row that is known by another of its ids, as an earlier mapping or release gave
        it, keeps that.
        """
        ordinal = self._ordinal(row.key)
        id = command_id(row.key, ordinal, self.generation)
        if row.people and id not in self.known:
            id = command_id(row.key, ordinal, self.generation, secret)
        if row.legacy is None or not self.known:
            return id, ordinal
        key = row.legacy()
        if key == row.key:
            return id, ordinal
        legacy = command_id(key, self._ordinal(key), self.generation)
        return (legacy if legacy in self.known else id), ordinal

    def _ordinal(self, key: bytes) -> int:
        hash = int.from_bytes(key[:8], "big")
        count = self._seen.get(hash, 0)
        self._seen[hash] = count + 1
        return count

    def packed(self) -> array[int]:
        """The part that must be remembered of it while it isn't held: 8 bytes a row."""
        seen = self._seen.items()
        return array("Q", (hash for hash, count in seen for _ in range(count)))


def command_id(key: bytes, ordinal: int, generation: int = 0, secret: bytes = b"") -> str:
    """The id of the commit that records a row."""
    if secret:
        key = blake2b(key, digest_size=16, key=secret[:64]).digest()
    if generation:
        key = blake2b(b"%b\0again\0%d" % (key, generation), digest_size=16).digest()
    if ordinal:
        key = blake2b(b"%b\0%d" % (key, ordinal), digest_size=16).digest()
    return key.hex()


def envelope_of(record: Record) -> dict[str, Any]:
    """A record's content, its events as they are stored. Raises Damaged."""
    envelope = parse(record.data)
    if envelope is None:
        raise Damaged(f"the record at {record.partition}:{record.offset} is no commit")
    return envelope

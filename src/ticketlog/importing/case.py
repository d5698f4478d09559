"""A case of an imported file: its ticket, what the log has of it, and what the file said so far."""

from __future__ import annotations

from array import array
from hashlib import blake2b

from ticketlog.domain import catalogue, ticket
from ticketlog.domain.base import stream_key
from ticketlog.domain.ticket.state import Ticket
from ticketlog.errors import Damaged
from ticketlog.log.commit import parse
from ticketlog.log.port import Log, Record
from ticketlog.log.typed import read


class Case:
    """`known`: of the commits that its stream has, the command's digest by id."""

    __slots__ = ("_records", "_seen", "_ticket", "key", "known", "stream")

    def __init__(self, stream: str, log: Log, seen: array[int] | None = None) -> None:
        self.stream = stream
        self.key = stream.partition("/")[2]
        self._seen: dict[int, int] = {}
        for hash in seen or ():
            self._seen[hash] = self._seen.get(hash, 0) + 1
        self.load(log)

    def load(self, log: Log) -> None:
        """Forgets what it holds and takes what the log has."""
        self._ticket: Ticket | None = None
        self._records: list[Record] = log.stream(self.stream)
        self.known = dict(map(_command, self._records))

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
            for each in read(record.data, record.partition, record.offset, catalogue.find)
        )
        return ticket.fold(ticket.initial(self.key), history)

    def ordinal(self, key: bytes) -> int:
        """How many equal rows the file had before this one."""
        hash = int.from_bytes(key[:8], "big")
        count = self._seen.get(hash, 0)
        self._seen[hash] = count + 1
        return count

    def packed(self) -> array[int]:
        """What must be remembered of it while it isn't held: 8 bytes a row."""
        seen = self._seen.items()
        return array("Q", (hash for hash, count in seen for _ in range(count)))


def stream_of(source: str, case: str) -> str:
    return "ticket/" + stream_key(f"{source}\0{case}")


def command_id(key: bytes, ordinal: int) -> str:
    """The id of the commit that records a row."""
    if ordinal:
        key = blake2b(b"%b\0%d" % (key, ordinal), digest_size=16).digest()
    return key.hex()


def _command(record: Record) -> tuple[str, str]:
    envelope = parse(record.data)
    if envelope is None:
        raise Damaged(f"the record at {record.partition}:{record.offset} is no commit")
    return envelope["id"], envelope["command"]["digest"]

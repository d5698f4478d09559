"""The port of the log: one log of P partitions, for every backend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from ticketlog.errors import CommandReused, Conflict
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Commit, Head, Verdict

DEFAULT_PARTITIONS = 12


class Record(NamedTuple):
    """A record with its place in the log and the acceptance rule's verdict."""

    partition: int
    offset: int
    data: bytes
    verdict: Verdict


class Placed(NamedTuple):
    """The place of an accepted commit in the log. `version`: that of its first event in the stream.

    `repeated`: the stream had the commit before it was appended, so that the record at this place
    is the first attempt's.
    """

    partition: int
    offset: int
    version: int
    events: int
    repeated: bool = False


def bulk_outcome(outcome: Placed | Exception | None) -> Placed | Verdict:
    """The result of `append_all` for a commit. Raises errors that aren't about the commit."""
    match outcome:
        case Placed(repeated=False):
            return outcome
        case Placed() | CommandReused():
            return Verdict.DUPLICATE
        case Conflict():
            return Verdict.STALE
    assert outcome is not None
    raise outcome


class Log(Protocol):
    """All methods may be called from any thread. Raise Unreachable, Damaged, NewerFormat."""

    name: str
    desk: str
    partitions: int
    codec: RecordCodec
    """Encodes commits that are appended; readers decode records with it."""

    def append(self, commit: Commit) -> Placed:
        """Durable when it returns. An id that the stream has is not written again: its place is
        returned, marked `repeated`. Raises Conflict where `expects` or `settings` is stale, and
        CommandReused where the id was used with another digest."""

    async def append_async(self, commit: Commit) -> Placed:
        """The same as `append`, and raises the same, without a thread that waits. The tasks whose
        commits share a batch are woken together. Where the awaiting task is cancelled the append
        goes on; where the log is closed, it raises Unreachable, or InDoubt."""

    def append_all(self, commits: Sequence[Commit]) -> list[Placed | Verdict]:
        """Appends in bulk: returns for each commit its place, or DUPLICATE or STALE where it isn't
        written. Commits of one stream keep their order; between streams the order is the log's.

        After a stale one the later ones of its stream are stale too: they were decided after it,
        and one whose version fits by chance would be written without it."""

    def head(self, stream: str) -> Head:
        """The head of a stream; version 0 and settings 0 for one that has no commits."""

    def find(self, stream: str, id: str) -> Placed | None:
        """The place of the stream's accepted commit with that id; None: it has none."""

    def stream(self, stream: str, start: int = 0, stop: int | None = None) -> list[Record]:
        """The accepted commits that hold events of versions start <= version < stop, in order."""

    def streams(
        self, partition: int, ends: Sequence[int] | None = None, after: str = ""
    ) -> Iterator[tuple[str, list[Record]]]:
        """All streams of a partition in the order of their names, each with its accepted
        commits below the partition's end in `ends`."""

    def records(self, partition: int, start: int, limit: int) -> list[Record]:
        """Records in log order, void ones too, from offset `start`."""

    def voids(self, partition: int | None = None) -> dict[Verdict, int]:
        """The number of void records by verdict, in a partition or in all."""

    def ordinals(self, partition: int, end: int | None = None) -> int:
        """The number of accepted events in a partition, before an offset or at all."""

    def ends(self) -> tuple[int, ...]:
        """Per partition the offset that its next record will take, as far as it can be read."""

    def latest_ends(self) -> tuple[int, ...] | None:
        """The ends as the backend itself says them; other processes may have written beyond `ends`.
        None where it doesn't answer now; `troubles` says why."""

    def troubles(self) -> list[str]:
        """The reasons for which partitions can't be read or written now, a line each; empty: all
        can."""

    def offset_at(self, partition: int, recorded_at: int) -> int:
        """The length in records of the longest prefix of a partition whose running maximum of
        `recorded_at` is not after the given time (a cut)."""

    def wait(self, ends: Sequence[int], timeout_s: float) -> bool:
        """Blocks until the log reaches beyond `ends`; False after `timeout_s`. Raises where a
        partition can't be read any more."""

    def sync(self) -> None:
        """Returns once reads see every record that any writer had written when it was called."""

    def may_be_in_flight(self, stream: str, id: str) -> bool:
        """Whether an attempt to append a commit with that id may still be on its way."""

    def close(self) -> None: ...

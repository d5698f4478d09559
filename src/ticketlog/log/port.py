"""The port behind which commits live: one log of P partitions, whatever stores it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from ticketlog.errors import CommandReused, Conflict
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Commit, Head, Verdict

DEFAULT_PARTITIONS = 12


class Record(NamedTuple):
    """A record where it stands, with what the acceptance rule says of it."""

    partition: int
    offset: int
    data: bytes
    verdict: Verdict


class Placed(NamedTuple):
    """Where an accepted commit stands: `version` is that of its first event in the stream.

    `again`: the stream had it before it was appended, so what stands there is the first
    attempt's record.
    """

    partition: int
    offset: int
    version: int
    events: int
    again: bool = False


def bulk_outcome(outcome: Placed | Exception | None) -> Placed | Verdict:
    """What `append_all` says of a commit. Raises what isn't about the commit."""
    match outcome:
        case Placed(again=False):
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
    """Encodes what is appended; whoever reads records decodes them with it."""

    def append(self, commit: Commit) -> Placed:
        """Durable when it returns. An id that the stream has is not written again: its place is
        returned, marked `again`. Raises Conflict where `expects` or `settings` is stale, and
        CommandReused where the id was used with another digest."""

    def append_all(self, commits: Sequence[Commit]) -> list[Placed | Verdict]:
        """Bulk: for each its place, or DUPLICATE or STALE, unwritten. Those of one stream stand in
        the order that they were given in; between streams the order is the log's.

        After a stale one the later ones of its stream are stale too: they were decided after it,
        and one whose version fits by chance would be written without it."""

    def head(self, stream: str) -> Head:
        """Version 0 and settings 0 for a stream that has no commits."""

    def find(self, stream: str, id: str) -> Placed | None:
        """Where the stream's commit with that id stands."""

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
        """How many void records there are of each verdict, in a partition or in all."""

    def ordinals(self, partition: int, end: int | None = None) -> int:
        """How many events were accepted in a partition, before an offset or at all."""

    def ends(self) -> tuple[int, ...]:
        """Per partition the offset that its next record will take, as far as it can be read."""

    def latest_ends(self) -> tuple[int, ...] | None:
        """The ends as the place of truth says them, which others may have written to beyond
        `ends`. None where it doesn't answer now; `troubles` says why."""

    def troubles(self) -> list[str]:
        """Why some of it gives or takes nothing at the moment, a line each; empty: all is well."""

    def offset_at(self, partition: int, recorded_at: int) -> int:
        """How many records the longest prefix has whose running maximum of `recorded_at` is not
        after the given time (a cut, DESIGN section 2)."""

    def wait(self, ends: Sequence[int], timeout: float) -> bool:
        """Blocks until the log reaches beyond `ends`; False after `timeout` seconds. Raises where
        some of the log gives nothing any more."""

    def sync(self) -> None:
        """Returns once reads see everything that any writer had written when it was called."""

    def may_be_in_flight(self, stream: str, id: str) -> bool:
        """Whether an attempt to append a commit with that id may still be on its way."""

    def close(self) -> None: ...

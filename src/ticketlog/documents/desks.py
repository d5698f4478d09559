"""A desk: what it is, what it holds, and whether it is sound."""

from __future__ import annotations

from ticketlog.documents.base import (
    At,
    Count,
    Cut,
    Document,
    Id,
    Number,
    Offset,
    Position,
    Rate,
    Seconds,
    Text,
    Word,
)


class Made(Document):
    """A desk that was made."""

    desk: Id
    folder: Text
    partitions: Count
    """Of its log."""
    admins: list[Id]
    """The agents who may change its settings."""


class RestoredDesk(Document):
    """A desk that was made from an export."""

    desk: Id
    folder: Text
    cut: Cut
    """How far its logs have come."""


class Simulated(Document):
    """The result of a simulation."""

    tickets: Count
    commits: Count
    events: Count
    known: Count
    """Commits that were there already."""
    seconds: Seconds
    """How long it took."""
    commits_per_second: Rate


class Parked(Document):
    """A stream that a view couldn't take."""

    stream: Id
    error: Text


class ParkedAt(Parked):
    """And where."""

    position: Position


class View(Document):
    """The position of a view."""

    view: Word
    version: Number
    build: Number | None
    """null: it was never made."""
    positions: list[Offset]
    behind: Count
    """Records that it hasn't passed."""
    parked: list[ParkedAt]


class ViewList(Document):
    """Views, or those that were made anew."""

    views: list[View]


class ViewRetried(Document):
    """The streams of a view that are still parked."""

    view: Word
    parked: list[Parked]


class LogState(Document):
    """The log of tickets."""

    url: Text
    ends: list[Offset]
    """By partition; those of the index where it doesn't answer."""
    reachable: bool
    records: Count
    void: dict[Word, Count]
    """By reason."""


class IndexState(Document):
    """The index of the log, by which streams are read."""

    ends: list[Offset]
    behind: Count
    """Records of the log that it lacks."""


class AccessLogState(Document):
    """The log of access."""

    end: Offset
    """As far as it can be read here."""
    reachable: bool


class ViewAt(Document):
    """A view in a partition."""

    position: Offset
    lag: Count
    events: Count
    """That it has applied."""


class Partition(Document):
    """A partition of the log."""

    partition: Number
    end: Offset
    index: Offset
    """How far the index is."""
    events: Count
    """Of accepted commits."""
    void: dict[Word, Count]
    views: dict[Word, ViewAt]


class InForce(Document):
    """The settings in force."""

    position: Offset


class AheadStream(Document):
    """A stream whose clock is ahead of now."""

    stream: Id
    clock: At


class Ahead(Document):
    """The streams whose clock is ahead of now."""

    streams: Count
    first: list[AheadStream]


class Circle(Document):
    """Links that lead back to where they come from."""

    kind: Word
    tickets: list[Id]
    """Each is linked to the next, the last to the first."""


class Circles(Document):
    """All of them."""

    number: Count
    first: list[Circle]


class SharedAddress(Document):
    """An address that several persons have; which one it is stays with them."""

    kind: Word
    persons: list[Id]


class Shared(Document):
    """All of them."""

    number: Count
    first: list[SharedAddress]


class DeskStatus(Document):
    """The status of a desk: sizes, and the positions of its index and its views."""

    desk: Id
    folder: Text
    log: LogState
    index: IndexState
    partitions: list[Partition]
    settings: InForce
    access: AccessLogState
    cut: Cut
    """How far the logs of tickets and settings can be read."""
    views: list[View]
    ahead: Ahead
    circles: Circles
    shared_addresses: Shared
    troubles: list[Text]
    """What is wrong with the log or the views."""
    keyring: Text
    """Whether persons can be erased."""


class LogPart(Document):
    """A partition of a log, counted."""

    partition: Number
    end: Offset
    events: Count
    last_recorded_at: At | None


class LogCounted(Document):
    """A log, counted."""

    void: dict[Word, Count]
    partitions: list[LogPart]


class LogStat(Document):
    """The sizes of the logs."""

    desk: Id
    tickets: LogCounted
    settings: LogCounted
    access: LogCounted
    """Who was refused, who read what is restricted, who signed in."""
    cut: Cut


class LogVerified(Document):
    """Whether the logs are sound."""

    ok: bool
    problems: list[Text]
    cut: Cut
    """How far they were read."""


class Published(Document):
    """The published position of a partition."""

    partition: Number
    position: Offset
    """The next record."""
    end: Offset
    behind: Count
    error: Text | None


class Publishing(Document):
    """The state of publishing for other services."""

    topic: Text
    sent: Count
    """Events that were."""
    partitions: list[Published]

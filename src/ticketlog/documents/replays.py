"""Views compared with what the log says."""

from __future__ import annotations

from ticketlog.documents.base import (
    Anything,
    Count,
    Digest,
    Document,
    Id,
    Number,
    Offset,
    Text,
    Word,
)


class Differing(Document):
    """A row that isn't the same. The columns are the view's; times are ISO texts, durations are
    named with their unit."""

    kind: Word
    """missing, extra or changed"""
    key: dict[Word, Anything]
    expected: dict[Word, Anything] | None
    found: dict[Word, Anything] | None


class Table(Document):
    """A table of a view."""

    table: Word
    rows: Count
    sha256: Digest
    """Of its rows as JSON lines, ordered by key."""


class ComparedTable(Table):
    """A table against another one."""

    expected_sha256: Digest
    missing: Count
    extra: Count
    changed: Count
    differing: list[Differing]
    """The first ones."""


class VerifiedView(Document):
    """A live view against a replay up to the same position."""

    view: Word
    version: Number
    ends: list[Offset]
    same: bool
    damage: Text | None
    """What else is wrong with it."""
    parked: list[Id]
    """Streams."""
    tables: list[ComparedTable]


class VerifiedViews(Document):
    """Views against a replay."""

    same: bool
    """Every row is."""
    views: list[VerifiedView]


class Differences(Document):
    """The differences of a view at a second moment: `missing` rows went, `extra` rows came."""

    view: Word
    tables: list[ComparedTable]


class AsOf(Document):
    """A view as it was at a moment."""

    view: Word
    tables: list[Table]

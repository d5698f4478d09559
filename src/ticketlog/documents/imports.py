"""Imports: what one did, and which there were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ticketlog.documents.base import (
    At,
    Bytes,
    Count,
    Digest,
    Document,
    Id,
    Number,
    Rate,
    Seconds,
    Text,
    Word,
)

if TYPE_CHECKING:
    from ticketlog.domain.imports import Batch as ABatch
    from ticketlog.domain.imports import Imports as Kept

_COUNTS = ("rows", "commits", "known", "lost", "tickets", "tickets_new")


class Finding(Document):
    """A line of a file with something to look at."""

    line: Number
    message: Text | None = None
    column: Text | None = None
    case: Text | None = None
    skew_seconds: Seconds | None = None
    """Of a row out of order: by how much it is older than the history was."""


class Findings(Document):
    """Lines with the same to look at."""

    total: Count
    lost: Count
    """Rows that did not go in because of it."""
    listed: list[Finding]
    """The first ones."""


class TicketsCounted(Document):
    """Tickets of a file."""

    total: Count
    new: Count
    known: Count


class Imported(Document):
    """The result of an import, or of its check (`--check`)."""

    file: Text
    source: Id
    rows: Count
    """That were understood."""
    left_out: Count
    """Rows that the mapping leaves out."""
    commits: Count
    """New ones."""
    known: Count
    """Commits that were there already."""
    remapped: Count
    """Known rows that the mapping would record otherwise today."""
    events: Count
    """New ones."""
    tickets: TicketsCounted
    people: Count
    """Persons that were registered."""
    reached: dict[Word, Count]
    """Status -> how often a ticket came to it."""
    equal: Findings
    """Rows that repeat others."""
    skewed: Findings
    """Rows out of order."""
    problems: dict[Word, Findings]
    broke: dict[Text, Findings]
    """By broken rule of the workflow."""
    unknown: dict[Text, dict[Text, Count]]
    """Column -> word that the mapping doesn't know -> in how many rows."""
    empty: dict[Text, dict[Text, Count]]
    """Column -> cell -> in how many rows `empty` made it no value."""
    refusals: list[Text]
    """Why nothing of the file goes in, and what to do."""
    seconds: Seconds
    """How long it took."""
    rows_per_second: Rate


class Batch(Document):
    """A file that came in."""

    batch: Id
    state: Word
    """running, done, withdrawn"""
    file: Text
    size: Bytes
    sha256: Digest
    mapping: Digest
    """Of the mapping's text."""
    by: Id
    at: At
    rows: Count | None
    """This and the next ones: null until it is done."""
    commits: Count | None
    known: Count | None
    lost: Count | None
    tickets: Count | None
    tickets_new: Count | None
    withdrawal: Id | None
    """The one that took it away."""


class Withdrawal(Document):
    """Tickets that were taken out of every view again."""

    withdrawal: Id
    batch: Id | None
    """null: all"""
    state: Word
    """running, done"""
    reason: Text
    by: Id
    at: At
    tickets: Count | None
    kept: Count | None
    """Tickets that a batch only added to."""


class ImportSource(Document):
    """The imports under one name."""

    source: Id
    batches: list[Batch]
    withdrawals: list[Withdrawal]

    @classmethod
    def made(cls, source: str, imports: Kept) -> ImportSource:
        return cls.filled(
            source=source,
            batches=[_batch(each) for each in imports.batches.values()],
            withdrawals=[
                {
                    "withdrawal": each.id,
                    "batch": each.batch,
                    "state": "done" if each.ended else "running",
                    "reason": each.reason,
                    "by": f"{each.by.kind}:{each.by.id}",
                    "at": each.at,
                    "tickets": each.ended.tickets if each.ended else None,
                    "kept": each.ended.kept if each.ended else None,
                }
                for each in imports.withdrawals.values()
            ],
        )


class ImportSources(Document):
    """All that was imported."""

    sources: list[ImportSource]


class Taken(Document):
    """The result of a withdrawal."""

    source: Id
    batch: Id | None
    """null: all"""
    withdrawal: Id
    """Its number in the source."""
    tickets: Count
    kept: Count
    """Tickets that another batch began, which this one only added to."""


def _batch(batch: ABatch) -> dict[str, Any]:
    ended = batch.ended
    return {
        "batch": batch.id,
        "state": "withdrawn" if batch.withdrawn else "done" if ended else "running",
        "file": batch.file,
        "size": batch.size,
        "sha256": batch.sha256,
        "mapping": batch.mapping,
        "by": f"{batch.by.kind}:{batch.by.id}",
        "at": batch.at,
        **{name: getattr(ended, name) if ended else None for name in _COUNTS},
        "withdrawal": batch.withdrawn,
    }

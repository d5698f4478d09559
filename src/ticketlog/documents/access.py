"""Access: who was refused, who read what is restricted, who took what out."""

from __future__ import annotations

from collections.abc import Sequence

from ticketlog.documents.base import Document, Text
from ticketlog.documents.events import Event
from ticketlog.domain.base import Recorded


class AccessList(Document):
    """Records of the log of access, the latest first."""

    entries: list[Event]
    """Each with what it tells in `data`: refusals, reads and exports, and what happened to tokens,
    sessions and other accounts."""
    next: Text | None
    """The page behind: what `after` takes."""

    @classmethod
    def made(cls, entries: Sequence[Recorded], next: str | None) -> AccessList:
        return cls(entries=[Event.made(each) for each in entries], next=next)

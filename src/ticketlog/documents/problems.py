"""Problems over HTTP, as RFC 9457 has them."""

from __future__ import annotations

from pydantic import ConfigDict

from ticketlog.documents.base import Anything, Count, Document, Id, Number, Text, Word
from ticketlog.documents.events import Event


class ValueAtFault(Document):
    """A value of a request that can't be taken."""

    where: Text
    """The field, from outside to inside, with dots."""
    why: Text


class NextStep(Document):
    """A command line that the detail names, and the request that does the same."""

    shell: Text
    http: Text


class ProblemDetails(Document):
    """The reason for which a request wasn't done."""

    model_config = ConfigDict(extra="allow")

    type: Id
    """`/problems/CODE`, which is a page, too."""
    title: Text
    """The meaning of the code."""
    status: Count
    """Of HTTP."""
    detail: Text
    """The thing, its state, and the next step; the words of the command line."""
    facts: dict[Word, Anything] | None = None
    """The things that the detail names: a ticket, a version, roles."""
    next: list[NextStep] | None = None
    errors: list[ValueAtFault] | None = None
    version: Number | None = None
    """Of the stream now, where the sender's screen was stale."""
    changes: list[Event] | None = None
    """The events that the sender hasn't seen; of many, the latest."""

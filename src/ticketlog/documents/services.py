"""A service at work: what it answers over HTTP about itself."""

from __future__ import annotations

from ticketlog.documents.base import Count, Document, Seconds, Text, Word


class WorkerState(Document):
    """The state of a worker of a service."""

    worker: Word
    failures: Count
    """Attempts that failed since the service started."""
    error: Text | None
    """Why the latest attempt failed; null: it didn't."""
    seconds_since_pass: Seconds | None
    """Since it had last done all there was to do; null: it hasn't yet."""


class Ready(Document):
    """Whether a service is ready."""

    ready: bool
    reasons: list[Text]
    """Why it isn't."""
    warnings: list[Text]
    """What somebody should see to while the rest goes on."""
    workers: list[WorkerState]


class Live(Document):
    """Whether all workers of a service live."""

    live: bool


ANSWERED: dict[str, type[Document]] = {"/live": Live, "/ready": Ready}
"""Path -> what a service answers there."""

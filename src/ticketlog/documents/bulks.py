"""The lines that many commands in one request are answered with."""

from __future__ import annotations

from ticketlog.documents.base import Count, Cut, Document, Number
from ticketlog.documents.outcomes import Outcome
from ticketlog.documents.problems import ProblemDetails


class BulkLine(Document):
    """The answer to a line; the last one has the position alone."""

    line: Number | None = None
    """Which line of the request, from 1; blank ones aren't counted."""
    status: Count | None = None
    """As HTTP has it for one command."""
    outcome: Outcome | None = None
    problem: ProblemDetails | None = None
    position: Cut | None = None
    """Everything that was done is at or before it."""

"""Messages of programs outside, and what became of them."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from sqlalchemy import func, select

from ticketlog.documents.base import Count, Document, Id, Text
from ticketlog.documents.webhooks import HookMessageFacts
from ticketlog.domain.hook_message import HookMessage
from ticketlog.projections.engine.projection import (
    INT,
    TEXT,
    Fold,
    Projection,
    Row,
    Rows,
    Whose,
)
from ticketlog.projections.engine.query import Limit, Query, Reading, ShellSpec

_MESSAGES = Rows(
    "messages",
    key={"message": TEXT},
    values={
        "source": TEXT,
        "id": TEXT,
        "received_at": INT,
        "sha256": TEXT,
        "size": INT,
        "outcome": TEXT,
        "commands": INT,
        "stream": TEXT,
        "said": TEXT,
        "targets": INT,
    },
    indexes=(("received_at", "message"), ("source", "received_at"), ("outcome", "received_at")),
    whose=Whose(streams=("stream",), staff=True),
)
_TARGETS = Rows(
    "targets",
    key={"message": TEXT, "stream": TEXT},
    whose=Whose(streams=("stream",), staff=True),
)
"""All streams that a message's commands were for."""


def _outcome(state: HookMessage) -> str:
    if state.results is None:
        return "received"
    if not state.results:
        return "unmatched"
    return "done" if all(each.outcome == "done" for each in state.results) else "refused"


class _Fold(Fold):
    __slots__ = ()

    def rows(self, state: HookMessage) -> tuple[list[Row], ...]:
        received = state.received
        if received is None:
            return [], []
        results = state.results or ()
        streams = dict.fromkeys(each.stream for each in results if each.stream)
        said = next((each.said for each in results if each.said), None)
        row = (
            *(self.id, received.source, received.message, state.received_at),
            *(received.sha256, received.size, _outcome(state), len(results)),
            *(next(iter(streams), None), said, len(streams)),
        )
        return [row], [(self.id, stream) for stream in streams]


class HookMessageRow(HookMessageFacts):
    """A message from outside."""

    commands: Count
    """Those that were made of it."""
    stream: Id | None
    """The first thing that they were for."""
    said: Text | None
    """The reason for which the first of them wasn't done."""


class HookMessageRows(Document):
    """Messages from outside, the latest first."""

    messages: list[HookMessageRow]


class HookMessages(Query[list[dict[str, Any]]]):
    """Messages of programs outside and what became of them, the latest first."""

    NAME = "hook-messages"
    DOCUMENT = HookMessageRows
    SHELL = ShellSpec(
        examples=(
            "ticketlog webhook received",
            "ticketlog webhook received --source monitoring --outcome unmatched",
        ),
        columns=("message", "source", "received_at", "outcome", "stream", "said"),
    )

    source: str | None = Field(None, description="Only those of this source.")
    outcome: str | None = Field(
        None, description="Only those of this outcome: done, refused, unmatched or received."
    )
    limit: Limit = 50

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        table, targets = at.tables["messages"], at.tables["targets"].c
        # Who doesn't see one of the things that a message was for isn't told what it did to others.
        seen = select(func.count()).where(targets.message == table.c.message).scalar_subquery()
        columns = [each for each in table.c if each.name != "targets"]
        query = select(*columns).where(table.c.targets == seen)
        query = query.order_by(table.c.received_at.desc(), table.c.message)
        for name in ("source", "outcome"):
            if getattr(self, name) is not None:
                query = query.where(table.c[name] == getattr(self, name))
        rows = at.connection.execute(query.limit(self.limit)).mappings()
        return [dict(row) for row in rows]


VIEW = Projection("hooks", 2, (_MESSAGES, _TARGETS), {"hook-message": _Fold}, (HookMessages,))

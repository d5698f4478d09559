"""Messages of programs outside, and what became of them."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from sqlalchemy import select

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
    },
    indexes=(("received_at", "message"), ("source", "received_at"), ("outcome", "received_at")),
    whose=Whose(streams=("stream",), staff=True),
)


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
            return ([],)
        results = state.results or ()
        stream = next((each.stream for each in results if each.stream), None)
        said = next((each.said for each in results if each.said), None)
        row = (
            *(self.id, received.source, received.message, state.received_at),
            *(received.sha256, received.size, _outcome(state), len(results), stream, said),
        )
        return ([row],)


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
        table = at.tables["messages"]
        query = select(table).order_by(table.c.received_at.desc(), table.c.message)
        for name in ("source", "outcome"):
            if getattr(self, name) is not None:
                query = query.where(table.c[name] == getattr(self, name))
        rows = at.connection.execute(query.limit(self.limit)).mappings()
        return [dict(row) for row in rows]


VIEW = Projection("hooks", 1, (_MESSAGES,), {"hook-message": _Fold}, (HookMessages,))

"""One stream on its way through several views: each event is read and evolved once for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import orjson

from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import Recorded, instant, kind_and_id
from ticketlog.domain.ticket import KIND as TICKET
from ticketlog.domain.ticket.conversation import Redacted
from ticketlog.domain.ticket.rectification import corrects, rectified
from ticketlog.domain.ticket.sla.recomputation import outstanding, retold
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.time_correction import TimeCorrected
from ticketlog.domain.ticket.withdrawal import Withdrawn
from ticketlog.domain.time.receipt import is_ahead
from ticketlog.errors import TicketlogError
from ticketlog.log.codec import RecordCodec
from ticketlog.log.port import Record
from ticketlog.projections.engine.basis import Basis
from ticketlog.projections.engine.projection import Fold, Projection, Row

Commit: TypeAlias = list[Recorded]
ViewRows: TypeAlias = Sequence[list[Row]]
"""A stream's rows in one view: a list per table."""
_REDACTED = Redacted.NAME.encode()
_CORRECTED = TimeCorrected.NAME.encode()
_WITHDRAWN = Withdrawn.NAME.encode()


def typed(record: Record, codec: RecordCodec) -> Commit:
    """The events of an accepted record. Raises Unreadable."""
    return codec.decode(record.data, record.partition, record.offset)


def occurred_at(record: Record, corrected: bool = False) -> int:
    """A commit's business time; `corrected`: where its stream's clock was set back, at most that of
    its receipt."""
    envelope = orjson.loads(record.data)
    moment = instant(envelope["occurred_at"])
    received = instant(envelope["recorded_at"])
    return received if corrected and is_ahead(moment, received) else moment


def is_correction(record: Record) -> bool:
    """Whether a record sets a ticket's clock back."""
    return _CORRECTED in record.data and TimeCorrected.NAME in _types(record)


def is_withdrawal(record: Record) -> bool:
    """Whether a record withdraws a ticket with its import."""
    return _WITHDRAWN in record.data and _types(record)[0] == Withdrawn.NAME


def _types(record: Record) -> list[str]:
    return [each["type"] for each in orjson.loads(record.data)["events"]]


def redacted(records: Iterable[Record]) -> list[str]:
    """The ids of the events whose texts these commits redact; those that can't be read hide
    nothing."""
    found = []
    for record in records:
        if _REDACTED in record.data:
            events = orjson.loads(record.data)["events"]
            found += [each["data"]["target"] for each in events if each["type"] == Redacted.NAME]
    return found


class SetBack(Exception):
    """The stream's clock was set back after what is folded of it: it is to be folded anew."""


class StreamFold:
    """The state of a stream and what the views keep of it; on a basis, a ticket's as if its
    settings had been in force."""

    __slots__ = (
        "_basis",
        "_evolve",
        "_id",
        "_last",
        "_steps",
        "_views",
        "folds",
        "state",
        "version",
    )

    def __init__(self, name: str, views: Sequence[Projection], basis: Basis | None = None) -> None:
        kind, id = kind_and_id(name)
        self._id = id
        self._views = views
        aggregate = AGGREGATES[kind]
        self._evolve = aggregate.evolve
        self.state: Any = aggregate.initial(id)
        self.folds = [view.folds[kind](id) for view in views]
        self._steps = [fold.step for fold in self.folds if type(fold).step is not Fold.step]
        self.version = -1
        self._basis = basis if kind == TICKET else None
        self._last: Recorded | None = None

    def apply(self, commits: Iterable[Commit]) -> None:
        """Takes the events in; the first ones from the stream's beginning on. What a fold raises
        goes through; the stream is then of no use. Raises SetBack."""
        commits = self._rectified(list(commits))
        evolve, steps, before = self._evolve, self._steps, self.state
        basis, recorded = self._basis, self._last
        for commit in commits:
            if basis is not None:
                commit = retold(commit, before, basis.settings)
            for recorded in commit:
                after = evolve(before, recorded)
                for step in steps:
                    step(recorded, before, after)
                before = after
        self.state, self._last = before, recorded
        if recorded is not None:
            self.version = recorded.originator_version

    def _rectified(self, commits: list[Commit]) -> list[Commit]:
        """The commits, where those that were stamped ahead before the clock was set back count
        as of their receipt."""
        if not any(map(corrects, commits)):
            return commits
        if self._last is not None:
            raise SetBack
        return rectified(self._id, commits)

    def end(self) -> None:
        """All commits are taken in: on a basis, time passes until its end."""
        basis, self._basis = self._basis, None
        if basis is not None and self._last is not None:
            self.apply([outstanding(self._last, self.state, basis.settings, basis.until)])

    def hide(self, texts: Iterable[str]) -> None:
        """Leaves out what the events of these ids said."""
        for text in texts:
            for fold in self.folds:
                fold.hide(text)

    def rows(self) -> list[ViewRows]:
        """Per view the stream's rows now."""
        state = self.state
        if type(state) is Ticket and state.withdrawn:
            return [
                fold.withdrawn(len(view.tables))
                for view, fold in zip(self._views, self.folds, strict=True)
            ]
        return [fold.rows(state) for fold in self.folds]


class FoldFailure(NamedTuple):
    """The record that a view couldn't take, and why."""

    record: Record
    error: Exception

    def __str__(self) -> str:
        known = isinstance(self.error, TicketlogError)
        name = "" if known else f"{type(self.error).__name__}: "
        return f"{name}{self.error}".replace("\n", " ")[:500]


def carefully(
    codec: RecordCodec,
    view: Projection,
    stream: str,
    records: Iterable[Record],
    hidden: Sequence[str] = (),
    basis: Basis | None = None,
) -> tuple[ViewRows, FoldFailure | None]:
    """A stream's rows in one view up to the first commit that can't be read or folded.

    Slower than `StreamFold`, because it looks at the rows after each commit: for the streams that
    have failed.
    """
    good: ViewRows = [[] for _ in view.tables]
    one = StreamFold(stream, [view], basis)
    taken: list[Commit] = []
    for record in records:
        try:
            taken.append(typed(record, codec))
            if corrects(taken[-1]):
                one = StreamFold(stream, [view], basis)
                one.apply(taken)
            else:
                one.apply(taken[-1:])
            one.hide(hidden)
            (good,) = one.rows()
        except Exception as error:
            return good, FoldFailure(record, error)
    return good, None

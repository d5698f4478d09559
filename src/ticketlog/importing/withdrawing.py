"""An import taken back: each of its tickets is withdrawn, and counts for nothing from then on.

Interrupted, it goes on where it stopped when it is started again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

from ticketlog.documents import imports as documents
from ticketlog.domain import imports, ticket
from ticketlog.domain.base import Actor, Context, NotFound, kind_and_id
from ticketlog.domain.imports import BeginWithdrawal, EndWithdrawal, Imports, Withdrawal
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.withdrawal import Withdraw, Withdrawn
from ticketlog.errors import Conflict
from ticketlog.importing.case import envelope_of, is_withdrawn
from ticketlog.importing.journal import Execute
from ticketlog.log.commit import Commit, Verdict, commit_of, digest
from ticketlog.log.port import Log, Record

PAGE = 1_000
"""Tickets that are withdrawn in one durable transaction."""
ATTEMPTS = 50


class WithdrawnTickets(NamedTuple):
    """The tickets that were withdrawn. `kept`: tickets that another batch began and this one
    only added to; withdraw the whole source to be rid of what it added."""

    source: str
    batch: str | None
    withdrawal: str
    tickets: int
    kept: int

    def document(self) -> documents.Taken:
        return documents.Taken.filled(self._asdict())


class Withdrawing(NamedTuple):
    """The parts of the desk that a withdrawal needs."""

    log: Log
    settings: Settings
    execute: Execute
    load: Callable[[str], Any]
    writer: str | None = None


def withdraw(
    desk: Withdrawing,
    source: str,
    *,
    batch: str | None = None,
    reason: str,
    actor: Actor,
    on_progress: Callable[[int], None] | None = None,
) -> WithdrawnTickets:
    """Withdraws the tickets that a source, or one batch of it, has made.

    Raises NotFound where there is nothing to withdraw, Forbidden, Refused, Conflict, Unreachable,
    Damaged; whatever is withdrawn by then stays so, and the same call goes on from there.
    """
    stream = imports.stream_of(source)
    known: Imports = desk.load(stream)
    if not known.exists and next(_tickets(desk.log, source), None) is None:
        raise NotFound(
            f"nothing was imported from {source!r}; `ticketlog import list` shows what was",
            source=source,
        )
    begin = BeginWithdrawal(batch=batch, reason=reason)
    desk.execute(begin, on=stream, actor=actor)
    state: Imports = desk.load(stream)
    open = state.unfinished
    assert open is not None
    tickets = kept = 0
    page: list[_Ticket] = []
    for each in _tickets(desk.log, source):
        belongs = batch is None or each.batch == f"{stream}/{batch}"
        if each.withdrawal is not None:
            tickets += each.withdrawal == open.id
        elif not belongs:
            kept += each.touched_by(f"{stream}/{batch}")
        else:
            page.append(each)
            tickets += 1
        if len(page) == PAGE:
            _write(desk, source, open, actor, page)
            page = []
            if on_progress is not None:
                on_progress(tickets)
    _write(desk, source, open, actor, page)
    end = EndWithdrawal(withdrawal=open.id, tickets=tickets, kept=kept)
    desk.execute(end, on=stream, actor=actor)
    return WithdrawnTickets(source, batch, open.id, tickets, kept)


class _Ticket(NamedTuple):
    """A ticket that an import made; `batch`: the correlation of the commit that did."""

    stream: str
    records: list[Record]
    batch: str | None
    withdrawal: str | None

    def touched_by(self, batch: str) -> bool:
        return any(envelope_of(each).get("correlation") == batch for each in self.records)


def _tickets(log: Log, source: str) -> Iterator[_Ticket]:
    """All that the source has made, withdrawn ones too."""
    prefix = f"{ticket.KIND}/"
    for partition in range(log.partitions):
        for stream, records in log.streams(partition, after=prefix):
            if not stream.startswith(prefix):
                break
            first = envelope_of(records[0])
            if first["actor"]["kind"] != "import" or first["via"].get("source") != source:
                continue
            withdrawal = _withdrawal(records) if is_withdrawn(records) else None
            yield _Ticket(stream, records, first.get("correlation"), withdrawal)


def _withdrawal(records: list[Record]) -> str | None:
    for record in reversed(records):
        for event in envelope_of(record)["events"]:
            if event["type"] == Withdrawn.NAME:
                return str(event["data"]["withdrawal"])
    return None


def _write(
    desk: Withdrawing, source: str, open: Withdrawal, actor: Actor, page: list[_Ticket]
) -> None:
    """Withdraws tickets durably. Raises Conflict."""
    streams = {each.stream: each.records for each in page}
    for _ in range(ATTEMPTS):
        if not streams:
            return
        commits = [
            commit
            for stream, records in streams.items()
            if (commit := _commit(desk, source, open, actor, stream, records)) is not None
        ]
        outcomes = desk.log.append_all(commits)
        streams = {
            commit.stream: desk.log.stream(commit.stream)
            for commit, outcome in zip(commits, outcomes, strict=True)
            if isinstance(outcome, Verdict)
        }
    raise Conflict(
        f"other writers changed the tickets of {source} {ATTEMPTS} times in a row: withdraw it "
        "again when they rest; what is withdrawn stays so"
    )


def _commit(
    desk: Withdrawing,
    source: str,
    open: Withdrawal,
    actor: Actor,
    stream: str,
    records: list[Record],
) -> Commit | None:
    state = ticket.fold(
        ticket.initial(kind_and_id(stream)[1]),
        (e for r in records for e in desk.log.codec.decode(r.data, r.partition, r.offset)),
    )
    received = time.time_ns() // 1000
    seed = f"{source}\0withdrawal\0{open.id}\0{stream}"
    context = Context(
        settings=desk.settings,
        now=max(received, state.clock),
        actor=actor,
        stream=stream,
        channel="import",
        command_id=blake2b(seed.encode(), digest_size=16).hexdigest(),
    )
    command = Withdraw(source=source, withdrawal=open.id, reason=open.reason)
    events = ticket.decide(command, state, context)
    if not events:
        return None
    return commit_of(
        context,
        command.NAME,
        digest(command.NAME, command.model_dump(mode="json")),
        state.version + 1,
        events,
        recorded_at=received,
        source=source,
        reason=open.reason,
        settings=max(desk.settings.position, desk.log.head(stream).settings),
        writer=desk.writer,
    )


def listed(log: Log) -> Iterator[tuple[str, Imports]]:
    """Every source that something was imported from, with its imports."""
    prefix = f"{imports.KIND}/"
    for partition in range(log.partitions):
        for stream, records in log.streams(partition, after=prefix):
            if not stream.startswith(prefix):
                break
            state = imports.initial(imports.source_of(stream))
            for record in records:
                for event in log.codec.decode(record.data, record.partition, record.offset):
                    state = imports.evolve(state, event)
            if stream != imports.PERSONS:
                yield state.id, state

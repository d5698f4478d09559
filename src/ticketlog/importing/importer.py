"""Histories into the log: one row is one commit, in batches that are each one durable transaction.

Whatever happened before, importing a file makes the log hold each of its rows once: a row's
command id comes from its case, its content and its ordinal among equal rows.
"""

from __future__ import annotations

import gc
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ticketlog.domain import ticket
from ticketlog.domain.base import Actor, Context, Event, Meta, Recorded, Refused
from ticketlog.domain.settings import Settings
from ticketlog.domain.ticket.activity import ActivityRecorded
from ticketlog.domain.ticket.state import Ticket
from ticketlog.errors import Conflict, Unreadable, Usage
from ticketlog.importing.case import Case, command_id, stream_of
from ticketlog.importing.mapping import Mapping
from ticketlog.importing.reader import read_rows
from ticketlog.importing.report import ImportReport
from ticketlog.importing.rows import Problem, Row
from ticketlog.log.commit import Commit, Verdict, encode
from ticketlog.log.port import Log, Placed

BATCH = 2_000
HELD = 20_000
"""Cases kept in memory; one that comes back later is loaded again from the log."""
ATTEMPTS = 50
"""Conflicts in a row after which an import gives up; each means that another writer got through."""
_COLLECT = 200_000
"""Objects made between two collections of garbage."""


class Progress(NamedTuple):
    """How far an import is; bytes are those of the file as it lies on the disk."""

    rows: int
    commits: int
    bytes_done: int
    bytes_total: int
    seconds: float


class _Item(NamedTuple):
    """A row on its way into the log."""

    case: Case
    row: Row
    commit: Commit


def import_file(
    log: Log,
    settings: Settings,
    path: Path,
    mapping: Mapping,
    *,
    progress: Callable[[Progress], None] | None = None,
    batch: int = BATCH,
    writer: str | None = None,
) -> ImportReport:
    """Records a file's rows under the given settings, and says what it found.

    Raises Usage for a file or a mapping that can't be used, Conflict where the settings change
    meanwhile, Unreachable and Damaged; whatever is in the log by then stays, and the same import
    goes on from there.
    """
    _check_statuses(mapping, settings)
    rows = read_rows(path, mapping)
    report = ImportReport(file=str(path), source=mapping.source)
    run = _Run(log, settings, mapping.source, report, writer)
    started = time.monotonic()

    def told() -> None:
        report.seconds = time.monotonic() - started
        if progress:
            done = Progress(report.rows, report.commits, rows.done, rows.size, report.seconds)
            progress(done)

    with _few_collections():
        for found in rows:
            if isinstance(found, Problem):
                report.problem(found)
                continue
            run.take(found)
            if report.rows % batch == 0:
                run.flush()
                told()
        run.flush()
    told()
    return report


@contextmanager
def _few_collections() -> Iterator[None]:
    """A batch makes many objects and no cycles; looking for them would take a fifth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(_COLLECT, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def check_file(path: Path, mapping: Mapping) -> ImportReport:
    """Reads a file as an import would and records nothing: what is in the log can't be mended,
    so a mapping is tried first. Raises Usage."""
    report = ImportReport(file=str(path), source=mapping.source)
    started = time.monotonic()
    cases: set[str] = set()
    for found in read_rows(path, mapping):
        if isinstance(found, Problem):
            report.problem(found)
        else:
            report.rows += 1
            cases.add(found.command.case)
    report.tickets = len(cases)
    report.seconds = time.monotonic() - started
    return report


class _Run:
    """One import: the cases it holds, and the batch that is not written yet."""

    def __init__(
        self,
        log: Log,
        settings: Settings,
        source: str,
        report: ImportReport,
        writer: str | None,
    ) -> None:
        self._log = log
        self._settings = settings
        self._source = source
        self._report = report
        self._writer = writer
        self._held: dict[str, Case] = {}
        self._packed: dict[str, array[int]] = {}
        self._batch: list[_Item] = []

    def take(self, row: Row) -> None:
        report = self._report
        report.rows += 1
        case = self._case(row.command.case)
        ordinal = case.ordinal(row.key)
        if ordinal:
            report.equal.add(row.line, case=row.command.case)
        id = command_id(row.key, ordinal)
        if id in case.known:
            report.known += 1
            report.remapped += case.known[id] != row.digest
        else:
            self._decide(case, row, id)

    def flush(self) -> None:
        """Writes the batch durably. Raises Conflict, Unreachable, Damaged."""
        for _ in range(ATTEMPTS):
            items, self._batch = self._batch, []
            if not items:
                break
            self._again(self._append(items))
        else:
            raise Conflict(
                f"other writers changed the tickets of this import {ATTEMPTS} times in a row: "
                "start it again when they rest; what is in the log stays"
            )
        if len(self._held) > HELD:
            self._pack()

    def _append(self, items: list[_Item]) -> list[_Item]:
        """Writes a batch; gives what was refused and is to be decided again."""
        try:
            outcomes = self._log.append_all([item.commit for item in items])
        except Usage:
            fitting = self._fitting(items)
            if len(fitting) == len(items):
                raise
            return fitting
        refused = []
        for item, outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, Verdict):
                refused.append(item)
            else:
                self._placed(item, outcome)
        return refused

    def _fitting(self, items: list[_Item]) -> list[_Item]:
        """All but the items whose record would be too large, for which nothing was written."""
        fitting = []
        for item in items:
            try:
                encode(item.commit)
                fitting.append(item)
            except Usage as error:
                item.case.load(self._log)
                self._report.problem(Problem(item.row.line, "too-large", str(error), lost=True))
        return fitting

    def _case(self, name: str) -> Case:
        case = self._held.pop(name, None)
        if case is None:
            packed = self._packed.pop(name, None)
            case = Case(stream_of(self._source, name), self._log, packed)
            if packed is None:
                self._report.tickets += 1
        self._held[name] = case
        return case

    def _pack(self) -> None:
        """Lets go of the cases that were not met for longest."""
        for name in list(self._held)[: len(self._held) - HELD // 2]:
            self._packed[name] = self._held.pop(name).packed()

    def _decide(self, case: Case, row: Row, id: str) -> None:
        command = row.command
        now = time.time_ns() // 1000
        actor = Actor(command.actor or self._source, "import")
        context = Context(
            settings=self._settings,
            now=row.at,
            actor=actor,
            stream=case.stream,
            channel="import",
            command_id=id,
        )
        try:
            state = case.ticket
            events = ticket.decide(command, state, context)
        except (Refused, Unreadable) as error:
            kind = "refused" if isinstance(error, Refused) else "unreadable"
            self._report.problem(Problem(row.line, kind, str(error), lost=True))
            return
        commit = Commit(
            id=id,
            command=command.NAME,
            digest=row.digest,
            stream=case.stream,
            expects=state.version + 1,
            events=events,
            occurred_at=row.at,
            recorded_at=now,
            actor=actor,
            channel="import",
            source=self._source,
            settings=self._settings.position,
            writer=self._writer,
        )
        case.ticket = _evolved(state, commit, events)
        self._batch.append(_Item(case, row, commit))

    def _placed(self, item: _Item, placed: Placed) -> None:
        report, row = self._report, item.row
        report.commits += 1
        report.events += placed.events
        report.tickets_new += placed.version == 0
        recorded = item.commit.events[0]
        if isinstance(recorded, ActivityRecorded):
            if recorded.skew is not None:
                report.skewed.add(row.line, case=recorded.case, microseconds=recorded.skew)
            if recorded.broke:
                report.broken(recorded.broke, row.line, recorded.case)

    def _again(self, refused: list[_Item]) -> None:
        """Decides again where somebody else was first: the same row, or another command."""
        for case in {item.case.stream: item.case for item in refused}.values():
            self._check_settings(case.stream)
            case.load(self._log)
        for item in refused:
            if item.commit.id in item.case.known:
                self._report.known += 1
            else:
                self._decide(item.case, item.row, item.commit.id)

    def _check_settings(self, stream: str) -> None:
        if self._log.head(stream).settings > self._settings.position:
            raise Conflict(
                "the settings have changed since this import began: start it again; "
                "what is in the log stays, and the rest goes in under the new settings"
            )


def _evolved(state: Ticket, commit: Commit, events: list[Event]) -> Ticket:
    meta = Meta(
        commit.id,
        commit.occurred_at,
        commit.recorded_at,
        commit.actor,
        commit.channel,
        commit.source,
        settings=commit.settings,
    )
    history = [
        Recorded(commit.stream, commit.expects + index, event, meta, index)
        for index, event in enumerate(events)
    ]
    return ticket.fold(state, history)


def _check_statuses(mapping: Mapping, settings: Settings) -> None:
    """Every status that the mapping leads to is one of the settings'. Raises Usage."""
    known = {status.id for flow in settings.workflows.values() for status in flow.statuses}
    for place, status in mapping.statuses():
        if status not in known:
            raise Usage(
                f"{mapping.where(place)}: {status!r} is no status of "
                f"this desk's workflows; they have: {', '.join(sorted(known))}"
            )

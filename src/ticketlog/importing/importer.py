"""Histories into the log: one row is one commit, in batches that are each one durable transaction.

Whatever happened before, importing a file makes the log hold each of its rows once: a row's
command id comes from its case, its content and its ordinal among equal rows.

A file is looked through before anything of it is recorded (`survey`). What is tried goes the whole
way of an import, into a log that keeps nothing (`trial`).
"""

from __future__ import annotations

import gc
import time
from array import array
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ticketlog.documents.base import in_seconds
from ticketlog.domain import ticket
from ticketlog.domain.aggregates import AGGREGATES, informed
from ticketlog.domain.base import Actor, Context, Refused, bare
from ticketlog.domain.parties.contact import Address
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.imported import ActivityRecorded, RecordActivity
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.status_events import StatusEvent
from ticketlog.errors import Conflict, Unreadable, Usage
from ticketlog.importing.case import (
    CaseTicket,
    ImportedCase,
    find,
    first_of,
    holds_tickets,
)
from ticketlog.importing.files import Files
from ticketlog.importing.journal import Journal
from ticketlog.importing.mapping import Mapping
from ticketlog.importing.persons import AddressHolders, ImportedPersons, emailed
from ticketlog.importing.reader import FileRows, read_rows
from ticketlog.importing.report import ImportReport
from ticketlog.importing.row import ImportRow, RowProblem
from ticketlog.importing.survey import Survey
from ticketlog.importing.trial import Trial
from ticketlog.log.attachments import Attachments
from ticketlog.log.commit import Commit, Verdict, commit_of, recorded_of
from ticketlog.log.port import Log, Placed

BATCH = 2_000
HELD = 20_000
"""Cases kept in memory; one that comes back later is loaded again from the log."""
KEPT = 100_000
"""Rows kept in memory while a file is looked through; a longer one is read twice."""
ATTEMPTS = 50
"""Conflicts in a row after which an import gives up; each means that another writer got through."""
_COLLECT = 200_000
"""Objects made between two collections of young garbage."""
_NEVER = 1_000_000
"""Such collections after which old objects would be looked through."""


class ImportProgress(NamedTuple):
    """Progress of an import; bytes are those of the file as it lies on the disk."""

    rows: int
    commits: int
    bytes_done: int
    bytes_total: int
    seconds: float


@dataclass(frozen=True)
class ImportTarget:
    """The desk that an import is for, as far as it needs it.

    `journal` None: no batch is kept of it. `attachments` None: files are read and not kept.
    `secret`: what the ids of persons are made with; it is kept when a file names some.
    """

    log: Log
    settings: Settings
    writer: str | None = None
    journal: Journal | None = None
    attachments: Attachments | None = None
    secret: bytes = b""
    keep_secret: Callable[[bytes], bytes] | None = None
    """Keeps the secret where none is kept; gives the one that is."""
    holders: Callable[[Collection[Address]], AddressHolders] = lambda _: AddressHolders()
    """Whom the desk knows by these addresses; asked once for each import."""


class _Known(NamedTuple):
    """A row with the id of its commit and how many equal rows the file had before it."""

    row: ImportRow
    id: str
    ordinal: int


class _Item(NamedTuple):
    """A row on its way into the log."""

    case: ImportedCase
    row: ImportRow
    commit: Commit


def import_file(
    log: Log,
    settings: Settings,
    path: Path,
    mapping: Mapping,
    *,
    on_progress: Callable[[ImportProgress], None] | None = None,
    batch: int = BATCH,
    **desk: Any,
) -> ImportReport:
    """Records a file's rows under the given settings, and says what it found.

    `desk`: see `ImportTarget`.

    Raises Usage for a file or a mapping that can't be used, Refused for a file that looks wrong
    beside the desk, Conflict where the settings change meanwhile, Unreachable and Damaged;
    whatever is in the log by then stays, and the same import goes on from there.
    """
    into = ImportTarget(log, settings, **desk)
    return _Import(into, path, mapping, batch, on_progress).run()


def check_file(
    log: Log,
    settings: Settings,
    path: Path,
    mapping: Mapping,
    *,
    on_progress: Callable[[ImportProgress], None] | None = None,
    **desk: Any,
) -> ImportReport:
    """The report that importing the file would give, with why it would be refused (`refusals`);
    nothing is recorded. `desk`: see `ImportTarget`. Raises Usage."""
    into = ImportTarget(Trial(log), settings, **desk)
    return _Import(into, path, mapping, BATCH, on_progress, trial=True).run()


@contextmanager
def _few_collections() -> Iterator[None]:
    """An import makes many objects and no cycles: looking for them among rows that are kept would
    take a fifth of the time, and finds nothing."""
    before = gc.get_threshold()
    gc.set_threshold(_COLLECT, *before[1:-1], _NEVER)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _Import:
    """One import: the file is looked through, then its rows go in."""

    def __init__(
        self,
        desk: ImportTarget,
        path: Path,
        mapping: Mapping,
        batch: int,
        on_progress: Callable[[ImportProgress], None] | None,
        *,
        trial: bool = False,
    ) -> None:
        _check_statuses(mapping, desk.settings)
        self._desk = desk
        self._path = path
        self._mapping = mapping
        self._batch = batch
        self._on_progress = on_progress
        self._trial = trial
        self._report = ImportReport(file=str(path), source=mapping.source)
        self._started = time.monotonic()
        self._holders = AddressHolders()

    def run(self) -> ImportReport:
        report, run = self._report, self._begun()
        rows = read_rows(self._path, self._mapping, self._desk.secret)
        with _few_collections():
            kept = self._look(rows, run)
            if kept is None:
                run = self._begun()
                run.know(self._holders)
                rows = read_rows(self._path, self._mapping, self._desk.secret)
                found: Iterator[RowProblem | _Known] = run.known(rows)
            else:
                found = iter(kept)
            total = len(kept) if kept is not None else 0
            for number, each in enumerate(found, 1):
                if isinstance(each, RowProblem):
                    report.problem(each)
                    continue
                run.take(each)
                if report.rows % self._batch == 0:
                    run.flush()
                    self._tell(rows, number / total if total else None)
            run.flush()
        run.end()
        report.left_out = rows.left_out
        report.emptied(rows.swallowed)
        self._tell(rows, None)
        return report

    def _begun(self) -> _Run:
        self._report.tickets = 0
        return _Run(self._desk, self._mapping, self._report, self._path.parent, self._trial)

    def _look(self, rows: FileRows, run: _Run) -> list[RowProblem | _Known] | None:
        """Looks the file through; gives what it holds, or None where that is too much to keep.
        Raises Refused."""
        survey = Survey(self._mapping)
        kept: list[RowProblem | _Known] = []
        much = False
        for found in run.known(rows, survey):
            if len(kept) >= KEPT:
                much = True
                kept.clear()
            if not much:
                kept.append(found)
        self._report.refusals = survey.refusals()
        if self._report.refusals and not self._trial:
            raise Refused(
                f"nothing of {self._path} was imported: " + "; ".join(self._report.refusals),
                refusals=tuple(self._report.refusals),
            )
        if survey.persons and not self._trial:
            self._keep_secret()
        if survey.addresses:
            named = map(emailed, survey.addresses)
            self._holders = self._desk.holders([each for each in named if each])
            run.know(self._holders)
        return None if much else kept

    def _keep_secret(self) -> None:
        keep, secret = self._desk.keep_secret, self._desk.secret
        if keep is not None and keep(secret) != secret:
            raise Conflict(
                "another import has just made what the ids of persons are made with: start this "
                "one again; nothing of it is recorded"
            )

    def _tell(self, rows: FileRows, share: float | None) -> None:
        """`share`: of a file that is read already, how much of it is recorded."""
        report = self._report
        report.seconds = time.monotonic() - self._started
        if self._on_progress is not None:
            done = rows.done if share is None else int(rows.size * share)
            far = ImportProgress(report.rows, report.commits, done, rows.size, report.seconds)
            self._on_progress(far)


class _Run:
    """The cases that an import holds, and the batch that is not written yet."""

    def __init__(
        self, desk: ImportTarget, mapping: Mapping, report: ImportReport, folder: Path, trial: bool
    ) -> None:
        self._desk = desk
        self._log = desk.log
        self._settings = desk.settings
        self._source = mapping.source
        self._report = report
        self._trial = trial
        self.know(AddressHolders())
        self._files = Files(folder, desk.attachments)
        self._first = not holds_tickets(desk.log)
        """The desk had no ticket before: no case needs to be looked for."""
        self._held: dict[str, ImportedCase] = {}
        self._packed: dict[str, array[int]] = {}
        self._names: dict[str, str] = {}
        """Stream -> case, of the tickets that rows are linked to."""
        self._links: dict[str, tuple[int, str]] = {}
        """Stream of a ticket that another is linked to -> the first line, and the case."""
        self._batch: list[_Item] = []

    def know(self, holders: AddressHolders) -> None:
        """Takes note of whom the desk knows, before the first row is taken."""
        given = (self._settings, self._source, self._desk.writer, self._desk.secret)
        self._persons = ImportedPersons(self._log, *given, holders)

    def known(self, rows: FileRows, survey: Survey | None = None) -> Iterator[RowProblem | _Known]:
        """The rows of a file with their ids, after what is wrong with them."""
        for found in rows:
            if isinstance(found, RowProblem):
                if survey is not None:
                    survey.problem(found)
                yield found
                continue
            case = self._case(found.case)
            id, ordinal = case.identified(found, self._desk.secret)
            if survey is not None:
                survey.row(found, case.clock, new=id not in case.known)
            # What it was known by before isn't needed any more, and holds all its cells.
            yield bare(_Known, (bare(ImportRow, (*found[:-1], None)), id, ordinal))
            if len(self._held) > 2 * HELD and not self._batch:
                self._pack()

    def take(self, known: _Known) -> None:
        report = self._report
        row, id, ordinal = known
        report.rows += 1
        name = row.case
        case = self._held.get(name) or self._case(name)
        if ordinal:
            report.equal.add(row.line, case=name)
        if id in case.known:
            report.known += 1
            report.remapped += case.known[id] != row.digest
        else:
            if row.people:
                self._persons.meet(row, report.problem)
            self._decide(case, row, id)

    def flush(self) -> None:
        """Writes the batch durably. Raises Conflict, Unreachable, Damaged."""
        self._persons.flush()
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

    def end(self) -> None:
        """Looks at the links that lead nowhere, and closes the batch."""
        for stream, (line, case) in self._links.items():
            if case in self._held or case in self._packed or self._log.head(stream).version:
                continue
            why = f"it is linked to case {case!r}, which neither the file nor the desk has"
            self._report.problem(RowProblem(line, "missing-link", why))
        self._report.people = self._persons.registered
        if self._desk.journal is not None:
            self._desk.journal.end(self._report)

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
                self._log.codec.encode(item.commit)
                fitting.append(item)
            except Usage as error:
                item.case.load(self._log)
                self._report.problem(RowProblem(item.row.line, "too-large", str(error), lost=True))
        return fitting

    def _case(self, name: str) -> ImportedCase:
        case = self._held.pop(name, None)
        if case is None:
            packed = self._packed.pop(name, None)
            found = first_of(self._source, name) if self._first and packed is None else None
            found = found or find(self._log, self._source, name)
            case = ImportedCase(found, self._log.codec, packed)
            if packed is None:
                self._report.tickets += 1
        self._held[name] = case
        return case

    def _pack(self) -> None:
        """Lets go of the cases that were not met for longest; what is tried is in no log to take
        it from."""
        if self._trial:
            return
        for name in list(self._held)[: len(self._held) - HELD // 2]:
            self._packed[name] = self._held.pop(name).packed()

    def _decide(self, case: ImportedCase, row: ImportRow, id: str) -> None:
        command = self._persons.named(row) if row.people else row.command
        if command.links or command.attachments:
            command = self._completed(command, row.line)
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
            # What it is linked to may be of the same batch, at no version that the log has yet:
            # so the record names none.
            linked = command.linked
            known = informed(_TICKET, command, state, context, self._state) if linked else context
            events = ticket.decide(command, state, known)
        except (Refused, Unreadable) as error:
            kind = "refused" if isinstance(error, Refused) else "unreadable"
            self._report.problem(RowProblem(row.line, kind, str(error), lost=True))
            return
        journal = self._desk.journal
        commit = commit_of(
            context,
            command.NAME,
            row.digest,
            state.version + 1,
            events,
            recorded_at=now,
            source=self._source,
            correlation=journal.correlation() if journal is not None else None,
            writer=self._desk.writer,
        )
        case.ticket = ticket.fold(state, recorded_of(commit))
        self._batch.append(_Item(case, row, commit))

    def _completed(self, command: RecordActivity, line: int) -> RecordActivity:
        """The command with the streams that its links lead to, and the facts of its files."""
        linked = []
        for kind, case in command.links:
            stream = self._stream(case)
            self._links.setdefault(stream, (line, case))
            linked.append((kind, stream))
        files = []
        for path in command.attachments:
            try:
                files.append(self._files.kept(path))
            except Usage as error:
                self._report.problem(RowProblem(line, "missing-file", str(error)))
        given = {"linked": tuple(linked), "files": tuple(files)}
        return command.model_copy(update={name: each for name, each in given.items() if each})

    def _stream(self, case: str) -> str:
        """The ticket that a case is, whether or not the file has come to it."""
        held = self._held.get(case)
        stream = held.stream if held is not None else find(self._log, self._source, case).stream
        self._names[stream] = case
        return stream

    def _state(self, stream: str) -> Ticket:
        """The state of another ticket, with what isn't written yet."""
        case = self._held.get(self._names.get(stream, ""))
        if case is not None:
            return case.ticket
        return ImportedCase(CaseTicket(stream, 0, self._log.stream(stream)), self._log.codec).ticket

    def _placed(self, item: _Item, placed: Placed) -> None:
        report, row, events = self._report, item.row, item.commit.events
        report.commits += 1
        report.events += placed.events
        report.tickets_new += placed.version == 0
        recorded = events[0]
        if isinstance(recorded, ActivityRecorded):
            if recorded.skew is not None:
                skew = in_seconds(recorded.skew)
                report.skewed.add(row.line, case=recorded.case, skew_seconds=skew)
            if recorded.broke:
                report.broken(recorded.broke, row.line, recorded.case)
        for event in events[1:]:
            if isinstance(event, TicketCreated):
                report.reach(event.status)
            elif isinstance(event, StatusEvent):
                report.reach(event.new)

    def _again(self, refused: list[_Item]) -> None:
        """Decides again where another writer was first: with the same row, or another command."""
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


_TICKET = AGGREGATES[ticket.KIND]


def _check_statuses(mapping: Mapping, settings: Settings) -> None:
    """Every status that the mapping leads to is one of the settings'. Raises Usage."""
    known = {status.id for flow in settings.workflows.values() for status in flow.statuses}
    for place, status in mapping.statuses():
        if status not in known:
            raise Usage(
                f"{mapping.where(place)}: {status!r} is no status of "
                f"this desk's workflows; they have: {', '.join(sorted(known))}"
            )

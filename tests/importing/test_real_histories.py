"""Two published logs, imported with the mappings of the project: what their publishers say of them
is in our log. Each fact is computed from the events, and once more from the file alone."""

from __future__ import annotations

import csv
import gc
import gzip
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.importing.histories import histories
from ticketlog.domain.base import Recorded, instant
from ticketlog.domain.settings.activation import settings_of
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.imported import ActivityRecorded, RecordActivity
from ticketlog.importing import ImportReport, ImportRow, import_file, load_mapping, read_rows
from ticketlog.log.codec import RecordCodec
from ticketlog.log.embedded import EmbeddedLog
from ticketlog.settings_files import parser

pytestmark = pytest.mark.data

EXAMPLES = Path(__file__).parents[2] / "examples"
BPI_CSV = "bpi2013_incidents.csv.gz"
BPI_XES = "bpi_challenge_2013_incidents.xes.gz"
POLATO = "helpdesk_polato.csv.gz"
PAIRS = {
    ("Accepted", "In Progress"): 30_239,
    ("Queued", "Awaiting Assignment"): 11_544,
    ("Completed", "Resolved"): 6_115,
    ("Completed", "Closed"): 5_716,
    ("Accepted", "Wait - User"): 4_217,
    ("Accepted", "Assigned"): 3_221,
    ("Completed", "In Call"): 2_035,
    ("Accepted", "Wait"): 1_533,
    ("Accepted", "Wait - Implementation"): 493,
    ("Accepted", "Wait - Vendor"): 313,
    ("Accepted", "Wait - Customer"): 101,
    ("Unmatched", "Unmatched"): 5,
    ("Completed", "Cancelled"): 1,
}


class Imported(NamedTuple):
    log: EmbeddedLog
    report: ImportReport
    events: dict[str, list[Recorded]]

    def rows(self) -> Iterator[list[Recorded]]:
        """Those of each ticket."""
        return map(rows_of, self.events.values())

    def cases(self) -> dict[str, list[Recorded]]:
        return {said(events[0]).case: events for events in self.events.values()}


def rows_of(events: Iterable[Recorded]) -> list[Recorded]:
    """The events that say what the rows said."""
    return [each for each in events if isinstance(each.event, ActivityRecorded)]


def said(recorded: Recorded) -> ActivityRecorded:
    assert isinstance(recorded.event, ActivityRecorded)
    return recorded.event


def default_settings() -> Settings:
    """Those that a new desk has."""
    text = (resources.files("ticketlog") / "defaults.toml").read_bytes()
    desired = parser.parse(text)
    things = {
        f"{kind}/{id}": value for kind, values in desired.items() for id, value in values.items()
    }
    return settings_of(things, position=1)


def an_import(folder: Path, file: Path, mapping: str) -> Imported:
    log = EmbeddedLog.create(folder / "log.db", RecordCodec(), name="tickets", desk="desk")
    report = import_file(log, default_settings(), file, load_mapping(EXAMPLES / mapping))
    return Imported(log, report, histories(log))


@pytest.fixture(scope="module", autouse=True)
def _no_garbage() -> Iterator[None]:
    """A whole log lies in memory here; to look through it for garbage takes most of the time."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="module")
def bpi(tmp_path_factory: pytest.TempPathFactory, data_folder: Path) -> Imported:
    return an_import(tmp_path_factory.mktemp("bpi"), data_folder / BPI_CSV, "bpi2013-csv.toml")


@pytest.fixture(scope="module")
def polato(tmp_path_factory: pytest.TempPathFactory, data_folder: Path) -> Imported:
    return an_import(tmp_path_factory.mktemp("polato"), data_folder / POLATO, "polato.toml")


@cache
def cells(file: Path) -> tuple[tuple[str, ...], ...]:
    """The file's rows, read in the plainest way."""
    with gzip.open(file) as packed:
        text = io.TextIOWrapper(packed, encoding="utf-8-sig", newline="")
        return tuple(map(tuple, csv.reader(text)))


def by_case(rows: Iterable[tuple[str, ...]]) -> dict[str, list[tuple[str, ...]]]:
    cases = defaultdict(list)
    for row in rows:
        cases[row[0]].append(row)
    return dict(cases)


def returned(statuses: Iterable[tuple[str | None, str | None]], but: str | None = None) -> bool:
    """Whether it went from Completed back to something else."""
    return any(
        before[0] == "Completed" != after[0] and before[1] != but
        for before, after in pairwise(statuses)
    )


# BPI Challenge 2013


def test_bpi_all_rows_are_there_as_commits(bpi: Imported, data_folder: Path) -> None:
    rows = cells(data_folder / BPI_CSV)[1:]
    report = bpi.report

    assert (report.rows, report.commits, report.tickets_new) == (65_533, 65_533, 7_554)
    assert sum(bpi.log.ends()) == 65_533 + bpi.log.partitions
    assert {case: len(events) for case, events in by_case(rows).items()} == {
        case: sum(each.index == 0 for each in events) for case, events in bpi.cases().items()
    }
    assert (report.problems, report.equal.total, report.skewed.total) == ({}, 0, 0)


def test_bpi_rows_that_differ_in_time_alone(bpi: Imported, data_folder: Path) -> None:
    silent = set()
    for events in bpi.events.values():
        sizes = Counter(each.meta.commit for each in events)
        for before, after in pairwise(rows_of(events)):
            if sizes[after.meta.commit] == 1 and words(before) == words(after):
                silent.add(said(after).row)
    alone = {
        line
        for line, (before, after) in enumerate(pairwise(cells(data_folder / BPI_CSV)), start=2)
        if (before[0], before[2:]) == (after[0], after[2:])
    }
    assert silent == alone
    assert len(silent) == 7_889


def words(row: Recorded) -> tuple[str | None, ...]:
    event = said(row)
    return (event.activity, event.actor, event.status, event.substatus)


def test_bpi_pairs_of_status_and_substatus(bpi: Imported, data_folder: Path) -> None:
    pairs = Counter((said(row).status, said(row).substatus) for rows in bpi.rows() for row in rows)
    assert pairs == PAIRS
    assert pairs == Counter((row[2], row[3]) for row in cells(data_folder / BPI_CSV)[1:])


@pytest.mark.parametrize(("but", "number"), [(None, 514), ("In Call", 390)])
def test_bpi_tickets_that_went_back(
    bpi: Imported, data_folder: Path, but: str | None, number: int
) -> None:
    ours = {
        said(rows[0]).case
        for rows in bpi.rows()
        if returned([(said(row).status, said(row).substatus) for row in rows], but)
    }
    theirs = {
        case
        for case, rows in by_case(cells(data_folder / BPI_CSV)[1:]).items()
        if returned([(row[2], row[3]) for row in rows], but)
    }
    assert ours == theirs
    assert len(ours) == number


def test_bpi_each_row_has_its_place_time_and_words(bpi: Imported, data_folder: Path) -> None:
    header, *rows = cells(data_folder / BPI_CSV)
    column = {name: at for at, name in enumerate(header)}
    recorded = {said(row).row: row for rows in bpi.rows() for row in rows}

    for line, row in enumerate(rows, start=2):
        event, meta = said(recorded[line]), recorded[line].meta
        assert event.case == row[column["SR Number"]]
        assert meta.occurred_at == instant(row[column["Change Date+Time"]])
        assert meta.actor.id == event.actor == row[column["Resource"]]
        assert event.activity == row[column["Activity"]]
    assert len(recorded) == len(rows)


def test_bpi_as_xes_says_the_same_row_by_row(data_folder: Path) -> None:
    """Commands that are the same make the same histories."""
    as_csv = commands(data_folder / BPI_CSV, "bpi2013-csv.toml")
    as_xes = commands(data_folder / BPI_XES, "bpi2013-xes.toml")

    assert sum(map(len, as_xes.values())) == 65_533
    assert as_csv.keys() == as_xes.keys()
    garbled = 0
    for case, theirs in as_xes.items():
        ours = as_csv[case]
        assert [facts(*row, ungarbled) for row in ours] == [facts(*row, str) for row in theirs]
        garbled += sum(
            mine.actor != other.actor for (_, mine), (_, other) in zip(ours, theirs, strict=True)
        )
    assert garbled == 771


def commands(file: Path, mapping: str) -> dict[str, list[tuple[int, RecordActivity]]]:
    cases = defaultdict(list)
    for row in read_rows(file, load_mapping(EXAMPLES / mapping)):
        assert isinstance(row, ImportRow)
        cases[row.command.case].append((row.at, row.command))
    return dict(cases)


def facts(at: int, command: RecordActivity, spelling: Callable[[str], str]) -> dict[str, object]:
    """What both files say: not the row's number, nor what stands in the CSV file alone."""
    here = ("support-level", "support-team")
    fields = {name: value for name, value in command.fields.items() if name not in here}
    assert command.actor is not None
    changed = {
        "source": "",
        "row": 0,
        "actor": spelling(command.actor),
        "assignee": command.assignee and spelling(command.assignee),
        "fields": fields,
    }
    return {**command.__dict__, **changed, "at": at}


def ungarbled(name: str) -> str:
    """The CSV file's publisher has read Windows-1252 as Mac Roman."""
    return name if name.isascii() else name.encode("mac_roman").decode("cp1252")


# Polato's help desk


def test_polato_sequences_of_activities_are_the_files_variants(
    polato: Imported, data_folder: Path
) -> None:
    sequences: dict[tuple[str | None, ...], set[str]] = defaultdict(set)
    for rows in polato.rows():
        sequences[tuple(said(row).activity for row in rows)].add(said(rows[0]).case)

    header, *rows_in_file = cells(data_folder / POLATO)
    variant = header.index("Variant index")
    variants: dict[str, set[str]] = defaultdict(set)
    for row in rows_in_file:
        variants[row[variant]].add(row[0])

    assert len(variants) == 226
    assert sorted(map(sorted, sequences.values())) == sorted(map(sorted, variants.values()))


def test_polato_equal_rows_are_kept(polato: Imported, data_folder: Path) -> None:
    rows = cells(data_folder / POLATO)[1:]
    assert len(rows) - len(set(rows)) == 127
    assert polato.report.equal.total == 127
    assert (polato.report.rows, polato.report.commits) == (len(rows), len(rows))
    assert sum(len(rows_of(events)) for events in polato.events.values()) == 21_348


def test_polato_times_are_as_in_the_file(polato: Imported, data_folder: Path) -> None:
    rows = cells(data_folder / POLATO)[1:]
    meant = [instant(row[3].replace("/", "-").replace(" ", "T") + "Z") for row in rows]
    recorded = {said(row).row: row.meta.occurred_at for each in polato.rows() for row in each}
    assert [recorded[line] for line in range(2, len(rows) + 2)] == meant
    assert polato.report.skewed.total == 0
    assert polato.report.problems == {}


def test_an_import_that_was_done_adds_nothing(polato: Imported, data_folder: Path) -> None:
    ends = polato.log.ends()
    mapping = load_mapping(EXAMPLES / "polato.toml")
    report = import_file(polato.log, default_settings(), data_folder / POLATO, mapping)
    assert (report.commits, report.known, report.remapped) == (0, 21_348, 0)
    assert polato.log.ends() == ends

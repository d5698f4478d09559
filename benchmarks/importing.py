"""A real history end to end: read, translated, recorded, and visible in every view."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

import orjson
import pysqlite3.dbapi2 as sqlite

from benchmarks.desks import DATA
from benchmarks.measure import ROOT, Bench, Figure, at_least, in_turn, stopwatch
from ticketlog import init_desk

FILE = DATA / "bpi2013_incidents.csv.gz"
MAPPING = ROOT / "examples" / "bpi2013-csv.toml"


def run(bench: Bench) -> Iterator[Figure]:
    if not FILE.exists():
        bench.say(f"  SKIPPED: {FILE} is not there, so nothing real can be imported")
        return
    shares: list[float] = []
    file = _cut(bench) if bench.quick else FILE
    rounds = in_turn(
        bench,
        {
            "ticketlog": lambda: _ours(bench, file, shares),
            "a raw loop": lambda: _raw(bench, file),
        },
    )
    rate, raw = rounds.median("ticketlog"), rounds.median("a raw loop")
    ratio = rounds.ratio("ticketlog", "a raw loop")
    recorded = sorted(shares)[len(shares) // 2]
    yield at_least(
        "import of the BPI 2013 incidents, views included",
        rate,
        8_000,
        f"{rate:,.0f} rows/s, {recorded:.0%} of the time for recording, the rest for the views",
        f"csv, json and one SQLite table, nothing else: {raw:,.0f} rows/s ({ratio:.2f} x)",
        "rows/s",
    )


def _cut(bench: Bench) -> Path:
    """The first rows of the file."""
    cut = bench.folder / "cut.csv"
    with gzip.open(FILE, "rt", encoding="utf-8") as lines:
        cut.write_text("".join(islice(lines, 200)), encoding="utf-8")
    return cut


def _ours(bench: Bench, file: Path, shares: list[float]) -> float:
    """Rows per second from an empty desk to the last view."""
    with bench.scratch() as folder, init_desk(folder / "desk") as desk, stopwatch() as seconds:
        report = desk.import_file(file, MAPPING)
        recorded = seconds()
        desk.views.refresh()
        taken = seconds()
    shares.append(recorded / taken)
    return report.commits / taken


def _opened(file: Path) -> TextIO:
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8")
    return file.open(encoding="utf-8")


def _raw(bench: Bench, file: Path) -> float:
    """What Python and SQLite take at least, where nothing is decided and no view made."""
    with bench.scratch() as folder:
        database = sqlite.connect(folder / "raw.db", isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE record (offset INTEGER PRIMARY KEY, data BLOB NOT NULL)")
        with stopwatch() as seconds, _opened(file) as lines:
            rows = [(orjson.dumps(row),) for row in csv.DictReader(lines)]
            database.execute("BEGIN")
            database.executemany("INSERT INTO record (data) VALUES (?)", rows)
            database.execute("COMMIT")
            taken = seconds()
        database.close()
    return len(rows) / taken

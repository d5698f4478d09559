"""The main job on a log in Kafka: its views and reports are those of the embedded log."""

from __future__ import annotations

import gzip
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ticketlog.application.logs import WRITTEN
from ticketlog.application.reports import REPORTS
from ticketlog.cli import run
from ticketlog.desk import open_desk
from ticketlog.log.backup import Export
from ticketlog.projections import PROJECTIONS
from ticketlog.projections.engine import build_store, storage

pytestmark = pytest.mark.service

EXAMPLES = Path(__file__).parent.parent / "examples"
THEIR_OWN = {"offset", "from_offset", "to_offset", "recorded_at", "changed_at"}
"""Between streams the order of a bulk is the log's own, and each log records in its own time."""


def rows(folder: Path) -> dict[str, Any]:
    """All rows of all views, positions and times of recording aside."""
    found = {}
    engine = storage.open_views(f"sqlite:///{folder / 'views.db'}")
    with storage.reading(engine) as connection:
        for view in PROJECTIONS:
            build = build_store.live(connection, view)
            assert build is not None
            for spec in view.tables:
                table = build.tables[spec.name]
                columns = [table.c[name] for name in spec.columns if name not in THEIR_OWN]
                query = select(*columns).order_by(*(table.c[name] for name in spec.key))
                found[f"{view.name}.{spec.name}"] = connection.execute(query).fetchall()
    engine.dispose()
    return found


def reports(folder: Path) -> dict[str, Any]:
    with open_desk(folder) as desk:
        return {name: desk.report(name, zone="Europe/Berlin")["rows"] for name in REPORTS}


def compared(tmp_path: Path, kafka_url: str, *job: str) -> dict[str, Any]:
    """Does the job on both logs; the rows of the views."""
    embedded, in_kafka = tmp_path / "embedded", tmp_path / "in-kafka"
    assert run(["tour", *job, "--into", str(embedded)]) == 0
    assert run(["tour", *job, "--into", str(in_kafka), "--log", kafka_url]) == 0
    found, expected = rows(in_kafka), rows(embedded)
    for name in expected:
        assert found[name] == expected[name], name
    assert found.keys() == expected.keys()
    assert reports(in_kafka) == reports(embedded)
    assert run(["--desk", str(in_kafka), "replay", "verify"]) == 0
    return found


def test_a_simulated_help_desk(tmp_path: Path, kafka_url: str) -> None:
    found = compared(tmp_path, kafka_url, "--tickets", "400", "--seed", "5")
    assert len(found["tickets.current"]) == 400
    assert len(found["reports.facts"]) > 1000


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "mapping", "tickets"),
    [
        ("bpi2013_incidents.csv.gz", "bpi2013-csv.toml", 100),
        ("helpdesk_polato.csv.gz", "polato.toml", 300),
    ],
)
def test_real_histories(
    tmp_path: Path, kafka_url: str, data_folder: Path, file: str, mapping: str, tickets: int
) -> None:
    part = tmp_path / "part.csv"
    with gzip.open(data_folder / file) as whole:
        part.write_bytes(b"".join(islice(whole, 3_000)))
    found = compared(tmp_path, kafka_url, str(part), "--mapping", str(EXAMPLES / mapping))
    assert len(found["tickets.current"]) > tickets


def test_the_same_tour_again_adds_nothing(tmp_path: Path, kafka_url: str) -> None:
    """The second one joins the log that the first one made."""
    job = ["tour", "--tickets", "50", "--log", kafka_url, "--into"]
    assert run([*job, str(tmp_path / "first")]) == 0
    assert run([*job, str(tmp_path / "second")]) == 0
    assert rows(tmp_path / "second") == rows(tmp_path / "first")
    with open_desk(tmp_path / "first") as first, open_desk(tmp_path / "second") as second:
        ours = Export(second.log_export(), WRITTEN).records()
        theirs = Export(first.log_export(), WRITTEN).records()
        assert list(ours) == list(theirs)

"""What a spreadsheet would take for a formula is inert in CSV; JSON has it as it is."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.said import Run
from ticketlog.cli.output import csv_cell, csv_lines

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@pytest.mark.parametrize(
    "subject",
    ["=HYPERLINK(1)", "+49 30 1234", "-cmd|' /C calc'!A0", "@SUM(A1)", "\uff1dCMD()"],
)
def test_an_exported_subject_is_no_formula(done: Run, folder: Path, subject: str) -> None:
    done("ticket", "create", "--json", "--", subject)
    (row,) = csv.DictReader(io.StringIO(done("export").out))
    assert row["subject"] == f"'{subject}"
    assert json.loads(done("export", "--format", "jsonl").out)["subject"] == subject


def test_other_texts_and_numbers_stay(done: Run, folder: Path) -> None:
    done("ticket", "create", "VPN = down, a-b", "--json")
    (row,) = csv.DictReader(io.StringIO(done("export").out))
    assert row["subject"] == "VPN = down, a-b"
    assert row["reopens"] == "0"
    assert [csv_cell(each) for each in (-5, -0.5, "-5", "+1.5", None, True)] == [
        *(-5, -0.5, "-5", "+1.5", None, True)
    ]


@given(st.one_of(st.text(), st.builds("".join, st.tuples(st.sampled_from(DANGEROUS), st.text()))))
def test_no_text_begins_a_formula_and_none_is_lost(text: str) -> None:
    said = "".join(csv_lines([{"subject": text}]))
    (row,) = csv.DictReader(io.StringIO(said, newline=""))
    read = row["subject"]
    assert (
        not read.startswith(DANGEROUS)
        or read.lstrip("+-").replace(".", "").replace(",", "").isdecimal()
    )
    assert text in (read, read.removeprefix("'"))

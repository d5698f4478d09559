"""The figures in docs/BENCHMARKS.md: a block a group, between two marks, the rest is prose."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pysqlite3.dbapi2 as sqlite

from benchmarks.measure import ROOT, Figure

PAGE = ROOT / "docs" / "BENCHMARKS.md"


def write(figures: Mapping[str, Sequence[Figure]]) -> None:
    """Puts the figures of these groups into the page; the others stay as they are.

    Raises ValueError where the page has no marks for a group.
    """
    text = PAGE.read_text(encoding="utf-8")
    for group, lines in figures.items():
        if lines:
            text = replaced(text, group, block(lines))
    PAGE.write_text(text, encoding="utf-8")


def replaced(text: str, group: str, block: str) -> str:
    start, end = f"<!-- figures of {group} -->\n", f"<!-- end of {group} -->"
    pattern = re.compile(f"({re.escape(start)}).*?({re.escape(end)})", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{PAGE} has no place for {group}: {start.strip()} ... {end}")
    return pattern.sub(lambda marks: f"{marks[1]}\n{block}\n{marks[2]}", text)


def block(lines: Sequence[Figure]) -> str:
    head = "| what | reached | beside, in the same run | must | |\n|---|---|---|---|---|\n"
    rows = "".join(
        f"| {line.what} | {line.value} | {line.beside} | {line.target or '-'} | {_mark(line)} |\n"
        for line in lines
    )
    return f"{head}{rows}\n{machine()}\n"


def machine() -> str:
    """What the figures were taken on, and when."""
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores of {_model()}, "
        f"{platform.system()} {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}, SQLite {sqlite.sqlite_version}; "
        f"load of the machine at the end: {load:.1f}"
    )


def _model() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _mark(line: Figure) -> str:
    return {True: "met", False: "**missed**", None: ""}[line.met]

"""Faults in the calls that reach the disk, one at a time, by strace."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.crash.appender import APPENDS
from tests.crash.harness import check_file, check_log
from tests.crash.victims import Acked
from tests.log.commits import a_commit
from ticketlog.log.codec import RecordCodec
from ticketlog.log.embedded import EmbeddedLog
from ticketlog.log.port import Placed

ROOT = Path(__file__).parent.parent.parent
CALLS = "pwrite64,fsync,fdatasync,ftruncate,unlink"


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A folder with a log that isn't empty."""
    folder = tmp_path / "prepared"
    folder.mkdir()
    log = EmbeddedLog.create(folder / "log.db", RecordCodec(), name="t", desk="d", partitions=2)
    for stream in ("ticket/0", "ticket/1"):
        log.append(a_commit(stream, id="first"))
    log.close()
    return folder


def traced(folder: Path, *options: str) -> tuple[list[dict[str, Any]], int]:
    """Runs the appender under strace: what it said, and how it ended."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (Debian: apt install strace)")
    command = ["strace", "-f", "-e", f"trace={CALLS}", *options]
    done = subprocess.run(
        [*command, sys.executable, "-m", "tests.crash.appender", str(folder), "run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if "ptrace" in done.stderr and "not permitted" in done.stderr:
        pytest.skip("strace may not trace here")
    assert "Traceback" not in done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode


def count_calls(folder: Path, call: str, tmp_path: Path) -> int:
    copy = shutil.copytree(folder, tmp_path / "counted")
    said, code = traced(copy, "-o", str(tmp_path / "trace"))
    assert code == 0
    assert len(said) == APPENDS + 2
    return len(re.findall(rf"^\d+ +{call}\(", (tmp_path / "trace").read_text(), re.MULTILINE))


FAULTS = [
    ("fsync", "error=EIO", "+"),
    ("fsync", "error=EIO", ""),
    ("pwrite64", "error=EIO", ""),
    ("pwrite64", "error=ENOSPC", "+"),
    ("ftruncate", "error=EIO", "+"),
    ("unlink", "error=EIO", "+"),
    ("fsync", "signal=SIGKILL", ""),
    ("pwrite64", "signal=SIGKILL", ""),
]


@pytest.mark.service
@pytest.mark.parametrize("step", [6, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize(("call", "fault", "lasting"), FAULTS)
def test_nothing_is_acknowledged_that_isnt_on_disk(
    prepared: Path, tmp_path: Path, call: str, fault: str, lasting: str, step: int
) -> None:
    calls = count_calls(prepared, call, tmp_path)
    assert calls
    for number in range(1, calls + 1, step if calls > 10 else 1):
        folder = shutil.copytree(prepared, tmp_path / f"{number}")
        inject = f"inject={call}:{fault}:when={number}{lasting}"

        said, code = traced(folder, "-o", "/dev/null", "-e", inject)

        assert code == (-9 if "KILL" in fault else 0)
        check_refusals(said)
        check_what_is_left(folder, said)
        shutil.rmtree(folder)


@pytest.mark.service
def test_every_acknowledgement_comes_after_its_own_fsync(prepared: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    traced(prepared, "-o", str(trace), "-e", "trace=fsync,fdatasync,write")

    calls = re.findall(r"(fsync|fdatasync)\(|write\(1, .*?(run-\d)", trace.read_text())
    for number in range(APPENDS):
        said = calls.index(("", f"run-{number}"))
        assert calls[said - 1] in {("fsync", ""), ("fdatasync", "")}


def check_refusals(said: list[dict[str, Any]]) -> None:
    """Each failure is a clear one, and after a failed append none is accepted."""
    appends = [line for line in said if line["what"].startswith("run-")]
    failed = False
    for line in appends:
        failed = failed or "error" in line
        assert failed == ("error" in line)
    assert {line["error"] for line in said if "error" in line} <= {"Unreachable"}
    for line in said:
        assert "log.db" in line.get("text", "log.db")


def check_what_is_left(folder: Path, said: list[dict[str, Any]]) -> None:
    """What was acknowledged is there; what was not can be sent again, and is there once."""
    acked = {line["what"]: tuple(line["place"]) for line in said if line.get("place")}
    log = EmbeddedLog.open(folder / "log.db", RecordCodec())
    everything = []
    for number in range(APPENDS):
        stream, id = f"ticket/{number % 2}", f"run-{number}"
        placed = log.append(a_commit(stream, log.head(stream).version, id=id))
        if id in acked:
            assert placed[:3] == acked[id]
            assert placed.repeated
        everything.append(Acked(stream, id, placed))
    check_log(log, everything)
    log.close()
    check_file(folder / "log.db")
    assert all(isinstance(report.placed, Placed) for report in everything)

"""A program that outlives a full disk; it fails where the log doesn't.

    python -m tests.crash.full_disk FOLDER small-files|small-disk

`small-files` limits the size of files, `small-disk` fills the file system that FOLDER is on.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from os import statvfs
from pathlib import Path

import pytest

from tests.crash.harness import check_file, check_log
from tests.crash.victims import Acked
from tests.log.commits import a_commit
from ticketlog.errors import Unreachable
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Commit
from ticketlog.log.embedded import EmbeddedLog

ENOUGH = 10_000
"""Appends after which every disk here is full."""


def outlive(
    folder: Path, fill: Callable[[], None], make_room: Callable[[], None], settled: bool = True
) -> None:
    """`settled`: what the WAL holds fits into the file, so that it can be vouched for."""
    path = folder / "log.db"
    log = EmbeddedLog.create(path, RecordCodec(), name="t", desk="d", partitions=2)
    acked = [appended(log, a_commit("ticket/A", id="before"))]
    fill()
    refused = until_full(log, acked)

    with pytest.raises(Unreachable, match="open the desk again"):
        log.append(a_commit("ticket/B"))
    check_log(log, acked)
    log.close()
    reader = EmbeddedLog.open(path, RecordCodec())
    check_log(reader, acked)
    if not settled:
        with pytest.raises(Unreachable, match="make room"):
            reader.find("ticket/A", "before")
    reader.close()

    make_room()
    log = EmbeddedLog.open(path, RecordCodec())
    check_log(log, acked)
    acked.append(appended(log, refused))
    assert log.append(refused).repeated
    check_log(log, acked)
    log.close()
    check_file(path)


def until_full(log: EmbeddedLog, acked: list[Acked]) -> Commit:
    """Appends until the log refuses; the commit that it refused."""
    for number in range(1, ENOUGH):
        commit = a_commit("ticket/A", number, reason="x" * 5000)
        try:
            acked.append(appended(log, commit))
        except Unreachable as error:
            refusal = str(error)
            break
    assert "make room" in refusal
    assert str(log.path) in refusal
    return commit


def appended(log: EmbeddedLog, commit: Commit) -> Acked:
    return Acked(commit.stream, commit.id, log.append(commit))


def small_files(folder: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    outlive(
        folder,
        lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard)),
        lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard)),
    )


def small_disk(folder: Path) -> None:
    ballast = folder / "ballast"
    room = statvfs(folder)
    ballast.write_bytes(bytes(room.f_bavail * room.f_frsize // 2))
    outlive(folder, lambda: None, ballast.unlink, settled=False)


if __name__ == "__main__":
    {"small-files": small_files, "small-disk": small_disk}[sys.argv[2]](Path(sys.argv[1]))

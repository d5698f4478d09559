from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

import pytest

from tests.crash.harness import Victim, check_file, check_log, run_until_killed
from tests.crash.victims import STREAMS, Acked, append
from tests.log.commits import a_commit
from ticketlog.log.codec import RecordCodec
from ticketlog.log.embedded import EmbeddedLog


@pytest.mark.parametrize(
    ("cycles", "logs"), [(24, 1), pytest.param(40, 10, marks=pytest.mark.soak)]
)
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, cycles: int, logs: int) -> None:
    dice = random.Random(f"{cycles}")
    for number in range(logs):
        folder = tmp_path / str(number)
        folder.mkdir()
        EmbeddedLog.create(
            folder / "log.db", RecordCodec(), name="t", desk="d", partitions=3
        ).close()
        acked: list[Acked] = []
        for cycle in range(cycles):
            acked += run_until_killed(append, folder, f"run{cycle}", dice=dice)
            log = EmbeddedLog.open(folder / "log.db", RecordCodec())
            check_log(log, acked)
            for stream in STREAMS:
                log.append(a_commit(stream, log.head(stream).version))
            log.close()
            check_file(folder / "log.db")
        assert acked


@pytest.mark.parametrize("cycles", [3, pytest.param(50, marks=pytest.mark.soak)])
def test_a_writer_goes_on_when_another_is_killed(tmp_path: Path, cycles: int) -> None:
    EmbeddedLog.create(tmp_path / "log.db", RecordCodec(), name="t", desk="d", partitions=3).close()
    acked: list[Acked] = []
    for cycle in range(cycles):
        first, second = (Victim(append, tmp_path, f"{name}{cycle}") for name in "ab")
        first.listen(10)
        second.listen(10)
        first.kill()
        second.listen(30)
        second.kill()
        acked += first.reports + second.reports
    with closing(EmbeddedLog.open(tmp_path / "log.db", RecordCodec())) as log:
        check_log(log, acked)
    check_file(tmp_path / "log.db")

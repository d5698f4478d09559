"""One Kafka broker for all that a test run does, in whatever processes; topics are kept apart by
their prefixes. Tests that kill or change a broker take one of their own."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from kafka import KafkaProducer

from broker.cluster import BrokerError, Cluster
from broker.installed import Missing
from ticketlog.log.kafka.url import KafkaAddress

ROOT = Path(__file__).parent.parent
RUN = "TICKETLOG_TEST_KAFKA"
"""In the environment of a run and of all its processes: the folder of its broker."""


def begin() -> None:
    """Called once in a run, before it has workers. The broker starts when it is first needed."""
    os.environ[RUN] = tempfile.mkdtemp(prefix="ticketlog-kafka-")
    Path(os.environ[RUN], "run").write_text(str(os.getpid()))


def end() -> None:
    """Called once at the end. A run that is killed takes its broker along, and leaves a folder."""
    folder = Path(os.environ.pop(RUN))
    with suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def bootstrap() -> str:
    """Bootstrap servers of the run's broker, which the first one who asks starts."""
    folder = Path(os.environ[RUN])
    said = folder / "bootstrap"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            said.write_text(_start(folder))
        return said.read_text()


def _start(folder: Path) -> str:
    """Started by a process that ends at once: the broker belongs to no worker, but to the run."""
    command = [sys.executable, "-m", "tests.kafka", str(folder)]
    started = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if started.returncode != 0:
        pytest.fail(f"no Kafka broker: {started.stderr}", pytrace=False)
    return started.stdout.strip()


def fresh_url(bootstrap: str) -> str:
    """A log of its own on a broker."""
    return f"kafka://{bootstrap}/test-{uuid4().hex[:12]}"


def write(url: str, log: str, partition: int, *values: bytes) -> None:
    """Records that ticketlog's writers never write."""
    where = KafkaAddress.parse(url)
    with KafkaProducer(**where.client()) as producer:
        for value in values:
            producer.send(where.topic(log), value=value, partition=partition)
        producer.flush(timeout=10)


def main(folder: Path) -> None:
    cluster = Cluster(folder, until=int((folder / "run").read_text()))
    try:
        cluster.start()
    except (BrokerError, Missing) as error:
        sys.exit(str(error))
    (folder / "pid").write_text(str(cluster.pid(0)))
    print(cluster.bootstrap)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

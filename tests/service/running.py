"""`ticketlog run` as a process, asked over HTTP."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

TICKETLOG = str(Path(sys.executable).with_name("ticketlog"))
LONG = 60.0
"""Seconds after which something that must happen doesn't."""
_GLANCE = 0.02


class Answer(NamedTuple):
    code: int
    kind: str
    body: str

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class Running:
    """A process; its health listens at a port that the system chose."""

    def __init__(self, folder: Path, *arguments: str, limit: int | None = None) -> None:
        """`limit`: KiB that a file which it writes may have."""
        command = [TICKETLOG, "--desk", str(folder), "run", *(arguments or ("--health", "0"))]
        if limit is not None:
            command = ["bash", "-c", f'ulimit -f {limit} && exec "$@"', "-", *command]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.first = self.process.stdout.readline()
        self.url = self.first.strip().rpartition(" ")[2]

    def get(self, path: str) -> Answer:
        try:
            with urlopen(self.url + path, timeout=LONG) as answer:
                return Answer(answer.status, answer.headers["Content-Type"], answer.read().decode())
        except HTTPError as error:
            with error:
                return Answer(error.code, error.headers["Content-Type"], error.read().decode())

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Each sample by its name and labels, as a program reads them."""
        families = text_string_to_metric_families(self.get("/metrics").body)
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def until(self, holds: Callable[[Any], bool]) -> Any:
        """The first answer of /ready that it is ready."""
        return self.sees(lambda: self.get("/ready").document, holds)

    def ready(self) -> Any:
        return self.until(lambda said: bool(said["ready"]))

    def sees(self, look: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
        """Looks until it holds, as long as the process lives."""
        found = None
        for _ in range(int(LONG / _GLANCE)):
            if holds(found := look()):
                return found
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_GLANCE)
                raise AssertionError(f"it has ended: {self.process.communicate()}")
        raise AssertionError(found)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> tuple[int, str, str]:
        """Waits for its end: its exit code and what it said."""
        out, err = self.process.communicate(timeout=LONG)
        return self.process.returncode, out, err

    def stop(self) -> tuple[int, str, str]:
        self.signal(signal.SIGTERM)
        return self.ended()


@contextmanager
def running(folder: Path, *arguments: str, limit: int | None = None) -> Iterator[Running]:
    """Whatever becomes of the test, nothing of it is left."""
    started = Running(folder, *arguments, limit=limit)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.communicate()

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ticketlog.application import supervisor
from ticketlog.application.supervisor import Supervisor, Worker
from ticketlog.errors import Damaged, Unreachable


class Job:
    """Fails as often as it has failures; then it passes and waits for the end."""

    def __init__(self, *failures: Exception, passes: bool = False) -> None:
        self.failures = list(failures)
        self.passes = passes
        self.at = 0.0
        self.works = threading.Event()

    def run(self, stop: threading.Event) -> None:
        if self.passes:
            self.at += 1
        if self.failures:
            raise self.failures.pop(0)
        self.at += 1
        self.works.set()
        stop.wait()

    def worker(self, name: str = "job") -> Worker:
        return Worker(name, self.run, lambda: self.at)


class Told:
    """What a supervisor reports."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, float]] = []
        self.heard = threading.Event()

    def __call__(self, worker: Worker, error: Exception, pause: float) -> None:
        self.lines.append((worker.name, str(error), pause))
        self.heard.set()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE_S", 0.004)


@pytest.fixture
def started(told: Told) -> Iterator[Any]:
    open: list[Supervisor] = []

    def start(*jobs: Job) -> Supervisor:
        workers = [job.worker(f"job{number}") for number, job in enumerate(jobs)]
        open.append(Supervisor(workers, told))
        open[-1].start()
        return open[-1]

    yield start
    for each in open:
        each.stop()


def test_a_worker_that_fails_is_begun_again_after_a_pause_that_grows(
    started: Any, told: Told
) -> None:
    job = Job(*(Unreachable(f"{n}") for n in range(5)))
    found = started(job)
    assert job.works.wait(30)
    pauses = [0.001, 0.002, 0.004, 0.004, 0.004]
    assert told.lines == [("job0", str(n), pause) for n, pause in enumerate(pauses)]
    assert found.workers[0].failures == 5
    assert found.workers[0].error is None
    assert found.alive


def test_a_worker_that_has_passed_meanwhile_is_begun_again_soon(started: Any, told: Told) -> None:
    job = Job(*(Unreachable(f"{n}") for n in range(4)), passes=True)
    started(job)
    assert job.works.wait(30)
    assert {pause for *_, pause in told.lines} == {0.001}


def test_its_error_is_visible_until_it_has_done_its_work(
    started: Any, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 1_000.0)
    broken, well = Job(Damaged("not what was written")), Job()
    found = started(broken, well)
    assert told.heard.wait(30)
    assert well.works.wait(30)
    assert isinstance(found.workers[0].error, Damaged)
    assert found.workers[1].error is None
    assert found.alive
    found.stop()  # it doesn't wait for the pause
    assert not found.alive
    broken.at += 1
    assert found.workers[0].error is None


def test_what_nobody_thought_of_ends_no_worker(started: Any, told: Told) -> None:
    job = Job(ZeroDivisionError("nobody thought of it"))
    started(job)
    assert job.works.wait(30)
    assert told.lines[0][1] == "nobody thought of it"


def test_a_worker_that_gives_up_by_itself_is_begun_again(started: Any, told: Told) -> None:
    works = threading.Event()
    attempts: list[int] = []

    def run(stop: threading.Event) -> None:
        attempts.append(1)
        if len(attempts) > 2:
            works.set()
            stop.wait()

    found = Supervisor([Worker("job", run, lambda: 0.0)], told)
    found.start()
    assert works.wait(30)
    found.stop()
    assert told.lines == []

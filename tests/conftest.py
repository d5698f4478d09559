"""Fixtures of every test: the real histories, fresh desks, hypothesis profiles.

Nothing is skipped silently: the last lines of a run name whatever was not run, and why. With CI
in the environment, a test that needs a program or a service fails where it is missing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from broker.cluster import Cluster
from tests import helpdesk
from tests.kafka import begin, bootstrap, end, fresh_url
from tests.said import Run, Said
from ticketlog.cli import run
from ticketlog.desk import Desk, open_desk

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("TICKETLOG_DATA") or ROOT.parent / "shared" / "data")

settings.register_profile(
    "fast", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", settings.get_profile("fast"), derandomize=True, print_blob=True)
settings.register_profile("soak", settings.get_profile("fast"), max_examples=1000)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("ticketlog")
    group.addoption("--run-service", action="store_true", help="tests marked `service` too")
    group.addoption("--run-soak", action="store_true", help="tests marked `soak` too, for minutes")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--run-soak"):
        settings.load_profile("soak")
    else:
        settings.load_profile("ci" if os.environ.get("CI") else "fast")
    if _is_first(config):
        begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    if _is_first(config):
        end()


def _is_first(config: pytest.Config) -> bool:
    """The process that the whole run begins and ends with; others are its workers."""
    return not hasattr(config, "workerinput")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for mark, option in (("service", "--run-service"), ("soak", "--run-soak")):
            if item.get_closest_marker(mark) and not config.getoption(option):
                item.add_marker(pytest.mark.skip(reason=f"{mark}: runs with {option}"))
        if item.get_closest_marker("data") and not DATA.is_dir():
            item.add_marker(pytest.mark.skip(reason=f"data: there is no {DATA}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _owed(item):
        report.outcome = "failed"
        report.longrepr = f"skipped, but CI must run it: {report.longrepr[2]}"
    return report


def _owed(item: pytest.Item) -> bool:
    """A run with CI owes every `service` test that was asked for, and the real histories where
    TICKETLOG_DATA names them."""
    if not os.environ.get("CI"):
        return False
    if item.get_closest_marker("soak") and not item.config.getoption("--run-soak"):
        return False
    if item.get_closest_marker("data"):
        return bool(os.environ.get("TICKETLOG_DATA"))
    return bool(item.config.getoption("--run-service"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("NOT RUN", yellow=True)
        for reason, count in Counter(report.longrepr[2] for report in skipped).most_common():
            terminalreporter.line(f"{count:5} x {reason.removeprefix('Skipped: ')}", yellow=True)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The real histories; mark the test `data`."""
    return DATA


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk to copy."""
    folder = tmp_path_factory.mktemp("template") / "desk"
    helpdesk.make(folder)
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    """The folder of a desk."""
    return helpdesk.copy(template, tmp_path / "desk")


@pytest.fixture
def desk(folder: Path) -> Iterator[Desk]:
    with open_desk(folder) as desk:
        yield desk


@pytest.fixture(scope="session")
def kafka() -> str:
    """Bootstrap servers of a broker that the whole run shares; mark the test `service`."""
    return bootstrap()


@pytest.fixture
def kafka_url(kafka: str) -> str:
    """A log with no topics yet on the shared broker; mark the test `service`."""
    return fresh_url(kafka)


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Cluster]:
    """A broker to kill; mark the test `service`."""
    with Cluster(tmp_path / "kafka") as cluster:
        yield cluster


@pytest.fixture
def cluster3(tmp_path: Path) -> Iterator[Cluster]:
    """Three brokers to kill; mark the test `service`."""
    with Cluster(tmp_path / "kafka", 3) as cluster:
        yield cluster


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line, whatever comes of it."""

    def ask(*arguments: str) -> Said:
        capsys.readouterr()
        code = run(list(arguments))
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return ask

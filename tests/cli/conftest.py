from __future__ import annotations

from pathlib import Path

import pytest

from tests.said import Run, Said
from ticketlog import config
from ticketlog.cli.options import ACTOR_VARIABLE


@pytest.fixture
def folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desk that commands find by themselves; agent ann acts."""
    monkeypatch.setenv(config.VARIABLE, str(folder))
    monkeypatch.setenv(ACTOR_VARIABLE, "agent:ann")
    return folder


@pytest.fixture
def done(ask: Run, folder: Path) -> Run:
    """Runs a command line that must succeed."""

    def done(*arguments: str) -> Said:
        said = ask(*arguments)
        assert (said.code, said.err) == (0, ""), said
        return said

    return done


@pytest.fixture
def ticket(done: Run) -> str:
    made = done("ticket", "create", "VPN drops", "--team", "network", "--json").document
    return str(made["stream"]).removeprefix("ticket/")

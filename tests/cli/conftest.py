from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ticketlog import config
from ticketlog.cli import run
from ticketlog.cli.options import ACTOR_VARIABLE


class Said(NamedTuple):
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture
def folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desk that commands find by themselves; agent ann acts."""
    monkeypatch.setenv(config.VARIABLE, str(folder))
    monkeypatch.setenv(ACTOR_VARIABLE, "agent:ann")
    return folder


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line, whatever comes of it."""

    def ask(*arguments: str) -> Said:
        capsys.readouterr()
        code = run(list(arguments))
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return ask


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

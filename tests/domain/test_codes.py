"""A snapshot is read by the code that wrote it alone: what makes a state changes with its CODE."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ticketlog
from tests.domain import codes
from ticketlog.domain.aggregates import ACCOUNT_AGGREGATES, AGGREGATES

HERE = Path(__file__).parents[2]


KINDS = {**AGGREGATES, **ACCOUNT_AGGREGATES}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_makes_a_state_changes_with_its_code(kind: str) -> None:
    was, now = codes.stored()[kind], codes.codes()[kind]
    state = type(KINDS[kind].initial("")).__name__
    changed = was["digest"] != now["digest"]
    assert not (changed and was["code"] == now["code"]), (
        f"What makes the state of a {kind} has changed, and snapshots of before would be read as "
        f"if it hadn't: raise {state}.CODE (it is {now['code']}), then run "
        "`python -m tests.domain.codes`. Where the states stay the same, run it alone."
    )
    assert was == now, f"{state}.CODE was raised: run `python -m tests.domain.codes`"


MUTATIONS = {
    "an event's evolve": (
        "ticket/status_events.py",
        '"closed_at": recorded.meta.occurred_at',
        '"closed_at": recorded.meta.recorded_at',
        {"ticket"},
    ),
    "a helper of clocks": ("sla/clock.py", "clock.used + at", "clock.used - at", {"ticket"}),
    "a rule behind a table": ("sla/clock_rules.py", "+ 1 if before", "+ 2 if before", {"ticket"}),
    "a constant": ("ticket/state.py", "_PAGE = 32", "_PAGE = 33", {"ticket"}),
    "a set of names": ("ticket/evolution.py", '"due", "fields"', '"fields"', {"ticket"}),
    "a new field": (
        "ticket/state.py",
        '    last_commit: str = ""',
        '    last_commit: str = ""\n    colour: str = ""',
        {"ticket"},
    ),
    "what parties share": (
        "parties/party.py",
        "max(party.clock, recorded.meta.occurred_at)",
        "min(party.clock, recorded.meta.occurred_at)",
        {
            *("person", "organisation", "agent", "policy", "import", "webhook", "hook-message"),
            *ACCOUNT_AGGREGATES,
        },
    ),
    "a comment": ("sla/clock.py", "def settled(", "# Nothing.\ndef settled(", set[str]()),
    "a docstring": (
        "sla/clock.py",
        "The clock with the time up to an instant counted as used.",
        "x",
        set[str](),
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_changes_are_noticed(name: str, tmp_path: Path) -> None:
    file, old, new, kinds = MUTATIONS[name]
    source = Path(ticketlog.__file__).parent
    shutil.copytree(source, tmp_path / "ticketlog", ignore=shutil.ignore_patterns("__pycache__"))
    changed = tmp_path / "ticketlog" / "domain" / file
    text = changed.read_text()
    assert old in text
    changed.write_text(text.replace(old, new))
    ask = (
        "import json, ticketlog; from tests.domain import codes; "
        "print(json.dumps([ticketlog.__file__, codes.codes()]))"
    )
    told = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=HERE,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{HERE}"},
        capture_output=True,
        text=True,
        check=True,
    )
    where, found = json.loads(told.stdout)
    assert where.startswith(str(tmp_path))
    was = codes.codes()
    assert {kind for kind in was if was[kind]["digest"] != found[kind]["digest"]} == kinds

"""`ticketlog audit access`: who was refused, who read or took out what is restricted."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.helpdesk import ANN, BOB, SUE
from tests.said import Run
from ticketlog.desk import open_desk

TICKET = "4F7K2M9QABCD"
AUDITOR = '[agents.aud]\nroles = ["auditor"]\n[agents.sue]\nroles = ["admin"]\n[agents.ann]\n'


@pytest.fixture(autouse=True)
def accesses(folder: Path) -> None:
    with open_desk(folder) as desk:
        desk.settings_apply(AUDITOR, actor=SUE, strand=True)
        log = desk.access_log
        log.read(ANN, "query:queue", on=[f"ticket/{TICKET}", "ticket/A", "ticket/B", "ticket/C"])
        log.refused(BOB, "ticket.reply", "bob is no member", on=[f"ticket/{TICKET}"], times=7)
        log.exported(ANN, "export", cut="1/2", asked={"team": "hr"})


def test_a_ticket_shows_who_saw_it_and_who_was_refused(done: Run) -> None:
    refused, read = done("audit", "access", TICKET.lower()).out.splitlines()[-2:]
    assert "bob" in refused
    assert "ticket.reply" in refused
    assert "7 times: bob is no member" in refused
    assert "query:queue" in read
    assert f"{TICKET}, A, B and 1 more" in read


def test_an_actor_shows_what_they_did(done: Run) -> None:
    found = done("audit", "access", "agent:ann", "--json").document
    types = [each["type"] for each in found["entries"]]
    assert types == ["access.exported.v1", "access.read.v1"]
    assert found["entries"][0]["data"]["asked"] == '{"team":"hr"}'
    assert found["next"] is None


def test_pages_kinds_and_times(done: Run, ask: Run) -> None:
    first = done("audit", "access", "--kind", "refused", "--kind", "read", "--limit", "1", "--json")
    assert len(first.document["entries"]) == 1
    page = done("audit", "access", "--after", first.document["next"], "--json").document
    assert page["entries"][0]["type"] != ""
    nothing = done("audit", "access", TICKET, "--until", "2020-01-01T00:00:00Z", "--json").document
    assert nothing["entries"] == []
    assert ask("audit", "access", "--since", "yesterday").code == 2
    assert ask("audit", "access", "jira:1").code == 1


def test_auditors_look_and_others_are_refused(done: Run, ask: Run) -> None:
    done("audit", "access", TICKET, "--as", "agent:aud")
    said = ask("audit", "access", TICKET, "--as", "agent:sue")
    assert said.code == 1
    assert "auditors may" in said.err
    latest = done("audit", "access", "agent:sue").out
    assert "refused" in latest
    assert "audit.access" in latest


def test_the_whole_log_can_be_followed(done: Run, ask: Run) -> None:
    lines = done("log", "tail", "--access", "--json").out.splitlines()
    told = [orjson.loads(line) for line in lines]
    kinds = [each["type"].split(".")[1] for each in told]
    assert kinds == ["read", "refused", "exported", "read"]
    assert told[-1]["data"]["what"] == "audit.access"
    assert told[-1]["actor"]["role"] == "operator"
    since = str(told[-1]["offset"])
    again = done("log", "tail", "--access", "--json", "--from", since).out.splitlines()
    assert orjson.loads(again[0]) == told[-1]
    assert "bob is no member" in done("log", "tail", "--access").out
    said = ask("log", "tail", "--access", "--from", "1,2/3")
    assert said.code == 2
    assert "is no place in the log of access" in said.err


def test_stat_and_status_count_it(done: Run) -> None:
    [part] = done("log", "stat", "--json").document["access"]["partitions"]
    assert (part["end"], part["events"]) == (4, 3)
    assert done("status", "--json").document["access"] == {"end": 4, "reachable": True}
    assert "3 recorded" in done("status").out

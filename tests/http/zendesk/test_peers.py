"""Programs that were written for Zendesk read a desk, unchanged, and get all of it.

They are under the GPL and the AGPL, so that they are no dependency of anything here: a test
installs them in an environment of their own, and talks to them as a process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.http.zendesk.tls import SecureServer, served_securely
from ticketlog import queries
from ticketlog.desk import Desk, init_desk
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.conversation import CommentEvent, Described
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.projections.views.shared.stream_numbers import number_of

pytestmark = pytest.mark.service

HERE = Path(__file__).parent
PEERS = Path(sys.prefix) / "peers"
"""Where the environments are kept between runs."""
TICKETS = 120
"""The tap waits a minute after each 450."""
ADMIN = Actor("privacy-officer", "agent")


def peer(name: str) -> Path:
    """The programs of an environment with what its list names. Skips, loudly, where no package can
    be had."""
    wanted = (HERE / "peers" / f"{name}.txt").read_text()
    digest = sha256(f"{sys.version}\n{wanted}".encode()).hexdigest()[:12]
    folder = PEERS / f"{name}-{digest}"
    programs, ready = folder / "bin", folder / "ready"
    if ready.exists():
        return programs
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", folder], capture_output=True)
    if made.returncode:
        pytest.skip(f"{name} was not tried; on Debian: sudo apt install python3-venv")
    install = [
        programs / "pip",
        "install",
        "--quiet",
        "--no-deps",
        "-r",
        HERE / "peers" / f"{name}.txt",
    ]
    installed = subprocess.run(install, capture_output=True, text=True)
    if installed.returncode:
        pytest.skip(f"{name} can't be installed, so nobody tried it: {installed.stderr[-200:]}")
    ready.touch()
    return programs


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with init_desk(tmp_path_factory.mktemp("peers") / "desk", simulation=True) as desk:
        desk.simulate(tickets=TICKETS, seed=5)
        yield desk


@pytest.fixture(scope="module")
def server(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureServer]:
    with served_securely(desk, ADMIN, tmp_path_factory.mktemp("tls")) as server:
        yield server


def run(server: SecureServer, *command: object) -> subprocess.CompletedProcess[str]:
    trust = {"REQUESTS_CA_BUNDLE": str(server.trust), "SSL_CERT_FILE": str(server.trust)}
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env={**os.environ, **trust}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def ids(desk: Desk, query: Any) -> set[str]:
    return {row["id"] for row in desk.query(query)["changes"]}


def numbers(desk: Desk, kind: Any) -> set[int]:
    return {number_of(kind, id) for id in ids(desk, queries.Changes(kind=kind, limit=10_000))}


def said(desk: Desk) -> dict[int, list[tuple[str, bool]]]:
    """What was said on each ticket, by its number: texts, and whether the requester sees them."""
    found: dict[int, list[tuple[str, bool]]] = {}
    for id in ids(desk, queries.Changes(limit=10_000)):
        texts = found.setdefault(number_of("ticket", id), [])
        for each in desk.history(f"ticket/{id}"):
            event = each.event
            if isinstance(event, CommentEvent):
                texts.append((event.body, event.direction != "internal"))
            elif isinstance(event, TicketCreated | Described) and event.description:
                texts.append((event.description, event.description_public))
    return found


def users(desk: Desk) -> dict[int, str | None]:
    """The names of all agents and persons, by number."""
    names: dict[int, str | None] = {
        number_of("agent", id): each.name or id for id, each in desk.settings.agents.items()
    }
    for id in ids(desk, queries.Changes(kind="person", limit=10_000)):
        names[number_of("person", id)] = desk.load(f"person/{id}").name or id
    return names


def organisations(desk: Desk) -> dict[int, str]:
    found = ids(desk, queries.Changes(kind="organisation", limit=10_000))
    return {number_of("organisation", id): desk.load(f"organisation/{id}").name for id in found}


def of_desk(desk: Desk, number: int) -> dict[str, Any]:
    """A few fields of a ticket as the desk has them, in Zendesk's words."""
    for id in ids(desk, queries.Changes(limit=10_000)):
        if number_of("ticket", id) == number:
            state = desk.load(f"ticket/{id}")
            status = {"on-hold": "hold"}.get(state.status_category, state.status_category)
            group = state.team and number_of("team", state.team)
            assignee = state.assignee and number_of("agent", state.assignee)
            return {
                "subject": state.subject,
                "status": status,
                "tags": list(state.tags),
                "requester_id": state.requester and number_of("person", state.requester),
                "assignee_id": assignee,
                "group_id": group,
            }
    raise AssertionError(f"the desk has no ticket {number}")


def told(rows: list[dict[str, Any]]) -> list[int]:
    return sorted(row["id"] for row in rows)


def check_tickets(desk: Desk, rows: list[dict[str, Any]]) -> None:
    assert told(rows) == sorted(numbers(desk, "ticket"))
    for row in rows:
        expected = of_desk(desk, row["id"])
        assert {name: row[name] for name in expected} == expected


def test_zenpy_reads_all_of_a_desk(desk: Desk, server: SecureServer) -> None:
    python = peer("zenpy") / "python"
    subdomain = f"{server.place}/demo"
    script = HERE / "peers" / "read_by_zenpy.py"
    read = json.loads(
        run(server, python, script, subdomain, "ada@example.com", server.token).stdout
    )

    check_tickets(desk, read["exported"])
    for way in ("exported_by_time", "tickets", "tickets_by_cursor"):
        assert told(read[way]) == told(read["exported"]), way
    assert read["slice"] == read["tickets"][5:9]
    assert read["several"][0]["id"] == read["single"]["id"]
    expected = said(desk)
    comments = {
        int(number): [(each["body"], each["public"]) for each in rows]
        for number, rows in read["comments"].items()
    }
    assert comments == expected
    for number, audits in read["audits"].items():
        texts = [e["body"] for a in audits for e in a["events"] if e["type"] == "Comment"]
        assert texts == [body for body, _ in expected[int(number)]]
    for way in ("users", "users_exported"):
        assert {row["id"]: row["name"] for row in read[way]} == users(desk), way
    for way in ("organisations", "organisations_exported"):
        assert {row["id"]: row["name"] for row in read[way]} == organisations(desk), way
    assert {row["name"] for row in read["groups"]} == {t.name for t in desk.settings.teams.values()}
    assert read["me"]["id"] == number_of("agent", ADMIN.id)
    assert len(read["policies"]) == len(desk.settings.sla_policies)
    assert {row["id"] for row in read["found"]} == {
        row["id"] for row in read["tickets"] if row["status"] not in ("solved", "closed")
    }
    assert [row["name"] for row in read["found_users"]] == [
        each.name or id for id, each in desk.settings.agents.items() if "admin" in each.roles
    ]
    assert "RecordNotFound" in read["missing"]
    assert {row["ticket_id"] for row in read["events"]} == numbers(desk, "ticket")
    assert read["metric_events"]


def singer_records(output: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for line in output.splitlines():
        message = json.loads(line)
        if message["type"] == "RECORD":
            found.setdefault(message["stream"], []).append(message["record"])
    return found


def test_tap_zendesk_reads_all_of_a_desk(desk: Desk, server: SecureServer, tmp_path: Path) -> None:
    tap = peer("tap-zendesk") / "tap-zendesk"
    config = tmp_path / "config.json"
    subdomain = f"{server.place}/demo"
    given = {
        "start_date": "2001-01-01T00:00:00Z",
        "subdomain": subdomain,
        "access_token": server.token,
    }
    config.write_text(json.dumps(given))
    catalog = json.loads(run(server, tap, "--config", config, "--discover").stdout)
    assert len(catalog["streams"]) == 16
    for stream in catalog["streams"]:
        for each in stream["metadata"]:
            each["metadata"]["selected"] = True
    chosen = tmp_path / "catalog.json"
    chosen.write_text(json.dumps(catalog))
    found = singer_records(run(server, tap, "--config", config, "--catalog", chosen).stdout)

    check_tickets(desk, found["tickets"])
    comments: dict[int, list[tuple[str, bool]]] = {number: [] for number in numbers(desk, "ticket")}
    for row in found["ticket_comments"]:
        comments[row["ticket_id"]].append((row["body"], row["public"]))
    assert comments == said(desk)
    assert {row["id"]: row["name"] for row in found["users"]} == users(desk)
    assert {row["id"]: row["name"] for row in found["organizations"]} == organisations(desk)
    assert {row["ticket_id"] for row in found["ticket_metrics"]} == numbers(desk, "ticket")
    commits = {
        (each.meta.partition, each.meta.offset)
        for id in ids(desk, queries.Changes(limit=10_000))
        for each in desk.history(f"ticket/{id}")
    }
    assert len({row["id"] for row in found["ticket_audits"]}) == len(commits)
    for stream in ("groups", "group_memberships", "ticket_fields", "ticket_forms", "tags"):
        assert found[stream], stream
    assert found["satisfaction_ratings"]
    assert found["ticket_metric_events"]
    assert len(found["sla_policies"]) == len(desk.settings.sla_policies)

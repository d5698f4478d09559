"""Webhooks over HTTP: those who look after them, and the programs that send something in."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.application.test_incoming_hooks import FIRING, said, signed, source
from tests.helpdesk import create
from tests.http.serving import asked
from tests.process_managers.webhooks.receiving import allow, reopened, serving, set_up
from ticketlog.desk import Desk

ADMIN = "agent:sue"


def test_an_admin_sees_endpoints_tests_and_replays_them(desk: Desk) -> None:
    with serving(500) as server:
        allow(desk.folder, "http://127.0.0.1")
        with reopened(desk) as again:
            set_up(again, server.url)
            create(again)

            async def call(client: httpx.AsyncClient) -> Any:
                found = (await client.get("/api/v1/webhooks")).json()["webhooks"]
                tested = (await client.post("/api/v1/webhooks/crm/test")).json()
                asked = {"start": "2020-01-01T00:00:00Z"}
                replayed = await client.post("/api/v1/webhooks/crm/replay", json=asked)
                last = (await client.get("/api/v1/webhooks/crm/deliveries?failed=true")).json()
                paused = await client.post("/api/v1/webhooks/crm/commands/pause", json={})
                shown = (await client.get("/api/v1/webhooks/crm")).json()
                return found, tested, replayed.status_code, last, paused.status_code, shown

            found, tested, replayed, last, paused, shown = asked(again, call, ADMIN)
    assert [each["webhook"] for each in found] == ["crm"]
    assert tested["status"] == 500
    assert [each["type"] for each in last["deliveries"]] == ["ping"]
    assert (replayed, paused) == (200, 200)
    assert shown["state"] == "paused"
    assert [each["ended_at"] for each in shown["replays"]] == [None]


@pytest.mark.parametrize("actor", ["agent:ann", "service:mail"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/webhooks"),
        ("GET", "/api/v1/webhooks/crm/deliveries"),
        ("POST", "/api/v1/webhooks/crm/test"),
    ],
)
def test_nobody_else_does(desk: Desk, actor: str, method: str, path: str) -> None:
    set_up(desk)

    async def call(client: httpx.AsyncClient) -> int:
        return (await client.request(method, path)).status_code

    assert asked(desk, call, actor) == 403


def test_a_message_from_outside_needs_its_signature_alone(desk: Desk) -> None:
    source(desk)
    body = said(FIRING)

    async def call(client: httpx.AsyncClient) -> Any:
        good = await client.post("/api/v1/hooks/outside", content=body, headers=signed(body))
        forged = await client.post(
            "/api/v1/hooks/outside", content=b"{}", headers=signed(body, "m2")
        )
        bare = await client.post("/api/v1/hooks/outside", content=body)
        nowhere = await client.post("/api/v1/hooks/nowhere", content=body)
        return good.json(), [each.status_code for each in (good, forged, bare, nowhere)]

    taken, statuses = asked(desk, call, None)
    assert taken["outcome"] == "done"
    assert statuses == [200, 401, 401, 404]


def test_a_replay_asked_for_again_under_its_key_is_the_same_one(desk: Desk) -> None:
    set_up(desk)
    create(desk)

    async def call(client: httpx.AsyncClient) -> list[httpx.Response]:
        async def ask(start: str) -> httpx.Response:
            path, key = "/api/v1/webhooks/crm/replay", {"Idempotency-Key": "k1"}
            return await client.post(path, json={"start": start}, headers=key)

        first = await ask("2020-01-01T00:00:00Z")
        for _ in range(20):
            create(desk)
        again = await ask("2020-01-01T00:00:00Z")
        return [first, again, await ask("2999-01-01T00:00:00Z")]

    first, again, other = asked(desk, call, ADMIN)
    assert (first.json()["repeated"], again.json()["repeated"]) == (False, True)
    assert again.json()["events"] == first.json()["events"]
    assert other.status_code == 422
    assert len(desk.load("webhook/crm").replays) == 1


@pytest.mark.service
def test_the_first_five_minutes_of_the_page_run_as_they_stand_there(folder: Path) -> None:
    """Then a process delivers, and a replay delivers again."""
    page = (Path(__file__).parents[2] / "docs" / "WEBHOOKS.md").read_text(encoding="utf-8")
    [script] = re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    assert script.count("9000") == 3
    typed = script.replace("9000", port).replace(
        "&\n", "& receiving=$!\ntrap 'kill $receiving' EXIT\nsleep 1\n", 1
    )
    typed += """
        ticketlog serve --port 0 > /dev/null & serving=$!
        ticketlog ticket create "VPN drops" > /dev/null
        delivered() {
            for _ in $(seq 120); do
                ticketlog webhook deliveries mine --json > told
                [ "$(grep -c '"status": 204' told)" = $1 ] && return
                sleep 0.5
            done
        }
        delivered 2
        ticketlog webhook replay mine --from 2026-01-01T00:00:00Z
        delivered 3
        kill $serving; wait $serving
    """
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-uc", typed],
        cwd=folder,
        env={**os.environ, "PATH": tools, "TICKETLOG_ACTOR": "agent:sue"},
        capture_output=True,
        text=True,
        timeout=180,
    )

    assert "HTTP 204 in" in ran.stdout, ran.stdout + ran.stderr
    assert ran.stdout.count('"type":"ticket.created.v1"') == 2, ran.stdout + ran.stderr

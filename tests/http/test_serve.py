"""`ticketlog serve` as a process."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.http.serving import Serving


def test_it_serves_until_it_is_stopped(folder: Path) -> None:
    with Serving(folder) as serving:
        live = httpx.get(f"{serving.url}/live")
        nothing = httpx.get(f"{serving.url}/nothing")
        code, out, err = serving.stop()

    assert (live.status_code, live.json()) == (200, {"live": True})
    assert nothing.status_code == 404
    assert nothing.json()["type"] == "/problems/not-found"
    assert nothing.headers["content-type"] == "application/problem+json"
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith("stopped by SIGTERM")


def test_it_logs_json(folder: Path) -> None:
    with Serving(folder, "--log-json") as serving:
        httpx.get(f"{serving.url}/live?name=Kim", headers={"X-Request-Id": "probe-1"})
        code, _, err = serving.stop()

    [line] = [json.loads(each) for each in err.splitlines()]
    assert code == 0
    assert (line["request_id"], line["route"], line["status"]) == ("probe-1", "/live", 200)
    assert "Kim" not in err


def test_it_sends_traces_to_a_collector(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever).start()
        port = collector.server_address[1]
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        with Serving(folder, "--traces") as serving:
            httpx.get(f"{serving.url}/live")
            code, _, _ = serving.stop()
        collector.shutdown()

    assert code == 0
    assert {path for path, _ in got} == {"/v1/traces"}
    assert any(b"GET /live" in body for _, body in got)


def test_a_port_that_is_taken_is_said(folder: Path, ask: object) -> None:
    with Serving(folder) as serving:
        port = serving.url.rpartition(":")[2]
        with Serving(folder, "--port", port) as other:
            _, err = other.process.communicate()

    assert other.process.returncode == 2
    assert "can't listen at 127.0.0.1" in err

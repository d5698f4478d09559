"""`ticketlog serve` as a process."""

from __future__ import annotations

from pathlib import Path

import httpx

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
    assert out.startswith("stopped by SIGTERM")


def test_a_port_that_is_taken_is_said(folder: Path, ask: object) -> None:
    with Serving(folder) as serving:
        port = serving.url.rpartition(":")[2]
        with Serving(folder, "--port", port) as other:
            _, err = other.process.communicate()

    assert other.process.returncode == 2
    assert "can't listen at 127.0.0.1" in err

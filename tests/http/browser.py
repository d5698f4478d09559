"""A real browser: chromium without a window, told what to do over its pipe (Chrome DevTools
Protocol), with an authenticator of passkeys that its developers' tools make.

with chromium() as browser:
    browser.goto("http://localhost:8400/login")
    browser.click("button")
    browser.wait_for("document.body.innerText.includes('Signed in')")
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from typing import Any

import pytest

from tests.http.serving import LONG

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PASSKEYS = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
"""A virtual authenticator that keeps passkeys and whose user says yes at once."""


def program() -> str:
    """The browser's program; a test without one is skipped, which fails in CI."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        pytest.skip("chromium is missing; on Debian: sudo apt install chromium")
    return found


class Browser:
    """A page of a browser that was begun for a test, with nothing from before."""

    def __init__(self, reading: RawIOBase, writing: RawIOBase) -> None:
        self._reading = reading
        self._writing = writing
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self.call("Page.enable")
        self.call("WebAuthn.enable")

    def call(self, method: str, **params: Any) -> Any:
        """The result of a method of the protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        self._writing.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            read = self._reading.read(1 << 16)
            assert read, "the browser ended"
            self._buffer += read
        message, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def goto(self, url: str) -> None:
        """Goes to a page, and waits until it is there."""
        assert "errorText" not in self.call("Page.navigate", url=url), url
        self.wait_for(f"location.href !== 'about:blank' && {_LOADED}")

    def evaluate(self, expression: str) -> Any:
        """The value of JavaScript on the page, as after a click of its user."""
        said = self.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def click(self, selector: str) -> None:
        """Clicks on the first element that a selector finds."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def text(self) -> str:
        """What the page shows."""
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def wait_for(self, condition: str) -> None:
        """Waits until JavaScript says true, also over changes of the page."""
        ends = time.monotonic() + LONG
        while time.monotonic() < ends:
            try:
                if self.evaluate(condition):
                    return
            except AssertionError:  # the page is about to be another one
                pass
            time.sleep(0.02)
        raise AssertionError(f"{condition} never came; the page shows {self.text()!r}")

    def wait_for_text(self, text: str) -> None:
        """Waits until the page shows a text."""
        self.wait_for(f"document.body && document.body.innerText.includes({json.dumps(text)})")

    def add_authenticator(self) -> None:
        """Gives the browser an authenticator that keeps passkeys."""
        self.call("WebAuthn.addVirtualAuthenticator", options=PASSKEYS)


_LOADED = "document.readyState === 'complete'"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of its own."""
    to_browser, from_test = os.pipe()
    from_browser, to_test = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            program(),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
        ]
        # The protocol's pipe is at the numbers 3 and 4.
        line = f'exec 3<&{to_browser} 4>&{to_test}; exec "$@"'
        process = subprocess.Popen(
            ["bash", "-c", line, "bash", *command],
            pass_fds=(to_browser, to_test),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(to_test)
        try:
            with open(from_browser, "rb", 0) as reading, open(from_test, "wb", 0) as writing:
                yield Browser(reading, writing)
        finally:
            process.kill()
            process.wait()

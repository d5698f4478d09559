"""The sender of deliveries over HTTP: pooled connections, checked targets, bounded answers."""

from __future__ import annotations

import asyncio
import ssl
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self
from urllib.parse import urlsplit

from ticketlog.errors import Unfit, Usage
from ticketlog.process_managers.webhooks.targets import IPAddress, TargetRules

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 20.0
"""Seconds for the whole of a delivery."""
CONNECT_TIMEOUT_S = 10.0
KEPT = 32
"""Connections to a target that are kept while nothing is sent."""
KEPT_IDLE_S = 60.0
RESOLVED_S = 60.0
"""Seconds for which the address of a name is believed."""
READ_AT_MOST = 64_000
"""Bytes of an answer that are read; a connection with a longer one isn't used again."""
SHOWN = 200
"""Characters of a refusing answer that are kept."""


class HookAnswer(NamedTuple):
    """The answer of an endpoint: its status, or None and the reason for which there is none.

    `start`: the beginning of the body of an answer that isn't a success; of a success nothing is
    kept. `took`: microseconds.
    """

    status: int | None
    error: str | None = None
    retry_after: str | None = None
    start: str | None = None
    took: int = 0

    @property
    def is_success(self) -> bool:
        """Whether the endpoint took the delivery: 2xx alone."""
        return self.status is not None and 200 <= self.status < 300


class HookSender(Protocol):
    """A sender of deliveries. It raises nothing: what went wrong is in the answer."""

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> HookAnswer: ...


class HttpSender:
    """Sends by httpx. For one event loop; an asynchronous context manager.

    Each delivery under way has a client of one connection to itself, which the next one to the same
    target takes over: a pool of httpx looks at all its connections at every request, which makes 32
    at once three times as dear.
    """

    def __init__(self, rules: TargetRules, authorities: str | None = None) -> None:
        """`authorities`: a file of certificates that are trusted besides the public ones. Raises
        Usage without the extra `serve`, and where that file can't be read."""
        self._rules = rules
        self._trust = _trust(authorities)
        self._idle: dict[tuple[str, str], list[httpx.AsyncClient]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for clients in self._idle.values():
            for each in clients:
                await each.aclose()
        self._idle.clear()

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> HookAnswer:
        began = time.perf_counter_ns()
        try:
            self._rules.check_url(url)
            async with asyncio.timeout(TIMEOUT_S):
                answer = await self._sent(url, headers, body)
        except TimeoutError:
            answer = HookAnswer(None, f"no answer within {TIMEOUT_S:g} s")
        except Unfit as error:
            answer = HookAnswer(None, str(error))
        except Exception as error:
            answer = HookAnswer(None, _reason(error))
        return answer._replace(took=(time.perf_counter_ns() - began) // 1000)

    async def _sent(self, url: str, headers: dict[str, str], body: bytes) -> HookAnswer:
        """Posts by a client that is kept for the next delivery, unless something went wrong."""
        parts = urlsplit(url)
        idle = self._idle.setdefault((parts.scheme, parts.netloc), [])
        client = idle.pop() if idle else _client(self._rules, self._trust)
        try:
            answer = await _posted(client, url, headers, body)
        except BaseException:
            await client.aclose()
            raise
        if len(idle) < KEPT:
            idle.append(client)
        else:
            await client.aclose()
        return answer


async def _posted(
    client: httpx.AsyncClient, url: str, headers: dict[str, str], body: bytes
) -> HookAnswer:
    async with client.stream("POST", url, headers=headers, content=body) as response:
        start = b""
        read = 0
        async for chunk in response.aiter_raw():
            read += len(chunk)
            if len(start) < 4 * SHOWN:
                start += chunk[: 4 * SHOWN]
            if read > READ_AT_MOST:
                break
        success = 200 <= response.status_code < 300
        return HookAnswer(
            response.status_code,
            "a redirect, which isn't followed" if response.is_redirect else None,
            response.headers.get("retry-after"),
            None if success else _shown(start),
        )


def _trust(authorities: str | None) -> ssl.SSLContext:
    """The certificates that are trusted. Raises Usage."""
    try:
        import httpx
        import httpx_secure  # noqa: F401 (it is missing now, or never)
    except ImportError as error:
        raise Usage(
            f"webhooks need {error.name}: `pip install 'ticketlog[serve]'` installs it"
        ) from None
    if find_spec("sniffio") is None:
        # httpcore imports it a dozen times in each request to see whether it is there; to look
        # for what isn't takes longer than the request.
        sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]
    trusted = httpx.create_ssl_context(trust_env=False)
    if authorities is not None:
        try:
            trusted.load_verify_locations(authorities)
        except OSError as error:
            raise Usage(f"[webhooks] authorities: {authorities} can't be read: {error}") from error
    return trusted


def _client(rules: TargetRules, trusted: ssl.SSLContext) -> httpx.AsyncClient:
    """A client of one connection, which checks what it connects to."""
    import httpx
    from httpx_secure import httpx_ssrf_protection

    client = httpx.AsyncClient(
        follow_redirects=False,
        trust_env=False,
        verify=trusted,
        timeout=httpx.Timeout(TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        limits=httpx.Limits(
            max_connections=1,
            max_keepalive_connections=1,
            keepalive_expiry=KEPT_IDLE_S,
        ),
        headers={
            "user-agent": f"ticketlog/{version('ticketlog')}",
            "accept": "*/*",
            "accept-encoding": "identity",
        },
    )

    def admits(host: str, address: IPAddress, port: int) -> bool:
        return rules.admits(host, address, port)

    return httpx_ssrf_protection(
        client,
        check_globally_reachable=False,
        custom_validator=admits,
        dns_cache_ttl=RESOLVED_S,
    )


def _reason(error: Exception) -> str:
    if type(error).__name__ == "SSRFProtectionError":
        return (
            "its address isn't a public one. Whoever runs the desk may allow it: [webhooks] allow "
            "in ticketlog.toml"
        )
    text = " ".join(str(error).split())[:SHOWN]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _shown(start: bytes) -> str | None:
    text = " ".join(start.decode("utf-8", "replace").split())[:SHOWN]
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)

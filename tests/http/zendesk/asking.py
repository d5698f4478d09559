"""Questions to the facade of a desk, without a network between them."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.http.serving import client
from ticketlog.desk import Desk

API = "/api/v2"


def ask_all(
    desk: Desk, *paths: str, actor: str | None = "agent:ann", **given: Any
) -> list[httpx.Response]:
    """The answers of paths below `/api/v2`, or of whole URLs."""

    async def ask() -> list[httpx.Response]:
        async with client(desk, actor) as asking:
            whole = [p if p.startswith(("http", "/")) else f"{API}/{p}" for p in paths]
            return [await asking.get(path, **given) for path in whole]

    return asyncio.run(ask())


def ask(desk: Desk, path: str, **given: Any) -> Any:
    """The JSON of a path, which must be there."""
    [answer] = ask_all(desk, path, **given)
    assert answer.status_code == 200, answer.text
    return answer.json()


def all_pages(desk: Desk, path: str, name: str, following: str) -> list[Any]:
    """The things of all pages; `following`: the field that has the URL of the next one,
    'links.next' for one within another."""
    found: list[Any] = []
    seen: set[str] = set()
    url: str | None = path
    while url:
        assert url not in seen
        seen.add(url)
        page = ask(desk, url)
        found += page[name]
        if page.get("end_of_stream"):
            return found
        url = page
        for part in following.split("."):
            url = url[part]  # type: ignore[index]
    return found

"""Questions to the facade of a desk, without a network between them."""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

import httpx
from fastapi import FastAPI

from tests.http.serving import by_header
from ticketlog.desk import Desk
from ticketlog.http.app import create_app
from ticketlog.http.served import Served

API = "/api/v2"


_APPS: WeakKeyDictionary[Desk, FastAPI] = WeakKeyDictionary()
"""Making an application takes longer than most answers of one."""


def app_of(desk: Desk) -> FastAPI:
    """The application of a desk, whose actors are named by a header."""
    if desk not in _APPS:
        _APPS[desk] = create_app(Served(desk, authenticate=by_header))
    return _APPS[desk]


def ask_all(
    desk: Desk, *paths: str, actor: str | None = "agent:ann", **given: Any
) -> list[httpx.Response]:
    """The answers of paths below `/api/v2`, or of whole URLs."""

    async def ask() -> list[httpx.Response]:
        headers = {} if actor is None else {"Authorization": f"Test {actor}"}
        transport = httpx.ASGITransport(app_of(desk))
        base = "http://desk.test"
        async with httpx.AsyncClient(transport=transport, base_url=base, headers=headers) as asking:
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

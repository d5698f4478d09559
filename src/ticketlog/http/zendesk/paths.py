"""Paths and signing in as clients of Zendesk have them, turned into the server's own."""

from __future__ import annotations

import base64
import binascii
import re

from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/api/v2"
_OF_HOST = re.compile(r"/[^/]+\.zendesk\.com(?=/api/v2(?:/|$))")
"""Clients that know only of `https://SUBDOMAIN.zendesk.com/api/v2` are told `host:port/desk` as the
subdomain, so that the rest becomes a part of the path."""
_JSON = ".json"
_OWNER = "/token"
ROOT = "ticketlog.zendesk_root"
"""The key of the scope that holds the part of the path before `/api/v2`."""


class ZendeskPaths:
    """An ASGI middleware: a path below `/api/v2`, or `/NAME.zendesk.com/api/v2`, loses that name
    and the ending `.json`; there `Basic EMAIL/token:TOKEN` means `Bearer TOKEN`. The token alone
    says who asks."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            _translate(scope)
        await self._app(scope, receive, send)


def _translate(scope: Scope) -> None:
    """Changes a scope in place: what goes around it sees which route was found."""
    path: str = scope["path"]
    found = _OF_HOST.match(path)
    root = found[0] if found else ""
    rest = path[len(root) :]
    if not rest.startswith(f"{PREFIX}/"):
        return
    rest = rest.removesuffix(_JSON)
    headers = [(name, _bearer(name, value)) for name, value in scope["headers"]]
    scope.update({"path": rest, "raw_path": rest.encode(), "headers": headers, ROOT: root})


def _bearer(name: bytes, value: bytes) -> bytes:
    """A header with a token instead of a user and a password, where that is what they are."""
    scheme, _, given = value.partition(b" ")
    if name != b"authorization" or scheme.lower() != b"basic":
        return value
    try:
        said = base64.b64decode(given.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return value
    owner, _, token = said.partition(":")
    return b"Bearer " + token.encode() if owner.endswith(_OWNER) and token else value

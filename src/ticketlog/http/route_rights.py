"""The right that each route takes. Routes that are made of lists take what the list names; all
further ones stand in the table (`application/access_table.py`), and one that doesn't is denied."""

from __future__ import annotations

import re
from functools import lru_cache

from ticketlog.application.access_table import ROUTES
from ticketlog.http.commands import command_routes
from ticketlog.projections import QUERIES

_API = "/api/v1"
_ASKED = re.compile(rf"{_API}/(queries|reports)/([\w-]+)")
_COMMANDS = {f"POST {_API}{each.path}": each.model.NAME for each in command_routes()}
ANYBODY = "anybody"
BY_ROUTE = frozenset({"query:settings", "query:status", "query:ticket-clocks"})
"""Rights that the route itself asks for: the desk, which is asked in other ways by its own machine,
doesn't."""


@lru_cache(maxsize=1024)
def right_of(method: str, path: str) -> str | None:
    """The right that a route takes ('query:NAME', 'report:NAME', a command, an act, 'known',
    'anybody'), by its method and the template of its path; None: it has no entry."""
    route = f"{method} {path}"
    if route in ROUTES:
        return ROUTES[route]
    if route in _COMMANDS:
        return _COMMANDS[route]
    asked = _ASKED.fullmatch(path)
    if method == "GET" and asked and asked[2] in QUERIES:
        return f"{'report' if asked[1] == 'reports' else 'query'}:{asked[2]}"
    collection = path.removeprefix(f"{_API}/")
    return f"query:{collection}" if method == "GET" and collection in QUERIES else None

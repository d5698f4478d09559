"""Next steps: the texts of refusals name command lines; over HTTP each has a request beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.projections import QUERIES

_LINE = re.compile(r"`ticketlog ([a-z][^`]*)`")
_API = "/api/v1"
_SHOWN = ("ticket", "person", "organisation", "agent")
"""Kinds of which one thing can be looked at."""
_BY_HAND: Mapping[str, str] = {
    "status": f"GET {_API}/status",
    "log stat": f"GET {_API}/log",
    "ticket list": f"GET {_API}/tickets",
    "ticket links": f"GET {_API}/queries/ticket-links",
    "ticket attach": f"POST {_API}/tickets/{{id}}/attachments",
    "ticket fetch": f"GET {_API}/tickets/{{id}}/attachments/{{attachment}}",
    "person find": f"GET {_API}/persons?text=WORDS",
    "person list": f"GET {_API}/persons?text=WORDS",
    "agent list": f"GET {_API}/queries/agent-load",
    "settings apply": f"POST {_API}/settings/apply",
    "settings apply --check": f"POST {_API}/settings/check",
    "settings show": f"GET {_API}/settings",
    "settings history": f"GET {_API}/settings/history",
    "settings explain": f"GET {_API}/tickets/{{id}}/explanation",
    "sla": f"GET {_API}/tickets/{{id}}/sla",
    "inbox": f"GET {_API}/agents/{{id}}/inbox",
    "report": f"GET {_API}/reports/{{name}}",
}
"""The beginning of a command line -> the request, where it doesn't follow from the lists."""


@cache
def requests() -> Mapping[str, str]:
    """The beginning of each command line that has a request -> the request."""
    found = {name: f"GET {_API}/queries/{name}" for name in QUERIES}
    for kind, aggregate in AGGREGATES.items():
        if aggregate.internal:
            continue
        place = f"{_API}/{kind}s"
        if kind in _SHOWN:
            found[f"{kind} show"] = f"GET {place}/{{id}}"
        found[f"{kind} history"] = f"GET {place}/{{id}}/history"
        for name, model in aggregate.in_shell().items():
            own = model.NAME.partition(".")[2]
            path = place if model.SPEC.creates else f"{place}/{{id}}/commands/{own}"
            found[f"{kind} {name}"] = f"POST {path}"
    return {**found, **_BY_HAND}


def next_steps(text: str) -> list[dict[str, str]]:
    """The command lines that a text names, each with the request that does the same. Those of the
    desk's own machine, such as `ticketlog views retry`, have none and are left out."""
    steps = []
    for line in _LINE.findall(text):
        words = line.split()
        for length in range(len(words), 0, -1):
            http = requests().get(" ".join(words[:length]))
            if http is not None:
                steps.append({"shell": f"ticketlog {line}", "http": http})
                break
    return steps

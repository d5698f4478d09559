"""Mentions in the text of a note: `@agent`, or `@team` for everybody in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from unicodedata import category

from ticketlog.domain.settings.model import Settings

_NAME = re.compile(r"(?<![A-Za-z0-9_\u00c0-\u024f\u0370-\u052f.%+/@-])@(\w[\w.-]*)")
"""The @ of a mail address, or of a path of the web, calls nobody."""
_END = re.compile(r"[.-]+[^.-]*$|[.-]+$")


class Called(NamedTuple):
    """Agents whom a text calls, in its order; and names that no agent at work and no team has."""

    agents: tuple[str, ...]
    unknown: tuple[str, ...]


def called(text: str, settings: Settings) -> Called:
    """Case doesn't matter; a name ends before punctuation: '@bob.' and '@Bob-' call bob. An agent
    goes before a team of the same name; who is retired is called no more."""
    agents = {id.casefold(): id for id, each in settings.agents.items() if each.active}
    teams = {id.casefold(): id for id in settings.teams}
    found: dict[str, None] = {}
    unknown: dict[str, None] = {}
    for match in _NAME.finditer(text):
        for name in _readings(match[1]):
            if id := agents.get(name.casefold()):
                found[id] = None
                break
            if team := teams.get(name.casefold()):
                found |= dict.fromkeys(
                    id for id, each in settings.agents.items() if each.active and team in each.teams
                )
                break
        else:
            unknown[match[1].rstrip(".-_")] = None
    return Called(tuple(found), tuple(unknown))


def _readings(name: str) -> Iterator[str]:
    """The names that may be meant, the longest first: 'ann.lee.', 'ann.lee', 'ann'; at last what
    stands before letters of a script that puts no space there."""
    whole = name
    while name:
        yield name
        shorter = _END.sub("", name)
        name = shorter if shorter != name else name.rstrip("_") if name.endswith("_") else ""
    for at, char in enumerate(whole):
        if at and category(char) == "Lo" != category(whole[at - 1]):
            yield whole[:at]

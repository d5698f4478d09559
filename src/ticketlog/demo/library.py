"""The library of the simulation: topics, phrases, people, read from the TOML files of this
folder."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ticketlog.demo.dice import Weighted

Phrases = Mapping[str, Mapping[str, list[str]]]
"""language or kind -> occasion -> texts"""


@dataclass(frozen=True)
class Matter:
    """The texts of one request: question, note, question back, answer and fix."""

    subject: str
    opening: str
    note: str
    fix: str
    code: str
    ask: str = ""
    answer: str = ""


@dataclass(frozen=True)
class DemoTopic:
    """A recurring topic: the team that solves it, its severity, and its matters."""

    id: str
    team: str
    skill: str
    category: str
    product: str
    weight: int
    types: Weighted
    impact: Weighted
    urgency: Weighted
    minutes: tuple[int, int]
    matters: tuple[Matter, ...]
    holds: list[str]
    language: str
    channel: str | None


@dataclass(frozen=True)
class Country:
    """The home of people of a language: sites, and names to choose from."""

    country: str
    zone: str
    sites: list[str]
    floors: list[str]
    first: list[str]
    last: list[str]


@dataclass(frozen=True)
class People:
    """Organisations, and names for their people."""

    countries: Mapping[str, Country]
    """By language."""
    tiers: Mapping[str, int]
    """Tier -> the number of people of such an organisation who write to the desk."""
    organisations: Mapping[str, Mapping[str, str]]


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(name).read_text("utf-8"))


@cache
def topics() -> Mapping[str, DemoTopic]:
    return {entry["id"]: _topic(entry) for entry in _read("topics.toml")["topic"]}


@cache
def phrases() -> Phrases:
    return _read("phrases.toml")


@cache
def own(kind: str) -> Matter:
    """The matter of a ticket that the desk opens for itself: a task, a problem or a change."""
    return Matter(**_read("phrases.toml")[kind])


@cache
def people() -> People:
    file = _read("people.toml")
    countries = {
        language: Country(**{**each, "first": each["first"].split(), "last": each["last"].split()})
        for language, each in file["languages"].items()
    }
    return People(countries, file["tiers"], file["organisations"])


def _topic(entry: dict[str, Any]) -> DemoTopic:
    values = {"holds": [], "language": "en", "channel": None, **entry}
    for name in ("types", "impact", "urgency"):
        values[name] = Weighted(values[name])
    values["matters"] = tuple(Matter(**each) for each in values.pop("matter"))
    values["minutes"] = tuple(values["minutes"])
    return DemoTopic(**values)

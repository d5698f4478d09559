"""Signing in as settings say it: identity providers (OpenID Connect), how long sessions last."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from ticketlog.domain.base import Key, Line, Seconds, Value
from ticketlog.domain.settings.notation import DURATION, SEVERAL
from ticketlog.domain.settings.secret_places import is_secret_place, leaves_folder

if TYPE_CHECKING:
    from ticketlog.domain.settings.model import Settings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts of this machine alone, to which no encryption is needed."""
EMAIL = "email"
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
Names = Annotated[tuple[Line, ...], SEVERAL]
_LONGEST_S = 31 * 86_400


class IdentityRule(Value):
    """A rule of as whom a provider's users act: the first that matches one decides.

    It matches where `claim` has one of the `values` (of a list: holds one), and where their
    verified e-mail address is in one of the `domains`. `to`: they are an agent, a person, or
    nobody. `agent`: this agent; else the one whom the claim `by` names: by its id, or, where `by`
    is 'email', the person who has that verified address, and the agent whom the settings say to be
    that person. `registers`: a person whom nobody knows is registered.
    """

    to: Literal["agent", "person", "nobody"]
    claim: Key | None = None
    values: Names = ()
    domains: Names = ()
    agent: Key | None = None
    by: Key | None = None
    registers: bool = False


class IdentityProvider(Value):
    """A service that says who its users are (OpenID Connect), and by `rules` as whom they act here.

    `secret` says where this desk's secret with it is: 'env:NAME' or 'file:PATH'; None: it has none,
    and PKCE alone shows that it is the same program that asks.
    """

    id: Key
    title: Line | None = None
    issuer: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    client_id: Line
    secret: Line | None = None
    scopes: tuple[Key, ...] = ()
    """None named: openid, email and profile."""
    rules: tuple[IdentityRule, ...] = ()

    @property
    def asked_scopes(self) -> tuple[str, ...]:
        """The scopes that the provider is asked for."""
        return tuple(dict.fromkeys(("openid", *(self.scopes or (EMAIL, "profile")))))


class SessionLimits(Value):
    """The times for which sessions of browsers last: `idle` without activity, `longest` in all."""

    id: Key
    idle: Annotated[Seconds, Field(ge=60, le=_LONGEST_S), DURATION]
    longest: Annotated[Seconds, Field(ge=60, le=_LONGEST_S), DURATION]


LIMITS = SessionLimits(id="default", idle=8 * 3600, longest=24 * 3600)
"""Those of a desk that says nothing."""


def broken_signing_in(settings: Settings) -> Iterator[str]:
    """The problems of identity providers and of the limits of sessions, in a file's words."""
    for provider in settings.identity_providers.values():
        where = f"[identity_providers.{provider.id}]"
        for problem in (*_provider(provider), *_rules(provider, settings)):
            yield f"{where} {problem}"
    for first, second in _doubled(settings.identity_providers):
        yield f"[identity_providers.{second}] has the issuer and client_id of {first}"
    limits = settings.sessions
    if limits is not None and limits.idle > limits.longest:
        yield "[sessions] idle is longer than longest: a session that may last less is never idle"


def _provider(provider: IdentityProvider) -> Iterator[str]:
    if not _ID.fullmatch(provider.id):
        yield "its name stands in addresses: use small letters, digits and '-', at most 50"
    problem = _address(provider.issuer)
    if problem:
        yield f"issuer {provider.issuer!r} {problem}"
    if provider.secret is not None and not is_secret_place(provider.secret):
        yield (
            "secret says where the secret is, and never what it is: 'env:NAME' for a variable of "
            "the environment, 'file:PATH' for a file in the desk's folder"
        )
    elif provider.secret is not None and leaves_folder(provider.secret):
        yield f"secret: {provider.secret!r} leaves the desk's folder; put the file below it"
    if not provider.rules:
        yield "nobody could sign in: give it `rules` that say as whom its users act"


def _address(issuer: str) -> str | None:
    """The problem of an issuer's address."""
    try:
        parts = urlsplit(issuer)
        host = parts.hostname
    except ValueError:
        return "is no address"
    if parts.scheme not in ("http", "https") or not host:
        return "is no address: write it as https://id.example.com"
    if parts.scheme == "http" and host not in LOOPBACK:
        return "must be https: anybody on the way could say who somebody is"
    if parts.query or parts.fragment or "@" in parts.netloc:
        return "has a query, a fragment or a user in it, which an issuer has not"
    return None


def _rules(provider: IdentityProvider, settings: Settings) -> Iterator[str]:
    for number, rule in enumerate(provider.rules, 1):
        for problem in _rule(rule, settings):
            yield f"entry {number} of rules: {problem}"


def _rule(rule: IdentityRule, settings: Settings) -> Iterator[str]:
    if (rule.claim is None) != (not rule.values):
        yield "`claim` and `values` belong together: the claim, and the values that match"
    if rule.agent is not None:
        yield from _rule_of_one(rule, settings)
    elif rule.to == "agent" and rule.by is None:
        yield "`to = \"agent\"` needs `agent`, or `by`: the claim that names them, or 'email'"
    if rule.to == "person" and rule.by not in (None, EMAIL):
        yield "persons are known by their e-mail address: leave `by` out"
    if rule.to == "nobody" and rule.by is not None:
        yield "`by` is for those who are somebody"
    if rule.registers and rule.to != "person":
        yield "`registers` is for persons: agents stand in the settings"
    for domain in rule.domains:
        if "@" in domain or "." not in domain:
            yield f"domain {domain!r} is none: write it as 'example.com'"


def _rule_of_one(rule: IdentityRule, settings: Settings) -> Iterator[str]:
    if rule.agent not in settings.agents:
        yield f"agent {rule.agent!r} is unknown; known are {', '.join(sorted(settings.agents))}"
    if rule.to != "agent" or rule.by is not None:
        yield '`agent` names the agent: it goes with `to = "agent"`, and without `by`'
    if not rule.values:
        yield "`agent` is one human: say by `claim` and `values` which user that is"


def _doubled(providers: Mapping[str, IdentityProvider]) -> Iterator[tuple[str, str]]:
    seen: dict[tuple[str, str], str] = {}
    for provider in providers.values():
        key = (provider.issuer.rstrip("/"), provider.client_id)
        if key in seen:
            yield seen[key], provider.id
        seen.setdefault(key, provider.id)

"""Texts that look like a secret: named by where they stand, never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

PATTERNS: Mapping[str, re.Pattern[str]] = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22,})"),
    "a Slack token": re.compile(r"\bxox[abposr]-[A-Za-z0-9-]{10,}"),
    "a Google API key": re.compile(r"\bAIza[A-Za-z0-9_-]{35}"),
    "a Stripe key": re.compile(r"\b[sr]k_live_[A-Za-z0-9]{16,}"),
    "a JSON web token": re.compile(r"\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,}"),
    "an address with a password": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@]+@"),
    "a password or token": re.compile(
        r"\b(password|passwd|pwd|secret|token|api[_ -]?key)\s*(=|:|\bis\b)\s*\S{6,}", re.I
    ),
}
"""What it looks like -> how that is recognised."""


def suspicious(value: Any, where: str) -> Iterator[str]:
    """A line for each text in a value that looks like a secret: where it stands, and as what."""
    if isinstance(value, str):
        yield from (f"{where} looks like {n}" for n, p in PATTERNS.items() if p.search(value))
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from suspicious(each, f"{where} {key}")
    elif isinstance(value, list | tuple):
        for each in value:
            yield from suspicious(each, where)

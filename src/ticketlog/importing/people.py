"""Persons of a file: whom its names and addresses mean, under ids that tell nothing of them."""

from __future__ import annotations

import hmac
from typing import Literal, NamedTuple
from unicodedata import normalize

from ticketlog.domain.base import base32

How = Literal["address", "name", "id"]
"""By what a file tells persons apart."""


class NamedPerson(NamedTuple):
    """The person whom an id stands for; parts that the file doesn't state are None."""

    id: str
    name: str | None = None
    address: str | None = None
    kind: Literal["person", "agent"] = "person"


def person_id(source: str, how: How, text: str, secret: bytes = b"") -> str:
    """The id of a person whom a source names so: the same whenever it is derived.

    An address means the same person in every source; a name and an id mean one of that source
    alone. Without the log's secret nobody can tell whether an id is that of a given address.
    """
    scope = "" if how == "address" else source
    seed = "\0".join((scope, how, _normal(how, text)))
    return base32(hmac.digest(secret, seed.encode(), "sha256"))


def _normal(how: How, text: str) -> str:
    plain = " ".join(normalize("NFKC", text).split())
    return plain if how == "id" else plain.casefold()

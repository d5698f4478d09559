"""Whole numbers in the place of ids, for clients that know nothing else.

An id as desks make them, 12 characters of base 32, is 60 bits: its number says the same, and the id
comes back from it. Ids that people chose (an agent's, a team's) have a number above those, made
from a hash. All fit a signed integer of 64 bits; readers of JSON that keep 53 bits exact don't keep
them.
"""

from __future__ import annotations

import hashlib

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_LENGTH = 12
HASHED = 1 << 60
"""The least number of an id that people chose."""


def made_number(id: str) -> int | None:
    """The number of an id that a desk made; None for any other."""
    if len(id) != _LENGTH:
        return None
    number = 0
    for letter in id:
        value = _VALUES.get(letter)
        if value is None:
            return None
        number = number << 5 | value
    return number


def number_of(kind: str, id: str) -> int:
    """The number of a thing of a kind ('person', 'agent', 'team'...)."""
    made = made_number(id)
    return chosen_number(kind, id) if made is None else made


def chosen_number(kind: str, id: str) -> int:
    """The number of a thing whose id people chose, or of an event."""
    digest = hashlib.sha256(f"{kind}/{id}".encode()).digest()
    return HASHED | int.from_bytes(digest[:8], "big") >> 4


def made_id(number: int) -> str | None:
    """The id that a desk made, of its number; None where the number is of another kind."""
    if not 0 <= number < HASHED:
        return None
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(55, -1, -5))

"""Combinations of values that many rows share, kept once each, as the dimensions of a star schema.

A row names its group by a number that follows from the values, so it is the same in every build.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b

import orjson

from ticketlog.projections.base import INT, Columns, Row, Sum


def groups(values: Columns) -> Sum:
    """The table of the groups; `n` is how many rows belong to one."""
    return Sum("groups", key={"id": INT}, values=values)


@lru_cache(maxsize=1 << 16)
def group(values: Row) -> Row:
    """What a row of these values adds to the table of groups: (id, *values, 1)."""
    digest = blake2b(orjson.dumps(values), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 1, *values, 1)


def check(names: Iterable[str], known: Sequence[str], what: str = "dimension") -> None:
    """Raises ValueError for names that aren't known."""
    for name in names:
        if name not in known:
            raise ValueError(f"there is no {what} {name!r}; choose from {', '.join(known)}")

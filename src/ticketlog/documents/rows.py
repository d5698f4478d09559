"""Rows of views as they are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ticketlog.domain.base import iso

_INSTANT = re.compile(r"(^|_)(at|since|until|clock|due|started|ended|snoozed)$")
_GROUP = frozenset({"id", "group", "source"})


def raw(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a view's own tables, whatever its columns: instants are ISO texts, and so are the
    numbers of groups, which not every reader of JSON keeps exact."""
    found = dict(row)
    for name, value in row.items():
        if type(value) is int and _INSTANT.search(name):
            found[name] = iso(value)
        elif type(value) is int and name in _GROUP:
            found[name] = str(value)
    return found

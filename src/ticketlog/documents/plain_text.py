"""Values as people read them, in one line: in tables and in what is said of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ticketlog.domain.base import iso
from ticketlog.domain.text import shown


def moment(at: int | None) -> str:
    """A time to the second, in UTC."""
    return "" if at is None else iso(at)[:19].replace("T", " ")


def cell(value: Any) -> str:
    """A value in a cell of a table; visible marks stand for what can't be seen."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list, frozenset, set)):
        return ", ".join(cell(each) for each in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={cell(each)}" for name, each in value.items())
    if isinstance(value, float):
        return f"{value:,.1f}"
    return shown(str(value))

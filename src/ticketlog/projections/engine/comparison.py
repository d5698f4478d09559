"""Two builds of a view, table by table: their digests, and which rows differ."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import orjson
from sqlalchemy import Connection, Table, select

from ticketlog.projections.engine.projection import Projection, Row, Rows, Tables

SHOWN = 20
"""Differing rows that are kept per table; all are counted."""


class Side(NamedTuple):
    """A build where it can be read."""

    connection: Connection
    tables: Tables


class Differing(NamedTuple):
    """A row that is not the same: by column, what was expected and what was found."""

    kind: Literal["missing", "extra", "changed"]
    key: dict[str, Any]
    expected: dict[str, Any] | None
    found: dict[str, Any] | None


class Compared(NamedTuple):
    """One table of a view. A digest is the SHA-256 of its rows as JSON lines, ordered by key."""

    table: str
    rows: int
    digest: str
    expected_digest: str
    missing: int
    extra: int
    changed: int
    differing: tuple[Differing, ...]

    @property
    def same(self) -> bool:
        return self.digest == self.expected_digest


def compare(view: Projection, expected: Side, found: Side) -> list[Compared]:
    """All tables of a view: what was expected against what was found."""
    return [_compare(spec, expected, found) for spec in view.tables]


def _rows(spec: Rows, side: Side) -> Iterator[Row]:
    table: Table = side.tables[spec.name]
    query = select(*(table.c[name] for name in spec.columns))
    for row in side.connection.execute(query.order_by(*(table.c[name] for name in spec.key))):
        yield tuple(row)


def _line(row: Row) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _compare(spec: Rows, expected: Side, found: Side) -> Compared:
    tally = _Tally(spec)
    expected_rows, found_rows = _rows(spec, expected), _rows(spec, found)
    want, have = next(expected_rows, None), next(found_rows, None)
    length = len(spec.key)
    while want is not None or have is not None:
        if have is None or (want is not None and want[:length] < have[:length]):
            tally.add(want, None)
            want = next(expected_rows, None)
        elif want is None or have[:length] < want[:length]:
            tally.add(None, have)
            have = next(found_rows, None)
        else:
            tally.add(want, have)
            want, have = next(expected_rows, None), next(found_rows, None)
    return tally.result()


class _Tally:
    """Counts and hashes pairs of rows."""

    def __init__(self, spec: Rows) -> None:
        self._spec = spec
        self._expected = hashlib.sha256()
        self._found = hashlib.sha256()
        self._rows = 0
        self._counts = {"missing": 0, "extra": 0, "changed": 0}
        self._differing: list[Differing] = []

    def add(self, expected: Row | None, found: Row | None) -> None:
        if expected is not None:
            self._expected.update(_line(expected))
        if found is not None:
            self._rows += 1
            self._found.update(_line(found))
        if expected == found:
            return
        kind: Literal["missing", "extra", "changed"] = (
            "missing" if found is None else "extra" if expected is None else "changed"
        )
        self._counts[kind] += 1
        if len(self._differing) < SHOWN:
            self._differing.append(self._described(kind, expected, found))

    def _described(
        self, kind: Literal["missing", "extra", "changed"], expected: Row | None, found: Row | None
    ) -> Differing:
        names = list(self._spec.columns)
        key = dict(zip(self._spec.key, expected or found or (), strict=False))
        wanted, had = (dict(zip(names, row or (), strict=False)) for row in (expected, found))
        if expected is not None and found is not None:
            other = [name for name in names if wanted[name] != had[name]]
            wanted, had = ({name: row[name] for name in other} for row in (wanted, had))
        document = self._spec.document
        return Differing(kind, document(key), document(wanted) or None, document(had) or None)

    def result(self) -> Compared:
        return Compared(
            self._spec.name,
            self._rows,
            self._found.hexdigest(),
            self._expected.hexdigest(),
            differing=tuple(self._differing),
            **self._counts,
        )

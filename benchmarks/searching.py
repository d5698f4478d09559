"""The index of words made anew, beside one that FTS5's own tokenizer makes of the same texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from benchmarks.desks import simulated
from benchmarks.measure import Bench, Contestant, Figure, at_most, in_turn
from benchmarks.rebuilding import rebuilt
from ticketlog.projections.engine import words
from ticketlog.projections.engine.projection import Projection, Row, Rows, Tables
from ticketlog.projections.views import search

BODY = 6
"""Where the text is in a row of the view."""


class _Plain(search.VIEW.folds["ticket"]):  # type: ignore[misc, name-defined]
    """Texts as they stand, and no parts of them."""

    __slots__ = ()

    def rows(self, state: Any) -> tuple[list[Row], ...]:
        return ([row[: BODY + 1] for row in super().rows(state)[0]],)


class _Sharp(search.VIEW.folds["ticket"]):  # type: ignore[misc, name-defined]
    """Every text has a letter that has to be folded: none is indexed as it stands."""

    __slots__ = ()

    def rows(self, state: Any) -> tuple[list[Row], ...]:
        texts = [(*row[:BODY], f"{row[BODY]} Straße") for row in super().rows(state)[0]]
        return ([(*row, words.words(row[BODY]), words.parts(row[BODY])) for row in texts],)


class _SharpPlain(_Sharp):
    __slots__ = ()

    def rows(self, state: Any) -> tuple[list[Row], ...]:
        return ([row[: BODY + 1] for row in super().rows(state)[0]],)


TEXTS = search.TABLES[0]
_PLAIN = """CREATE VIRTUAL TABLE {fts} USING fts5(
    body, content = '{texts}', content_rowid = 'row', tokenize = 'unicode61 remove_diacritics 2'
)"""


def _finish(connection: Connection, tables: Tables) -> None:
    texts = tables["texts"].name
    fts = f"{texts}_words"
    connection.exec_driver_sql(_PLAIN.format(fts=fts, texts=texts))
    connection.exec_driver_sql(f"INSERT INTO {fts} ({fts}, rank) VALUES ('secure-delete', 1)")
    connection.exec_driver_sql(f"INSERT INTO {fts} ({fts}) VALUES ('rebuild')")


def _plain(name: str, fold: Any) -> Projection:
    columns = {each: TEXTS.values[each] for each in ("public", "author_kind", "at", "body")}
    tables = (Rows(TEXTS.name, TEXTS.key, columns, numbered=True),)
    return Projection(name, 1, tables, {"ticket": fold}, (), finish=_finish)


VIEWS = {
    "words": search.VIEW,
    "as they stand": _plain("plain", _Plain),
    "folded words": replace(search.VIEW, name="sharp", folds={"ticket": _Sharp}),
    "the same as they stand": _plain("sharpplain", _SharpPlain),
}


def run(bench: Bench) -> Iterator[Figure]:
    log = simulated(bench, bench.sized(4_000, 20), promises=False) / "log.db"
    sizes: dict[str, int] = {}
    rounds = in_turn(
        bench, {name: _timed(bench, log, name, view, sizes) for name, view in VIEWS.items()}
    )
    for what, mine, peer in (
        ("English texts", "words", "as they stand"),
        ("the same with a ß in each", "folded words", "the same as they stand"),
    ):
        slower, larger = rounds.ratio(peer, mine), sizes[mine] / sizes[peer]
        rate, theirs = rounds.median(mine), rounds.median(peer)
        yield at_most(
            f"search made anew, {what}: time",
            slower,
            1.5,
            f"{slower:.2f} x ({rate:,.0f} events/s)",
            f"FTS5 alone: {theirs:,.0f} events/s",
            "x",
        )
        yield at_most(
            f"search made anew, {what}: size",
            larger,
            1.5,
            f"{larger:.2f} x ({sizes[mine] / 1e6:,.1f} MB)",
            f"FTS5 alone: {sizes[peer] / 1e6:,.1f} MB",
            "x",
        )


def _timed(
    bench: Bench, log: Path, name: str, view: Projection, sizes: dict[str, int]
) -> Contestant:
    def timed() -> float:
        with bench.scratch() as folder:
            rate = rebuilt(log, folder, [view], 0)
            sizes[name] = (folder / "views.db").stat().st_size
            return rate

    return timed

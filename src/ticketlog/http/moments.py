"""The moment that a read asks about, and the position that it waits for."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio
from pydantic import BaseModel, Field

from ticketlog.application.as_of import Past
from ticketlog.desk import Desk
from ticketlog.http.problems import Problem
from ticketlog.http.served import Served
from ticketlog.projections.engine.moment import Cut

T = TypeVar("T")
CUT = re.compile(r"\d{1,18}(?:,\d{1,18}){0,1023}/\d{1,18}")
"""A position as answers carry it. No page's `next` looks so."""
_LOOK_S = 0.01
"""Seconds between two looks for a position."""


class AtMoment(BaseModel):
    """The parameters of reads that have a past."""

    as_of: str | None = Field(
        None,
        description="As it was recorded by then: a time (RFC 3339), a record P:OFFSET, or a "
        "position as answers carry it.",
    )
    occurred_as_of: str | None = Field(
        None,
        description="As it was in business time: what had occurred by this time (RFC 3339).",
    )


class OnBasis(AtMoment):
    """The same with the settings under which promises count."""

    basis: str = Field(
        "was",
        description="Under which settings promises count: `was` (those of their time), `now`, or "
        "the position where settings came into force.",
    )


class AfterPosition(BaseModel):
    """The parameter of reads that may wait."""

    wait_for: str | None = Field(
        None,
        description="Answers once everything up to this position (`Ticketlog-Position` of another "
        "answer) is in, or 503. `after` with a position does the same.",
    )


@contextmanager
def at_moment(
    desk: Desk, as_of: str | None, occurred_as_of: str | None, basis: str = "was"
) -> Iterator[Desk | Past]:
    """The desk now, or at the moment; views that are made for it are given back at the end. Raises
    Usage."""
    if not (as_of or occurred_as_of or basis != "was"):
        yield desk
        return
    if as_of and occurred_as_of:
        raise Problem(422, "invalid", "name one moment: as_of or occurred_as_of")
    recorded = as_of if as_of and "-" in as_of else None
    position = as_of if recorded is None else None
    past = desk.at(
        recorded=recorded, position=position or None, occurred=occurred_as_of or None, basis=basis
    )
    try:
        yield past
    finally:
        past.close()


def read_past(
    desk: Desk,
    moment: tuple[str | None, str | None, str],
    function: Callable[[Desk | Past], T],
) -> T:
    """The result of a function of the desk at a moment (`as_of`, `occurred_as_of`, `basis`)."""
    with at_moment(desk, *moment) as source:
        return function(source)


def awaited(given: dict[str, object], *, pages: bool = False) -> Cut | None:
    """The position that a read is to wait for, taken out of its parameters: `wait_for`, or `after`
    where it is a position. `pages`: another `after` names a page. Raises Problem 422."""
    text = given.pop("wait_for", None)
    after = given.get("after")
    if isinstance(after, str) and CUT.fullmatch(after):
        del given["after"]
        text = text or after
    elif after is not None and not pages:
        text = after
    if text is None:
        return None
    cut = Cut.parse(text) if isinstance(text, str) and CUT.fullmatch(text) else None
    if cut is None:
        raise Problem(422, "invalid", f"{text!r} is no position as answers carry it")
    return cut


async def wait_for(served: Served, cut: Cut | None) -> None:
    """Returns once the desk has everything up to the position. Raises Problem 503 after some
    seconds, 422 for a position of another desk."""
    if cut is None:
        return
    end = time.monotonic() + served.options.wait_timeout_s
    while True:
        now = await served.read(_reached, served.desk, cut)
        if len(now.ends) != len(cut.ends):
            raise Problem(422, "invalid", f"{cut} is no position of this desk, which is at {now}")
        if _holds(now, cut):
            return
        if time.monotonic() > end:
            raise Problem(
                503,
                "behind",
                f"this server has come to {now} and not yet to {cut}: ask again",
                headers={"Retry-After": "1"},
            )
        await anyio.sleep(_LOOK_S)


def _holds(now: Cut, cut: Cut) -> bool:
    """Whether everything up to a position is there."""
    there = all(have >= want for have, want in zip(now.ends, cut.ends, strict=False))
    return there and now.settings >= cut.settings


def _reached(desk: Desk, cut: Cut) -> Cut:
    """The position that the desk has come to; brokers are asked only where it isn't far enough."""
    now = desk.cut()
    if _holds(now, cut):
        return now
    desk.log.sync()
    return desk.cut()

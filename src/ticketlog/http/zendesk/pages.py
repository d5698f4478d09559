"""Pages of lists in the two styles of Zendesk's API: by cursor, and by number.

A client that names `page[size]` gets `meta` and `links`, any other one `next_page` and `count`. The
URL of the next page holds a cursor in both, so that a list may be read to its end however long.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode

from ticketlog.http.problems import Problem
from ticketlog.http.zendesk.answers import Given
from ticketlog.http.zendesk.reading import Facade

FARTHEST = 10_000
"""The end of what a page's number reaches; behind it go cursors."""


class Part(NamedTuple):
    """A part of a list; `next`: where the part behind it begins."""

    things: list[Any]
    next: str | None


class Listing(Protocol):
    """A list that is read in parts: from a cursor of its own on, so many."""

    def __call__(self, after: str | None, limit: int) -> Part: ...


def kept(things: Sequence[Any]) -> Listing:
    """The listing of things that are all there."""

    def part(after: str | None, limit: int) -> Part:
        start = int(after) if after and after.isdecimal() else 0
        end = start + limit
        return Part(list(things[start:end]), str(end) if end < len(things) else None)

    return part


def paged(
    facade: Facade,
    given: Given,
    name: str,
    listing: Listing,
    shape: Callable[[Any], Mapping[str, Any] | None],
    count: Callable[[], int] | None = None,
) -> dict[str, Any]:
    """A page of a list, its things in their shapes; those that went meanwhile are left out.
    `count`: of all. Raises Problem 422 for a page that there can't be."""
    if any(each in given.query for each in ("page[size]", "page[after]")):
        return _by_cursor(facade, given, name, listing, shape)
    return _by_number(facade, given, name, listing, shape, count)


def _by_cursor(
    facade: Facade, given: Given, name: str, listing: Listing, shape: Callable[[Any], Any]
) -> dict[str, Any]:
    size = given.size("page[size]")
    part = listing(read_cursor(given.query.get("page[after]")), size)
    after = None if part.next is None else cursor_of(part.next)
    url = None
    if after is not None:
        url = url_of(facade, given, {"page[after]": after, "page[size]": size})
    return {
        name: _shaped(part.things, shape),
        "meta": {"has_more": after is not None, "after_cursor": after, "before_cursor": None},
        "links": {"next": url, "prev": None},
    }


def _by_number(
    facade: Facade,
    given: Given,
    name: str,
    listing: Listing,
    shape: Callable[[Any], Any],
    count: Callable[[], int] | None,
) -> dict[str, Any]:
    size, number = given.size("per_page"), given.size("page", 1, FARTHEST)
    cursor = read_cursor(given.query.get("after"))
    skip = 0 if cursor else (number - 1) * size
    if skip + size > FARTHEST and skip:
        raise Problem(
            422,
            "invalid",
            f"page: {number} lies behind the first {FARTHEST:,}: follow `next_page` instead, or "
            "read by page[size]",
        )
    part = listing(cursor, skip + size)
    things = part.things[skip:]
    following = previous = None
    if part.next is not None:
        more = {"page": number + 1, "per_page": size, "after": cursor_of(part.next)}
        following = url_of(facade, given, more)
    if number > 1:
        previous = url_of(facade, given, {"page": number - 1, "per_page": size}, ("after",))
    all_of = count() if count else (len(things) if part.next is None and number == 1 else None)
    body = {name: _shaped(things, shape), "next_page": following, "previous_page": previous}
    return body if all_of is None else body | {"count": all_of}


def _shaped(things: Sequence[Any], shape: Callable[[Any], Any]) -> list[Any]:
    return [shaped for each in things if (shaped := shape(each)) is not None]


def url_of(
    facade: Facade, given: Given, more: Mapping[str, Any], without: Sequence[str] = ()
) -> str:
    """The URL of the same list with other parameters."""
    kept = [(k, v) for k, v in given.query.multi_items() if k not in more and k not in without]
    return f"{facade.url(given.place)}?{urlencode([*kept, *more.items()])}"


def cursor_of(place: str) -> str:
    """A cursor of a place in a list, as a URL holds it."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def read_cursor(cursor: str | None) -> str | None:
    """The place that a cursor stands for. Raises Problem 422 for one that no answer gave."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise Problem(
            422, "invalid", f"{cursor[:40]!r} is no cursor: give the one of an answer"
        ) from None

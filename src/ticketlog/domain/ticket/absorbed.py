"""Tickets that were merged into a ticket, as its state keeps them: what each brought, and what
people have touched of that since."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from ticketlog.domain.base import Key, Value

_Names: TypeAlias = tuple[str, ...]
BROUGHT = ("ccs", "followers", "external", "tags")


class Brought(Value):
    """The part of a merged ticket that a survivor has as its own while it is merged."""

    ccs: tuple[Key, ...] = ()
    """Its requester and its people in copy."""
    followers: tuple[Key, ...] = ()
    external: tuple[Key, ...] = ()
    tags: tuple[Key, ...] = ()

    @property
    def any(self) -> bool:
        return any(getattr(self, name) for name in BROUGHT)

    def without(self, other: Brought) -> Brought:
        return _each(self, other, lambda one, two: tuple(each for each in one if each not in two))

    def within(self, other: Brought) -> Brought:
        return _each(self, other, lambda one, two: tuple(each for each in one if each in two))

    def also(self, other: Brought) -> Brought:
        return _each(self, other, lambda one, two: tuple(dict.fromkeys((*one, *two))))


def _each(one: Brought, other: Brought, join: Callable[[_Names, _Names], _Names]) -> Brought:
    return Brought(**{name: join(getattr(one, name), getattr(other, name)) for name in BROUGHT})


NOTHING = Brought()


class Proposal(NamedTuple):
    """A merge that was proposed, and that its target hasn't answered yet. `id`: that of the
    event."""

    id: str
    into: str
    notify: bool = False


class AbsorbedTicket(NamedTuple):
    """A ticket that was merged into this one, and is still."""

    source: str
    version: int
    """The source's version when it was merged: what it says later, it says by itself."""
    since: int
    """The version of this ticket as of which it belongs to it."""
    at: int
    """When, in this ticket's clock time."""
    along: tuple[str, ...] = ()
    """The tickets that had been merged into the source, and that come and go with it."""
    waiting_since: int | None = None
    """Since when the source waits for an answer, unless it was given here since."""
    asked_at: int | None = None
    """The first public comment of an end user that came in for it since and has no answer."""
    added: Brought = NOTHING
    """The part that this ticket had not."""
    had: Brought = NOTHING
    """The part that was here already."""
    touched: Brought = NOTHING
    """The part that people have taken away or given anew since: an unmerge leaves it as it is."""

    @property
    def waits_since(self) -> int | None:
        return earliest((self.waiting_since, self.asked_at))


def earliest(times: Iterable[int | None]) -> int | None:
    return min((each for each in times if each is not None), default=None)


def touched(absorbed: tuple[AbsorbedTicket, ...], what: Brought) -> tuple[AbsorbedTicket, ...]:
    """The tickets after people have given or taken away some of what they brought."""
    return tuple(_touched(each, what) for each in absorbed)


def _touched(each: AbsorbedTicket, what: Brought) -> AbsorbedTicket:
    hit = each.added.also(each.had).within(what)
    if not hit.any:
        return each
    return each._replace(
        added=each.added.without(hit), had=each.had.without(hit), touched=each.touched.also(hit)
    )


def asked(
    absorbed: tuple[AbsorbedTicket, ...], received_on: str, at: int
) -> tuple[AbsorbedTicket, ...]:
    """The tickets after an end user's public comment that came in for one of them."""
    return tuple(
        each._replace(asked_at=at)
        if received_on in (each.source, *each.along) and each.asked_at is None
        else each
        for each in absorbed
    )


def answered(absorbed: tuple[AbsorbedTicket, ...]) -> tuple[AbsorbedTicket, ...]:
    """The tickets after an agent's public answer to all of them."""
    return tuple(each._replace(waiting_since=None, asked_at=None) for each in absorbed)


def released(absorbed: tuple[AbsorbedTicket, ...], source: str) -> tuple[AbsorbedTicket, ...]:
    """The tickets without one of them. What another one brought, too, is from now on what this
    ticket got of that one."""
    gone = next((each for each in absorbed if each.source == source), None)
    left = tuple(each for each in absorbed if each.source != source)
    if gone is None:
        return absorbed
    orphaned, heirs = gone.added, []
    for each in left:
        takes = each.had.within(orphaned)
        if takes.any:
            orphaned = orphaned.without(takes)
            each = each._replace(had=each.had.without(takes), added=each.added.also(takes))
        heirs.append(each)
    return tuple(heirs)


def of(absorbed: tuple[AbsorbedTicket, ...], ticket: str) -> AbsorbedTicket | None:
    """The one that a ticket is, or came along with."""
    return next((each for each in absorbed if ticket in (each.source, *each.along)), None)

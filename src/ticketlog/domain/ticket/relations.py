"""Whom and what a ticket is connected with: followers, CCs, other tickets, legal holds."""

from __future__ import annotations

from typing import Any, ClassVar

from ticketlog.domain.base import Command, Event, Key, Line, Recorded
from ticketlog.domain.ticket.state import Link, LinkKind, Ticket


class Followed(Event):
    """An agent follows it: unseen by the requester."""

    NAME: ClassVar[str] = "ticket.followed.v1"
    ASPECT: ClassVar[str] = "followers"
    agent: Key


class Unfollowed(Event):
    NAME: ClassVar[str] = "ticket.unfollowed.v1"
    ASPECT: ClassVar[str] = "followers"
    agent: Key


class CcAdded(Event):
    """A person gets copies and may answer."""

    NAME: ClassVar[str] = "ticket.cc-added.v1"
    ASPECT: ClassVar[str] = "ccs"
    person: Key


class CcRemoved(Event):
    NAME: ClassVar[str] = "ticket.cc-removed.v1"
    ASPECT: ClassVar[str] = "ccs"
    person: Key


class Linked(Event):
    """This ticket is `kind` of `target`; stored on this side only."""

    NAME: ClassVar[str] = "ticket.linked.v1"
    ASPECT: ClassVar[str] = "links"
    kind: LinkKind
    target: Key


class Unlinked(Event):
    NAME: ClassVar[str] = "ticket.unlinked.v1"
    ASPECT: ClassVar[str] = "links"
    kind: LinkKind
    target: Key


class LegalHoldPlaced(Event):
    """Nothing of it may be erased while the hold lasts."""

    NAME: ClassVar[str] = "ticket.legal-hold-placed.v1"
    ASPECT: ClassVar[str] = "legal-hold"
    matter: Key
    reason: Line


class LegalHoldReleased(Event):
    NAME: ClassVar[str] = "ticket.legal-hold-released.v1"
    ASPECT: ClassVar[str] = "legal-hold"
    matter: Key
    reason: Line


class Follow(Command):
    """`agent` None: the actor."""

    NAME: ClassVar[str] = "ticket.follow"
    agent: Key | None = None


class Unfollow(Command):
    NAME: ClassVar[str] = "ticket.unfollow"
    agent: Key | None = None


class AddCc(Command):
    NAME: ClassVar[str] = "ticket.add-cc"
    person: Key


class RemoveCc(Command):
    NAME: ClassVar[str] = "ticket.remove-cc"
    person: Key


class LinkTo(Command):
    NAME: ClassVar[str] = "ticket.link"
    kind: LinkKind
    target: Key


class Unlink(Command):
    NAME: ClassVar[str] = "ticket.unlink"
    kind: LinkKind
    target: Key


class PlaceLegalHold(Command):
    NAME: ClassVar[str] = "ticket.place-legal-hold"
    matter: Key
    reason: Line


class ReleaseLegalHold(Command):
    NAME: ClassVar[str] = "ticket.release-legal-hold"
    matter: Key
    reason: Line


def _without(values: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    return tuple(each for each in values if each != value)


def _evolve(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    match recorded.event:
        case Followed(agent=agent):
            return {"followers": (*ticket.followers, agent)}
        case Unfollowed(agent=agent):
            return {"followers": _without(ticket.followers, agent)}
        case CcAdded(person=person):
            return {"ccs": (*ticket.ccs, person)}
        case CcRemoved(person=person):
            return {"ccs": _without(ticket.ccs, person)}
        case Linked(kind=kind, target=target):
            return {"links": (*ticket.links, Link(kind, target))}
        case Unlinked(kind=kind, target=target):
            return {"links": _without(ticket.links, Link(kind, target))}
        case LegalHoldPlaced(matter=matter):
            return {"legal_holds": (*ticket.legal_holds, matter)}
        case LegalHoldReleased(matter=matter):
            return {"legal_holds": _without(ticket.legal_holds, matter)}
        case _:
            return {}


EVOLVE = dict.fromkeys(
    (
        Followed,
        Unfollowed,
        CcAdded,
        CcRemoved,
        Linked,
        Unlinked,
        LegalHoldPlaced,
        LegalHoldReleased,
    ),
    _evolve,
)

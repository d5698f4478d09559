"""Relations of a ticket: followers, CCs, other tickets, legal holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ticketlog.domain.base import Command, CommandSpec, Context, Event, Invalid, Key, Line, Recorded
from ticketlog.domain.rights import IN_COPY, LEADS, WORKERS, same_person
from ticketlog.domain.ticket.lookups import (
    person,
    require_agent,
    require_known,
    settings_of,
)
from ticketlog.domain.ticket.state import Decisions, Evolutions, Link, LinkKind, Ticket

MOST_CCS = 48
"""How many people may be in copy (Zendesk)."""


class Followed(Event):
    """An agent follows it: unseen by the requester."""

    NAME: ClassVar[str] = "ticket.followed.v1"
    ASPECT: ClassVar[str] = "followers"
    agent: Key


class Unfollowed(Event):
    """An agent follows it no more."""

    NAME: ClassVar[str] = "ticket.unfollowed.v1"
    ASPECT: ClassVar[str] = "followers"
    agent: Key


class CcAdded(Event):
    """A person gets copies and may answer."""

    NAME: ClassVar[str] = "ticket.cc-added.v1"
    ASPECT: ClassVar[str] = "ccs"
    person: Key


class CcRemoved(Event):
    """A person gets no copies any more."""

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
    """This ticket isn't `kind` of `target` any more."""

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
    """A legal hold of it ended."""

    NAME: ClassVar[str] = "ticket.legal-hold-released.v1"
    ASPECT: ClassVar[str] = "legal-hold"
    matter: Key
    reason: Line


class Follow(Command):
    """`agent` None: the actor."""

    NAME: ClassVar[str] = "ticket.follow"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Follow it: you, or another agent.",
        examples=("ticketlog ticket follow 4F7K2M9QABCD --agent ann",),
    )
    agent: Key | None = None


class Unfollow(Command):
    NAME: ClassVar[str] = "ticket.unfollow"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Follow it no longer.",
        examples=("ticketlog ticket unfollow 4F7K2M9QABCD",),
    )
    agent: Key | None = None


class AddCc(Command):
    NAME: ClassVar[str] = "ticket.add-cc"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS | {"requester", IN_COPY},
        shell="cc",
        help="Copy a person in: they get copies and may answer.",
        examples=("ticketlog ticket cc 4F7K2M9QABCD 7QK2M9ABCD4F",),
        positional=("person",),
    )
    person: Key


class RemoveCc(Command):
    NAME: ClassVar[str] = "ticket.remove-cc"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        shell="uncc",
        help="Copy a person in no longer.",
        examples=("ticketlog ticket uncc 4F7K2M9QABCD 7QK2M9ABCD4F",),
        positional=("person",),
    )
    person: Key


class LinkTo(Command):
    NAME: ClassVar[str] = "ticket.link"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        also_on=("closed", "spam"),
        help="Link it to another ticket: this is KIND of TARGET.",
        examples=("ticketlog ticket link 4F7K2M9QABCD duplicate-of 9ABCD4F7K2MQ",),
        positional=("kind", "target"),
    )
    kind: LinkKind
    target: Key


class Unlink(Command):
    NAME: ClassVar[str] = "ticket.unlink"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        also_on=("closed", "spam"),
        help="Take a link away.",
        examples=("ticketlog ticket unlink 4F7K2M9QABCD duplicate-of 9ABCD4F7K2MQ",),
        positional=("kind", "target"),
    )
    kind: LinkKind
    target: Key


class PlaceLegalHold(Command):
    NAME: ClassVar[str] = "ticket.place-legal-hold"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=LEADS,
        also_on=("closed", "spam", "withdrawn"),
        help="Keep everything of it while a matter lasts.",
        examples=(
            (
                "ticketlog ticket place-legal-hold 4F7K2M9QABCD case-17 "
                '--reason "Dispute with a supplier"'
            ),
        ),
        positional=("matter",),
    )
    matter: Key
    reason: Line


class ReleaseLegalHold(Command):
    NAME: ClassVar[str] = "ticket.release-legal-hold"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=LEADS,
        also_on=("closed", "spam", "withdrawn"),
        help="Release it from a matter.",
        examples=('ticketlog ticket release-legal-hold 4F7K2M9QABCD case-17 --reason "Settled"',),
        positional=("matter",),
    )
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


EVOLVE: Evolutions = dict.fromkeys(
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


def ticket_stream(id: str) -> str:
    """'ticket/ID' for 'ID' too; another kind of stream stays as it is."""
    return id if "/" in id else f"ticket/{id}"


def ticket_read(stream: str, context: Context) -> Ticket:
    """Another ticket's state. Raises Invalid for a stream that is no ticket, or that was never
    created."""
    other = context.states.get(stream)
    if not isinstance(other, Ticket) or not other.exists:
        raise Invalid(f"{stream} is no ticket that exists; check the id", name=stream)
    if other.withdrawn:
        raise Invalid(f"{stream} was withdrawn with its import; name another one", name=stream)
    return other


def _follow(command: Follow, ticket: Ticket, context: Context) -> list[Event]:
    if (command.agent or context.actor.id) in ticket.followers:
        return []
    agent = command.agent or require_agent(ticket, context)
    require_known("agent", agent, settings_of(context).agents)
    return [Followed(agent=agent)]


def _unfollow(command: Unfollow, ticket: Ticket, context: Context) -> list[Event]:
    agent = command.agent or context.actor.id
    return [Unfollowed(agent=agent)] if agent in ticket.followers else []


def _add_cc(command: AddCc, ticket: Ticket, context: Context) -> list[Event]:
    if command.person in ticket.ccs:
        return []
    id = person(command.person, context).id
    if _copied(id, ticket, context):
        return []
    if len(ticket.ccs) >= MOST_CCS:
        raise Invalid(
            f"ticket {ticket.id} has {len(ticket.ccs)} people in copy, the most there can be; "
            "remove one first"
        )
    return [CcAdded(person=id)]


def _remove_cc(command: RemoveCc, ticket: Ticket, context: Context) -> list[Event]:
    return [CcRemoved(person=each) for each in _copied(command.person, ticket, context)]


def _copied(id: str, ticket: Ticket, context: Context) -> list[str]:
    """The ids under which a person is in copy: merged persons are one."""
    return [each for each in ticket.ccs if same_person(id, each, context.states.get)]


ACYCLIC: frozenset[LinkKind] = frozenset({"duplicate-of", "parent", "blocks", "follow-up-of"})
"""Kinds of links that never lead back to where they come from: two tickets that are each other's
duplicate would both be nobody's work."""


def targets(ticket: Ticket, kind: LinkKind) -> list[str]:
    """The streams of the tickets that a ticket is `kind` of."""
    return [link.target for link in ticket.links if link.kind == kind]


def way_back(
    kind: LinkKind, target: str, origin: str, read: Callable[[str], object]
) -> list[str] | None:
    """The shortest way from `target` over links of a kind to `origin`, both ends included; None
    where there is none. `read(stream)`: the state of a ticket as far as it was read."""
    ways = {target: [target]}
    waiting = [target]
    for stream in waiting:
        if stream == origin:
            return ways[stream]
        state = read(stream)
        for each in targets(state, kind) if isinstance(state, Ticket) else ():
            if each not in ways:
                ways[each] = [*ways[stream], each]
                waiting.append(each)
    return None


def cycle(command: LinkTo, ticket: Ticket, read: Callable[[str], object]) -> Invalid | None:
    """The refusal of a link that would close a circle, or closes one; None where it doesn't."""
    if command.kind not in ACYCLIC:
        return None
    target = ticket_stream(command.target)
    way = way_back(command.kind, target, f"ticket/{ticket.id}", read)
    if way is None:
        return None
    names = [stream.removeprefix("ticket/") for stream in way]
    chain = f", which is {command.kind} ".join(names)
    return Invalid(
        f"ticket {ticket.id} can't be {command.kind} {chain}: links of this kind never lead back; "
        f"unlink one of them first",
        kind=command.kind,
        tickets=tuple(names),
    )


def _link(command: LinkTo, ticket: Ticket, context: Context) -> list[Event]:
    target = ticket_stream(command.target)
    if target == f"ticket/{ticket.id}":
        raise Invalid(f"ticket {ticket.id} can't be linked to itself; name another one")
    if Link(command.kind, target) in ticket.links:
        return []
    ticket_read(target, context)
    originals = targets(ticket, "duplicate-of")
    if command.kind == "duplicate-of" and originals:
        raise Invalid(
            f"ticket {ticket.id} is a duplicate of {originals[0]} already; unlink it first"
        )
    if refusal := cycle(command, ticket, context.states.get):
        raise refusal
    return [Linked(kind=command.kind, target=target)]


def _unlink(command: Unlink, ticket: Ticket, context: Context) -> list[Event]:
    link = Link(command.kind, ticket_stream(command.target))
    return [Unlinked(kind=link.kind, target=link.target)] if link in ticket.links else []


def _place(command: PlaceLegalHold, ticket: Ticket, context: Context) -> list[Event]:
    if command.matter in ticket.legal_holds:
        return []
    return [LegalHoldPlaced(matter=command.matter, reason=command.reason)]


def _release(command: ReleaseLegalHold, ticket: Ticket, context: Context) -> list[Event]:
    if command.matter not in ticket.legal_holds:
        return []
    return [LegalHoldReleased(matter=command.matter, reason=command.reason)]


DECIDE: Decisions = {
    Follow: _follow,
    Unfollow: _unfollow,
    AddCc: _add_cc,
    RemoveCc: _remove_cc,
    LinkTo: _link,
    Unlink: _unlink,
    PlaceLegalHold: _place,
    ReleaseLegalHold: _release,
}

"""Merging: a ticket becomes a part of another one, and may come apart again.

Nothing is moved or copied. A merge is three steps on two streams, each following from the record
of the step before it, so that any runner may take it, any number of times:

    source             target
    merge-proposed ->  absorbed        ->  source: merged
                   ->  merge-declined  ->  source: merge-dropped

and an unmerge two: the target's `released`, then the source's `unmerged`. Whether a ticket is
absorbed, and which, is thus decided on the target alone. While a merge of its own is under way a
ticket absorbs nothing and takes no other command, so that no two merges can close a circle.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Context,
    Event,
    Forbidden,
    Instant,
    Invalid,
    Key,
    Personal,
    Recorded,
    Refused,
    Text,
)
from ticketlog.domain.rights import LEADS, STAFF, Right, may, same_person, survivor
from ticketlog.domain.settings.model import CategoryOfStatus
from ticketlog.domain.ticket.absorbed import (
    NOTHING,
    AbsorbedTicket,
    Brought,
    Proposal,
    of,
    released,
)
from ticketlog.domain.ticket.classification import MOST_TAGS
from ticketlog.domain.ticket.conversation import Noted
from ticketlog.domain.ticket.lookups import data_subject
from ticketlog.domain.ticket.relations import ticket_read
from ticketlog.domain.ticket.state import Decisions, Evolutions, Ticket
from ticketlog.domain.ticket.work import stopped

MERGE_ACROSS = Right("ticket.merge-across", LEADS | {"service"})
"""Who may merge tickets of two requesters who aren't of one organisation."""
MOST_ABSORBED = 5_000
"""How many tickets one may hold, those that came along with others among them."""
MOST_IN_COPY = 1_000
"""How many people may come to be in copy by merges."""

WhyDeclined = Literal[
    "merging", "merged", "crossing", "closed", "spam", "withdrawn", "solved", "full"
]


class MergeProposed(Event):
    """It shall become a part of another ticket, which decides; until then nothing else happens to
    it."""

    NAME: ClassVar[str] = "ticket.merge-proposed.v1"
    ASPECT: ClassVar[str] = "merge"
    data_subject: Key
    into: Key
    """The id of the other ticket."""
    seen: int
    """The version of the other ticket for which it was decided."""
    note: Annotated[Text | None, Personal()] = None
    """The text to be noted on the other ticket."""
    with_tags: bool = False
    """The other ticket gets its tags, too."""
    notify: bool = False
    """Its requester is told."""


class TicketMerged(Event):
    """It is a part of another ticket now: not a resolution."""

    NAME: ClassVar[str] = "ticket.merged.v1"
    ASPECT: ClassVar[str] = "status"
    into: Key
    absorbed: Key
    """The event of the other ticket that says so."""
    old: Key
    old_category: CategoryOfStatus
    notify: bool = False


class MergeDropped(Event):
    """It stays a ticket of its own: the other one didn't take it."""

    NAME: ClassVar[str] = "ticket.merge-dropped.v1"
    ASPECT: ClassVar[str] = "merge"
    into: Key
    why: WhyDeclined
    crossed: Key | None = None
    """The other ticket's proposal to be merged into this one, which has failed with this."""


class Unmerged(Event):
    """It is a ticket of its own again, as it was when it was merged."""

    NAME: ClassVar[str] = "ticket.unmerged.v1"
    ASPECT: ClassVar[str] = "status"
    out_of: Key
    released: Key
    """The event of the other ticket that says so."""
    new: Key
    new_category: CategoryOfStatus
    asked_at: Instant | None = None
    """When the first comment of an end user came in for it meanwhile that nobody answered."""


class Absorbed(Event):
    """Another ticket is a part of this one now, with those that had been merged into it."""

    NAME: ClassVar[str] = "ticket.absorbed.v1"
    ASPECT: ClassVar[str] = "parts"
    source: Key
    proposal: Key
    """The event of the other ticket that asked for it."""
    version: int
    """The other ticket's version then."""
    by: Key
    """Who merged them: 'agent/ann'."""
    added: Brought
    """The part that this ticket had not."""
    had: Brought
    """The part that was here already."""
    along: tuple[Key, ...] = ()
    """The tickets that had been merged into the other one."""
    waiting_since: Instant | None = None
    """Since when the other ticket waits for an answer."""


class MergeDeclined(Event):
    """This ticket didn't take another one that was to become a part of it."""

    NAME: ClassVar[str] = "ticket.merge-declined.v1"
    ASPECT: ClassVar[str] = "parts"
    source: Key
    proposal: Key
    why: WhyDeclined
    crossed: Key | None = None
    """This ticket's own proposal to be merged into the other one."""


class Released(Event):
    """Another ticket is a part of this one no more."""

    NAME: ClassVar[str] = "ticket.released.v1"
    ASPECT: ClassVar[str] = "parts"
    source: Key
    version: int
    """The other ticket's version when it was merged."""
    since: int
    """The version of this ticket as of which it was a part."""
    removed: Brought
    """The part that this ticket has no more."""
    kept: Brought
    """The part that people have touched since: it stays."""
    shared: Brought
    """The part that another merged ticket brought, too: it stays with that."""
    along: tuple[Key, ...] = ()
    asked_at: Instant | None = None


class Merge(Command):
    """Makes it a part of another ticket."""

    NAME: ClassVar[str] = "ticket.merge"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"status", "requester"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF, "service"}),
        help="Make it a part of another ticket.",
        more="What is said on it from then on reaches the other ticket. `ticketlog ticket unmerge` "
        "takes it back. Tickets of two requesters must be of one organisation, or you need the "
        "right ticket.merge-across.",
        examples=(
            'ticketlog ticket merge 4F7K2M9QABCD --into 9ABCD4F7K2MQ --note "The same router"',
        ),
        options={"with_tags": "tags"},
    )
    into: Key
    note: Text | None = None
    with_tags: bool = False
    notify: bool = False


class Absorb(Command):
    """Takes another ticket in, or declines."""

    NAME: ClassVar[str] = "ticket.absorb"
    UNSEEN: ClassVar[Literal["kept"]] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({"rule"}), also_on=("closed", "spam", "withdrawn", "merged", "merging")
    )
    source: Key
    proposal: Key
    by: Key
    note: Text | None = None
    with_tags: bool = False


class SettleMerge(Command):
    """Ends a proposal: the other ticket has taken it (`absorbed`), or declined."""

    NAME: ClassVar[str] = "ticket.settle-merge"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({"rule"}), also_on=("merged", "merging")
    )
    into: Key
    proposal: Key
    absorbed: Key | None = None
    declined: WhyDeclined | None = None
    crossed: Key | None = None


class Unmerge(Command):
    """Makes it a ticket of its own again. What says so is recorded on the ticket that it was merged
    into (`ticket.release`), then on this one (`ticket.part`)."""

    NAME: ClassVar[str] = "ticket.unmerge"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF, "service"}),
        also_on=("merged",),
        help="Make a merged ticket one of its own again.",
        more="The other ticket keeps what people have touched since; its history lists it.",
        examples=("ticketlog ticket unmerge 4F7K2M9QABCD",),
    )


class ReleaseSource(Command):
    """Gives a ticket free that was merged into this one."""

    NAME: ClassVar[str] = "ticket.release"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF, "service"}), also_on=("closed", "spam", "withdrawn")
    )
    source: Key


class PartFrom(Command):
    """Makes it a ticket of its own again, once the other one has released it."""

    NAME: ClassVar[str] = "ticket.part"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=frozenset({"rule"}), also_on=("merged",))
    out_of: Key
    released: Key
    asked_at: Instant | None = None


def _proposed(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, MergeProposed)
    return {"merge_proposed": Proposal(recorded.id, event.into, event.notify)}


def _merged(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, TicketMerged)
    return {
        "merge_proposed": None,
        "merged_into": event.into,
        "merged_at": recorded.meta.occurred_at,
        "survivors": tuple(dict.fromkeys((*ticket.survivors, event.into))),
        "before_merge": (ticket.status, ticket.status_category),
        "status": MERGED,
        "status_category": MERGED,
    }


def _merge_dropped(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, MergeDropped)
    changes: dict[str, Any] = {"merge_proposed": None}
    if event.crossed is not None:
        changes["crossed"] = event.crossed
    return changes


def _unmerged(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, Unmerged)
    changes: dict[str, Any] = {
        "merged_into": None,
        "merged_at": None,
        "before_merge": None,
        "status": event.new,
        "status_category": event.new_category,
    }
    if event.asked_at is not None:
        changes["asked_at"] = event.asked_at
        if ticket.own_waiting_since is None:
            changes["own_waiting_since"] = event.asked_at
    return changes


def _absorbed(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, Absorbed)
    part = AbsorbedTicket(
        source=event.source,
        version=event.version,
        since=recorded.originator_version,
        at=recorded.meta.occurred_at,
        along=event.along,
        waiting_since=event.waiting_since,
        added=event.added,
        had=event.had,
    )
    added = event.added
    return {
        "absorbed": (*ticket.absorbed, part),
        "ccs": (*ticket.ccs, *added.ccs),
        "followers": (*ticket.followers, *added.followers),
        "external": (*ticket.external, *added.external),
        "tags": (*ticket.tags, *added.tags),
    }


def _merge_declined(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    return {}


def _released(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, Released)
    gone = event.removed
    return {
        "absorbed": released(ticket.absorbed, event.source),
        "ccs": _less(ticket.ccs, gone.ccs),
        "followers": _less(ticket.followers, gone.followers),
        "external": _less(ticket.external, gone.external),
        "tags": _less(ticket.tags, gone.tags),
    }


def _less(values: tuple[str, ...], gone: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each for each in values if each not in gone) if gone else values


MERGED: Literal["merged"] = "merged"
"""The status of a merged ticket, and its category."""

EVOLVE: Evolutions = {
    MergeProposed: _proposed,
    TicketMerged: _merged,
    MergeDropped: _merge_dropped,
    Unmerged: _unmerged,
    Absorbed: _absorbed,
    MergeDeclined: _merge_declined,
    Released: _released,
}

_CALLED = {
    "merging": "is being merged itself",
    "merged": "was merged itself",
    "crossing": "was being merged into {source} at the same time: neither is",
    "closed": "is closed",
    "spam": "is marked as spam",
    "withdrawn": "was withdrawn with its import",
    "solved": "is solved while {source} is still worked on: reopen it first, or solve {source}",
    "full": "holds as many tickets and people as there can be",
}


def declined(source: str, target: str, why: WhyDeclined, into: str | None = None) -> Refused:
    """The refusal of a merge, for who asked for it."""
    told = _CALLED[why].format(source=source)
    if why == "merged" and into is not None:
        told = f"was merged into {into}: merge {source} into that one"
    return Refused(
        f"ticket {source} isn't merged into {target}, which {told}",
        ticket=source,
        into=target,
        why=why,
    )


def survivor_refusal(ticket: Ticket, command: Command) -> Refused:
    """The refusal of a command that makes no sense on a merged ticket."""
    return Refused(
        f"ticket {ticket.id} was merged into {ticket.merged_into} and takes no "
        f"{command.NAME.removeprefix('ticket.')}: send it to {ticket.merged_into}, or unmerge "
        f"{ticket.id} first",
        ticket=ticket.id,
        merged_into=ticket.merged_into,
    )


def parted(ticket: Ticket, source: str) -> Refused:
    """The refusal of what was sent to a merged ticket that is a part of this one no more."""
    return Refused(
        f"ticket {source} is a part of ticket {ticket.id} no more; send it to {source}",
        ticket=ticket.id,
        parted=True,
    )


def _why_not(source: Ticket, target: Ticket) -> WhyDeclined | None:
    """Why a target doesn't take a ticket; None: it does."""
    if target.withdrawn:
        return "withdrawn"
    if target.merged_into is not None:
        return "merged"
    if target.merge_proposed is not None:
        return "crossing" if target.merge_proposed.into == source.id else "merging"
    if target.spam:
        return "spam"
    if target.status_category == "closed":
        return "closed"
    if target.status_category == "solved" and source.active:
        return "solved"
    held = sum(1 + len(each.along) for each in target.absorbed)
    if held + 1 + len(along(source)) > MOST_ABSORBED:
        return "full"
    return None


def along(ticket: Ticket) -> tuple[str, ...]:
    """The tickets that come and go with a ticket."""
    return tuple(id for each in ticket.absorbed for id in (each.source, *each.along))


def _merge(command: Merge, ticket: Ticket, context: Context) -> list[Event]:
    into = command.into.removeprefix("ticket/")
    if into == ticket.id:
        raise Invalid(f"ticket {ticket.id} can't be merged into itself; name another one")
    target = ticket_read(f"ticket/{into}", context)
    if (why := _why_not(ticket, target)) is not None:
        raise declined(ticket.id, into, why, target.merged_into)
    _check_across(ticket, target, context)
    return [
        MergeProposed(
            data_subject=data_subject(ticket),
            into=into,
            seen=target.version,
            note=command.note,
            with_tags=command.with_tags,
            notify=command.notify,
        )
    ]


def _check_across(source: Ticket, target: Ticket, context: Context) -> None:
    """Raises Forbidden for tickets of two requesters, unless these are of one organisation or the
    actor has the right to it."""
    if source.requester is None or target.requester is None:
        return
    if same_person(source.requester, target.requester, context.states.get):
        return
    if source.organisation is not None and source.organisation == target.organisation:
        return
    if not may(MERGE_ACROSS, source, context):
        raise Forbidden(
            f"tickets {source.id} and {target.id} are of two requesters who aren't of one "
            f"organisation; who has the right {MERGE_ACROSS.name} may merge them",
            ticket=source.id,
            into=target.id,
        )


def _absorb(command: Absorb, ticket: Ticket, context: Context) -> list[Event]:
    source = context.states.get(f"ticket/{command.source}")
    if not isinstance(source, Ticket):
        return []
    proposal = source.merge_proposed
    if proposal is None or proposal.id != command.proposal:
        return []
    if ticket.crossed == command.proposal:
        return [MergeDeclined(source=source.id, proposal=proposal.id, why="crossing")]
    why = _why_not(source, ticket)
    added, had = _brought(source, ticket, command.with_tags, context)
    if why is None and len(ticket.ccs) + len(added.ccs) > MOST_IN_COPY:
        why = "full"
    if why is not None:
        own = ticket.merge_proposed if why == "crossing" else None
        crossed = own.id if own else None
        return [MergeDeclined(source=source.id, proposal=proposal.id, why=why, crossed=crossed)]
    absorbed = Absorbed(
        source=source.id,
        proposal=proposal.id,
        version=source.version,
        by=command.by,
        added=added,
        had=had,
        along=along(source),
        waiting_since=source.waiting_since,
    )
    return [absorbed, *_noted(command, ticket)]


def _noted(command: Absorb, ticket: Ticket) -> Iterator[Event]:
    if command.note is not None:
        kind, _, author = command.by.partition("/")
        yield Noted(
            data_subject=data_subject(ticket),
            author=author,
            author_kind="agent" if kind == "agent" else "service",
            body=command.note,
            direction="internal",
        )


def _brought(
    source: Ticket, target: Ticket, tags: bool, context: Context
) -> tuple[Brought, Brought]:
    """The part of a source that a target gets, and the part that it has already."""
    load = context.states.get
    asks = target.requester and survivor(target.requester, load)
    here = {survivor(each, load): each for each in target.ccs}
    people = {survivor(each, load): None for each in (source.requester, *source.ccs) if each}
    if asks:
        people.pop(asks, None)
    copied = Brought(
        ccs=tuple(each for each in people if each not in here),
        followers=source.followers,
        external=source.external,
        tags=source.tags[: max(0, MOST_TAGS - len(target.tags))] if tags else (),
    )
    now = Brought(followers=target.followers, external=target.external, tags=target.tags)
    had = copied.within(now).also(Brought(ccs=tuple(here[each] for each in people if each in here)))
    return copied.without(now), had


def _settle(command: SettleMerge, ticket: Ticket, context: Context) -> list[Event]:
    proposal = ticket.merge_proposed
    if proposal is None or proposal.id != command.proposal:
        return []
    if command.absorbed is None:
        assert command.declined is not None
        return [MergeDropped(into=command.into, why=command.declined, crossed=command.crossed)]
    assert ticket.status_category != MERGED
    return [
        *stopped(ticket, context.now, ticket.working),
        TicketMerged(
            into=command.into,
            absorbed=command.absorbed,
            old=ticket.status,
            old_category=ticket.status_category,
            notify=proposal.notify,
        ),
    ]


def _unmerge(command: Unmerge, ticket: Ticket, context: Context) -> list[Event]:
    if ticket.merged_into is None:
        raise Refused(
            f"ticket {ticket.id} isn't merged into another one; there is nothing to unmerge",
            ticket=ticket.id,
        )
    return []


def _release(command: ReleaseSource, ticket: Ticket, context: Context) -> list[Event]:
    part = of(ticket.absorbed, command.source)
    if part is None:
        return []
    if part.source != command.source:
        raise Refused(
            f"ticket {command.source} came into {ticket.id} with {part.source}: unmerge "
            f"{part.source} first",
            ticket=command.source,
            merged_into=ticket.id,
        )
    now = Brought(
        ccs=ticket.ccs, followers=ticket.followers, external=ticket.external, tags=ticket.tags
    )
    elsewhere = NOTHING
    for each in ticket.absorbed:
        if each.source != part.source:
            elsewhere = elsewhere.also(each.had)
    own = part.added.within(now)
    return [
        Released(
            source=part.source,
            version=part.version,
            since=part.since,
            removed=own.without(elsewhere),
            kept=part.touched.within(now),
            shared=own.within(elsewhere),
            along=part.along,
            asked_at=part.asked_at,
        )
    ]


def _part(command: PartFrom, ticket: Ticket, context: Context) -> list[Event]:
    before = ticket.before_merge
    if before is None or ticket.merged_into != command.out_of:
        return []
    status, category = before
    return [
        Unmerged(
            out_of=command.out_of,
            released=command.released,
            new=status,
            new_category=category,
            asked_at=command.asked_at,
        )
    ]


DECIDE: Decisions = {
    Merge: _merge,
    Absorb: _absorb,
    SettleMerge: _settle,
    Unmerge: _unmerge,
    ReleaseSource: _release,
    PartFrom: _part,
}

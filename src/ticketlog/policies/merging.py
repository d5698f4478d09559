"""Merging: each step of a merge or an unmerge follows from the record of the step before it, here
where the desk was stopped before it took it."""

from __future__ import annotations

from collections.abc import Iterable

from ticketlog.domain.base import Event, Recorded, kind_and_id
from ticketlog.domain.ticket.merging import (
    Absorb,
    Absorbed,
    MergeDeclined,
    MergeProposed,
    PartFrom,
    Released,
    SettleMerge,
)
from ticketlog.policies.protocol import Reaction, Situation

NAME = "merging"
ON: frozenset[type[Event]] = frozenset({MergeProposed, Absorbed, MergeDeclined, Released})


def react(recorded: Recorded, situation: Situation) -> Iterable[Reaction]:
    """The next step, under the id by which the desk takes it."""
    step = next_step(recorded)
    if step is not None:
        yield step


def next_step(recorded: Recorded) -> Reaction | None:
    """The step that follows from a record; None: there is none."""
    ticket = kind_and_id(recorded.originator_id)[1]
    match recorded.event:
        case MergeProposed() as proposed:
            actor = recorded.meta.actor
            absorb = Absorb.of_records(
                source=ticket,
                proposal=recorded.id,
                by=f"{actor.kind}/{actor.id}",
                note=proposed.note,
                with_tags=proposed.with_tags,
            )
            return Reaction(absorb, f"ticket/{proposed.into}", NAME)
        case Absorbed(source=source, proposal=proposal):
            settle = SettleMerge(into=ticket, proposal=proposal, absorbed=recorded.id)
            return Reaction(settle, f"ticket/{source}", NAME)
        case MergeDeclined(source=source, proposal=proposal, why=why, crossed=crossed):
            settle = SettleMerge(into=ticket, proposal=proposal, declined=why, crossed=crossed)
            return Reaction(settle, f"ticket/{source}", NAME)
        case Released(source=source, asked_at=asked_at):
            part = PartFrom(out_of=ticket, released=recorded.id, asked_at=asked_at)
            return Reaction(part, f"ticket/{source}", NAME)
    return None

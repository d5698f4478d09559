"""Sign-offs of reviews: a reviewer has looked at who may what, and stands for it. Streams
`access-review/POSITION`, of the settings that were reviewed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from ticketlog.domain.base import (
    Aggregate,
    Command,
    CommandSpec,
    Context,
    Event,
    Invalid,
    Line,
    Recorded,
)
from ticketlog.domain.parties.party import Party, after

KIND = "access-review"
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ReviewSignedOff(Event):
    """The review of who may what was looked at and found right, or with a remark."""

    NAME: ClassVar[str] = "access-review.signed-off.v1"
    ASPECT: ClassVar[str] = "sign-off"
    sha256: _Digest
    """Of the review."""
    comment: Line | None = None


@dataclass(frozen=True)
class ReviewedAccess(Party):
    """The review of the settings of a position, after event number `version` of its stream."""

    signed_by: tuple[str, ...] = ()
    """Agents, each once, in the order of their first sign-offs."""


def initial(id: str) -> ReviewedAccess:
    """A review that nobody has signed; `id` is the position of the settings."""
    return ReviewedAccess(id=id)


def evolve(state: ReviewedAccess, recorded: Recorded) -> ReviewedAccess:
    """The review after one more event. Never fails."""
    changes: dict[str, Any] = {}
    if isinstance(recorded.event, ReviewSignedOff):
        by = (*state.signed_by, recorded.meta.actor.id)
        changes["signed_by"] = tuple(dict.fromkeys(by))
    return state.but(after(state, recorded, changes))


class SignOffReview(Command):
    """Stands for a review of who may what, by its digest."""

    NAME: ClassVar[str] = "access-review.sign-off"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=frozenset({"auditor", "admin", "supervisor"}))
    sha256: _Digest
    comment: Line | None = None


def decide(command: Command, state: ReviewedAccess, context: Context) -> list[Event]:
    """The events of what the command changes. Raises Invalid for a position that isn't that of
    the settings in force, or was never one."""
    if not isinstance(command, SignOffReview):
        return []
    if not state.id.isdecimal() or int(state.id) > context.settings.position:
        raise Invalid(
            f"access-review {state.id} is of no settings: `ticketlog access review` says of which "
            "position it is"
        )
    return [ReviewSignedOff(sha256=command.sha256, comment=command.comment)]


AGGREGATE = Aggregate(
    kind=KIND,
    streams="Streams `access-review/POSITION` of the access log: reviews of who may what.",
    initial=initial,
    decide=decide,
    evolve=evolve,
    commands=(SignOffReview,),
    events=(ReviewSignedOff,),
    public=False,
    internal=True,
)

"""The status of a ticket: Zendesk's six categories, the desk's own statuses on top."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Event,
    Instant,
    Key,
    Line,
    Recorded,
    Text,
)
from ticketlog.domain.rights import WORKERS
from ticketlog.domain.ticket.state import Evolutions, Ticket

STATUS = frozenset({"status"})


class ResolutionCoded(Event):
    """How it was solved is told by another code now, or before it is solved."""

    NAME: ClassVar[str] = "ticket.resolution-coded.v1"
    ASPECT: ClassVar[str] = "resolution"
    old: Key | None = None
    new: Key | None = None


class Verified(Event):
    """Somebody confirmed that the solution holds."""

    NAME: ClassVar[str] = "ticket.verified.v1"
    ASPECT: ClassVar[str] = "verification"
    by: Literal["requester", "agent", "automatic"]


class MarkedSpam(Event):
    """It was recognised as spam: nobody works on it."""

    NAME: ClassVar[str] = "ticket.marked-spam.v1"
    ASPECT: ClassVar[str] = "spam"
    reason: Line | None = None


class Restored(Event):
    """It was no spam after all."""

    NAME: ClassVar[str] = "ticket.restored.v1"
    ASPECT: ClassVar[str] = "spam"
    reason: Line | None = None


class SetStatus(Command):
    """Moves it to open, pending or a status of the desk's own."""

    NAME: ClassVar[str] = "ticket.set-status"
    TOUCHES: ClassVar[frozenset[str]] = STATUS
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Move it to open, pending or a status of your own.",
        examples=("ticketlog ticket set-status 4F7K2M9QABCD pending",),
        positional=("status",),
    )
    status: Key


class Hold(Command):
    NAME: ClassVar[str] = "ticket.hold"
    TOUCHES: ClassVar[frozenset[str]] = STATUS
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Put it on hold: it waits for somebody else.",
        examples=(
            (
                'ticketlog ticket hold 4F7K2M9QABCD --reason "Part ordered" '
                "--until 2026-02-15T09:00:00Z"
            ),
        ),
    )
    reason: Line
    until: Instant | None = None
    status: Key | None = None


class Solve(Command):
    NAME: ClassVar[str] = "ticket.solve"
    TOUCHES: ClassVar[frozenset[str]] = STATUS
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Solve it; without an assignee, the solver becomes it.",
        examples=(
            'ticketlog ticket solve 4F7K2M9QABCD --code fixed --resolution "Replaced the cable"',
        ),
    )
    code: Key | None = None
    resolution: Text | None = None
    status: Key | None = None


class Verify(Command):
    NAME: ClassVar[str] = "ticket.verify"
    TOUCHES: ClassVar[frozenset[str]] = STATUS
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS | {"requester"},
        help="Confirm that the solution holds.",
        examples=("ticketlog ticket verify 4F7K2M9QABCD --as person:ANNA",),
    )


class Reopen(Command):
    NAME: ClassVar[str] = "ticket.reopen"
    TOUCHES: ClassVar[frozenset[str]] = STATUS
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS | {"requester"},
        help="Work on a solved ticket again; on a closed one, open a follow-up.",
        examples=('ticketlog ticket reopen 4F7K2M9QABCD --reason "It is back"',),
    )
    reason: Line | None = None


class Close(Command):
    NAME: ClassVar[str] = "ticket.close"
    TOUCHES: ClassVar[frozenset[str]] = STATUS
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Close it for good.",
        examples=("ticketlog ticket close 4F7K2M9QABCD --as agent:ann/supervisor",),
    )


class Cancel(Command):
    NAME: ClassVar[str] = "ticket.cancel"
    TOUCHES: ClassVar[frozenset[str]] = STATUS
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS | {"requester"},
        help="End it without a solution.",
        examples=('ticketlog ticket cancel 4F7K2M9QABCD --reason "Withdrawn by the requester"',),
    )
    reason: Line


class MarkSpam(Command):
    NAME: ClassVar[str] = "ticket.mark-spam"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"spam"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        also_on=("spam",),
        help="Take it out of queues and reports as spam.",
        examples=("ticketlog ticket mark-spam 4F7K2M9QABCD",),
    )
    reason: Line | None = None


class Restore(Command):
    NAME: ClassVar[str] = "ticket.restore"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"spam"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        also_on=("spam",),
        help="It was no spam after all.",
        examples=("ticketlog ticket restore 4F7K2M9QABCD",),
    )
    reason: Line | None = None


def _coded(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    assert isinstance(recorded.event, ResolutionCoded)
    return {"resolution_code": recorded.event.new}


def _verified(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    assert isinstance(recorded.event, Verified)
    return {"verified_by": recorded.event.by}


def _marked_spam(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    return {"spam": True}


def _restored(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    return {"spam": False, "back_at": recorded.meta.occurred_at}


EVOLVE: Evolutions = {
    ResolutionCoded: _coded,
    Verified: _verified,
    MarkedSpam: _marked_spam,
    Restored: _restored,
}

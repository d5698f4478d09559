"""The priority of a ticket: by impact x urgency, a contract's floor, or hand and reason."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Context,
    Event,
    Invalid,
    Key,
    Line,
    MissingFields,
    Recorded,
)
from ticketlog.domain.rights import WORKERS
from ticketlog.domain.settings.model import Priorities
from ticketlog.domain.ticket.lookups import priorities_in, require_known
from ticketlog.domain.ticket.state import Decisions, Evolutions, PrioritySource, Ticket


class ImpactChanged(Event):
    """Its impact is another now."""

    NAME: ClassVar[str] = "ticket.impact-changed.v1"
    ASPECT: ClassVar[str] = "priority"
    old: Key | None = None
    new: Key | None = None


class UrgencyChanged(Event):
    """Its urgency is another now."""

    NAME: ClassVar[str] = "ticket.urgency-changed.v1"
    ASPECT: ClassVar[str] = "priority"
    old: Key | None = None
    new: Key | None = None


class PriorityChanged(Event):
    """`source` says where the priority comes from; one set by hand carries a reason."""

    NAME: ClassVar[str] = "ticket.priority-changed.v1"
    ASPECT: ClassVar[str] = "priority"
    old: Key
    new: Key
    old_source: PrioritySource
    source: PrioritySource
    reason: Line | None = None


class Prioritise(Command):
    """Sets impact and urgency, or the priority by hand with a reason.

    `automatic` gives a priority that was set by hand back to the matrix.
    """

    NAME: ClassVar[str] = "ticket.prioritise"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"priority"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Set impact and urgency, or a priority by hand with a reason.",
        examples=(
            "ticketlog ticket prioritise 4F7K2M9QABCD --impact high --urgency medium",
            (
                "ticketlog ticket prioritise 4F7K2M9QABCD --priority critical "
                '--reason "The board waits"'
            ),
        ),
    )
    impact: Key | None = None
    urgency: Key | None = None
    priority: Key | None = None
    reason: Line | None = None
    automatic: bool = False


def _impact_changed(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    assert isinstance(recorded.event, ImpactChanged)
    return {"impact": recorded.event.new}


def _urgency_changed(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    assert isinstance(recorded.event, UrgencyChanged)
    return {"urgency": recorded.event.new}


def _priority_changed(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, PriorityChanged)
    return {"priority": event.new, "priority_source": event.source}


EVOLVE: Evolutions = {
    ImpactChanged: _impact_changed,
    UrgencyChanged: _urgency_changed,
    PriorityChanged: _priority_changed,
}


HELD: frozenset[PrioritySource] = frozenset({"manual", "import"})
"""The sources of a priority that impact and urgency don't change any more."""


class Priority(NamedTuple):
    name: str
    source: PrioritySource


def automatic(
    priorities: Priorities, impact: str | None, urgency: str | None, contract: str | None
) -> Priority:
    """The matrix's answer, else the default; raised to the least that the contract allows."""
    found = priorities.matrix.get(impact or "", {}).get(urgency or "")
    result = Priority(found, "matrix") if found else Priority(priorities.default, "default")
    return at_least(priorities, result, contract)


def at_least(priorities: Priorities, priority: Priority, contract: str | None) -> Priority:
    """The priority, or that of the contract where it is more urgent."""
    floor = priorities.contracts.get(contract or "")
    if floor is not None and priorities.rank(floor) < priorities.rank(priority.name):
        return Priority(floor, "contract")
    return priority


def by_hand(
    priorities: Priorities, name: str, reason: str | None, contract: str | None
) -> Priority:
    """A priority that is set by hand. Raises Invalid, and MissingFields without a reason."""
    require_known("priority", name, priorities.names)
    if reason is None:
        raise MissingFields(
            f"a priority that is set by hand needs a reason; say why it is {name}",
            fields=("reason",),
        )
    if at_least(priorities, Priority(name, "manual"), contract).source == "contract":
        raise Invalid(
            f"contract {contract} allows no priority below {priorities.contracts[contract or '']}",
            what="priority",
            name=name,
        )
    return Priority(name, "manual")


def check_scales(
    priorities: Priorities, impact: str | None, urgency: str | None, ticket: Ticket
) -> None:
    """Raises Invalid for an impact or urgency that the settings don't have."""
    if impact is not None:
        require_known("impact", impact, priorities.impacts, ticket.impact)
    if urgency is not None:
        require_known("urgency", urgency, priorities.urgencies, ticket.urgency)


def prioritised(ticket: Ticket, new: Priority, reason: str | None = None) -> list[Event]:
    if new == (ticket.priority, ticket.priority_source):
        return []
    return [
        PriorityChanged(
            old=ticket.priority,
            new=new.name,
            old_source=ticket.priority_source,
            source=new.source,
            reason=reason,
        )
    ]


def recalculated(
    ticket: Ticket,
    context: Context,
    *,
    impact: str | None,
    urgency: str | None,
    contract: str | None,
) -> list[Event]:
    """The events of another impact, urgency or contract for the priority. One that is held stays,
    but never below the contract's."""
    priorities = priorities_in(context)
    if ticket.priority_source in HELD:
        held = Priority(ticket.priority, ticket.priority_source)
        return prioritised(ticket, at_least(priorities, held, contract))
    return prioritised(ticket, automatic(priorities, impact, urgency, contract))


def rescaled(ticket: Ticket, impact: str | None, urgency: str | None) -> list[Event]:
    """The events of another impact and another urgency."""
    events: list[Event] = []
    if impact != ticket.impact:
        events.append(ImpactChanged(old=ticket.impact, new=impact))
    if urgency != ticket.urgency:
        events.append(UrgencyChanged(old=ticket.urgency, new=urgency))
    return events


def _stays(ticket: Ticket, reason: str | None) -> bool:
    """Whether its priority named again changes nothing: it is held by hand already, or nobody says
    why it should be."""
    return ticket.priority_source == "manual" or reason is None


def _prioritise(command: Prioritise, ticket: Ticket, context: Context) -> list[Event]:
    priorities = priorities_in(context)
    check_scales(priorities, command.impact, command.urgency, ticket)
    impact = command.impact or ticket.impact
    urgency = command.urgency or ticket.urgency
    events = rescaled(ticket, impact, urgency)
    if command.priority is not None:
        if command.automatic:
            raise Invalid("a priority is either set by hand or automatic; leave one out")
        if command.priority == ticket.priority and _stays(ticket, command.reason):
            return events
        priority = by_hand(priorities, command.priority, command.reason, ticket.contract)
        return [*events, *prioritised(ticket, priority, command.reason)]
    if command.automatic:
        priority = automatic(priorities, impact, urgency, ticket.contract)
        return [*events, *prioritised(ticket, priority, command.reason)]
    if not events:
        return []
    return [
        *events,
        *recalculated(ticket, context, impact=impact, urgency=urgency, contract=ticket.contract),
    ]


DECIDE: Decisions = {Prioritise: _prioritise}

"""The rules that start, pause and end the clocks of a ticket, whether a policy applies to it or
not.

The rules are Zendesk's; docs/SLA.md has them in words, with their sources. A trigger is the part of
an event that concerns clocks. A ticket keeps triggers, and its clocks are run when they are read,
so that loading a ticket costs no more for clocks that aren't read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple, TypeAlias

from ticketlog.domain.settings.model import CategoryOfStatus
from ticketlog.domain.settings.sla_policy import Metric, Switch
from ticketlog.domain.sla.clock import LIVE, Because, Clock, Clocks, Phase, started, turned

Kind = Literal["created", "asked", "answered", "noted", "moved", "team", "out", "back"]
ENDED = ("solved", "closed")
PAUSED_IN: Mapping[Metric, frozenset[str]] = {
    "requester_wait_time": frozenset({"pending"}),
    "agent_work_time": frozenset({"pending", "on-hold"}),
    "total_resolution_time": frozenset(),
}
"""The clocks that run from creation to solving, and in which categories of status they don't."""
_PAUSES = {**PAUSED_IN, "pausable_update_time": frozenset({"pending"})}
REPLIES: tuple[Metric, ...] = ("first_reply_time", "next_reply_time")
UPDATES: tuple[Metric, ...] = ("periodic_update_time", "pausable_update_time")


class ClockTrigger(NamedTuple):
    """A trigger of clocks, with the ticket's status and team after it."""

    kind: Kind
    at: int
    """In the ticket's clock time."""
    because: Because
    category: CategoryOfStatus
    team: bool = False
    """A team has it."""
    out: bool = False
    """It is spam or a duplicate: nothing runs."""
    switches: tuple[Switch, ...] = ()
    """The switches one of which has to be on, where it counts by a switch only."""


def run(
    clocks: Clocks, triggers: Iterable[ClockTrigger], switches: tuple[Switch, ...] = ()
) -> Clocks:
    """The clocks after more triggers, under a policy's switches."""
    clock_set = ClockSet(clocks, switches)
    for trigger in triggers:
        clock_set.trigger = trigger
        _RULES[trigger.kind](clock_set)
    return clock_set.clocks


class ClockSet:
    """Turns clocks by one trigger after the other."""

    __slots__ = ("clocks", "switches", "trigger")
    trigger: ClockTrigger

    def __init__(self, clocks: Clocks, switches: tuple[Switch, ...]) -> None:
        self.clocks: dict[Metric, Clock] = dict(clocks)
        self.switches = switches

    @property
    def ended(self) -> bool:
        return self.trigger.category in ENDED

    def switched(self, *any_of: Switch) -> bool:
        return any(switch in self.switches for switch in any_of)

    def phase(self, metric: Metric) -> Phase:
        """The phase of a clock in the ticket's status."""
        return "paused" if self.trigger.category in _PAUSES.get(metric, ()) else "running"

    def is_live(self, metric: Metric) -> bool:
        clock = self.clocks.get(metric)
        return clock is not None and clock.phase in LIVE

    def start(self, metric: Metric) -> None:
        """The next instance begins; one that is live has been fulfilled by what begins it."""
        trigger = self.trigger
        if not trigger.out:
            before = self.clocks.get(metric)
            instance = before.instance + 1 if before else 1
            self.clocks[metric] = started(instance, self.phase(metric), trigger.because, trigger.at)

    def turn(self, metric: Metric, phase: Phase) -> None:
        """Moves a clock to another phase; one that has ended goes on where the phase is live."""
        clock, trigger = self.clocks.get(metric), self.trigger
        if clock is None or clock.phase == phase:
            return
        if clock.phase in LIVE or (phase in LIVE and not trigger.out):
            self.clocks[metric] = turned(clock, phase, trigger.because, trigger.at)

    def end(self, metric: Metric, phase: Phase) -> None:
        """Ends a clock that is live. Where the ticket doesn't count any more (spam, a
        duplicate), it ends for good."""
        clock, trigger = self.clocks.get(metric), self.trigger
        if clock is None:
            return
        if clock.phase in LIVE:
            self.clocks[metric] = turned(clock, phase, trigger.because, trigger.at)
        elif clock.taken_out:
            self.clocks[metric] = clock._replace(because=trigger.because)


def _created(clock_set: ClockSet) -> None:
    needed = clock_set.trigger.switches
    if not needed or clock_set.switched(*needed):
        clock_set.start("first_reply_time")
    for metric in PAUSED_IN:
        clock_set.start(metric)
    if clock_set.trigger.team:
        clock_set.start("group_ownership_time")


def _asked(clock_set: ClockSet) -> None:
    """Starts the clock of a reply, at the first comment without an answer (Zendesk: the oldest
    unanswered comment). It is the first reply where an agent created the ticket and no end user had
    commented yet."""
    trigger = clock_set.trigger
    if trigger.category == "closed" or (
        trigger.switches and not clock_set.switched(*trigger.switches)
    ):
        return
    if any(map(clock_set.is_live, REPLIES)):
        return
    begun = "first_reply_time" in clock_set.clocks or trigger.because == "note"
    clock_set.start("next_reply_time" if begun else "first_reply_time")


def _answered(clock_set: ClockSet) -> None:
    for metric in REPLIES:
        clock_set.end(metric, "fulfilled")
    for metric in UPDATES:
        clock_set.end(metric, "fulfilled")
        if not clock_set.ended:
            # The requester knows how things are, and is to be told again.
            clock_set.start(metric)


def _noted(clock_set: ClockSet) -> None:
    if clock_set.switched("first_reply_time.fulfill_on_agent_internal_note"):
        clock_set.end("first_reply_time", "fulfilled")
    if clock_set.switched(
        "next_reply_time.fulfill_on_non_requesting_agent_internal_note_after_activation"
    ):
        clock_set.end("next_reply_time", "fulfilled")
    if (
        clock_set.switched("periodic_update_time.activate_on_agent_internal_note")
        and not clock_set.ended
    ):
        clock_set.end("periodic_update_time", "fulfilled")
        clock_set.start("periodic_update_time")
    if clock_set.trigger.switches:
        _asked(clock_set)


def _moved(clock_set: ClockSet) -> None:
    trigger = clock_set.trigger
    if not clock_set.ended:
        for metric in _PAUSES:
            if metric in PAUSED_IN or clock_set.is_live(metric):
                clock_set.turn(metric, clock_set.phase(metric))
        if trigger.because == "reopened" and trigger.team:
            clock_set.start("group_ownership_time")
        return
    end: Phase = "withdrawn" if trigger.because == "cancelled" else "fulfilled"
    for metric in PAUSED_IN:
        if clock_set.is_live(metric):
            clock_set.turn(metric, end)
    clock_set.end("group_ownership_time", end)
    for metric in (*REPLIES, *UPDATES):
        clock_set.end(metric, "withdrawn")


def _handed_over(clock_set: ClockSet) -> None:
    clock_set.end("group_ownership_time", "fulfilled")
    if clock_set.trigger.team and not clock_set.ended:
        clock_set.start("group_ownership_time")


def _put_out(clock_set: ClockSet) -> None:
    for metric in tuple(clock_set.clocks):
        if clock_set.is_live(metric):
            clock_set.turn(metric, "withdrawn")


def _taken_back(clock_set: ClockSet) -> None:
    """Lets the clocks of a ticket that was out go on where they stopped."""
    if clock_set.ended:
        return
    for metric, clock in tuple(clock_set.clocks.items()):
        if clock.taken_out or metric in PAUSED_IN:
            clock_set.turn(metric, clock_set.phase(metric))
    if clock_set.trigger.team and not clock_set.is_live("group_ownership_time"):
        clock_set.start("group_ownership_time")


Rule: TypeAlias = Callable[[ClockSet], None]
_RULES: Mapping[Kind, Rule] = {
    "created": _created,
    "asked": _asked,
    "answered": _answered,
    "noted": _noted,
    "moved": _moved,
    "team": _handed_over,
    "out": _put_out,
    "back": _taken_back,
}

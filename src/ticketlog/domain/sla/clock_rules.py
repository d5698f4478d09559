"""What starts, pauses and ends the clocks of a ticket, whether a policy applies to it or not.

The rules are Zendesk's; docs/SLA.md has them in words, with their sources. A fact is what of an
event concerns clocks. So a ticket remembers facts, and its clocks are run when somebody asks: to
load a ticket doesn't cost more for clocks that nobody reads.
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
    """Something that happened to a ticket, with what the ticket was after it."""

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


def run(clocks: Clocks, facts: Iterable[ClockTrigger], switches: tuple[Switch, ...] = ()) -> Clocks:
    """The clocks after more facts, under a policy's switches."""
    hands = ClockSet(clocks, switches)
    for fact in facts:
        hands.fact = fact
        _RULES[fact.kind](hands)
    return hands.clocks


class ClockSet:
    """Turns clocks by one fact after the other."""

    __slots__ = ("clocks", "fact", "switches")
    fact: ClockTrigger

    def __init__(self, clocks: Clocks, switches: tuple[Switch, ...]) -> None:
        self.clocks: dict[Metric, Clock] = dict(clocks)
        self.switches = switches

    @property
    def ended(self) -> bool:
        return self.fact.category in ENDED

    def switched(self, *any_of: Switch) -> bool:
        return any(switch in self.switches for switch in any_of)

    def phase(self, metric: Metric) -> Phase:
        """What a clock does in the ticket's status."""
        return "paused" if self.fact.category in _PAUSES.get(metric, ()) else "running"

    def is_live(self, metric: Metric) -> bool:
        clock = self.clocks.get(metric)
        return clock is not None and clock.phase in LIVE

    def start(self, metric: Metric) -> None:
        """The next instance begins; one that is live has been fulfilled by what begins it."""
        fact = self.fact
        if not fact.out:
            before = self.clocks.get(metric)
            instance = before.instance + 1 if before else 1
            self.clocks[metric] = started(instance, self.phase(metric), fact.because, fact.at)

    def turn(self, metric: Metric, phase: Phase) -> None:
        """Turns a clock, also one that ended where it is to go on."""
        clock, fact = self.clocks.get(metric), self.fact
        if clock is None or clock.phase == phase:
            return
        if clock.phase in LIVE or (phase in LIVE and not fact.out):
            self.clocks[metric] = turned(clock, phase, fact.because, fact.at)

    def end(self, metric: Metric, phase: Phase) -> None:
        """Ends a clock that is live. One that was taken out of the running ends for good."""
        clock, fact = self.clocks.get(metric), self.fact
        if clock is None:
            return
        if clock.phase in LIVE:
            self.clocks[metric] = turned(clock, phase, fact.because, fact.at)
        elif clock.taken_out:
            self.clocks[metric] = clock._replace(because=fact.because)


def _created(hands: ClockSet) -> None:
    needed = hands.fact.switches
    if not needed or hands.switched(*needed):
        hands.start("first_reply_time")
    for metric in PAUSED_IN:
        hands.start(metric)
    if hands.fact.team:
        hands.start("group_ownership_time")


def _asked(hands: ClockSet) -> None:
    """Somebody waits for an answer, since the first thing that they said (Zendesk: the oldest
    unanswered comment). It is the first reply that they wait for where an agent created the ticket
    and nobody had said anything yet."""
    fact = hands.fact
    if fact.category == "closed" or (fact.switches and not hands.switched(*fact.switches)):
        return
    if any(map(hands.is_live, REPLIES)):
        return
    begun = "first_reply_time" in hands.clocks or fact.because == "note"
    hands.start("next_reply_time" if begun else "first_reply_time")


def _answered(hands: ClockSet) -> None:
    for metric in REPLIES:
        hands.end(metric, "fulfilled")
    for metric in UPDATES:
        hands.end(metric, "fulfilled")
        if not hands.ended:
            # The requester knows how things are, and is to be told again.
            hands.start(metric)


def _noted(hands: ClockSet) -> None:
    if hands.switched("first_reply_time.fulfill_on_agent_internal_note"):
        hands.end("first_reply_time", "fulfilled")
    if hands.switched(
        "next_reply_time.fulfill_on_non_requesting_agent_internal_note_after_activation"
    ):
        hands.end("next_reply_time", "fulfilled")
    if hands.switched("periodic_update_time.activate_on_agent_internal_note") and not hands.ended:
        hands.end("periodic_update_time", "fulfilled")
        hands.start("periodic_update_time")
    if hands.fact.switches:
        _asked(hands)


def _moved(hands: ClockSet) -> None:
    fact = hands.fact
    if not hands.ended:
        for metric in _PAUSES:
            if metric in PAUSED_IN or hands.is_live(metric):
                hands.turn(metric, hands.phase(metric))
        if fact.because == "reopened" and fact.team:
            hands.start("group_ownership_time")
        return
    end: Phase = "withdrawn" if fact.because == "cancelled" else "fulfilled"
    for metric in PAUSED_IN:
        if hands.is_live(metric):
            hands.turn(metric, end)
    hands.end("group_ownership_time", end)
    for metric in (*REPLIES, *UPDATES):
        hands.end(metric, "withdrawn")


def _handed_over(hands: ClockSet) -> None:
    hands.end("group_ownership_time", "fulfilled")
    if hands.fact.team and not hands.ended:
        hands.start("group_ownership_time")


def _put_out(hands: ClockSet) -> None:
    for metric in tuple(hands.clocks):
        if hands.is_live(metric):
            hands.turn(metric, "withdrawn")


def _taken_back(hands: ClockSet) -> None:
    """What was taken out goes on where it stopped."""
    if hands.ended:
        return
    for metric, clock in tuple(hands.clocks.items()):
        if clock.taken_out or metric in PAUSED_IN:
            hands.turn(metric, hands.phase(metric))
    if hands.fact.team and not hands.is_live("group_ownership_time"):
        hands.start("group_ownership_time")


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

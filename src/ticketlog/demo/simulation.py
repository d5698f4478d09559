"""The simulation of a help desk, hour by hour: `simulate` yields its commits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files

from ticketlog.demo.aftermath import Aftermath
from ticketlog.demo.agent_sitting import Sitting
from ticketlog.demo.automation import DemoRules
from ticketlog.demo.case import DemoCase
from ticketlog.demo.people import Cast
from ticketlog.demo.reception import Reception, weekly
from ticketlog.demo.requesters import Requesters
from ticketlog.demo.staff import DemoAgent, Staff
from ticketlog.demo.trouble import Trouble
from ticketlog.demo.world import HOUR, SECOND, WEEK, DemoStep, World
from ticketlog.domain.base import Recorded, instant
from ticketlog.domain.settings.activation import settings_of
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.assignment import AssigneeChanged, TeamChanged
from ticketlog.domain.ticket.feedback import SurveyOffered
from ticketlog.domain.ticket.status_events import Solved, StatusChanged, TicketClosed
from ticketlog.settings_files import parser

END = instant("2026-06-29T00:00:00Z")
"""The Monday before which the simulated history ends."""
AFTERWARDS_S = 18 * HOUR
"""Seconds that the desk works on after the last ticket came in."""


def settings_text() -> str:
    """The settings file of the simulated help desk: teams, agents, workflows."""
    return files(__package__).joinpath("settings.toml").read_text("utf-8")


def rules_text() -> str:
    """The settings file of its rules: SLA policies and automation."""
    return files(__package__).joinpath("rules.toml").read_text("utf-8")


def settings_at(position: int) -> Settings:
    """The settings of both files, in force at a position of the settings log."""
    desired = parser.parse(f"{settings_text()}\n{rules_text()}")
    things = {f"{kind}/{id}": each for kind, all in desired.items() for id, each in all.items()}
    return settings_of(things, position)


def start_of(tickets: int) -> int:
    """The Monday on which a history of so many tickets begins, to end in the summer of 2026."""
    weeks = int(tickets / weekly(tickets)) + 2
    return END - weeks * WEEK * SECOND


def simulate(
    seed: int, tickets: int, start: int | None = None, settings: Settings | None = None
) -> Iterator[DemoStep]:
    """The steps of a help desk with so many tickets: commands with their commits.

    The same seed, number and start give the same steps, on every machine. `start` is an instant
    (a Monday midnight, UTC, suits); None: so that it ends in the summer of 2026. `settings` are
    those of `settings_text`, in force at some position.
    """
    simulation = _Simulation(settings or settings_at(0), seed, tickets, start or start_of(tickets))
    world = simulation.world
    simulation.rules.settle()
    yield from world.taken()
    end = None
    while world.advance(end):
        yield from world.taken()
        if end is None and world.full:
            end = world.now + AFTERWARDS_S * SECOND


class _Simulation:
    """All parts of the simulation, connected, and people's reactions to changes of tickets."""

    def __init__(self, settings: Settings, seed: int, tickets: int, start: int) -> None:
        self.world = World(settings, seed, tickets, start)
        self.rules = DemoRules(self.world, self._on_commit)
        self.staff = Staff(self.world, self._sit)
        cast = Cast(self.world)
        self.reception = Reception(self.world, cast, self.staff, self._on_opened)
        self.requesters = Requesters(self.world, self.staff, self.reception)
        self.aftermath = Aftermath(self.world, self.staff, self.requesters)
        self.work = Sitting(self.world, self.staff, self.reception, self.requesters)
        self.trouble = Trouble(self.world, self.staff, self.reception)
        self.world.after(HOUR, self.reception.hour)

    def _sit(self, worker: DemoAgent, case: DemoCase) -> None:
        self.work.sit(worker, case)

    def _on_commit(self, case: DemoCase, events: Sequence[Recorded]) -> None:
        by_rule = events[0].meta.actor.kind == "rule"
        for recorded in events:
            match recorded.event:
                case Solved():
                    self.aftermath.solved(case)
                case TicketClosed():
                    self.aftermath.closed(case)
                case SurveyOffered():
                    self.aftermath.asked(case)
                case AssigneeChanged(new=str()) | StatusChanged() if by_rule:
                    self.staff.hand_back(case)
                case TeamChanged() if by_rule:
                    self.staff.offer(case)

    def _on_opened(self, case: DemoCase) -> None:
        self.requesters.wait(case)
        self.trouble.perhaps(case)

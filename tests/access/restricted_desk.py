"""A desk with a restricted team, for the tests of access: who works there, and some tickets."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

from ticketlog.application.logs import make_logs
from ticketlog.config import Config, write
from ticketlog.desk import Desk, codec_of
from ticketlog.domain.base import Actor, instant
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.settings_files import parser

ANN = Actor("ann", "agent")
"""An agent in the team network."""
HAL = Actor("hal", "agent")
"""An agent in the teams hr and network."""
SUE = Actor("sue", "agent")
"""The admin and supervisor, in the team network."""
AUD = Actor("aud", "agent")
"""An auditor, and nothing else."""
LIA = Actor("lia", "agent")
"""A light agent, and nothing else."""
NED = Actor("ned", "agent")
"""In a role of the desk's own, which sees the tickets of its team: network."""
QUE = Actor("que", "agent")
"""In a role of the desk's own, which sees the queue of billing."""
FORM = Actor("form", "service")
HRBOT = Actor("hr-bot", "service")
"""A service that handles what the team hr has."""
ROOT = Actor("root", "service", role="operator", authenticated="local")
"""Whoever runs a command line on the machine."""

SETTINGS = """
[teams.network]
[teams.billing]
[teams.hr]
restricted = true

[agents.ann]
teams = ["network"]
[agents.hal]
teams = ["hr", "network"]
[agents.sue]
teams = ["network"]
roles = ["agent", "supervisor", "admin"]
[agents.aud]
roles = ["auditor"]
[agents.lia]
roles = ["light-agent"]
[agents.ned]
roles = ["team-agent"]
teams = ["network"]
[agents.que]
roles = ["billing-reader"]

[roles.team-agent]
like = "agent"
scope = "team"
[roles.billing-reader]
queries = ["*"]
reports = ["*"]
scope = "queue"
queues = ["billing"]

[services]
form = {}
mail = {}
hr-bot = { teams = ["hr"] }

[fields.salary]
kind = "integer"
readers = ["supervisor"]
writers = ["supervisor"]
[fields.floor]
kind = "integer"
readers = ["agent", "requester"]

[sla_policies.all]
position = 1
targets = [
    { metric = "first_reply_time", within = { critical = "1h", medium = "2h", low = "4h" } },
    { metric = "total_resolution_time", within = { high = "1d", medium = "2d", low = "4d" } },
]
"""

START = instant("2026-03-02T09:00:00Z")
MINUTE = 60_000_000


def clock_from(start: int = START) -> Callable[[], int]:
    """A clock that goes on by a second whenever it is read."""
    ticks = itertools.count(start, 1_000_000)
    return lambda: next(ticks)


def restricted_desk(folder: Path, clock: Callable[[], int] | None = None) -> Desk:
    """A desk with these settings in force. `clock`: its own."""
    config = Config(folder, "sqlite:///log.db", "sqlite:///views.db", simulation=True)
    folder.mkdir(parents=True, exist_ok=True)
    write(config)
    desk = Desk(config, make_logs(config, codec_of(config)), clock or clock_from())
    desk._apply_own_settings(parser.defaults(SUE), "the defaults of a new desk")
    desk.settings_apply(SETTINGS, actor=SUE, reason="tests")
    return desk


def person(desk: Desk, name: str) -> Actor:
    """A new person, whose id follows from the name."""
    made = desk.execute(RegisterPerson(name=name), actor=HAL, id=f"person {name}")
    return Actor(made.stream.removeprefix("person/"), "person")

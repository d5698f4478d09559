"""A small help desk for tests: its settings, who works there, and a folder to copy it from."""

from __future__ import annotations

import shutil
from pathlib import Path

from ticketlog.application.executor import new_id, request
from ticketlog.desk import Desk, Outcome, init_desk
from ticketlog.domain.base import Actor, Command
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Close, Solve

ANN = Actor("ann", "agent")
BOB = Actor("bob", "agent")
SUE = Actor("sue", "agent")
"""A supervisor, and the admin."""

SETTINGS = """
[teams.network]
[teams.billing]

[agents.ann]
teams = ["network", "billing"]
[agents.bob]
teams = ["billing"]
[agents.sue]
teams = ["network"]
roles = ["agent", "supervisor", "admin"]

[services]
mail = {}
front-desk = {}
caller = {}

[products.vpn]
[products.mail]

[fields.floor]
kind = "integer"
[fields.remote]
kind = "boolean"
[fields.sites]
kind = "choices"
options = [{ id = "berlin", label = "Berlin" }, { id = "rome", label = "Rome" }]
"""


def make(folder: Path, *, simulation: bool = False) -> None:
    """A desk with these settings in force. `simulation`: things happen in it at any time."""
    with init_desk(folder, simulation=simulation) as desk:
        desk.settings_apply(SETTINGS, actor=SUE, reason="tests")
    for views in folder.glob("views.db*"):  # made to see that no ticket is stranded
        views.unlink()


def copy(template: Path, folder: Path) -> Path:
    shutil.copytree(template, folder)
    return folder


def create(desk: Desk, subject: str = "VPN drops", **given: object) -> str:
    """A new ticket's id."""
    made = desk.execute(CreateTicket(subject=subject, **given), actor=ANN)  # type: ignore[arg-type]
    return made.stream.removeprefix("ticket/")


def register(desk: Desk, name: str = "Kim") -> str:
    """A new person's id."""
    made = desk.execute(RegisterPerson(name=name), actor=ANN)
    return made.stream.removeprefix("person/")


def closed(desk: Desk, **given: object) -> str:
    """A ticket that was solved and closed."""
    ticket = create(desk, **given)
    desk.execute(Solve(), on=ticket, actor=ANN)
    desk.execute(Close(), on=ticket, actor=SUE)
    return ticket


def by_the_desk(
    desk: Desk, command: Command, *, on: str | None, actor: Actor, occurred_at: int | None = None
) -> Outcome:
    """A rule or an import sends it, from inside the desk."""
    made = request(
        command,
        on,
        id=new_id(),
        received_at=desk._clock(),
        occurred_at=occurred_at,
        actor=actor,
        channel="policy",
        internal=True,
    )
    return desk._executor.execute(made)


def facts(outcome: Outcome) -> list[str]:
    """The names of the events that a command recorded."""
    return [recorded.event.NAME for recorded in outcome.events]

"""given settings and what people did at which time, when the clock moves on, then: for policies.

Times are told as spans since NOON, as in '3d' or '90m'.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests import helpdesk
from tests.given import NOON, SECOND
from tests.helpdesk import SUE
from ticketlog.desk import Desk, Outcome, open_desk
from ticketlog.domain.base import Actor, Command, Event, Recorded
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.state import Ticket

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
KIM = Actor("KIM", "person")


def at(span: str) -> int:
    """The instant so long after NOON."""
    parts = re.findall(r"(\d+)([dhms])", span)
    return NOON + sum(int(number) * _UNITS[unit] for number, unit in parts) * SECOND


class Story:
    """A desk whose policies were there before anything happened."""

    def __init__(
        self, folder: Path, settings: str, base: str = helpdesk.SETTINGS, make: bool = True
    ) -> None:
        """`make`: there is no desk yet."""
        if make:
            helpdesk.make(folder, simulation=True)
        self.desk: Desk = open_desk(folder)
        self.apply(base + settings)
        if not self.desk.load("person/KIM").exists:
            kim = RegisterPerson(name="Kim")
            self.desk.execute(kim, on="person/KIM", actor=SUE, occurred_at=NOON)
        self.desk.policies().run_until(NOON)

    def apply(self, settings: str) -> None:
        self.desk.settings_apply(settings, actor=SUE)

    def ticket(self, span: str = "0s", actor: Actor = KIM, **given: Any) -> str:
        """A new ticket's stream."""
        command = CreateTicket(**{"subject": "VPN drops", **given})
        return self._sent(command, None, actor, span).stream

    def does(self, actor: Actor, command: Command, on: str, span: str) -> Outcome:
        return self._sent(command, on, actor, span)

    def _sent(self, command: Command, on: str | None, actor: Actor, span: str) -> Outcome:
        if actor.kind in ("rule", "import"):
            return helpdesk.by_the_desk(
                self.desk, command, on=on, actor=actor, occurred_at=at(span)
            )
        return self.desk.execute(command, on=on, actor=actor, occurred_at=at(span))

    def until(self, span: str) -> None:
        """The policies work; the clock moves to that time."""
        self.desk.policies().run_until(at(span))

    def state(self, stream: str) -> Ticket:
        found: Ticket = self.desk.load(stream)
        return found

    def by_rules(self, stream: str) -> list[Recorded]:
        """The events by rules on a ticket."""
        return [each for each in self.desk.history(stream) if each.meta.actor.kind == "rule"]

    def told(self, stream: str) -> list[tuple[type[Event], str, int]]:
        """The same, shortly: what, by which rule, and when."""
        return [
            (type(each.event), each.meta.actor.id, each.meta.occurred_at)
            for each in self.by_rules(stream)
        ]

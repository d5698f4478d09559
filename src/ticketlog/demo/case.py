"""Cases: tickets of the simulation with their state, their matter, and the plan for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ticketlog.demo.library import DemoTopic, Matter, phrases
from ticketlog.demo.world import World
from ticketlog.domain.base import Actor, Command
from ticketlog.domain.settings.model import CategoryOfStatus
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.state import Ticket


@dataclass(slots=True, weakref_slot=True, eq=False)
class DemoCase:
    """A ticket of the simulation."""

    world: World
    topic: DemoTopic
    matter: Matter
    channel: str
    slots: dict[str, Any]
    """Values for the {slots} of texts."""
    state: Ticket = field(default_factory=Ticket)
    requester: Actor | None = None
    copied: Actor | None = None
    """The person in copy."""
    fate: str = "solved"
    """The planned end: solved, spam, duplicate, withdrawn, silent."""
    asked: int = 0
    """The number of times that an agent has asked back."""
    questions: int = 0
    """The number of times that an agent still has to ask back."""
    holds: int = 0
    escalates: bool = False
    noted: bool = False
    """Whether an agent has noted the matter."""
    sorted_out: bool = False
    """Whether it is classified."""
    split: bool = False
    """Whether a part of it has become a task of its own."""
    thanked: bool = False
    """Whether the requester only reopened it to say thanks."""
    busy: bool = False
    """Whether an agent works on it right now."""
    twin: DemoCase | None = None
    """The earlier case that it is a duplicate of."""
    timer_at: int | None = None
    """The instant at which the next timer of the policies fires."""
    message: str | None = None
    """The last message-id of its mails."""
    solved: list[Callable[[], None]] = field(default_factory=list)
    """Actions of other cases that wait for its solution."""

    @property
    def language(self) -> str:
        return self.topic.language

    def begin(self, command: CreateTicket, actor: Actor) -> None:
        self.state = self.world.begin(command, actor, self.channel)
        self.world.cases[f"ticket/{self.state.id}"] = self
        self.world.fresh.append(self)

    def do(self, command: Command, actor: Actor, channel: str = "web", **how: Any) -> None:
        self.state = self.world.act(self.state, command, actor, channel, **how)

    def text(self, template: str) -> str:
        return template.format_map(self.slots)

    def said(self, occasion: str, language: str | None = None) -> str:
        """A general phrase for an occasion."""
        choice = phrases()[language or self.language][occasion]
        return self.text(self.world.dice.pick(choice))

    def status(self, category: CategoryOfStatus) -> str:
        """The status of that category in the ticket's workflow."""
        status = self.world.settings.workflow_of(self.state.type).first_of(category)
        assert status is not None, f"the demo's workflows lack a status of category {category}"
        return status.id

    @property
    def misrouted(self) -> bool:
        """Whether it is with a team that can't solve it."""
        return self.state.team not in (None, self.topic.team)

    @property
    def over(self) -> bool:
        return self.state.status_category == "closed" or self.state.spam

    @property
    def last_comment(self) -> str | None:
        """The id of the last comment."""
        pages = self.state.comment_pages
        return pages[-1][-1].id if pages else None

    def next_message(self) -> str | None:
        """A new message-id where the ticket goes by mail."""
        if self.channel != "email":
            return None
        self.message = f"<{self.state.id}.{self.state.version + 1}@mail.example>"
        return self.message

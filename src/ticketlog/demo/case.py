"""A ticket as the simulation sees it: its state, what it is about, and what is planned for it."""

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
    world: World
    topic: DemoTopic
    matter: Matter
    channel: str
    slots: dict[str, Any]
    """What the texts' {slots} are filled with."""
    state: Ticket = field(default_factory=Ticket)
    requester: Actor | None = None
    copied: Actor | None = None
    """Somebody in CC."""
    fate: str = "solved"
    """How it is meant to end: solved, spam, duplicate, withdrawn, silent."""
    asked: int = 0
    """How often an agent has asked back."""
    questions: int = 0
    """How often an agent will have to ask back."""
    holds: int = 0
    escalates: bool = False
    noted: bool = False
    """An agent has written down what the matter is."""
    sorted_out: bool = False
    """Somebody has classified it."""
    split: bool = False
    """A part of it has become a task of its own."""
    thanked: bool = False
    """They only came back to say thanks."""
    busy: bool = False
    """An agent sits on it right now."""
    twin: DemoCase | None = None
    """The earlier one of which it is a duplicate."""
    rings_at: int | None = None
    """When a timer of the desk's rules is due on it."""
    message: str | None = None
    """The last message-id of its mails."""
    solved: list[Callable[[], None]] = field(default_factory=list)
    """What happens elsewhere once it is solved."""

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
        """One of the things that are said on any ticket."""
        choice = phrases()[language or self.language][occasion]
        return self.text(self.world.dice.pick(choice))

    def status(self, category: CategoryOfStatus) -> str:
        """The status of that category in the ticket's workflow."""
        status = self.world.settings.workflow_of(self.state.type).first_of(category)
        assert status is not None, f"the demo's workflows lack a status of category {category}"
        return status.id

    @property
    def misrouted(self) -> bool:
        """It is with a team that can't solve it."""
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

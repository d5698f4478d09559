"""The settings in force: what a desk has decided about itself, as values that `decide` reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ticketlog.domain.base import Key, Line, Seconds

CategoryOfStatus = Literal["new", "open", "pending", "on-hold", "solved", "closed"]
TicketType = Literal["question", "incident", "problem", "change", "task", "service-request"]


ROLES: tuple[str, ...] = (
    "requester",
    "end-user",
    "agent",
    "supervisor",
    "admin",
    "rule",
    "service",
    "import",
)
"""The roles that every desk has; agents may have others, of the desk's own."""

REQUIRABLE: tuple[str, ...] = (
    *("requester", "organisation", "team", "assignee", "due_at", "tags"),
    *("category", "product", "asset", "site", "language", "impact", "urgency"),
    *("reason", "until", "resolution", "resolution_code"),
)
"""What an arrow may require besides custom fields: what the ticket has, or the command says."""


class Value(BaseModel):
    """A value that events hold.

    As in events, a field's default is only ever None, False or empty: it is left out of the
    record, and what an absent field means can never change.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Status(Value):
    """A status of a workflow; its category gives it its meaning (Zendesk's six).

    The id and its category never change, as tickets hold them (Zendesk: custom statuses). No
    arrow leads to a retired one.
    """

    id: Key
    category: CategoryOfStatus
    label: Line | None = None
    retired: bool = False


class Transition(Value):
    """An arrow: who may take it and what must be filled in. '*' stands for every status or role."""

    source: Key
    target: Key
    roles: tuple[Key, ...]
    requires: tuple[Key, ...] = ()


class Workflow(Value):
    """The life of a ticket. `types` empty: the workflow of every type that has none of its own."""

    id: Key
    types: tuple[TicketType, ...] = ()
    statuses: tuple[Status, ...]
    transitions: tuple[Transition, ...]
    reopen_within: Seconds | None = None
    """Seconds after solving in which a ticket may be reopened; None: until it is closed."""

    def status(self, id: str) -> Status | None:
        return next((status for status in self.statuses if status.id == id), None)

    def first_of(self, category: CategoryOfStatus) -> Status | None:
        """The first status of a category that isn't retired."""
        return next(
            (each for each in self.statuses if each.category == category and not each.retired),
            None,
        )

    def arrow(self, source: str, target: str) -> Transition | None:
        """The most exact arrow between two statuses: exact names go before '*'.

        None leads to a retired status, or back to one of category new (Zendesk: a ticket that
        was once worked on is never new again).
        """
        status, before = self.status(target), self.status(source)
        if status is None or status.retired:
            return None
        if status.category == "new" and (before is None or before.category != "new"):
            return None
        found = [
            arrow
            for arrow in self.transitions
            if arrow.source in (source, "*") and arrow.target in (target, "*")
        ]
        return min(found, key=lambda a: (a.source == "*") + (a.target == "*"), default=None)


class Priorities(Value):
    """The priorities from most to least urgent, and impact x urgency -> priority."""

    id: Key
    names: tuple[Key, ...]
    default: Key
    impacts: tuple[Key, ...]
    urgencies: tuple[Key, ...]
    matrix: Mapping[Key, Mapping[Key, Key]] = Field(default_factory=dict)
    """matrix[impact][urgency]"""
    contracts: Mapping[Key, Key] = Field(default_factory=dict)
    """The least priority of a contract's tickets."""

    def rank(self, priority: str) -> int:
        """0 is the most urgent; an unknown one (imported) ranks last."""
        return self.names.index(priority) if priority in self.names else len(self.names)


class Option(Value):
    """A choice of a field. The id never changes, as tickets hold it; the label may.

    A retired one stays where it is, and is chosen no more.
    """

    id: Key
    label: Line
    retired: bool = False


FieldKind = Literal["text", "integer", "boolean", "date", "datetime", "choice", "choices"]


class CustomField(Value):
    """A field of the desk's own. Its kind never changes (Zammad).

    `minimum` and `maximum` bound integers; `personal`: its values are wrapped per person.
    """

    id: Key
    kind: FieldKind
    label: Line | None = None
    options: tuple[Option, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    personal: bool = False


class Team(Value):
    """Agents who work on the same tickets."""

    id: Key
    name: Line | None = None


class Agent(Value):
    """A person who works tickets; `roles` are of ROLES or the desk's own, `skills` have levels."""

    id: Key
    name: Line | None = None
    teams: tuple[Key, ...] = ()
    roles: tuple[Key, ...]
    skills: Mapping[Key, int] = Field(default_factory=dict)
    languages: tuple[Key, ...] = ()
    retired: bool = False
    """They work no more: nothing is assigned to them."""

    @property
    def active(self) -> bool:
        return not self.retired


class Category(Value):
    """A node of the category tree, written as a path: 'network/vpn'."""

    id: Key
    label: Line | None = None

    @property
    def parent(self) -> str | None:
        """The path above it; None at the top of the tree."""
        return self.id.rpartition("/")[0] or None


class Product(Value):
    """What tickets are about: a product or service of the desk."""

    id: Key
    label: Line | None = None


def _frozen() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Settings:
    """All settings in force at `position` of the settings log (its last `settings.activated`)."""

    position: int = 0
    """0, where the log's genesis stands: none are in force yet."""
    workflows: Mapping[str, Workflow] = field(default_factory=_frozen)
    priorities: Priorities | None = None
    fields: Mapping[str, CustomField] = field(default_factory=_frozen)
    teams: Mapping[str, Team] = field(default_factory=_frozen)
    agents: Mapping[str, Agent] = field(default_factory=_frozen)
    categories: Mapping[str, Category] = field(default_factory=_frozen)
    products: Mapping[str, Product] = field(default_factory=_frozen)

    def workflow_of(self, type: str) -> Workflow:
        """The workflow of a ticket type. Raises KeyError where the settings hold none."""
        general: Workflow | None = None
        for workflow in self.workflows.values():
            if type in workflow.types:
                return workflow
            if not workflow.types:
                general = workflow
        if general is None:
            raise KeyError(f"no workflow for tickets of type {type!r}")
        return general

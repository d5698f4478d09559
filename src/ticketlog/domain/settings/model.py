"""The settings in force: what a desk has decided about itself, as values that `decide` reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import Field

from ticketlog.domain.base import Key, Line, Seconds, Value
from ticketlog.domain.settings.notation import DURATION, SEVERAL, SeveralValues, in_lines
from ticketlog.domain.settings.role import Role
from ticketlog.domain.settings.rule import R, Rule, in_order
from ticketlog.domain.settings.signing_in import IdentityProvider, SessionLimits
from ticketlog.domain.settings.sla_policy import SlaPolicy
from ticketlog.domain.sla.clock import Edition
from ticketlog.domain.time.calendar import Calendar

if TYPE_CHECKING:
    from ticketlog.domain.settings.webhooks import HookSource, Webhook

CategoryOfStatus = Literal["new", "open", "pending", "on-hold", "solved", "closed"]
TicketType = Literal["question", "incident", "problem", "change", "task", "service-request"]


ROLES: tuple[str, ...] = (
    "requester",
    "end-user",
    "light-agent",
    "agent",
    "supervisor",
    "admin",
    "auditor",
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
"""The fields that an arrow may require besides custom ones: those of tickets and commands."""


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


class Arrows(SeveralValues):
    """Transitions from one or several statuses to one or several: a line of a settings file."""

    source: Annotated[tuple[Key, ...], SEVERAL, Field(alias="from")]
    target: Annotated[tuple[Key, ...], SEVERAL, Field(alias="to")]
    roles: tuple[Key, ...] = ("*",)
    requires: tuple[Key, ...] = ()

    def values(self) -> Iterator[Transition]:
        for source in self.source:
            for target in self.target:
                yield Transition(
                    source=source, target=target, roles=self.roles, requires=self.requires
                )


class Workflow(Value):
    """The life of a ticket. `types` empty: the workflow of every type that has none of its own."""

    id: Key
    types: tuple[TicketType, ...] = ()
    statuses: tuple[Status, ...]
    transitions: Annotated[tuple[Transition, ...], in_lines(Arrows)]
    reopen_within: Annotated[Seconds, DURATION] | None = None
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
    readers: tuple[Key, ...] = ()
    """The roles that read it; none named: all who work on tickets."""
    writers: tuple[Key, ...] = ()
    """The roles that may fill it in; none named: all who may send the command."""


class Team(Value):
    """Agents who work on the same tickets. `restricted`: nobody else sees those, but auditors, and
    requesters their own."""

    id: Key
    name: Line | None = None
    restricted: bool = False


class Agent(Value):
    """A person who works tickets; `roles` are of ROLES or the desk's own, `skills` have levels."""

    id: Key
    name: Line | None = None
    teams: tuple[Key, ...] = ()
    roles: tuple[Key, ...]
    skills: Mapping[Key, int] = Field(default_factory=dict)
    languages: tuple[Key, ...] = ()
    capacity: Mapping[Key, int] = Field(default_factory=dict)
    """Channel -> how many tickets of it they have at most by themselves; '*': of all together."""
    weight: Annotated[int, Field(ge=1, le=1_000)] | None = None
    """Their share where tickets are dealt out by weight; None: 1."""
    accounts: tuple[Key, ...] = ()
    """The organisations whose account team they are in."""
    retired: bool = False
    """The agent works no more: nothing is assigned to them."""
    person: Key | None = None
    """The id under which the agent is a person, too: one human, who asks now and then."""

    @property
    def active(self) -> bool:
        return not self.retired


class Service(Value):
    """A program that acts by itself, such as a channel's adapter. `rights`: the commands that it
    may send ('ticket.reply', 'person.*'); none named: all that services may. `roles`: those that it
    acts in, besides being a service; `teams`: the restricted ones whose tickets it handles."""

    id: Key
    title: Line | None = None
    rights: tuple[Key, ...] = ()
    roles: tuple[Key, ...] = ()
    teams: tuple[Key, ...] = ()


CHANNELS = ("web", "email", "phone", "chat", "api", "form")
"""The services of a desk that declares none."""
_OF_CHANNELS: Mapping[str, Service] = MappingProxyType({id: Service(id=id) for id in CHANNELS})


class Category(Value):
    """A node of the category tree, written as a path: 'network/vpn'."""

    id: Key
    label: Line | None = None

    @property
    def parent(self) -> str | None:
        """The path above it; None at the top of the tree."""
        return self.id.rpartition("/")[0] or None


class Product(Value):
    """A product or service of the desk, which tickets are about."""

    id: Key
    label: Line | None = None


def _frozen() -> Mapping[str, Any]:
    return MappingProxyType({})


_NO_RULES: Mapping[str, Any] = _frozen()


@dataclass(frozen=True)
class Settings:
    """The settings in force at `position` of the settings log (its last `settings.activated`)."""

    position: int = 0
    """0, where the log's genesis stands: none are in force yet."""
    workflows: Mapping[str, Workflow] = field(default_factory=_frozen)
    priorities: Priorities | None = None
    fields: Mapping[str, CustomField] = field(default_factory=_frozen)
    teams: Mapping[str, Team] = field(default_factory=_frozen)
    agents: Mapping[str, Agent] = field(default_factory=_frozen)
    categories: Mapping[str, Category] = field(default_factory=_frozen)
    products: Mapping[str, Product] = field(default_factory=_frozen)
    calendars: Mapping[str, Calendar] = field(default_factory=_frozen)
    sla_policies: Mapping[str, SlaPolicy] = field(default_factory=_frozen)
    rules: Mapping[type[Rule], Mapping[str, Any]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """The rules by which the desk acts by itself, by their class and id; `rules_of` has them."""
    services: Mapping[str, Service] = field(default_factory=_frozen)
    webhooks: Mapping[str, Webhook] = field(default_factory=_frozen)
    """The endpoints that get events."""
    hook_sources: Mapping[str, HookSource] = field(default_factory=_frozen)
    """The programs outside whose messages are taken."""
    identity_providers: Mapping[str, IdentityProvider] = field(default_factory=_frozen)
    sessions: SessionLimits | None = None
    roles: Mapping[str, Role] = field(default_factory=_frozen)
    """The roles of which the settings say something."""
    versions: Mapping[str, int] = field(default_factory=_frozen)
    """Stream of each thing, 'calendar/berlin' -> its version in force: which of the events of its
    stream set it, from 1."""
    editions: Mapping[str, Value] = field(default_factory=_frozen)
    """Calendars and SLA policies in all versions that ever were in force, by stream and version:
    'calendar/berlin@3'. Tickets keep the version that was promised to them."""

    since: Mapping[str, int] = field(default_factory=_frozen)
    """Stream of each thing, 'routing-rule/vpn' -> the position of the settings since which it is
    there, in whatever version. It does nothing about what was decided at an earlier position."""

    left: frozenset[str] = frozenset()
    """The agents who were in the settings once and are no more."""

    restricted_left: frozenset[str] = frozenset()
    """The teams that were restricted when they were taken out of the settings: what they had stays
    hidden."""

    gone_since: Mapping[tuple[str, str | None], int] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """Agent and team -> since when they don't work there any more; None: nowhere."""

    def held(self, kind: str, id: str, position: int) -> bool:
        """Whether a rule was there, in whatever version, when something was decided under the
        settings at a position."""
        return self.since.get(f"{kind}/{id}", 0) <= position

    def rules_of(self, kind: type[R]) -> Mapping[str, R]:
        """The rules of a kind, by id."""
        return self.rules.get(kind, _NO_RULES)

    @cached_property
    def restricted_teams(self) -> frozenset[str]:
        """The teams whose tickets only their members see."""
        now = {team.id for team in self.teams.values() if team.restricted}
        return frozenset(now | (self.restricted_left - self.teams.keys()))

    @cached_property
    def writing_is_limited(self) -> bool:
        """Whether there are fields of tickets that not every role may write."""
        custom = any(field.writers for field in self.fields.values())
        return custom or any(role.writes is not None for role in self.roles.values())

    @cached_property
    def scales(self) -> Mapping[str, tuple[str, ...]]:
        """The fields of tickets whose values have an order, each from the least to the greatest."""
        scales: dict[str, tuple[str, ...]] = {"status_category": get_args(CategoryOfStatus)}
        if self.priorities is not None:
            # They are written from the most urgent to the least.
            scales["priority"] = self.priorities.names[::-1]
            scales["impact"] = self.priorities.impacts[::-1]
            scales["urgency"] = self.priorities.urgencies[::-1]
        return scales

    @property
    def known_services(self) -> Mapping[str, Service]:
        """The services that are declared, or one for each channel where none is."""
        return self.services or _OF_CHANNELS

    @cached_property
    def policies(self) -> tuple[SlaPolicy, ...]:
        """The SLA policies as they are tried."""
        return tuple(in_order(self.sla_policies.values()))

    def edition(self, kind: str, id: str) -> Edition:
        """The version of a thing that is in force."""
        return Edition(id=id, version=self.versions.get(f"{kind}/{id}", 1))

    def policy(self, edition: Edition | None) -> SlaPolicy | None:
        """An SLA policy as it was in a version."""
        found = self._edition("sla-policy", edition, self.sla_policies)
        return found if isinstance(found, SlaPolicy) else None

    def calendar(self, edition: Edition | None) -> Calendar | None:
        """A calendar as it was in a version."""
        found = self._edition("calendar", edition, self.calendars)
        return found if isinstance(found, Calendar) else None

    def _edition(
        self, kind: str, edition: Edition | None, in_force: Mapping[str, Value]
    ) -> Value | None:
        if edition is None:
            return None
        stream = f"{kind}/{edition.id}"
        if self.versions.get(stream, 1) == edition.version and edition.id in in_force:
            return in_force[edition.id]
        return self.editions.get(f"{stream}@{edition.version}")

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

    def calendar_of(
        self, policy: SlaPolicy, *, organisation: str | None, team: str | None
    ) -> Calendar | None:
        """The calendar that a policy measures a ticket by: that of the ticket's organisation or
        team where the policy asks for it and there is one, else the policy's own."""
        whose = {"organisation": organisation, "team": team}
        for source in policy.calendar_by:
            for calendar in self.calendars.values():
                owners = calendar.organisations if source == "organisation" else calendar.teams
                if whose[source] in owners:
                    return calendar
        return self.calendars.get(policy.calendar or "")


def cited(kind: str, id: str, settings: Settings) -> str:
    """A rule with its version in force, as events name it."""
    return f"{id}@{settings.versions.get(f'{kind}/{id}', 0)}"

"""The events of settings: one for each kind of thing, and one that puts a batch in force."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from ticketlog.domain.base import Event, Key, Line, Personal
from ticketlog.domain.settings.automation_rules import RULE_KINDS
from ticketlog.domain.settings.kind import SettingChanged, SettingKind, Sha256
from ticketlog.domain.settings.model import (
    Agent,
    Category,
    CustomField,
    Priorities,
    Product,
    Service,
    Team,
    Workflow,
)
from ticketlog.domain.settings.role import Role
from ticketlog.domain.settings.signing_in import IdentityProvider, SessionLimits
from ticketlog.domain.settings.sla_policy import SlaPolicy
from ticketlog.domain.settings.webhooks import HookSource, HookSourceSet, Webhook, WebhookSet
from ticketlog.domain.time.calendar import Calendar


def _named(agent: Agent | None, name: str | None) -> Agent | None:
    return None if agent is None else agent.model_copy(update={"name": name})


class WorkflowSet(SettingChanged):
    """The life of the tickets of some types is another."""

    NAME: ClassVar[str] = "settings.workflow-set.v1"
    old: Workflow | None = None
    new: Workflow | None = None


class PrioritiesSet(SettingChanged):
    """The priorities have changed, or the way in which they follow from impact, urgency and
    contract."""

    NAME: ClassVar[str] = "settings.priorities-set.v1"
    old: Priorities | None = None
    new: Priorities | None = None


class FieldSet(SettingChanged):
    """A custom field of tickets is there, looks different, or is gone."""

    NAME: ClassVar[str] = "settings.field-set.v1"
    old: CustomField | None = None
    new: CustomField | None = None


class TeamSet(SettingChanged):
    """A team is there, has another name, or is gone."""

    NAME: ClassVar[str] = "settings.team-set.v1"
    old: Team | None = None
    new: Team | None = None


class AgentSet(SettingChanged):
    """An agent is there, has other teams, roles or skills, or is gone.

    Their name is kept apart from the rest, so that who worked in which team can be told when
    the name is erased.
    """

    NAME: ClassVar[str] = "settings.agent-set.v1"
    data_subject: Key
    old: Agent | None = None
    new: Agent | None = None
    old_name: Annotated[Line | None, Personal()] = None
    new_name: Annotated[Line | None, Personal()] = None

    @classmethod
    def of(cls, id: str, old: Agent | None, new: Agent | None, file_sha256: str) -> Self:
        return cls(
            data_subject=id,
            old=_named(old, None),
            new=_named(new, None),
            old_name=old.name if old else None,
            new_name=new.name if new else None,
            file_sha256=file_sha256,
        )

    def before(self) -> Agent | None:
        return _named(self.old, self.old_name)

    def after(self) -> Agent | None:
        return _named(self.new, self.new_name)


class CategorySet(SettingChanged):
    """A category of the tree is there, has another label, or is gone."""

    NAME: ClassVar[str] = "settings.category-set.v1"
    old: Category | None = None
    new: Category | None = None


class ProductSet(SettingChanged):
    """A product is there, has another label, or is gone."""

    NAME: ClassVar[str] = "settings.product-set.v1"
    old: Product | None = None
    new: Product | None = None


class CalendarSet(SettingChanged):
    """A calendar is there, has other hours, holidays or clocks, or is gone."""

    NAME: ClassVar[str] = "settings.calendar-set.v1"
    old: Calendar | None = None
    new: Calendar | None = None


class SlaPolicySet(SettingChanged):
    """An SLA policy is there, promises something else or to other tickets, or is gone."""

    NAME: ClassVar[str] = "settings.sla-policy-set.v1"
    old: SlaPolicy | None = None
    new: SlaPolicy | None = None


class ServiceSet(SettingChanged):
    """A service is known, has other rights, or is gone."""

    NAME: ClassVar[str] = "settings.service-set.v1"
    old: Service | None = None
    new: Service | None = None


class IdentityProviderSet(SettingChanged):
    """An identity provider is trusted, in another way or for other users, or is trusted no more."""

    NAME: ClassVar[str] = "settings.identity-provider-set.v1"
    old: IdentityProvider | None = None
    new: IdentityProvider | None = None


class SessionLimitsSet(SettingChanged):
    """Sessions that begin from now on last otherwise."""

    NAME: ClassVar[str] = "settings.session-limits-set.v1"
    old: SessionLimits | None = None
    new: SessionLimits | None = None


class RoleSet(SettingChanged):
    """A role has rights of its own, other ones, or those that it has without an entry."""

    NAME: ClassVar[str] = "settings.role-set.v1"
    old: Role | None = None
    new: Role | None = None


class SettingsActivated(Event):
    """All changes of one settings file are in force from here on, at once."""

    NAME: ClassVar[str] = "settings.activated.v1"
    file_sha256: Sha256


KINDS: tuple[SettingKind, ...] = (
    SettingKind("workflow", "workflows", Workflow, WorkflowSet),
    SettingKind("priorities", "priorities", Priorities, PrioritiesSet, single=True),
    SettingKind("field", "fields", CustomField, FieldSet),
    SettingKind("team", "teams", Team, TeamSet),
    SettingKind("agent", "agents", Agent, AgentSet, {"roles": ["agent"]}),
    SettingKind("category", "categories", Category, CategorySet),
    SettingKind("product", "products", Product, ProductSet),
    SettingKind("calendar", "calendars", Calendar, CalendarSet),
    SettingKind("sla-policy", "sla_policies", SlaPolicy, SlaPolicySet, {"when": {}}),
    *RULE_KINDS,
    SettingKind("service", "services", Service, ServiceSet),
    SettingKind(
        *("webhook", "webhooks", Webhook, WebhookSet),
        {"when": {}, "types": [], "scheme": "v1", "body": "thin"},
    ),
    SettingKind("hook-source", "hook_sources", HookSource, HookSourceSet),
    SettingKind("identity-provider", "identity_providers", IdentityProvider, IdentityProviderSet),
    SettingKind("session-limits", "sessions", SessionLimits, SessionLimitsSet, single=True),
    SettingKind("role", "roles", Role, RoleSet),
)
EVENTS: tuple[type[Event], ...] = (*(kind.event for kind in KINDS), SettingsActivated)

"""What happens to settings: an event for each kind of thing, and one that puts a batch in force."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import Field

from ticketlog.domain.base import Event, Key, Line, Personal, Value
from ticketlog.domain.settings.automation_rules import (
    AbsenceRule,
    AssignmentRule,
    EscalationRule,
    LifecycleRule,
    NotificationRule,
    RoutingRule,
)
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
from ticketlog.domain.settings.sla_policy import SlaPolicy
from ticketlog.domain.time.calendar import Calendar

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class SettingChanged(Event):
    """What all changes of settings have in common; `new` None: it was removed."""

    file_sha256: Sha256
    """The digest of the settings file that says so."""

    @classmethod
    def of(cls, id: str, old: Any, new: Any, file_sha256: str) -> Self:
        """The change of the thing `id` from one value to another."""
        return cls.model_validate({"old": old, "new": new, "file_sha256": file_sha256})

    def before(self) -> Value | None:
        """The whole value that was in force."""
        value: Value | None = getattr(self, "old", None)
        return value

    def after(self) -> Value | None:
        """The whole value that is to be in force."""
        value: Value | None = getattr(self, "new", None)
        return value


def _named(agent: Agent | None, name: str | None) -> Agent | None:
    return None if agent is None else agent.model_copy(update={"name": name})


class WorkflowSet(SettingChanged):
    """The life of the tickets of some types is another."""

    NAME: ClassVar[str] = "settings.workflow-set.v1"
    old: Workflow | None = None
    new: Workflow | None = None


class PrioritiesSet(SettingChanged):
    """The priorities are others, or follow otherwise from impact, urgency and contract."""

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


class LifecycleRuleSet(SettingChanged):
    """A rule of what time does to tickets is there, is another, or is gone."""

    NAME: ClassVar[str] = "settings.lifecycle-rule-set.v1"
    old: LifecycleRule | None = None
    new: LifecycleRule | None = None


class RoutingRuleSet(SettingChanged):
    """A rule of where tickets go is there, is another, or is gone."""

    NAME: ClassVar[str] = "settings.routing-rule-set.v1"
    old: RoutingRule | None = None
    new: RoutingRule | None = None


class AssignmentRuleSet(SettingChanged):
    """A rule of who gets a ticket is there, is another, or is gone."""

    NAME: ClassVar[str] = "settings.assignment-rule-set.v1"
    old: AssignmentRule | None = None
    new: AssignmentRule | None = None


class EscalationRuleSet(SettingChanged):
    """A rule of when tickets go to a support tier is there, is another, or is gone."""

    NAME: ClassVar[str] = "settings.escalation-rule-set.v1"
    old: EscalationRule | None = None
    new: EscalationRule | None = None


class NotificationRuleSet(SettingChanged):
    """A rule of who is told of what is there, is another, or is gone."""

    NAME: ClassVar[str] = "settings.notification-rule-set.v1"
    old: NotificationRule | None = None
    new: NotificationRule | None = None


class AbsenceRuleSet(SettingChanged):
    """A rule of what becomes of an absent agent's tickets is there, is another, or is gone."""

    NAME: ClassVar[str] = "settings.absence-rule-set.v1"
    old: AbsenceRule | None = None
    new: AbsenceRule | None = None


class ServiceSet(SettingChanged):
    """A service is known, has other rights, or is gone."""

    NAME: ClassVar[str] = "settings.service-set.v1"
    old: Service | None = None
    new: Service | None = None


class SettingsActivated(Event):
    """All changes of one settings file are in force from here on, at once."""

    NAME: ClassVar[str] = "settings.activated.v1"
    file_sha256: Sha256


class SettingKind(NamedTuple):
    """A kind of settings: its streams' kind, its table in files and in `Settings`, its event."""

    name: str
    table: str
    value: type[Value]
    event: type[SettingChanged]


KINDS: tuple[SettingKind, ...] = (
    SettingKind("workflow", "workflows", Workflow, WorkflowSet),
    SettingKind("priorities", "priorities", Priorities, PrioritiesSet),
    SettingKind("field", "fields", CustomField, FieldSet),
    SettingKind("team", "teams", Team, TeamSet),
    SettingKind("agent", "agents", Agent, AgentSet),
    SettingKind("category", "categories", Category, CategorySet),
    SettingKind("product", "products", Product, ProductSet),
    SettingKind("calendar", "calendars", Calendar, CalendarSet),
    SettingKind("sla-policy", "sla_policies", SlaPolicy, SlaPolicySet),
    SettingKind("lifecycle-rule", "lifecycle", LifecycleRule, LifecycleRuleSet),
    SettingKind("routing-rule", "routing", RoutingRule, RoutingRuleSet),
    SettingKind("assignment-rule", "assignment", AssignmentRule, AssignmentRuleSet),
    SettingKind("escalation-rule", "escalation", EscalationRule, EscalationRuleSet),
    SettingKind("notification-rule", "notifications", NotificationRule, NotificationRuleSet),
    SettingKind("absence-rule", "absence", AbsenceRule, AbsenceRuleSet),
    SettingKind("service", "services", Service, ServiceSet),
)
EVENTS: tuple[type[Event], ...] = (*(kind.event for kind in KINDS), SettingsActivated)

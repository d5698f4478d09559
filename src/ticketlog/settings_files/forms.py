"""How a settings file writes what stands otherwise in events: several arrows in a line, durations,
conditions, targets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Any, ClassVar, get_args

from pydantic import BeforeValidator, Field, model_validator

from ticketlog.domain.base import Key, Line, Value, instant, iso
from ticketlog.domain.settings.automation_rules import (
    AbsenceRule,
    Affinity,
    AssignmentRule,
    Balance,
    EscalationOccasion,
    EscalationRule,
    LifecycleAction,
    LifecycleRule,
    NotificationRule,
    Occasion,
    Recipient,
    RoutingRule,
)
from ticketlog.domain.settings.conditions import Condition, Conditions, Operator, Scalar
from ticketlog.domain.settings.model import Status, TicketType, Transition, Workflow
from ticketlog.domain.settings.rule import Rule
from ticketlog.domain.settings.sla_policy import (
    TARGET,
    CalendarSource,
    Metric,
    SlaPolicy,
    SlaWarning,
    Switch,
    Target,
)


def _several(names: object) -> object:
    return tuple(names) if isinstance(names, list) else (names,)


Several = Annotated[tuple[Key, ...], BeforeValidator(_several)]


class ArrowsForm(Value):
    """Transitions from one or several statuses to one or several."""

    source: Annotated[Several, Field(alias="from")]
    target: Annotated[Several, Field(alias="to")]
    roles: tuple[Key, ...] = ("*",)
    requires: tuple[Key, ...] = ()

    def transitions(self) -> list[Transition]:
        return [
            Transition(source=source, target=target, roles=self.roles, requires=self.requires)
            for source in self.source
            for target in self.target
        ]


_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def seconds(text: object) -> int:
    """'28d', '12h', '90m' or '30s'. Raises ValueError for another text."""
    found = re.fullmatch(r"([1-9][0-9]*)([dhms])", text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("should be a duration: '28d', '12h', '90m' or '30s'")
    return int(found[1]) * _UNITS[found[2]]


Duration = Annotated[int, BeforeValidator(seconds)]


class WorkflowForm(Value):
    """A workflow, its transitions in as few lines as one likes."""

    id: Key
    types: tuple[TicketType, ...] = ()
    statuses: tuple[Status, ...]
    transitions: tuple[ArrowsForm, ...]
    reopen_within: Duration | None = None

    def value(self) -> Workflow:
        return Workflow(
            id=self.id,
            types=self.types,
            statuses=self.statuses,
            transitions=tuple(each for arrows in self.transitions for each in arrows.transitions()),
            reopen_within=self.reopen_within,
        )


_OPERATORS: Mapping[str, Operator] = {
    operator.replace("-", "_"): operator for operator in get_args(Operator)
}
"""By the keys of a file."""


def _condition(entry: object) -> object:
    if not isinstance(entry, Mapping):
        return entry
    operators = [key for key in entry if key in _OPERATORS]
    if len(operators) != 1:
        raise ValueError(f"should have a field and one of {', '.join(_OPERATORS)}")
    key = operators[0]
    rest = {name: each for name, each in entry.items() if name != key}
    given = entry[key]
    if key in ("present", "absent"):
        if given is not True:
            raise ValueError(f"{key} should be true; its contrary is a condition of its own")
        given = []
    values = tuple(map(_operand, given if isinstance(given, list) else [given]))
    return {**rest, "operator": _OPERATORS[key], "values": values}


_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*(Z|[+-]\d\d:\d\d)")


def _operand(value: object) -> object:
    """Times as they stand in records, where the same instant is always the same text."""
    if isinstance(value, str) and _TIME.fullmatch(value):
        with suppress(ValueError, OverflowError):
            return iso(instant(value))
    return value


class ConditionForm(Value):
    """A condition whose operator is the key of its values."""

    field: Key
    operator: Operator
    values: tuple[Scalar, ...]

    KEYS: ClassVar[tuple[str, ...]] = ("field", *_OPERATORS)

    @model_validator(mode="before")
    @classmethod
    def _read(cls, entry: object) -> object:
        return _condition(entry)

    def value(self) -> Condition:
        return Condition(field=self.field, operator=self.operator, values=self.values)


class ConditionsForm(Value):
    """Conditions of which all, and of which any must hold."""

    all: tuple[ConditionForm, ...] = ()
    any: tuple[ConditionForm, ...] = ()

    def value(self) -> Conditions:
        return Conditions(
            all=tuple(each.value() for each in self.all),
            any=tuple(each.value() for each in self.any),
        )


def _warning(text: object) -> SlaWarning:
    if isinstance(text, str) and re.fullmatch("[1-9][0-9]?%", text):
        return SlaWarning(percent=int(text[:-1]))
    try:
        return SlaWarning(seconds_before=seconds(text))
    except ValueError:
        raise ValueError("should be a share like '80%' or a time before like '30m'") from None


class TargetsForm(Value):
    """The targets of one metric, by priority."""

    metric: Metric
    within: Annotated[
        Mapping[Key, Annotated[int, TARGET, BeforeValidator(seconds)]], Field(min_length=1)
    ]
    business: bool = False
    warnings: tuple[Annotated[SlaWarning, BeforeValidator(_warning)], ...] = ()

    def targets(self) -> Iterator[Target]:
        for priority, seconds in self.within.items():
            yield Target(
                metric=self.metric,
                priority=priority,
                seconds=seconds,
                business=self.business,
                warnings=self.warnings,
            )


class SlaPolicyForm(Value):
    """An SLA policy, its targets in a line for each metric."""

    id: Key
    title: Line | None = None
    position: Annotated[int, Field(ge=0, le=1_000_000)]
    when: ConditionsForm = Field(default_factory=ConditionsForm)
    targets: Annotated[tuple[TargetsForm, ...], Field(min_length=1)]
    calendar: Key | None = None
    calendar_by: tuple[CalendarSource, ...] = ()
    switches: tuple[Switch, ...] = ()

    def value(self) -> SlaPolicy:
        given: dict[str, Any] = {name: getattr(self, name) for name in _AS_WRITTEN}
        targets = tuple(target for line in self.targets for target in line.targets())
        return SlaPolicy(when=self.when.value(), targets=targets, **given)


class RuleForm(Value):
    """What the rules of a file have in common; they stand in events as they are written here, but
    for conditions and durations."""

    id: Key
    title: Line | None = None
    position: Annotated[int, Field(ge=0, le=1_000_000)]
    when: ConditionsForm = Field(default_factory=ConditionsForm)

    VALUE: ClassVar[type[Rule]]

    def value(self) -> Rule:
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return self.VALUE(**{**given, "when": self.when.value()})


class LifecycleForm(RuleForm):
    VALUE: ClassVar[type[Rule]] = LifecycleRule
    action: LifecycleAction
    after: Duration | None = None
    times: int | None = None
    calendar: Key | None = None
    code: Key | None = None
    survey: Key | None = None


class RoutingForm(RuleForm):
    VALUE: ClassVar[type[Rule]] = RoutingRule
    changed: bool = False
    last: bool = False
    team: Key | None = None
    assignee: Key | None = None
    priority: Key | None = None
    category: Key | None = None
    product: Key | None = None
    add_tags: tuple[Key, ...] = ()
    remove_tags: tuple[Key, ...] = ()


class AssignmentForm(RuleForm):
    VALUE: ClassVar[type[Rule]] = AssignmentRule
    balance: Balance
    skills: Mapping[Key, int] = Field(default_factory=dict)
    language: bool = False
    affinity: tuple[Affinity, ...] = ()
    shifts: bool = False
    capacity: int | None = None


class EscalationForm(RuleForm):
    VALUE: ClassVar[type[Rule]] = EscalationRule
    tier: int
    after: Duration | None = None
    words: tuple[Line, ...] = ()
    on: Annotated[tuple[EscalationOccasion, ...], BeforeValidator(_several)] = ()
    metrics: tuple[Metric, ...] = ()
    team: Key | None = None


def _delay(text: object) -> int | None:
    """Seconds of 'at once' or of a duration; None: 'never'."""
    if text == "never":
        return None
    try:
        return 0 if text == "at once" else seconds(text)
    except ValueError:
        raise ValueError("should be 'at once', 'never' or a duration: '2d', '12h'") from None


Delay = Annotated[int | None, BeforeValidator(_delay)]


class AbsenceForm(RuleForm):
    VALUE: ClassVar[type[Rule]] = AbsenceRule
    begins: Delay = None
    reopened: Delay = None
    replied: Delay = None


class NotificationForm(RuleForm):
    VALUE: ClassVar[type[Rule]] = NotificationRule
    on: Annotated[tuple[Occasion, ...], Field(min_length=1)]
    to: Annotated[tuple[Recipient, ...], Field(min_length=1)]
    outbox: Key
    template: Key | None = None


_AS_WRITTEN = ("id", "title", "position", "calendar", "calendar_by", "switches")

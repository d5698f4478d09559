"""The validation of settings: in themselves, and beside the former ones.

Each rule yields its problems, in the words of a settings file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeVar, get_args

from ticketlog.domain import recorded_refusal
from ticketlog.domain.aggregates import AGGREGATES, RIGHTS
from ticketlog.domain.base import Value
from ticketlog.domain.rights import ACTS
from ticketlog.domain.settings.automation_rules import RULE_KINDS
from ticketlog.domain.settings.model import (
    REQUIRABLE,
    ROLES,
    Agent,
    CategoryOfStatus,
    CustomField,
    Priorities,
    Service,
    Settings,
    TicketType,
    Transition,
    Workflow,
)
from ticketlog.domain.settings.role import Role
from ticketlog.domain.settings.signing_in import broken_signing_in
from ticketlog.domain.settings.validate_calendars import broken_calendars
from ticketlog.domain.settings.validate_conditions import broken_conditions
from ticketlog.domain.settings.validate_sla import broken_sla_policies
from ticketlog.domain.settings.webhooks import HookVocabulary, broken_sources, broken_webhooks

_T = TypeVar("_T")
_NEEDED: tuple[CategoryOfStatus, ...] = ("new", "open", "solved", "closed")


def broken(
    settings: Settings, former: Mapping[str, Value], said: Collection[str] = ()
) -> tuple[str, ...]:
    """The problems of the settings. `former`: all values that ever were in force, by stream;
    `said`: the kinds that the file states."""
    return (
        *_workflows(settings),
        *_priorities(settings.priorities),
        *(problem for field in settings.fields.values() for problem in _field(field)),
        *(problem for agent in settings.agents.values() for problem in _agent(agent, settings)),
        *(problem for each in settings.services.values() for problem in _service(each)),
        *broken_signing_in(settings),
        *_roles(settings),
        *_categories(settings),
        *broken_calendars(settings),
        *broken_sla_policies(settings),
        *_rules(settings),
        *(problem for agent in settings.agents.values() for problem in _capacity(agent)),
        *_rules_said(settings, said),
        *_webhooks(settings),
        *_meanings(settings, former),
    )


def _workflows(settings: Settings) -> Iterator[str]:
    general = [workflow.id for workflow in settings.workflows.values() if not workflow.types]
    if len(general) != 1:
        which = f" (now: {', '.join(general)})" if general else ""
        yield f"exactly one workflow without `types` is needed, for all other tickets{which}"
    types = Counter(t for workflow in settings.workflows.values() for t in workflow.types)
    for type in get_args(TicketType):
        if types[type] > 1:
            yield f"tickets of type {type!r} have {types[type]} workflows; leave it in one"
    roles = {*ROLES, "*", *(role for agent in settings.agents.values() for role in agent.roles)}
    fields = {*REQUIRABLE, *settings.fields}
    for workflow in settings.workflows.values():
        for problem in (*_statuses(workflow), *_arrows(workflow, roles, fields)):
            yield f"[workflows.{workflow.id}] {problem}"


def _statuses(workflow: Workflow) -> Iterator[str]:
    for id in _repeated(status.id for status in workflow.statuses):
        yield f"status {id!r} stands there more than once"
    for category in _NEEDED:
        if workflow.first_of(category) is None:
            yield f"a status of category {category!r} that isn't retired is needed"
    if any(status.id == "*" for status in workflow.statuses):
        yield "no status can be called '*'"


def _arrows(workflow: Workflow, roles: set[str], fields: set[str]) -> Iterator[str]:
    categories = {status.id: status.category for status in workflow.statuses}
    retired = {status.id for status in workflow.statuses if status.retired}
    for ends in _repeated((arrow.source, arrow.target) for arrow in workflow.transitions):
        yield f"the transition {ends[0]} -> {ends[1]} stands there more than once"
    for arrow in workflow.transitions:
        for problem in (
            *_ends(arrow, categories, retired),
            *(
                f"role {role!r} is unknown; known are {_list(roles)}"
                for role in arrow.roles
                if role not in roles
            ),
            *(
                f"field {name!r} can't be required; known are {_list(fields)}"
                for name in arrow.requires
                if name not in fields
            ),
        ):
            yield f"transition {arrow.source} -> {arrow.target}: {problem}"
        if not arrow.roles:
            yield f"transition {arrow.source} -> {arrow.target}: nobody may take it; add roles"


def _ends(
    arrow: Transition, categories: Mapping[str, CategoryOfStatus], retired: set[str]
) -> Iterator[str]:
    for end in (arrow.source, arrow.target):
        if end != "*" and end not in categories:
            yield f"status {end!r} is unknown; known are {_list(categories)}"
    if arrow.target in retired:
        yield f"status {arrow.target!r} is retired; nothing can lead there"
    if categories.get(arrow.target) == "new" and categories.get(arrow.source) != "new":
        yield "a ticket that was worked on can't be new again"
    if categories.get(arrow.source) == "closed":
        yield f"{arrow.source!r} is of category closed, which is final; nothing can lead away"


def _priorities(priorities: Priorities | None) -> Iterator[str]:
    if priorities is None:
        yield "[priorities] is missing: every ticket has one"
        return
    names = priorities.names
    for name in _repeated(names):
        yield f"[priorities] {name!r} stands in `names` more than once"
    used = {
        "default": (priorities.default,),
        "contracts": tuple(priorities.contracts.values()),
        "matrix": tuple(p for row in priorities.matrix.values() for p in row.values()),
    }
    for key, values in used.items():
        for value in sorted({*values} - {*names}):
            yield f"[priorities] {key}: {value!r} is no priority; known are {', '.join(names)}"
    wanted = {(i, u) for i in priorities.impacts for u in priorities.urgencies}
    given = {(i, u) for i, row in priorities.matrix.items() for u in row}
    for impact, urgency in sorted(wanted - given):
        yield f"[priorities.matrix.{impact}] {urgency} is missing"
    for impact, urgency in sorted(given - wanted):
        yield f"[priorities.matrix.{impact}] {urgency}: no such impact or urgency"


def _field(field: CustomField) -> Iterator[str]:
    where = f"[fields.{field.id}]"
    choice = field.kind in ("choice", "choices")
    if choice and all(option.retired for option in field.options):
        yield f"{where} a field of kind {field.kind!r} needs options that aren't retired"
    if field.options and not choice:
        yield f"{where} options are for fields of kind 'choice' or 'choices'"
    for id in _repeated(option.id for option in field.options):
        yield f"{where} option {id!r} stands there more than once"
    bounds = [bound for bound in (field.minimum, field.maximum) if bound is not None]
    if bounds and field.kind != "integer":
        yield f"{where} minimum and maximum are for fields of kind 'integer'"
    if bounds != sorted(bounds):
        yield f"{where} minimum is above maximum"
    if field.id in REQUIRABLE:
        yield f"{where} every ticket has a {field.id} already; choose another id"


def _agent(agent: Agent, settings: Settings) -> Iterator[str]:
    for team in agent.teams:
        if team not in settings.teams:
            known = _list(settings.teams) or "none"
            yield f"[agents.{agent.id}] team {team!r} is unknown; known are {known}"


def _rules(settings: Settings) -> Iterator[str]:
    for kind in RULE_KINDS:
        for rule in settings.rules_of(kind.value).values():
            for problem in (*rule.broken(settings), *broken_conditions(rule.when, settings)):
                yield f"[{kind.table}.{rule.id}] {problem}"


def _rules_said(settings: Settings, said: Collection[str]) -> Iterator[str]:
    for kind in RULE_KINDS:
        if kind.name in said:
            for rule in settings.rules_of(kind.value).values():
                for problem in rule.broken_when_said():
                    yield f"[{kind.table}.{rule.id}] {problem}"


def _capacity(agent: Agent) -> Iterator[str]:
    for channel, number in agent.capacity.items():
        if number < 0:
            yield f"[agents.{agent.id}] capacity {channel}: {number} is less than none"


def _service(service: Service) -> Iterator[str]:
    names = {*RIGHTS, *ACTS}
    kinds = {f"{name.partition('.')[0]}.*" for name in names if "." in name}
    for right in service.rights:
        if right not in names and right not in kinds:
            yield (
                f"[services.{service.id}] right {right!r} is no command; write it as "
                "'ticket.reply', or 'ticket.*' for all of a kind"
            )


def _webhooks(settings: Settings) -> Iterator[str]:
    if not (settings.webhooks or settings.hook_sources):
        return
    public = (kind for kind in AGGREGATES.values() if kind.public)
    events = (each.NAME for kind in public for each in kind.events)
    commands = {
        each.NAME: each
        for kind in AGGREGATES.values()
        for each in kind.commands
        if "service" in each.SPEC.who_may and not kind.internal
    }
    known = HookVocabulary((*events, *(each.NAME for each in recorded_refusal.EVENTS)), commands)
    for webhook in settings.webhooks.values():
        for problem in broken_conditions(webhook.when, settings):
            yield f"[webhooks.{webhook.id}] {problem}"
    yield from broken_webhooks(settings.webhooks, settings, known)
    yield from broken_sources(settings.hook_sources, settings, known)


def _roles(settings: Settings) -> Iterator[str]:
    known = {*ROLES, "operator", *settings.roles}
    known |= {role for agent in settings.agents.values() for role in agent.roles}
    for role in settings.roles.values():
        for problem in _role(role, known, settings):
            yield f"[roles.{role.id}] {problem}"
    for field in settings.fields.values():
        for id in sorted({*field.readers, *field.writers} - known):
            yield f"[fields.{field.id}] role {id!r} is unknown; known are {_list(known)}"
    for service in settings.services.values():
        for team in sorted({*service.teams} - settings.teams.keys()):
            where = f"[services.{service.id}]"
            yield f"{where} team {team!r} is unknown; known are {_list(settings.teams) or 'none'}"


def _role(role: Role, known: set[str], settings: Settings) -> Iterator[str]:
    names = {*RIGHTS, *ACTS}
    if role.id in ("rule", "import"):
        yield "the desk itself acts in this role; it can't be narrowed"
    if role.like is not None and (role.like == role.id or role.like not in known):
        yield f"like {role.like!r} is no other role; known are {_list(known)}"
    for name in role.commands or ():
        if name not in names and not name.endswith("*"):
            yield f"command {name!r} is none; write it as 'ticket.reply' or 'ticket.*'"
    if role.queues and role.scope != "queue" and role.like is None:
        yield "queues are for the scope 'queue'"
    if role.scope == "queue" and not role.queues:
        yield "scope 'queue' needs `queues`, the teams whose tickets it sees"
    for team in sorted({*role.queues} - settings.teams.keys()):
        yield f"team {team!r} is unknown; known are {_list(settings.teams) or 'none'}"


def _categories(settings: Settings) -> Iterator[str]:
    for category in settings.categories.values():
        if not all(category.id.split("/")):
            yield f"[categories] {category.id!r} is no path; write it as 'network/vpn'"
        elif category.parent and category.parent not in settings.categories:
            yield f"[categories] {category.id!r} has no parent; add {category.parent!r}"


def _meanings(settings: Settings, former: Mapping[str, Value]) -> Iterator[str]:
    """Tickets hold ids for ever, so what an id means can never change (Zammad, Zendesk)."""
    for field in settings.fields.values():
        old = former.get(f"field/{field.id}")
        if isinstance(old, CustomField):
            yield from _meaning_of_field(field, old)
    for workflow in settings.workflows.values():
        before = former.get(f"workflow/{workflow.id}")
        if isinstance(before, Workflow):
            yield from _meaning_of_workflow(workflow, before)


def _meaning_of_field(new: CustomField, old: CustomField) -> Iterator[str]:
    where = f"[fields.{new.id}]"
    if new.kind != old.kind:
        yield (
            f"{where} its kind is {old.kind!r} and can't become {new.kind!r}: tickets hold such "
            "values; add a field with another id"
        )
    ids = {option.id for option in new.options}
    for option in old.options:
        if option.id not in ids:
            yield (
                f"{where} option {option.id!r} can't be removed: tickets may hold it; "
                "write `retired = true` beside it"
            )


def _meaning_of_workflow(new: Workflow, old: Workflow) -> Iterator[str]:
    where = f"[workflows.{new.id}]"
    for status in old.statuses:
        now = new.status(status.id)
        if now is None:
            yield (
                f"{where} status {status.id!r} can't be removed: tickets may be in it; "
                "write `retired = true` beside it"
            )
        elif now.category != status.category:
            yield (
                f"{where} status {status.id!r} is of category {status.category!r} and can't "
                f"become {now.category!r}; add a status with another id"
            )


def _repeated(values: Iterable[_T]) -> list[_T]:
    return [value for value, times in Counter(values).items() if times > 1]


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))

"""The settings of a desk as Zendesk's API has them: fields, forms, statuses, tags, SLA policies;
and lists of what desks don't have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ticketlog.domain.base import NotFound
from ticketlog.domain.settings.conditions import Condition
from ticketlog.domain.settings.model import CustomField, Status, Workflow
from ticketlog.domain.settings.sla_policy import SlaPolicy, Target
from ticketlog.http.zendesk.answers import Answering, Given
from ticketlog.http.zendesk.pages import Part, kept, paged
from ticketlog.http.zendesk.reading import Facade, SettingTimes
from ticketlog.http.zendesk.ticket_shapes import (
    ATTRIBUTES,
    attribute_number,
    field_number,
    status_number,
)
from ticketlog.http.zendesk.users import ORGANISATION_FIELDS, USER_FIELDS
from ticketlog.http.zendesk.words import STATUSES, iso_s, priority_of
from ticketlog.projections.views.shared.stream_numbers import chosen_number
from ticketlog.projections.views.tickets import UsedTags

_KINDS: Mapping[str, str] = {
    "text": "text",
    "integer": "integer",
    "boolean": "checkbox",
    "date": "date",
    "datetime": "text",
    "choice": "tagger",
    "choices": "multiselect",
}
_SYSTEM: Mapping[str, tuple[str, str]] = {
    "subject": ("subject", "Subject"),
    "description": ("description", "Description"),
    "status": ("status", "Status"),
    "tickettype": ("tickettype", "Type"),
    "priority": ("priority", "Priority"),
    "group": ("group", "Group"),
    "assignee": ("assignee", "Assignee"),
}
"""Fields that every ticket has: their kind and their title."""


def _of_settings(
    facade: Facade, place: str, number: int | None, times: SettingTimes
) -> dict[str, Any]:
    return {
        "url": facade.url(f"{place}/{number}.json"),
        "id": number,
        "created_at": iso_s(times.created_at),
        "updated_at": iso_s(times.changed_at),
    }


def _field(
    facade: Facade, number: int, kind: str, title: str, times: SettingTimes
) -> dict[str, Any]:
    return {
        **_of_settings(facade, "ticket_fields", number, times),
        "type": kind,
        "title": title,
        "raw_title": title,
        "description": "",
        "raw_description": "",
        "position": 0,
        "active": True,
        "required": False,
        "collapsed_for_agents": False,
        "regexp_for_validation": None,
        "title_in_portal": title,
        "raw_title_in_portal": title,
        "visible_in_portal": False,
        "editable_in_portal": False,
        "required_in_portal": False,
        "tag": None,
        "removable": False,
        "agent_description": None,
    }


def custom_field_shape(facade: Facade, field: CustomField) -> dict[str, Any]:
    """One of the desk's own fields."""
    times = facade.times_of("field", field.id)
    number = field_number(field.id)
    shape = _field(facade, number, _KINDS[field.kind], field.label or field.id, times)
    if field.options:
        shape["custom_field_options"] = [
            {
                "id": chosen_number("option", f"{field.id}/{option.id}"),
                "name": option.label,
                "raw_name": option.label,
                "value": option.id,
                "default": False,
            }
            for option in field.options
        ]
    return shape


def _fields(facade: Facade) -> list[dict[str, Any]]:
    oldest = facade.times_of("", "")
    system = [
        _field(facade, chosen_number("system-field", name), *about, oldest)
        for name, about in _SYSTEM.items()
    ]
    own = [custom_field_shape(facade, each) for each in facade.settings.fields.values()]
    attributes = [
        _field(facade, attribute_number(name), "text", title, oldest)
        for name, title in ATTRIBUTES.items()
    ]
    return [*system, *own, *attributes]


def _all(facade: Facade, given: Given, name: str, things: list[Any]) -> dict[str, Any]:
    return paged(facade, given, name, kept(things), dict, partial(len, things))


def ticket_fields(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The fields of tickets: Zendesk's, the desk's own, and what desks have besides."""
    return _all(facade, given, "ticket_fields", _fields(facade))


def ticket_field(facade: Facade, given: Given) -> Mapping[str, Any]:
    """One field. Raises NotFound."""
    for each in _fields(facade):
        if each["id"] == given.number:
            return {"ticket_field": each}
    raise NotFound(f"no field has the number {given.number}")


def form_shape(facade: Facade, workflow: Workflow) -> dict[str, Any]:
    """A workflow, as a form with every field."""
    times = facade.times_of("workflow", workflow.id)
    number = chosen_number("workflow", workflow.id)
    return {
        **_of_settings(facade, "ticket_forms", number, times),
        "name": workflow.id,
        "raw_name": workflow.id,
        "display_name": workflow.id,
        "raw_display_name": workflow.id,
        "end_user_visible": True,
        "position": 1,
        "active": True,
        "default": not workflow.types,
        "in_all_brands": True,
        "restricted_brand_ids": [],
        "ticket_field_ids": [each["id"] for each in _fields(facade)],
        "agent_conditions": [],
        "end_user_conditions": [],
    }


def ticket_forms(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The workflows, as forms."""
    found = [form_shape(facade, each) for each in facade.settings.workflows.values()]
    return _all(facade, given, "ticket_forms", found)


def _status(facade: Facade, workflow: Workflow, status: Status) -> dict[str, Any]:
    times, label = facade.times_of("workflow", workflow.id), status.label or status.id
    first = workflow.first_of(status.category)
    return {
        **_of_settings(facade, "custom_statuses", status_number(status.id), times),
        "status_category": STATUSES[status.category],
        "agent_label": label,
        "raw_agent_label": label,
        "end_user_label": label,
        "raw_end_user_label": label,
        "description": "",
        "end_user_description": "",
        "active": not status.retired,
        "default": first is not None and first.id == status.id,
    }


def custom_statuses(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The statuses of all workflows, each once."""
    found = {
        status.id: _status(facade, workflow, status)
        for workflow in reversed([*facade.settings.workflows.values()])
        for status in workflow.statuses
    }
    return _all(facade, given, "custom_statuses", list(found.values()))


def tags(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The tags that tickets have, with how many have them."""

    def part(after: str | None, limit: int) -> Part:
        page = facade.desk.query(UsedTags(limit=limit, after=after), actor=facade.actor)
        return Part(page.rows, page.next)

    return paged(
        facade, given, "tags", part, lambda row: {"name": row["tag"], "count": row["tickets"]}
    )


_OPERATORS: Mapping[str, str] = {
    "is": "is",
    "is-not": "is_not",
    "in": "includes",
    "not-in": "not_includes",
    "contains": "includes",
    "lacks": "not_includes",
    "less": "less_than",
    "greater": "greater_than",
}


def _condition(condition: Condition) -> dict[str, Any]:
    values = list(condition.values)
    return {
        "field": condition.field,
        "operator": _OPERATORS.get(condition.operator, condition.operator),
        "value": values[0] if len(values) == 1 else values,
    }


def _target(facade: Facade, target: Target) -> dict[str, Any]:
    return {
        "priority": priority_of(target.priority, facade.settings.priorities),
        "metric": target.metric,
        "target": target.seconds // 60,
        "target_in_seconds": target.seconds,
        "business_hours": target.business,
    }


def sla_policy_shape(facade: Facade, policy: SlaPolicy) -> dict[str, Any]:
    """An SLA policy."""
    times = facade.times_of("sla-policy", policy.id)
    number = chosen_number("sla-policy", policy.id)
    return {
        **_of_settings(facade, "slas/policies", number, times),
        "title": policy.title or policy.id,
        "description": "",
        "position": policy.position,
        "filter": {
            "all": [_condition(each) for each in policy.when.all],
            "any": [_condition(each) for each in policy.when.any],
        },
        "policy_metrics": [_target(facade, each) for each in policy.targets],
    }


def sla_policies(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The SLA policies, as they are tried."""
    found = [sla_policy_shape(facade, each) for each in facade.settings.policies]
    return _all(facade, given, "sla_policies", found)


def _party_fields(
    facade: Facade, given: Given, name: str, titles: Mapping[str, str]
) -> dict[str, Any]:
    times = facade.times_of("", "")
    found = [
        {
            **_of_settings(facade, name, chosen_number(name, key), times),
            "key": key,
            "type": "text",
            "title": title,
            "raw_title": title,
            "description": "",
            "raw_description": "",
            "position": position,
            "active": True,
            "system": False,
            "regexp_for_validation": None,
        }
        for position, (key, title) in enumerate(titles.items())
    ]
    return _all(facade, given, name, found)


def user_fields(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The fields of users that Zendesk's haven't."""
    return _party_fields(facade, given, "user_fields", USER_FIELDS)


def organisation_fields(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The fields of organisations that Zendesk's haven't."""
    return _party_fields(facade, given, "organization_fields", ORGANISATION_FIELDS)


def none_of(name: str) -> Answering:
    """The answer of a list of what desks don't have."""
    return lambda facade, given: _all(facade, given, name, [])


PATHS: Mapping[str, Answering] = {
    "ticket_fields": ticket_fields,
    "ticket_fields/{id}": ticket_field,
    "ticket_forms": ticket_forms,
    "custom_statuses": custom_statuses,
    "tags": tags,
    "slas/policies": sla_policies,
    "user_fields": user_fields,
    "organization_fields": organisation_fields,
    "macros": none_of("macros"),
    "brands": none_of("brands"),
    "suspended_tickets": none_of("suspended_tickets"),
    "channels/voice/phone_numbers": none_of("phone_numbers"),
}

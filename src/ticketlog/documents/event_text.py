"""Events in words: one line each for people, for every event there is or will be."""

from __future__ import annotations

import re
from typing import Any

from ticketlog.documents.plain_text import cell, moment
from ticketlog.domain.base import Actor, Event, Recorded
from ticketlog.domain.ticket.sla_events import ClocksChanged

_UNSAID = frozenset(
    {
        *("data_subject", "old", "new", "old_category", "new_category", "status_category"),
        *("author_kind", "direction", "workflow", "description_public", "priority_source"),
    }
)
"""What the rest of the line says already, or what only programs want; `--json` has it all."""
_TEXTS = ("body", "description", "resolution", "comment", "text")
_ISO = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
_ARROW = "\N{RIGHTWARDS ARROW}"
_NOTHING = "\N{EN DASH}"


def phrase(event: Event) -> str:
    """An event in a line: 'status changed: new → open  because command'."""
    name = event.NAME.split(".")[1].replace("-", " ")
    if isinstance(event, ClocksChanged):
        return f"{name}: {', '.join(f'{c.metric} {c.change}' for c in event.changes)}"
    data = event.model_dump(mode="json", exclude_defaults=True)
    text = text_field(event)
    parts = [_change(event, data)] if "old" in data or "new" in data else []
    parts += [
        f"{field.replace('_', ' ')} {_shown(value)}"
        for field, value in data.items()
        if field not in _UNSAID and field != text
    ]
    return f"{name}: {', '.join(parts)}" if parts else name


def text_field(event: Event) -> str | None:
    """The field that holds an event's long text, if it has one."""
    return next((f for f in _TEXTS if f in event.PERSONAL and getattr(event, f) is not None), None)


def text_of(event: Event) -> str:
    field = text_field(event)
    return str(getattr(event, field)) if field else ""


def who(actor: Actor) -> str:
    return f"{actor.kind}:{actor.id}" + (f"/{actor.role}" if actor.role else "")


def when(recorded: Recorded) -> str:
    return moment(recorded.meta.occurred_at)


def _change(event: Event, data: dict[str, Any]) -> str:
    """From what to what. What has no `new` says by another field what is now."""
    if "new" not in type(event).model_fields:
        return f"before {_shown(data['old'])}"
    old, new = (_shown(data.get(side)) or _NOTHING for side in ("old", "new"))
    return f"{old} {_ARROW} {new}"


def _shown(value: Any) -> str:
    if isinstance(value, str) and _ISO.match(value):
        return value[:19].replace("T", " ")
    if isinstance(value, dict) and "policy" in value:
        return _shown(value["policy"])
    if isinstance(value, dict) and value.keys() == {"id", "version"}:
        return cell(f"{value['id']}@{value['version']}")
    return cell(value)

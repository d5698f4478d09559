"""The custom fields of a ticket: each value as the settings define its field."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import Field

from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Context,
    Event,
    Invalid,
    Key,
    Personal,
    Recorded,
    instant,
    iso,
)
from ticketlog.domain.rights import WORKERS, listed
from ticketlog.domain.settings.model import CustomField
from ticketlog.domain.ticket.lookups import data_subject, require_known, settings_of
from ticketlog.domain.ticket.state import Decisions, Evolutions, FieldValue, Ticket


class FieldsChanged(Event):
    """The custom fields that changed, with their old and new values; None: no value."""

    NAME: ClassVar[str] = "ticket.fields-changed.v1"
    ASPECT: ClassVar[str] = "fields"
    data_subject: Key
    old: Mapping[Key, FieldValue] = Field(default_factory=dict)
    new: Mapping[Key, FieldValue] = Field(default_factory=dict)
    personal_old: Annotated[Mapping[Key, FieldValue] | None, Personal()] = None
    personal_new: Annotated[Mapping[Key, FieldValue] | None, Personal()] = None


class SetFields(Command):
    """Sets custom fields; None takes a value away."""

    NAME: ClassVar[str] = "ticket.set-fields"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"fields"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Set custom fields; an empty value takes one away.",
        examples=("ticketlog ticket set-fields 4F7K2M9QABCD floor=3 badge=",),
        positional=("fields",),
    )
    fields: Annotated[Mapping[Key, FieldValue], Field(max_length=500)]


def _fields_changed(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, FieldsChanged)
    new = {**ticket.fields, **event.new, **(event.personal_new or {})}
    return {"fields": {name: value for name, value in new.items() if value is not None}}


EVOLVE: Evolutions = {FieldsChanged: _fields_changed}


NONE: Mapping[str, FieldValue] = {}


class Sorted(NamedTuple):
    """Field values apart: what stands in the record as it is, and what is wrapped per person."""

    plain: dict[str, FieldValue]
    personal: dict[str, FieldValue]


def checked(
    fields: Mapping[str, FieldValue], context: Context, held: Mapping[str, FieldValue] = NONE
) -> dict[str, FieldValue]:
    """The values in their one form. Raises Invalid for an unknown field or a value that the
    field doesn't take.

    `held`: the ticket's values. What stays as it is isn't judged again, and a field that the
    settings have lost can be emptied.
    """
    known = settings_of(context).fields
    values: dict[str, FieldValue] = {}
    for name, value in fields.items():
        if name in held and (value is None or _same(value, held[name])):
            values[name] = value
            continue
        require_known("field", name, known)
        field = _with_held(known[name], held.get(name))
        values[name] = None if value is None else _CHECKS[field.kind](field, value)
    return values


def _with_held(field: CustomField, held: FieldValue) -> CustomField:
    """The field with the retired options that the ticket has: some of a list may stay."""
    kept = held if isinstance(held, tuple) else ()
    if not any(option.retired and option.id in kept for option in field.options):
        return field
    options = tuple(
        option.model_copy(update={"retired": option.retired and option.id not in kept})
        for option in field.options
    )
    return field.model_copy(update={"options": options})


def sorted_out(
    values: Mapping[str, FieldValue], context: Context, emptied: Container[str] = ()
) -> Sorted:
    """The values of fields that the settings mark as personal, and those of all other fields. An
    emptied field that the settings have lost counts as personal: nobody knows any more which it
    was."""
    known = settings_of(context).fields
    out = Sorted({}, {})
    for name, value in values.items():
        field = known.get(name)
        personal = field.personal if field else name in emptied
        (out.personal if personal else out.plain)[name] = value
    return out


def changed(values: Mapping[str, FieldValue], ticket: Ticket, context: Context) -> list[Event]:
    """The event of the values that differ from the ticket's."""
    new = {n: value for n, value in values.items() if not _same(value, ticket.fields.get(n))}
    if not new:
        return []
    emptied = {name for name, value in new.items() if value is None}
    after = sorted_out(new, context, emptied)
    before = sorted_out({name: ticket.fields.get(name) for name in new}, context, emptied)
    return [
        FieldsChanged(
            data_subject=data_subject(ticket),
            old=before.plain,
            new=after.plain,
            personal_old=before.personal or None,
            personal_new=after.personal or None,
        )
    ]


def _same(one: FieldValue, other: FieldValue) -> bool:
    # To Python True is 1, to a reader of reports it isn't.
    return one is other or (one == other and type(one) is type(other))


def fields_changed(
    fields: Mapping[str, FieldValue], ticket: Ticket, context: Context
) -> list[Event]:
    return changed(checked(fields, context, ticket.fields), ticket, context) if fields else []


def _set_fields(command: SetFields, ticket: Ticket, context: Context) -> list[Event]:
    return fields_changed(command.fields, ticket, context)


def _text(field: CustomField, value: FieldValue) -> FieldValue:
    if not isinstance(value, str) or not value:
        raise _wrong(field, value, "a text")
    return value


def _integer(field: CustomField, value: FieldValue) -> FieldValue:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(field, value, "a whole number")
    if field.minimum is not None and value < field.minimum:
        raise _wrong(field, value, f"a whole number from {field.minimum}")
    if field.maximum is not None and value > field.maximum:
        raise _wrong(field, value, f"a whole number up to {field.maximum}")
    return value


def _boolean(field: CustomField, value: FieldValue) -> FieldValue:
    if not isinstance(value, bool):
        raise _wrong(field, value, "true or false")
    return value


def _date(field: CustomField, value: FieldValue) -> FieldValue:
    try:
        return date.fromisoformat(value if isinstance(value, str) else "").isoformat()
    except ValueError:
        raise _wrong(field, value, "a date like 2026-01-31") from None


def _datetime(field: CustomField, value: FieldValue) -> FieldValue:
    try:
        return iso(instant(value if isinstance(value, str) else ""))
    except (ValueError, OverflowError):
        raise _wrong(field, value, "a time like 2026-01-31T09:00:00Z") from None


def _choice(field: CustomField, value: FieldValue) -> FieldValue:
    if not isinstance(value, str) or value not in _options(field):
        raise _wrong(field, value, f"one of: {listed(_options(field))}")
    return value


def _choices(field: CustomField, value: FieldValue) -> FieldValue:
    if not isinstance(value, tuple) or not set(value) <= set(_options(field)):
        raise _wrong(field, value, f"a list of some of: {listed(_options(field))}")
    return tuple(option for option in _options(field) if option in value)


def _options(field: CustomField) -> list[str]:
    return [option.id for option in field.options if not option.retired]


def _wrong(field: CustomField, value: FieldValue, wanted: str) -> Invalid:
    return Invalid(
        f"field {field.id} takes {wanted}, not {value!r}", what="field", name=field.id, value=value
    )


_CHECKS: dict[str, Callable[[CustomField, FieldValue], FieldValue]] = {
    "text": _text,
    "integer": _integer,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "choice": _choice,
    "choices": _choices,
}


DECIDE: Decisions = {SetFields: _set_fields}

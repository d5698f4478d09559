"""Commands of the domain as commands of the shell: each option is a field of the command's model.

Its `SPEC` says what the fields don't: help, examples, what is positional. Everything else comes
from the fields, so that one that is added is an option here.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import click
from pydantic import BeforeValidator, ValidationError
from pydantic.fields import FieldInfo

from ticketlog.cli.framework import App, ShellCommand, pass_app
from ticketlog.cli.options import SENDING, as_json, sender
from ticketlog.cli.output_outcome import print_outcome
from ticketlog.documents.outcomes import Outcome
from ticketlog.domain import base
from ticketlog.errors import Usage

if TYPE_CHECKING:
    from ticketlog.cli.options import SenderOptions
    from ticketlog.domain.settings.model import Settings

STDIN = "-"
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})


def built(kind: str, name: str) -> ShellCommand:
    """The shell's command for a command of the domain."""
    from ticketlog.domain.aggregates import AGGREGATES

    model = AGGREGATES[kind].in_shell()[name]
    spec = model.SPEC
    fields = {field: info for field, info in model.model_fields.items() if field not in spec.hidden}
    parameters: list[click.Parameter] = []
    if not spec.creates:
        parameters.append(click.Argument(["on"], metavar=kind.upper()))
    parameters.extend(_argument(field, fields[field]) for field in spec.positional)
    parameters.extend(
        _option(spec.options.get(field, field), field, info)
        for field, info in fields.items()
        if field not in spec.positional
    )
    own_reason = "reason" in fields
    parameters.extend(o for o in SENDING if not (own_reason and o.name == "reason"))

    def callback(app: App, as_json: bool, **values: Any) -> None:
        by = sender(values, keep_reason=own_reason)
        on = None if spec.creates else stream_of(kind, values.pop("on"))
        values = {f: _read(spec, f, value) for f, value in values.items()}
        send(app, _filled(name, model, values, app), on, by, as_json)

    command = ShellCommand(
        name,
        callback=pass_app(callback),
        params=parameters,
        help=f"{spec.help}\n\n{spec.more}".strip(),
        short_help=spec.help,
        examples=spec.examples,
        prints=(Outcome,),
    )
    return as_json(command)


def stream_of(kind: str, text: str) -> str:
    """The stream that a person means: 'KIND/ID' or 'ID', and what else its kind lets them write."""
    from ticketlog.domain.aggregates import AGGREGATES

    aggregate = AGGREGATES[kind]
    if aggregate.numbered and ":" in text:
        app = click.get_current_context().find_object(App)
        assert app is not None
        return app.desk.numbered(text)
    id = text.removeprefix(f"{kind}/")
    return f"{kind}/{id.upper() if aggregate.in_any_case else id}"


def _read(spec: base.CommandSpec, field: str, value: Any) -> Any:
    reader = spec.readers.get(field)
    if reader is None or value is None:
        return value
    try:
        return tuple(map(reader, value)) if isinstance(value, tuple) else reader(value)
    except ValueError as error:
        raise Usage(str(error)) from None


def send(app: App, command: base.Command, on: str | None, by: SenderOptions, as_json: bool) -> None:
    """Executes a command and prints what came of it."""
    outcome = app.desk.execute(
        command,
        on=on,
        actor=by.actor,
        id=by.id,
        channel=by.channel,
        source=by.source,
        reason=by.reason,
        seen=by.seen,
        anyway=by.anyway,
    )
    print_outcome(outcome, as_json)


def _argument(field: str, info: FieldInfo) -> click.Argument:
    kind = FieldKind.of(info)
    return click.Argument(
        [field],
        metavar=field.upper().replace("_", "-"),
        required=info.is_required(),
        nargs=-1 if kind.multiple else 1,
        type=kind.type,
    )


def _option(name: str, field: str, info: FieldInfo) -> click.Option:
    kind = FieldKind.of(info)
    text = " ".join(part for part in (_HINTS.get(field), kind.help) if part) or None
    flag = f"--{name.replace('_', '-')}"
    if kind.flag:
        return click.Option([flag, field], is_flag=True, help=text)
    return click.Option(
        [flag, field],
        multiple=kind.multiple,
        type=kind.type,
        metavar=kind.metavar,
        required=info.is_required() and not kind.nullable,
        help=text,
    )


_HINTS = {
    "add": "A tag.",
    "article": "The version of the article that was used: vpn-reset@3.",
    "agent": "The id of an agent. Default: the actor.",
    "asset": "What it is about: a device, a machine.",
    "assignee": "The id of an agent.",
    "author": "The person whose comment it is, if you send it for them.",
    "automated": "No person wrote it.",
    "automatic": "Give it back to the matrix.",
    "category": "A path in the tree of categories: network/vpn.",
    "ccs": "The id of a person who gets copies.",
    "code": "How it was solved: one of your own words, such as fixed.",
    "comment": "A few words with it.",
    "contract": "The id of a contract.",
    "country": "Two letters: DE.",
    "description": "The first text; - reads standard input.",
    "external": "Its id in another system.",
    "fields": "A custom field of the settings; an empty value takes it away.",
    "follow_up_of": "The closed ticket that it continues.",
    "impact": "One of the settings' impacts.",
    "in_reply_to": "The mail that it answers.",
    "language": "A language tag: de, pt-BR.",
    "macro": "The version of the macro that was used: greeting@2.",
    "mentions": "The id of an agent whom the note calls.",
    "message_id": "The mail's own id.",
    "organisation": "The id of an organisation.",
    "priority": "Set by hand; needs a reason.",
    "priority_reason": "Why the priority is set by hand.",
    "product": "The id of a product of the settings.",
    "reason": "Why; it stands in the event.",
    "remove": "A tag.",
    "requester": "The id of the person who asks.",
    "resolution": "What solved it; - reads standard input.",
    "resolution_code": "How it was solved, with a status that solves it.",
    "rule": "The rule that chose, with its version: route-network@4.",
    "seconds": "The time spent, if not the time since the start.",
    "site": "Where it is.",
    "source_address": "The sender's address.",
    "status": "A status of the workflow.",
    "survey": "Which survey.",
    "system": "Of the sender's system: browser=Firefox.",
    "tags": "A tag.",
    "team": "The id of a team.",
    "template": "The version of the template that was used: closing@1.",
    "text": "A few words with it; - reads standard input.",
    "tier": "The id of a tier.",
    "type": "What kind of ticket it is.",
    "urgency": "One of the settings' urgencies.",
    "verified": "They showed that it is theirs.",
    "zone": "A time zone: Europe/Berlin.",
}
"""What an option of a field of that name says; a test asks for one for each."""


class FieldKind(NamedTuple):
    """The way in which a field is written in a shell."""

    type: click.ParamType[Any]
    metavar: str | None = None
    multiple: bool = False
    flag: bool = False
    pairs: bool = False
    nullable: bool = False
    help: str | None = None

    @classmethod
    def of(cls, info: FieldInfo) -> FieldKind:
        kind = cls._of(info.annotation, info.metadata)
        return kind._replace(nullable=_nullable(info.annotation))

    @classmethod
    def _of(cls, annotation: Any, metadata: Any = ()) -> FieldKind:
        if any(isinstance(mark, BeforeValidator) for mark in metadata):
            return cls(click.STRING, "TIME", help="An ISO time with zone: 2026-01-31T09:00:00Z.")
        origin = get_origin(annotation)
        if origin is Annotated:
            inner, *marks = get_args(annotation)
            return cls._of(inner, marks)
        if origin in (Union, types.UnionType):
            kinds = [each for each in get_args(annotation) if each is not type(None)]
            return cls._of(kinds[0])
        if origin is Literal:
            return cls(click.Choice(get_args(annotation)))
        if origin is tuple:
            return cls._of(get_args(annotation)[0])._replace(multiple=True, help="May be repeated.")
        if isinstance(origin, type) and issubclass(origin, Mapping):
            text = "May be repeated."
            return cls(click.STRING, "NAME=VALUE", multiple=True, pairs=True, help=text)
        if annotation is bool:
            return cls(click.BOOL, flag=True)
        if annotation is int:
            return cls(click.INT)
        return cls(click.STRING, "TEXT")


def _nullable(annotation: Any) -> bool:
    return type(None) in get_args(annotation)


def _filled(name: str, model: type[base.Command], values: dict[str, Any], app: App) -> base.Command:
    """The command's model from a shell's values. Raises Usage."""
    given: dict[str, Any] = {}
    for field, value in values.items():
        info = model.model_fields[field]
        if value is None or value == ():
            if info.is_required() and _nullable(info.annotation):
                given[field] = None
            continue
        if FieldKind.of(info).pairs:
            given[field] = _pairs(field, value, app)
        else:
            given[field] = _piped(value)
    try:
        return model(**given)
    except ValidationError as error:
        raise Usage(_explained(name, error)) from error


def _piped(value: Any) -> Any:
    """'-' stands for what comes in on standard input."""
    if value != STDIN:
        return value
    try:
        return sys.stdin.read().rstrip("\n")
    except UnicodeDecodeError as error:
        raise Usage(f"standard input is no UTF-8 text: {error}") from error


def _pairs(field: str, texts: tuple[str, ...], app: App) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise Usage(f"--{field}: {text!r} is no NAME=VALUE")
        found[key] = _field_value(key, value, app.desk.settings) if field == "fields" else value
    return found


def _field_value(key: str, text: str, settings: Settings) -> Any:
    """A custom field's value as its kind wants it; an empty text takes the value away."""
    field = settings.fields.get(key)
    if text == "":
        return None
    if field is None:
        return text
    if field.kind == "integer":
        try:
            return int(text)
        except ValueError:
            raise Usage(f"field {key} is a whole number; {text!r} is none") from None
    if field.kind == "boolean":
        if text.lower() not in _TRUE | _FALSE:
            raise Usage(f"field {key} is yes or no; {text!r} is neither")
        return text.lower() in _TRUE
    if field.kind == "choices":
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _explained(name: str, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "it"
    message = first["msg"].removeprefix("Value error, ")
    return f"{name}: {where.replace('_', '-')}: {message[:1].lower()}{message[1:]}"

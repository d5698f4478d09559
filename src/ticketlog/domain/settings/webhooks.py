"""Webhooks as settings: where events are sent to (`[webhooks.ID]`), and which programs outside send
something in (`[hook_sources.ID]`), with what must hold of both.

No secret stands in the settings: they name an environment variable or a file in the desk's folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeAlias

from pydantic import Field, StringConstraints

from ticketlog.domain.base import Command, Key, Line, Value, kind_and_id
from ticketlog.domain.settings.conditions import Conditions
from ticketlog.domain.settings.kind import SettingChanged
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.notation import SEVERAL
from ticketlog.domain.settings.secret_places import is_secret_place, leaves_folder

SignatureScheme = Literal["v1", "v1a"]
HookBody = Literal["thin", "full"]
HookCheck = Literal["standard", "hmac", "token"]
HookDigest = Literal["sha1", "sha256", "sha512"]
HookEncoding = Literal["hex", "base64"]
Pattern: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
Template = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
"""A text with places for parts of a body: 'Alert {labels.alertname}'."""

_URL = re.compile(r"(?i)(https?)://([^\s/?#@\\]+)([/?][^\s#\\]*)?")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_PLACE = re.compile(r"\{([^{}]*)\}")
_STEP = re.compile(r"[^\s{}.\x00-\x1f][^{}.\x00-\x1f]*")
READERS = ("agent", "service", "person")


class Webhook(Value):
    """An endpoint that gets events by HTTP POST, signed.

    `types` are names of events or patterns ('ticket.*'); none: all that other services may see.
    `when`: conditions of the ticket, as the event left it. `secrets` ('env:NAME' or 'file:PATH')
    sign in turn: during a rotation the old and the new one. What is sent is what `reads_as` may
    read. The `owner`, an agent, is told by an outbox where the endpoint is given up.
    """

    id: Key
    title: Line | None = None
    url: Url
    types: Annotated[tuple[Pattern, ...], SEVERAL] = ()
    when: Conditions
    secrets: Annotated[tuple[Line, ...], SEVERAL]
    scheme: SignatureScheme
    body: HookBody
    reads_as: Key
    owner: Key | None = None
    outbox: Key | None = None
    """The outbox that tells the owner; None: the log of the process."""
    paused: bool = False


class HookCommand(Value):
    """A command that is made of a message from outside, where the message meets the conditions.

    Fields of `when` are paths into the JSON of the body ('issue.title', 'labels.0.name'), or
    'header.' and the name of a header. `fields` are those of the command: texts with {places}, or
    constants. What it is about is said by one of: `on`, the id of the ticket; `thread`, whatever
    the outside calls the matter: `ticket.create` opens one ticket for it, and other commands of the
    same source and thread go to that ticket.
    """

    command: Key
    when: Conditions | None = None
    """None: every message."""
    on: Template | None = None
    thread: Template | None = None
    fields: Mapping[Key, Template | int | bool | tuple[Template, ...]] = Field(default_factory=dict)


class HookSource(Value):
    """A program outside that sends messages to `/api/v1/hooks/ID`.

    `check` says how a message shows that it is genuine: `standard` (Standard Webhooks), `hmac` (a
    digest in `signature_header`, behind `signature_prefix`) or `token` (the secret itself in
    `signature_header`, behind `signature_prefix`). The message's id is in `id_header` or at
    `id_field`; without one it is the digest of its body. With `timestamp_header` an `hmac` message
    must be of these 5 minutes. The commands are sent by `sends_as`, a service.
    """

    id: Key
    title: Line | None = None
    check: HookCheck
    secrets: Annotated[tuple[Line, ...], SEVERAL]
    sends_as: Key
    signature_header: Line | None = None
    signature_prefix: Line | None = None
    digest: HookDigest | None = None
    """Of `hmac`; None: sha256."""
    encoding: HookEncoding | None = None
    """Of `hmac`; None: hex."""
    signed: Template | None = None
    """What `hmac` signs: {body} with {timestamp} and {id}; None: the body alone."""
    timestamp_header: Line | None = None
    id_header: Line | None = None
    id_field: Line | None = None
    commands: tuple[HookCommand, ...] = ()


class WebhookSet(SettingChanged):
    """An endpoint of events is there, is another, or is gone."""

    NAME: ClassVar[str] = "settings.webhook-set.v1"
    old: Webhook | None = None
    new: Webhook | None = None


class HookSourceSet(SettingChanged):
    """A program outside whose messages are taken is there, is another, or is gone."""

    NAME: ClassVar[str] = "settings.hook-source-set.v1"
    old: HookSource | None = None
    new: HookSource | None = None


def matches_type(patterns: tuple[str, ...], name: str) -> bool:
    """Whether one of the patterns means an event of this name; none: every one is meant."""
    return not patterns or any(
        name == each or (each.endswith("*") and name.startswith(each[:-1])) for each in patterns
    )


def actor_named(text: str) -> tuple[str, str]:
    """Kind and id of 'service:crm'."""
    kind, _, id = text.partition(":")
    return kind, id


class HookVocabulary(NamedTuple):
    """The names that webhooks may use: `events` that other services may see, `commands` that
    services may send, each with its model."""

    events: tuple[str, ...]
    commands: Mapping[str, type[Command]]


def broken_webhooks(
    webhooks: Mapping[str, Webhook], settings: Settings, known: HookVocabulary
) -> Iterator[str]:
    """The problems of endpoints, in a file's words; a secret that stands there isn't repeated."""
    for each in webhooks.values():
        for problem in (*_target(each), *_secrets(each.secrets), *_reader(each, settings)):
            yield f"[webhooks.{each.id}] {problem}"
        for pattern in each.types:
            if not any(matches_type((pattern,), name) for name in known.events):
                yield (
                    f"[webhooks.{each.id}] types: no event that other services may see is called "
                    f"{pattern!r}; write one of docs/EVENTS.md, such as 'ticket.replied.v1', or "
                    "'ticket.*'"
                )
        if each.owner is not None and each.owner not in settings.agents:
            yield f"[webhooks.{each.id}] owner: agent {each.owner!r} is unknown"


def _target(webhook: Webhook) -> Iterator[str]:
    found = _URL.fullmatch(webhook.url)
    if "@" in webhook.url.partition("://")[2].partition("/")[0]:
        yield "url: leave the name and password out; deliveries are signed instead"
    elif "#" in webhook.url:
        yield "url: leave out what follows '#'; it is never sent"
    elif found is None:
        yield "url: should be one like 'https://crm.example.com/hooks'"


def _secrets(references: tuple[str, ...]) -> Iterator[str]:
    if not references:
        yield "secrets: at least one is needed: 'env:NAME' or 'file:PATH'"
    for number, each in enumerate(references, 1):
        if not is_secret_place(each):
            yield (
                f"secrets: number {number} is no reference: name an environment variable, "
                "'env:CRM_SECRET', or a file in the desk's folder, 'file:secrets/crm'. The secret "
                "itself never stands in the settings, which everybody keeps for ever"
            )
        elif leaves_folder(each):
            yield f"secrets: {each!r} leaves the desk's folder; put the file below it"


def _reader(webhook: Webhook, settings: Settings) -> Iterator[str]:
    kind, id = actor_named(webhook.reads_as)
    if kind not in READERS or not id:
        yield (
            f"reads_as: {webhook.reads_as!r} names nobody; write KIND:ID, such as 'service:crm': "
            "what is sent is what they may read"
        )
    elif kind == "service" and id not in settings.known_services:
        yield f"reads_as: service {id!r} is unknown; declare it: [services.{id}]"
    elif kind == "agent" and id not in settings.agents:
        yield f"reads_as: agent {id!r} is unknown; declare them: [agents.{id}]"


def broken_sources(
    sources: Mapping[str, HookSource], settings: Settings, known: HookVocabulary
) -> Iterator[str]:
    """The problems of sources of messages, in a file's words."""
    for each in sources.values():
        for problem in (*_secrets(each.secrets), *_checks(each), *_sender(each, settings)):
            yield f"[hook_sources.{each.id}] {problem}"
        for number, command in enumerate(each.commands, 1):
            for problem in _command(command, known):
                yield f"[hook_sources.{each.id}] entry {number} of commands: {problem}"


def _sender(source: HookSource, settings: Settings) -> Iterator[str]:
    kind, id = actor_named(source.sends_as)
    if kind != "service" or not id:
        yield "sends_as: should be a service, such as 'service:github'"
    elif id not in settings.known_services:
        yield f"sends_as: service {id!r} is unknown; declare it: [services.{id}]"


_OF_ITS_OWN = ("signature_header", "signature_prefix", "id_header", "id_field")
_OF_HMAC = ("digest", "encoding", "signed", "timestamp_header")


def _checks(source: HookSource) -> Iterator[str]:
    if re.fullmatch(r"[A-Za-z0-9._~-]+", source.id) is None:
        yield "its id is part of an address: use letters, digits, '-', '_' and '.' alone"
    for key in () if source.check == "hmac" else _OF_HMAC:
        if getattr(source, key) is not None:
            yield f"{key}: is for check 'hmac'"
    for key in _OF_ITS_OWN if source.check == "standard" else ():
        if getattr(source, key) is not None:
            yield f"{key}: Standard Webhooks say where it is; leave it out"
    if source.check != "standard" and source.signature_header is None:
        yield f"signature_header: is missing; check {source.check!r} needs one"
    for key in ("signature_header", "timestamp_header", "id_header"):
        name = getattr(source, key)
        if name is not None and _HEADER.fullmatch(name) is None:
            yield f"{key}: {name!r} is no name of a header"
    yield from _signed(source)
    yield from _id_place(source)


def _id_place(source: HookSource) -> Iterator[str]:
    if source.id_header is not None and source.id_field is not None:
        yield "the id is in id_header or at id_field; leave one out"
    if source.id_field is not None and not path_of(source.id_field):
        yield f"id_field: {source.id_field!r} is no path; write it as 'event.id'"


def _signed(source: HookSource) -> Iterator[str]:
    if source.signed is None:
        return
    places = _PLACE.findall(source.signed)
    if unknown := set(places) - {"body", "timestamp", "id"}:
        yield f"signed: {{{min(unknown)}}} is unknown; known are {{body}}, {{timestamp}}, {{id}}"
    if "body" not in places:
        yield "signed: {body} is missing: nobody would notice another body"
    if "timestamp" in places and source.timestamp_header is None:
        yield "signed: {timestamp} needs timestamp_header"
    if "id" in places and source.id_header is None:
        yield "signed: {id} needs id_header"


def _command(entry: HookCommand, known: HookVocabulary) -> Iterator[str]:
    model = known.commands.get(entry.command)
    if model is None:
        yield (
            f"command {entry.command!r} is none that services may send; write it as "
            "'ticket.create' (docs/RIGHTS.md has them)"
        )
        return
    fields = model.model_fields
    for name in entry.fields:
        if name not in fields:
            yield f"{entry.command} has no field {name!r}; it has {', '.join(fields)}"
    for name, info in fields.items():
        if info.is_required() and name not in entry.fields:
            yield f"{entry.command} needs the field {name!r}"
    yield from _about(entry, creates=model.SPEC.creates)
    texts = [entry.on, entry.thread, *entry.fields.values(), *_of_lists(entry)]
    for text in texts:
        for place in _PLACE.findall(text) if isinstance(text, str) else ():
            if not path_of(place):
                yield f"{{{place}}} is no path into the body; write it as {{issue.title}}"


def _of_lists(entry: HookCommand) -> Iterator[str]:
    for value in entry.fields.values():
        if isinstance(value, tuple):
            yield from value


def _about(entry: HookCommand, *, creates: bool) -> Iterator[str]:
    kind = kind_and_id(entry.command.replace(".", "/"))[0]
    if entry.on is not None and entry.thread is not None:
        yield "say what it is about by `on` or by `thread`, not both"
    elif entry.on is not None and creates:
        yield f"{entry.command} begins one of its own; leave `on` out"
    elif entry.thread is not None and kind != "ticket":
        yield "`thread` is for commands of tickets"
    elif entry.on is None and entry.thread is None and not creates:
        yield f"{entry.command} is about something: say its id by `on`, or its `thread`"


def path_of(text: str) -> tuple[str, ...]:
    """The steps of a path into a body, 'issue.labels.0.name'; none where it is no path."""
    steps = tuple(text.split("."))
    return steps if all(map(_STEP.fullmatch, steps)) else ()


def filled_text(template: str, find: Callable[[tuple[str, ...]], Any]) -> Any:
    """A template with its places filled by `find`. One that is a single place becomes what stands
    there, whatever its type, None where nothing does; in a longer text nothing becomes ''."""
    whole = _PLACE.fullmatch(template)
    if whole is not None:
        return find(path_of(whole[1]))

    def part(match: re.Match[str]) -> str:
        found = find(path_of(match[1]))
        return "" if found is None else str(found)

    return _PLACE.sub(part, template)

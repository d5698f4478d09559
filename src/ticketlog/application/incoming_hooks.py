"""Messages of programs outside: checked as their source's settings say, kept as a fact, and made
into commands.

    POST /api/v1/hooks/SOURCE -> genuine? -> its bytes kept -> it came (a commit) -> commands
                                                            -> what became of them (a commit)

The id of each follows from the message's own, so that a message that comes twice is done once, and
one whose handling was cut off is handled to the end when it comes again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import orjson
from pydantic import ValidationError

from ticketlog.application.executor import Outcome, derived_id, new_id
from ticketlog.application.hook_signatures import is_genuine
from ticketlog.application.outside_secrets import outside_secret
from ticketlog.documents.webhooks import HookMessageTaken
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import (
    LONGEST_KEY,
    Actor,
    Command,
    Invalid,
    NotFound,
    Refused,
    stream_key,
)
from ticketlog.domain.hook_message import (
    KIND,
    HandleMessage,
    HookMessage,
    HookResult,
    ReceiveMessage,
)
from ticketlog.domain.settings.conditions import Facts, Operand, matches
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.webhooks import (
    HookCommand,
    HookSource,
    actor_named,
    filled_text,
    path_of,
)
from ticketlog.domain.ticket import KIND as TICKET
from ticketlog.errors import CommandReused, TicketlogError, Unreachable, Usage
from ticketlog.log.attachments import Attachments

CHANNEL = "webhook"
WINDOW_S = 300
"""Seconds that the time of a signed message may be away from now."""
LARGEST_MESSAGE = 1_000_000
"""Bytes of a message."""
LONGEST_ID = 200
DEEPEST = 64
"""Levels of a message's JSON; of what is deeper nothing is made."""
REFUSALS_APART = 10_000_000
"""Microseconds between two records of refused messages of a source."""
_HEADER = "header."


class NotGenuine(Refused):
    """A message whose signature, token or time isn't right."""

    code: ClassVar[str] = "unauthenticated"


class CommandExecution(Protocol):
    """`Desk.execute`."""

    def __call__(
        self,
        command: Command,
        *,
        on: str | None = None,
        actor: Actor,
        id: str | None = None,
        channel: str = "api",
        source: str | None = None,
        cause: str | None = None,
    ) -> Outcome: ...


class _Message(NamedTuple):
    """A message as it came; names of headers in small letters."""

    headers: Mapping[str, str]
    body: bytes
    content: Any
    """The JSON of the body; None: it is none."""

    def at(self, path: tuple[str, ...]) -> Any:
        """The part of the content at a path; None: nothing is there."""
        found = self.content
        for step in path:
            if isinstance(found, Mapping):
                found = found.get(step)
            elif isinstance(found, list) and step.isascii() and step.isdigit():
                found = found[int(step)] if int(step) < len(found) else None
            else:
                return None
        return found


class HookInbox:
    """The messages of programs outside. Thread-safe."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        load: Callable[[str], Any],
        attachments: Attachments,
        execute: CommandExecution,
        record: Callable[[Command, str, str, Actor], Outcome],
        now: Callable[[], int],
        folder: Path,
        refused: Callable[[str, Refused, int], None] = lambda source, why, times: None,
    ) -> None:
        """`refused`: records that messages of a source weren't genuine, so many times.
        `execute`: sends a command as the service that the source names. `record`: executes a
        command on a message's own stream, under an id. `now`: microseconds since 1970."""
        self._settings = settings
        self._load = load
        self._attachments = attachments
        self._execute = execute
        self._record = record
        self._now = now
        self._folder = folder
        self._refused = refused
        self._refusals: dict[str, tuple[int, int]] = {}
        """Source -> the time of the last record of refusals, and how many came since."""
        self._counting = threading.Lock()

    def receive(self, source: str, headers: Mapping[str, str], body: bytes) -> HookMessageTaken:
        """Takes a message in: what it did, and when it comes again, its first answer.

        Raises NotFound for an unknown source, NotGenuine, Invalid for an id that can't be kept,
        Usage for a message that is too large, CommandReused where the id came with another body,
        Unreachable where the source's secret isn't there, or the log doesn't answer.
        """
        known = self._source(source)
        if len(body) > LARGEST_MESSAGE:
            raise Usage(f"a message has at most {LARGEST_MESSAGE:,} bytes, and this {len(body):,}")
        message = _Message({n.lower(): v for n, v in headers.items()}, body, _content(body))
        try:
            self._check(known, message)
        except NotGenuine as error:
            self._note_refusal(source, error)
            raise
        id = _message_id(known, message)
        key = derived_id("hook", source, id)
        stream = f"{KIND}/{stream_key(key)}"
        if (state := self._load(stream)).results is None or not _is_same(state, body):
            kept = self._attachments.add(body)
            command = ReceiveMessage(
                source=source, message=id, sha256=kept.sha256, size=kept.size, media_type=None
            )
            self._record(command, stream, key, _actor(known))
            state = self._load(stream)
        repeated = state.results is not None
        if not repeated:
            self._handle(known, message, id, stream)
        return _document(self._load(stream), repeated)

    def handle_again(self, message: str) -> HookMessageTaken:
        """Makes commands of a message again, by the settings of now: of one of which nothing was
        made, or not all. What was done already is done once. Raises NotFound, Damaged, Refused."""
        state = self._known(message)
        assert state.received is not None
        source = self._source(state.received.source)
        with self._attachments.open(state.received.sha256) as file:
            body = file.read()
        self._handle(
            source, _Message({}, body, _content(body)), state.received.message, f"{KIND}/{state.id}"
        )
        return _document(self._load(f"{KIND}/{state.id}"), False)

    def show(self, message: str) -> HookMessageTaken:
        """A message and what became of it. Raises NotFound."""
        return _document(self._known(message), False)

    def body(self, message: str) -> bytes:
        """The bytes of a message, as they came. Raises NotFound, Damaged."""
        state = self._known(message)
        assert state.received is not None
        with self._attachments.open(state.received.sha256) as file:
            return file.read()

    def _known(self, message: str) -> HookMessage:
        id = message.removeprefix(f"{KIND}/").upper()
        state: HookMessage = self._load(f"{KIND}/{id}")
        if state.received is None:
            raise NotFound(
                f"there is no message {id}; `ticketlog webhook received` lists them", id=id
            )
        return state

    def _source(self, id: str) -> HookSource:
        source = self._settings().hook_sources.get(id)
        if source is None:
            raise NotFound(f"there is no source {id}", source=id)
        return source

    def _check(self, source: HookSource, message: _Message) -> None:
        """Raises NotGenuine, Unreachable."""
        try:
            secrets = [outside_secret(each, self._folder) for each in source.secrets]
            genuine = _CHECKS[source.check](source, message, secrets, self._now() // 1_000_000)
        except Refused:
            raise
        except TicketlogError as error:
            raise Unreachable(
                f"messages of {source.id} can't be checked now: whoever runs the desk must put "
                "their secret right"
            ) from error
        if not genuine:
            raise NotGenuine(f"the message isn't signed as {source.id} signs", source=source.id)

    def _note_refusal(self, source: str, why: NotGenuine) -> None:
        """Records a refusal; of a flood of them only how many there were."""
        with self._counting:
            at, times = self._refusals.get(source, (0, 0))
            now, times = self._now(), times + 1
            is_due = now - at >= REFUSALS_APART
            self._refusals[source] = (now, 0) if is_due else (at, times)
        if is_due:
            self._refused(source, why, times)

    def _handle(self, source: HookSource, message: _Message, id: str, stream: str) -> None:
        results = tuple(
            self._result(source, number, each, message, id)
            for number, each in enumerate(source.commands)
            if each.when is None or matches(each.when, Facts(_Parts(message)))
        )
        self._record(HandleMessage(results=results), stream, new_id(), _actor(source))

    def _result(
        self, source: HookSource, number: int, entry: HookCommand, message: _Message, id: str
    ) -> HookResult:
        """Sends one command that the message makes. Raises what says that it may be sent again."""
        try:
            command = _command(entry, message)
            on, command_id = _about(source, entry, message)
        except ValueError as error:
            return HookResult(command=entry.command, outcome="unfit", said=_line(str(error)))
        command_id = command_id or derived_id("hook", source.id, id, str(number), entry.command)
        try:
            done = self._execute(
                command,
                on=on,
                actor=_actor(source),
                id=command_id,
                channel=CHANNEL,
                source=_line(f"{source.id} {id}")[:90],
            )
        except (Refused, CommandReused, Usage) as error:
            said = _line(str(error)) or None
            return HookResult(command=entry.command, outcome="refused", stream=on, said=said)
        return HookResult(command=entry.command, outcome="done", stream=done.stream)


def _actor(source: HookSource) -> Actor:
    kind, id = actor_named(source.sends_as)
    return Actor(id, kind, authenticated=f"hook:{source.id}"[:90])  # type: ignore[arg-type]


def _is_same(state: HookMessage, body: bytes) -> bool:
    return state.received is not None and (
        state.received.sha256 == hashlib.sha256(body).hexdigest()
    )


def _content(body: bytes) -> Any:
    """The JSON of a body; None where it is none, or one within one within one, without end."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    level = [found]
    for _ in range(DEEPEST):
        level = [part for each in level for part in _parts_of(each)]
        if not level:
            return found
    return None


def _parts_of(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _message_id(source: HookSource, message: _Message) -> str:
    """The message's own id, or the digest of its body. Raises Invalid."""
    found: Any = None
    if source.check == "standard":
        found = message.headers["webhook-id"]
    elif source.id_header is not None:
        found = message.headers.get(source.id_header.lower())
    elif source.id_field is not None:
        found = message.at(path_of(source.id_field))
    if found is None or isinstance(found, dict | list):
        return hashlib.sha256(message.body).hexdigest()
    text = str(found).strip()
    if not (0 < len(text) <= LONGEST_ID and text.isprintable()):
        raise Invalid(f"the message's id must be 1 to {LONGEST_ID} printable characters")
    return text


def _in_time(text: str | None, now: int) -> int:
    """The time of a message, in seconds since 1970. Raises NotGenuine."""
    text = (text or "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise NotGenuine("the message's time is missing, or no number of seconds since 1970")
    if abs(int(text) - now) > WINDOW_S:
        raise NotGenuine(f"the message is signed more than {WINDOW_S // 60} minutes from now")
    return int(text)


def _standard(source: HookSource, message: _Message, secrets: list[str], now: int) -> bool:
    id, signature = message.headers.get("webhook-id"), message.headers.get("webhook-signature")
    if not id or not signature:
        raise NotGenuine("webhook-id, webhook-timestamp or webhook-signature is missing")
    timestamp = _in_time(message.headers.get("webhook-timestamp"), now)
    return is_genuine(id, timestamp, message.body, signature, secrets)


def _given(source: HookSource, message: _Message) -> bytes:
    """The signature or token that a message bears. Raises NotGenuine."""
    header = source.signature_header or ""
    found, prefix = message.headers.get(header.lower()), source.signature_prefix or ""
    if found is None or not found.startswith(prefix):
        raise NotGenuine(f"{header} is missing, or doesn't begin as it should")
    return found.removeprefix(prefix).strip().encode("utf-8", "surrogatepass")


def _hmac(source: HookSource, message: _Message, secrets: list[str], now: int) -> bool:
    given, timestamp = _given(source, message), None
    if source.timestamp_header is not None:
        timestamp = message.headers.get(source.timestamp_header.lower())
        _in_time(timestamp, now)
    signed = message.body
    if source.signed is not None:
        id = message.headers.get((source.id_header or "").lower(), "")
        before, _, behind = source.signed.partition("{body}")
        parts = {"{timestamp}": (timestamp or "").strip(), "{id}": id}
        signed = b"".join((_put(before, parts), message.body, _put(behind, parts)))
    return any(
        hmac.compare_digest(
            _encoded(source, secret, signed),
            given if source.encoding == "base64" else given.lower(),
        )
        for secret in secrets
    )


def _put(text: str, parts: Mapping[str, str]) -> bytes:
    for place, value in parts.items():
        text = text.replace(place, value)
    return text.encode("utf-8", "surrogatepass")


def _encoded(source: HookSource, secret: str, signed: bytes) -> bytes:
    made = hmac.digest(secret.encode(), signed, source.digest or "sha256")
    return base64.b64encode(made) if source.encoding == "base64" else made.hex().encode()


def _token(source: HookSource, message: _Message, secrets: list[str], now: int) -> bool:
    given = _given(source, message)
    return sum(hmac.compare_digest(secret.encode(), given) for secret in secrets) > 0


_CHECKS: Mapping[str, Callable[[HookSource, _Message, list[str], int], bool]] = {
    "standard": _standard,
    "hmac": _hmac,
    "token": _token,
}


class _Parts(Mapping[str, Operand]):
    """The parts of a message, as conditions ask for them."""

    def __init__(self, message: _Message) -> None:
        self._message = message

    def __getitem__(self, name: str) -> Operand:
        if name.startswith(_HEADER):
            return self._message.headers.get(name.removeprefix(_HEADER).lower())
        found = self._message.at(path_of(name))
        if isinstance(found, list):
            return tuple(str(each) for each in found if isinstance(each, str | int))
        return found if isinstance(found, str | int) else None

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


_COMMANDS: Mapping[str, type[Command]] = {
    each.NAME: each for kind in AGGREGATES.values() for each in kind.commands
}


def _command(entry: HookCommand, message: _Message) -> Command:
    """The command that a message makes. Raises ValueError, saying which field doesn't fit."""
    model = _COMMANDS.get(entry.command)
    if model is None:
        raise ValueError(f"{entry.command} is no command of this release")
    values = {name: _value(each, message) for name, each in entry.fields.items()}
    values = {name: each for name, each in values.items() if each is not None}
    for _ in range(_MENDED_AT_MOST):
        try:
            return model.model_validate(values)
        except ValidationError as error:
            mended = _mended(values, error)
            if mended == values:
                break
            values = mended
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or entry.command
        raise ValueError(f"{where}: {first['msg']}") from None


_MENDED_AT_MOST = 3


def _value(template: Any, message: _Message) -> Any:
    if isinstance(template, tuple):
        found = [filled_text(each, message.at) for each in template]
        return tuple(str(each) for each in found if each not in (None, ""))
    return _frozen(filled_text(template, message.at)) if isinstance(template, str) else template


def _frozen(value: Any) -> Any:
    """A value of JSON with tuples for its lists, as commands want them."""
    if isinstance(value, dict):
        return {name: _frozen(each) for name, each in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


_OF_SEVERAL_LINES = ("text", "string_pattern_mismatch")


def _mended(values: Mapping[str, Any], error: ValidationError) -> dict[str, Any]:
    """The values with what is wrong about their form put right: a number where a text is wanted, a
    text that is too long, or has several lines where there is one."""
    mended = dict(values)
    for each in error.errors(include_url=False):
        name = each["loc"][0] if len(each["loc"]) == 1 else None
        value = mended.get(str(name)) if name is not None else None
        if each["type"] == "string_type" and isinstance(value, int | float):
            mended[str(name)] = str(value)
        elif isinstance(value, str) and each["type"] == "string_too_long":
            mended[str(name)] = value[: each["ctx"]["max_length"] - 1] + "…"
        elif isinstance(value, str) and each["type"] in _OF_SEVERAL_LINES:
            mended[str(name)] = _line(value)
    return mended


def _about(
    source: HookSource, entry: HookCommand, message: _Message
) -> tuple[str | None, str | None]:
    """The stream that a command is for, and its id where that follows from the thread. Raises
    ValueError where the message doesn't say."""
    if entry.thread is None and entry.on is None:
        return None, None
    template = entry.thread or entry.on
    assert template is not None
    found = filled_text(template, message.at)
    if found is None or not str(found).strip() or isinstance(found, dict | list):
        raise ValueError(f"{template}: the message has nothing there")
    if entry.thread is None:
        if not (about := str(found).strip()[:LONGEST_KEY]).isprintable():
            raise ValueError(f"{template}: what the message has there is no id")
        return about, None
    begun = derived_id("hook-thread", source.id, str(found))
    if _COMMANDS[entry.command].SPEC.creates:
        return None, begun
    return f"{TICKET}/{stream_key(begun)}", None


def _line(text: str) -> str:
    """A text in one line, without characters that can't be seen."""
    shown = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(shown.split())[:500]


def _document(state: HookMessage, repeated: bool) -> HookMessageTaken:
    received = state.received
    assert received is not None
    return HookMessageTaken.filled(
        message=state.id,
        source=received.source,
        id=received.message,
        received_at=state.received_at,
        sha256=received.sha256,
        size=received.size,
        outcome=outcome_of_results(state.results),
        repeated=repeated,
        results=[each.model_dump() for each in state.results or ()],
    )


def outcome_of_results(results: tuple[HookResult, ...] | None) -> str:
    """The outcome of a message in a word."""
    if results is None:
        return "received"
    if not results:
        return "unmatched"
    return "done" if all(each.outcome == "done" for each in results) else "refused"

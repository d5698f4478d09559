"""Events, commands, refusals and the context of a decision: the parts of every aggregate.

An aggregate is three pure functions (`initial`, `decide`, `evolve`) over frozen values. `decide`
may refuse; `evolve` never fails and never judges, so a rule that is tightened today can't make
yesterday's stream unreadable.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    Self,
    TypeVar,
    get_args,
)

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from ticketlog.domain import text
from ticketlog.domain.time.time_text import moment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_START = datetime(1970, 1, 1)  # noqa: DTZ001 (the same without its zone, which takes time to write)
_MICROSECOND = timedelta(microseconds=1)
bare = tuple.__new__
"""Makes a named tuple, `bare(Meta, values)`, without its argument handling: to read a log makes
some for every event."""


def instant(text: str) -> int:
    """Microseconds since 1970 UTC of an ISO 8601 time with zone. Raises ValueError."""
    said = moment(text)
    if said.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it as 2026-01-31T09:00:00Z")
    since = said - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def iso(at: int) -> str:
    """The one way a time is written in records: UTC, microseconds, fixed width."""
    return (_START + timedelta(microseconds=at)).isoformat("T", "microseconds") + "Z"


def _to_instant(value: object) -> object:
    if isinstance(value, str):
        return instant(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time needs a zone")
        return (value - _EPOCH) // _MICROSECOND
    return value


FIRST, LAST = instant("1000-01-01T00:00:00Z"), instant("9999-12-31T23:59:59Z")
"""The first and the last instant that a record can hold: four digits of a year."""

Instant = Annotated[
    int,
    Field(ge=FIRST, le=LAST),
    BeforeValidator(_to_instant),
    PlainSerializer(iso, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""Microseconds since 1970 UTC; an ISO time in records. Accepts aware datetimes and ISO text."""


@dataclass(frozen=True)
class Lasting:
    """Marks a duration."""


Seconds = Annotated[int, Lasting()]
LONGEST_KEY = 100
Key = Annotated[
    str, StringConstraints(min_length=1, max_length=LONGEST_KEY, pattern=r"^[^\x00-\x1f\x7f]+$")
]
"""The id of a thing in the settings or of a stream's subject: printable, at most 100 characters."""
Line = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00\r\n]+$")]


@dataclass(frozen=True)
class Long:
    """Marks text of several lines. `said`: the sender's own words, of which none may be lost."""

    said: bool = False


Text = Annotated[str, StringConstraints(min_length=1, max_length=200_000), Long(said=True)]


@dataclass(frozen=True)
class Personal:
    """Marks a field that holds personal data; the record wraps its value per person.

    The person is the one named by the event's `data_subject` field.
    """


class Value(BaseModel):
    """A value that events hold.

    As in events, a field's default is only ever None, False or empty: it is left out of the
    record, and what an absent field means can never change.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Event(BaseModel):
    """One fact in the past tense.

    A field's default is only ever None, False or empty, and a field at its default is left
    out of the record, so that what an absent field means can never change.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    NAME: ClassVar[str]
    ASPECT: ClassVar[str] = ""
    """What of the aggregate it changes: a command that was made on a stale screen is refused
    when an aspect that it touches has changed since."""
    PERSONAL: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.PERSONAL = tuple(
            name
            for name, info in cls.model_fields.items()
            if any(isinstance(mark, Personal) for mark in info.metadata)
        )
        if cls.PERSONAL and "data_subject" not in cls.model_fields:
            raise TypeError(f"{cls.__name__} holds personal data but names no data_subject")


def _long(info: FieldInfo) -> Long | None:
    """The mark of a field that holds text of several lines."""
    return next((each for each in _marks(info) if isinstance(each, Long)), None)


def _marks(annotation: Any) -> Iterator[object]:
    if isinstance(annotation, FieldInfo):
        yield from annotation.metadata
        annotation = annotation.annotation
    yield from getattr(annotation, "__metadata__", ())
    for each in get_args(annotation):
        yield from _marks(each)


def _unfit(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with texts that are to be made fit: of most commands none. Said quickly, since
    rows of files are commands by the million, of words that come again and again."""
    found = {}
    for name, value in values.items():
        kind = value.__class__
        if kind in _PLAIN or (kind is str and value in _FIT):
            continue
        if not _fits(value):
            found[name] = value
    return found


def _fits(value: object) -> bool:
    """Whether there is nothing to be made fit."""
    kind = value.__class__
    if kind is str:
        return value in _FIT or _fit_text(value)  # type: ignore[arg-type]
    if kind in _PLAIN:
        return True
    if kind is dict:
        keys = value.keys()  # type: ignore[attr-defined]
        return (keys <= _FIT or all(map(_fits, keys))) and not _unfit(value)  # type: ignore[arg-type]
    if kind is tuple or kind is list:
        return all(map(_fits, value))  # type: ignore[call-overload]
    return not isinstance(value, str | list | tuple | Mapping)


def _fit_text(value: str) -> bool:
    fits = value.isascii() and value.isprintable() and value == value.strip() != ""
    if fits and len(value) <= _SHORT:
        if len(_FIT) >= _MOST:
            _FIT.clear()
        _FIT.add(value)
    return fits


_FIT: set[str] = set()
"""Short texts that were seen to be fit."""
_SHORT, _MOST = 100, 20_000
_PLAIN = frozenset({int, bool, float, type(None)})


def _fitting(value: object, fit: Callable[[str], str]) -> object:
    """A value with its texts made fit. Raises ValueError for a blank one."""
    if isinstance(value, str):
        fitting = fit(value)
        if text.blank(fitting):
            raise ValueError("it holds nothing that anybody could read; write what you have to say")
        return fitting
    if isinstance(value, list | tuple):
        return type(value)(_fitting(each, fit) for each in value)
    if isinstance(value, Mapping):
        # A value that is blank is its field's to refuse, which may know what that means.
        return {
            _fitting(key, text.line): fit(each) if isinstance(each, str) else _fitting(each, fit)
            for key, each in value.items()
        }
    return value


def _plain(value: Any) -> Any:
    """A given value as JSON."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


Unseen = Literal["refused", "dropped", "kept"]


class CommandSpec(NamedTuple):
    """The facts of a command beside its fields."""

    who_may: frozenset[str] = frozenset()
    """The roles that may send it (`domain.rights`). None: nobody may."""
    also_on: tuple[str, ...] = ()
    """States of its stream in which it is taken though most commands aren't: of a ticket 'closed',
    'spam' and 'withdrawn'."""
    help: str = ""
    """What it does, in one line. Empty: no command line asks for it by its fields."""
    more: str = ""
    """What its help says besides."""
    examples: tuple[str, ...] = ()
    """Command lines that send it."""
    shell: str = ""
    """Its name on a command line, where that isn't the one that follows the kind in `NAME`."""
    positional: tuple[str, ...] = ()
    """Fields that need no option name."""
    hidden: tuple[str, ...] = ()
    """Fields that only rules fill in."""
    options: Mapping[str, str] = {}
    """Field -> the name of its option, where that is another."""
    readers: Mapping[str, Callable[[str], Any]] = {}
    """Field -> how a text becomes a value that is no plain one. They raise ValueError."""
    creates: bool = False
    """It begins a stream of its own."""


class Command(BaseModel):
    """A request to a stream, in the imperative.

    Its texts are made fit as they come in (`domain.text`): in NFC, stripped, without what can't be
    seen, never blank. Events hold texts as they are, since records from before this rule stay
    readable.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    NAME: ClassVar[str]
    SPEC: ClassVar[CommandSpec] = CommandSpec()
    SETS_BACK: ClassVar[bool] = False
    """It happens when it is sent, also where its stream's clock is ahead of that."""
    TOUCHES: ClassVar[frozenset[str]] = frozenset()
    """The aspects that the sender must have seen in their latest version, if a version is named."""
    UNSEEN: ClassVar[Unseen] = "refused"
    """What becomes of what can't be seen in a line. Kept: its texts are those of records."""
    _LONG: ClassVar[Mapping[str, Long]] = {}
    _GIVEN: ClassVar[Mapping[str, Any]] = {}
    """Its fields as they were given, where they were made fit. Kept beside the fields of the model,
    as a cached property would be: private attributes make each command twice as dear."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        long = {name: _long(info) for name, info in cls.model_fields.items()}
        cls._LONG = {name: mark for name, mark in long.items() if mark}

    @model_validator(mode="wrap")
    @classmethod
    def _made_fit(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(values, dict) or cls.UNSEEN == "kept":
            return handler(values)
        given = _unfit(values)
        if not given:
            return handler(values)
        fit = {name: cls._fit(name, value) for name, value in given.items()}
        made = handler({**values, **fit})
        made.__dict__["_GIVEN"] = {n: value for n, value in given.items() if value != fit[n]}
        return made

    @classmethod
    def _fit(cls, field: str, value: Any) -> Any:
        long = cls._LONG.get(field)
        if cls.UNSEEN == "refused" and not (long and long.said):
            fit = text.lines if long else text.line
        else:
            fit = text.body if long else text.flat
        try:
            return _fitting(value, fit)
        except ValueError as error:
            fault = PydanticCustomError("text", "{why}", {"why": str(error)})
            problem = InitErrorDetails(type=fault, loc=(field,), input=value)
            raise ValidationError.from_exception_data(cls.__name__, [problem]) from None

    @classmethod
    def of_records(cls, **values: Any) -> Self:
        """The command with values that records hold, which are taken as they are: a name that was
        right by the rules of its time is still the thing's name."""
        return unchecked(cls, values)

    def arguments(self) -> dict[str, Any]:
        """The values that aren't defaults, as JSON and as they were given: the same words sent
        again are the same command, however their text is made fit."""
        said = self.model_dump(mode="json", exclude_defaults=True)
        given = {name: _plain(value) for name, value in self._GIVEN.items() if name in said}
        return said | given

    @property
    def refitted(self) -> Collection[str]:
        """The fields of which it holds a text otherwise than it was given."""
        return self._GIVEN.keys()

    def touched(self) -> frozenset[str]:
        """The aspects that this command changes; where that depends on its arguments, by these."""
        return self.TOUCHES


C = TypeVar("C", bound=Command)
_DEFAULTS: dict[type[Command], dict[str, Any]] = {}


def unchecked(kind: type[C], values: Mapping[str, Any]) -> C:
    """A command of values that are right, in a twentieth of the time of `model_construct`: an
    import makes one for every row."""
    made, put = object.__new__(kind), object.__setattr__
    put(made, "__dict__", {**(_DEFAULTS.get(kind) or _defaults(kind)), **values})
    put(made, "__pydantic_fields_set__", set(values))
    put(made, "__pydantic_extra__", None)
    put(made, "__pydantic_private__", None)
    return made


def _defaults(kind: type[Command]) -> dict[str, Any]:
    fields = kind.model_fields.items()
    _DEFAULTS[kind] = {
        name: field.get_default(call_default_factory=True)
        for name, field in fields
        if not field.is_required()
    }
    return _DEFAULTS[kind]


ActorKind = Literal["person", "agent", "rule", "import", "service"]


class Actor(NamedTuple):
    """The actor of a command. `role` is one of the workflow's roles: requester, agent, supervisor,
    admin, ..."""

    id: str
    kind: ActorKind
    role: str | None = None
    on_behalf_of: str | None = None
    authenticated: str | None = None


class Meta(NamedTuple):
    """The envelope of a commit as far as a reader of its events needs it."""

    commit: str
    occurred_at: int
    recorded_at: int
    actor: Actor
    channel: str
    source: str | None = None
    reason: str | None = None
    cause: str | None = None
    correlation: str | None = None
    settings: int = 0
    partition: int = 0
    offset: int = 0
    claimed_at: int | None = None
    """When its sender says that it happened, where `occurred_at` is another time: one that can't
    be true is cut to that of receipt, and one before the stream's clock is lifted to that."""


class Recorded(NamedTuple):
    """An event where it stands: the `version`-th of its stream, from 0."""

    originator_id: str
    originator_version: int
    event: Event
    meta: Meta
    index: int = 0  # type: ignore[assignment]

    @property
    def id(self) -> str:
        return f"{self.meta.commit}.{self.index}"


class Refused(Exception):
    """A rule says no. The message names the thing, its state and the next step."""

    code: ClassVar[str] = "refused"

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts: Mapping[str, Any] = facts


class NotFound(Refused):
    code = "not-found"


class Invalid(Refused):
    """A value that the settings or the state don't know."""

    code = "invalid"


class Forbidden(Refused):
    """The actor's role may not do this."""

    code = "forbidden"


class IllegalTransition(Refused):
    code = "illegal-transition"


class MissingFields(Refused):
    code = "missing-fields"


class Stale(Refused):
    """The sender's screen was stale: what they saw has changed since."""

    code = "stale"


class Closed(Refused):
    """The ticket is closed; a follow-up ticket takes what it no longer accepts."""

    code = "closed"


class State:
    """An immutable aggregate state; `but` makes a changed copy.

    Subclasses are frozen dataclasses without slots: copying `__dict__` is eight times as fast
    as `dataclasses.replace`, and loading a long stream is made of such copies.
    """

    CODE: ClassVar[int] = 1
    """To be raised with every change of a state's fields or of its evolve: it makes the snapshots
    that older code wrote void. `tests/domain/test_codes.py` notices such changes."""

    def but(self, changes: Mapping[str, Any]) -> Self:
        new = object.__new__(type(self))
        values = new.__dict__
        values.update(self.__dict__)
        values.update(changes)
        return new


@dataclass(frozen=True)
class Context:
    """Everything a decision may use besides the command and the state."""

    settings: Any
    now: int
    actor: Actor
    stream: str
    channel: str = "api"
    command_id: str = ""
    seen: int | None = None
    anyway: bool = False
    """Whatever has changed since the version that was seen, the sender means it."""
    states: Mapping[str, Any] = field(default_factory=dict)
    """States of the other streams the command reads (person, organisation, agent), by stream."""
    holders: tuple[str, ...] = ()
    """Persons who have an address that the command names, or had it a moment ago."""


def reads_none(command: Command, state: Any, context: Context | None = None) -> tuple[str, ...]:
    """The streams that a decision reads besides its own: none."""
    return ()


class Aggregate(NamedTuple):
    """A kind of stream: what is asked of it anywhere in the package. `aggregates.AGGREGATES` is
    the list of them."""

    kind: str
    """The part of its streams' names before the slash."""
    streams: str
    """Which streams there are and what they tell, as a sentence of docs/EVENTS.md."""
    initial: Callable[[str], Any]
    """(ID): the state of a stream without events; its `version` is -1, which the list of kinds
    checks."""
    decide: Callable[[Any, Any, Context], list[Event]]
    """(command, state, context): the events. Raises Refused."""
    evolve: Callable[[Any, Recorded], Any]
    """(state, recorded): the state after one more event."""
    commands: tuple[type[Command], ...]
    """Those that its streams take, in the order in which a command line lists them."""
    events: tuple[type[Event], ...]
    quick_fold: Callable[[Any, Iterable[Recorded]], Any] | None = None
    """(state, history): `fold` in less time, where the kind has such a one."""
    reads: Callable[..., tuple[str, ...]] = reads_none
    """(command, state, context): the streams whose states `decide` wants in `context.states`."""
    of_actor: ActorKind | None = None
    """The kind of actor that a stream is about, whom `rights.SELF` means; None: about nobody."""
    public: bool = True
    """Other services see its events, on the public topic and in its contract."""
    in_any_case: bool = False
    """Its ids are in capitals; people may write them in small letters, too."""
    numbered: bool = False
    """Other systems have numbers for its streams, and people may write those: SOURCE:NUMBER."""
    internal: bool = False
    """The desk alone sends its commands: they aren't in `ticketlog.commands`."""

    def fold(self, state: Any, history: Iterable[Recorded]) -> Any:
        """The state after more events: as to evolve by one after the other."""
        if self.quick_fold is not None:
            return self.quick_fold(state, history)
        return reduce(self.evolve, history, state)

    def in_shell(self) -> dict[str, type[Command]]:
        """The commands that a command line asks for by their fields, by their names there."""
        asked = (each for each in self.commands if each.SPEC.help)
        return {each.SPEC.shell or each.NAME.removeprefix(f"{self.kind}."): each for each in asked}


def kind_and_id(stream: str) -> tuple[str, str]:
    """The two parts of a stream's name, KIND/ID; actors and the parts of settings are named so,
    too."""
    kind, _, id = stream.partition("/")
    return kind, id


_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def stream_key(seed: str) -> str:
    """A stream's id from the id of the command that creates it: 12 base32 characters.

    Derived, so that a create that is sent twice meets itself.
    """
    return base32(hashlib.sha256(seed.encode()).digest())


def base32(digest: bytes) -> str:
    """The first 60 bits of a digest as 12 base32 characters."""
    number = int.from_bytes(digest[:8], "big") >> 4
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(55, -1, -5))

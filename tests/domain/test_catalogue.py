"""The catalogue holds every event, and the log's oldest bytes are read as the newest events."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from tests.given import ANN, MINUTE, NOON, recorded
from ticketlog import domain
from ticketlog.domain.aggregates import ACCOUNT_AGGREGATES, AGGREGATES, aggregate_of
from ticketlog.domain.base import Event, Instant, Line, Value
from ticketlog.domain.catalogue import EVENTS, find
from ticketlog.domain.parties.agent import AvailabilityChanged
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.domain.settings import activation
from ticketlog.domain.settings.kind import Sha256
from ticketlog.domain.ticket.time_correction import TimeCorrected
from ticketlog.domain.upcasters import UPCASTERS
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Commit

for module in pkgutil.walk_packages(domain.__path__, "ticketlog.domain."):
    importlib.import_module(module.name)


def subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    for each in cls.__subclasses__():
        yield each
        yield from subclasses(each)


def ours(cls: type[Any]) -> list[type[Any]]:
    found = {each for each in subclasses(cls) if each.__module__.startswith("ticketlog.")}
    return sorted(found, key=lambda each: f"{each.__module__}.{each.__qualname__}")


CLASSES = [cls for cls in ours(Event) if "NAME" in vars(cls)]
VALUES = [cls for cls in ours(Value) if cls.__module__.startswith("ticketlog.domain.")]
every_event = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.NAME)
every_model = pytest.mark.parametrize("cls", CLASSES + VALUES, ids=lambda cls: cls.__name__)


def test_the_catalogue_holds_every_event_once() -> None:
    assert sorted(EVENTS) == sorted(cls.NAME for cls in CLASSES)


@every_event
def test_an_event_has_a_versioned_name_and_says_what_it_is(cls: type[Event]) -> None:
    assert re.fullmatch(r"[a-z-]+\.[a-z-]+\.v[0-9]+", cls.NAME)
    assert EVENTS[cls.NAME] is cls
    assert (cls.__doc__ or "").strip()


@every_model
def test_what_is_left_out_of_a_record_says_nothing(cls: type[BaseModel]) -> None:
    for name, field in cls.model_fields.items():
        if not field.is_required():
            value = field.get_default(call_default_factory=True)
            assert value in (None, False, ()) or value == {}, name
            assert value != 0 or value is False, name


def test_a_name_that_was_superseded_can_not_be_written_any_more() -> None:
    assert not set(UPCASTERS) & set(EVENTS)
    for old, (successor, _) in UPCASTERS.items():
        assert successor in EVENTS or successor in UPCASTERS
        kind, number = successor.rsplit(".v", 1)
        assert old == f"{kind}.v{int(number) - 1}"


AWAY_V1 = (
    b'{"actor":{"id":"ann","kind":"agent","role":"agent"},'
    b'"command":{"digest":"0","name":"agent.set-availability"},'
    b'"events":[{"data":{"data_subject":"ann","reason":{"alg":"none","item":"c1.0.reason",'
    b'"subject":"ann","value":"dentist"},"was_available":true},'
    b'"type":"agent.availability-changed.v1"}],'
    b'"expects":4,"format":1,"id":"c1","occurred_at":"2026-03-02T12:00:00.000000Z",'
    b'"recorded_at":"2026-03-02T12:00:00.000000Z","settings":3,"stream":"agent/ann",'
    b'"via":{"channel":"api"}}'
)
"""A record as the first version of the event was written. It must never change."""


def test_bytes_of_an_old_version_are_read_as_the_newest() -> None:
    (found,) = RecordCodec(find=find).decode(AWAY_V1, 0, 9)
    assert found.event == AvailabilityChanged(
        data_subject="ann", old="online", new="offline", reason="dentist"
    )
    assert (found.originator_id, found.originator_version) == ("agent/ann", 4)
    back = orjson.loads(AWAY_V1)
    back["events"][0]["data"] = {"data_subject": "ann", "available": True}
    (found,) = RecordCodec(find=find).decode(orjson.dumps(back), 0, 10)
    assert found.event == AvailabilityChanged(data_subject="ann", old="offline", new="online")


def test_an_upcaster_leaves_personal_values_as_they_are_wrapped() -> None:
    (event,) = orjson.loads(AWAY_V1)["events"]
    sealed = {"alg": "AES-256-GCM", "item": "c1.0.reason", "subject": "ann", "value": "8f00"}
    event["data"]["reason"] = sealed
    _, data = find(event["type"], event["data"])
    assert data["reason"] == sealed


def test_an_unknown_name_is_not_found() -> None:
    with pytest.raises(KeyError):
        find("ticket.frozen.v9", {})


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of an event's field, from its type."""
    if hint == Instant:
        return st.integers(0, 2 * NOON)
    if hint == Sha256:
        return st.binary(min_size=32, max_size=32).map(bytes.hex)
    if get_origin(hint) is Annotated:
        return _annotated(*get_args(hint))
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return st.one_of(*(values_of(arg) for arg in args))
    if origin is Literal:
        return st.sampled_from(args)
    if origin is tuple:
        return st.lists(values_of(args[0]), max_size=3).map(tuple)
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(values_of(args[0]), values_of(args[1]), max_size=3)
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return models(hint)
    return {NoneType: st.none(), bool: st.booleans(), int: st.integers(0, 9), str: WORDS}[hint]


WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=9)


def _annotated(inner: Any, *marks: Any) -> st.SearchStrategy[Any]:
    details = [detail for mark in marks for detail in (mark, *getattr(mark, "metadata", ()))]
    patterns = {getattr(detail, "pattern", None) for detail in details} - {None, *_ANYTHING}
    if patterns:
        return st.from_regex(patterns.pop().replace("$", r"\Z"))
    if inner is int:
        least = next((d.ge for d in details if getattr(d, "ge", None) is not None), 1)
        return st.integers(least, least + 4)
    least = max(getattr(detail, "min_length", None) or 0 for detail in details)
    if not least:
        return values_of(inner)
    return values_of(inner).filter(lambda value: value is None or len(value) >= least)


_ANYTHING = (r"^[^\x00-\x1f\x7f]+$", r"^[^\x00\r\n]+$")


def models(cls: type[BaseModel]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(cls, include_extras=True)
    return st.builds(cls, **{name: values_of(hints[name]) for name in cls.model_fields})


COMMIT = Commit(
    id="c1",
    command="test",
    digest="0",
    stream="ticket/X",
    expects=0,
    events=[],
    occurred_at=NOON,
    recorded_at=NOON,
    actor=ANN,
    channel="api",
)


@every_event
def test_an_event_comes_back_from_its_record_with_personal_values_wrapped(
    cls: type[Event],
) -> None:
    @settings(max_examples=20)
    @given(models(cls))
    def check(event: Event) -> None:
        record = RecordCodec().encode(replace(COMMIT, events=[event]))
        (found,) = RecordCodec(find=find).decode(record, 0, 1)
        assert found.event == event
        data = orjson.loads(record)["events"][0].get("data", {})
        for name in {*cls.PERSONAL} & {*data}:
            assert data[name]["subject"] == event.data_subject  # type: ignore[attr-defined]
            assert data[name]["item"] == f"c1.0.{name}"

    check()


KINDS = {**AGGREGATES, **ACCOUNT_AGGREGATES}


def test_every_command_goes_to_one_aggregate() -> None:
    names = [command.NAME for each in KINDS.values() for command in each.commands]
    assert len(names) == len(set(names))
    for kind, aggregate in KINDS.items():
        assert aggregate.kind == kind
        for command in aggregate.commands:
            assert aggregate_of(command) is aggregate
            assert re.fullmatch(rf"{kind}\.[a-z-]+", command.NAME)
    assert aggregate_of(RegisterPerson).kind == "person"
    with pytest.raises(KeyError):
        aggregate_of(Line)  # type: ignore[arg-type]


ANYTHING = st.one_of(*map(models, CLASSES))
FOLDS = {kind: (each.initial("X"), each.evolve) for kind, each in KINDS.items()}
FOLDS["settings"] = (activation.initial(), activation.evolve)


@pytest.mark.parametrize("kind", FOLDS)
def test_no_history_is_too_strange_to_be_folded(kind: str) -> None:
    state, evolve = FOLDS[kind]
    own = st.one_of(*(models(cls) for cls in CLASSES if cls.NAME.startswith(f"{kind}.")))

    @given(st.lists(st.tuples(st.one_of(own, ANYTHING), st.integers(-9, 9)), max_size=9))
    def check(history: list[tuple[Event, int]]) -> None:
        now, clock = state, 0
        for version, (event, minutes) in enumerate(history):
            at = NOON + minutes * MINUTE
            now = evolve(now, recorded(f"{kind}/X", version, event, at, offset=version + 1))
            if kind != "settings":
                assert now.version == version
                assert now.clock >= clock or isinstance(event, TimeCorrected)
                clock = now.clock

    check()

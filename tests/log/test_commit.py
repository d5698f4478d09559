from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.log.commits import NOON, a_commit, an_envelope, encode, streams_in
from ticketlog.domain.base import Actor, Event, Instant, Personal, Recorded, instant, iso
from ticketlog.domain.catalogue import EVENTS, find
from ticketlog.domain.ticket.conversation import AttachmentAdded, Replied
from ticketlog.errors import Damaged, NewerFormat, Unreadable, Usage
from ticketlog.log.acceptance import accept
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import (
    FORMAT,
    MAX_BYTES,
    Commit,
    ForeignEvent,
    Head,
    Verdict,
    checked,
    digest,
    genesis,
    leaf,
)

EVERYTHING = Commit(
    id="0199aabb-0000-7000-8000-000000000001",
    command="ticket.reply",
    digest="d" * 64,
    stream="ticket/4F7K2M9QABCD",
    expects=7,
    events=[
        Replied(
            data_subject="P1",
            author="P1",
            author_kind="requester",
            body="Größe?\n\u2028\U0001f600",
            direction="inbound",
            message_id="<1@example.org>",
        ),
        AttachmentAdded(
            data_subject="P1", name="a.txt", media_type="text/plain", size=3, sha256="0" * 64
        ),
    ],
    occurred_at=NOON - 1,
    recorded_at=NOON,
    actor=Actor("P1", "person", "requester", "P2", "dkim"),
    channel="mail",
    source="help@example.org",
    seen=6,
    reason="asked again",
    cause="0199aabb-0000-7000-8000-000000000000.0",
    correlation="thread-1",
    settings=41,
    reads={"person/P1": 3},
    writer="host:123 ticketlog/0.1.0",
)
GOLDEN = (
    '{"actor":{"authenticated":"dkim","id":"P1","kind":"person","on_behalf_of":"P2",'
    '"role":"requester"},"cause":"0199aabb-0000-7000-8000-000000000000.0",'
    f'"command":{{"digest":"{"d" * 64}","name":"ticket.reply"}},"correlation":"thread-1",'
    '"events":[{"data":{"author":"P1","author_kind":"requester","body":{"alg":"none",'
    '"item":"0199aabb-0000-7000-8000-000000000001.0.body","subject":"P1",'
    '"value":"Größe?\\n\u2028\U0001f600"},"data_subject":"P1","direction":"inbound",'
    '"message_id":{"alg":"none","item":"0199aabb-0000-7000-8000-000000000001.0.message_id",'
    '"subject":"P1","value":"<1@example.org>"}},"type":"ticket.replied.v1"},'
    '{"data":{"data_subject":"P1","media_type":"text/plain","name":{"alg":"none",'
    '"item":"0199aabb-0000-7000-8000-000000000001.1.name","subject":"P1","value":"a.txt"},'
    f'"sha256":"{"0" * 64}","size":3}},"type":"ticket.attachment-added.v1"}}],"expects":7,'
    '"format":1,"id":"0199aabb-0000-7000-8000-000000000001",'
    '"occurred_at":"2026-01-01T11:59:59.999999Z","reads":{"person/P1":3},"reason":"asked again",'
    '"recorded_at":"2026-01-01T12:00:00.000000Z","seen":6,"settings":41,'
    '"stream":"ticket/4F7K2M9QABCD","via":{"channel":"mail","source":"help@example.org"},'
    '"writer":"host:123 ticketlog/0.1.0"}'
).encode()
GOLDEN_LEAF = "537e5465f8e1ca5d337e3fe2daab8abbfb65add698da85eb6c3bc419d9f04d8a"


def test_the_bytes_of_a_record_never_change() -> None:
    assert encode(EVERYTHING) == GOLDEN
    assert leaf(GOLDEN).hex() == GOLDEN_LEAF


def test_the_bytes_of_a_genesis_record_never_change() -> None:
    assert genesis("desk-1", "tickets", 3, 12, NOON) == (
        b'{"format":1,"genesis":{"desk":"desk-1","log":"tickets","partition":3,"partitions":12},'
        b'"recorded_at":"2026-01-01T12:00:00.000000Z"}'
    )


def test_the_golden_record_reads_back_as_what_was_written() -> None:
    events = RecordCodec(find=find).decode(GOLDEN, 5, 9)

    assert [recorded.event for recorded in events] == EVERYTHING.events
    assert [recorded.originator_version for recorded in events] == [7, 8]
    assert events[1].id == "0199aabb-0000-7000-8000-000000000001.1"
    meta = events[0].meta
    assert meta.actor == EVERYTHING.actor
    assert (meta.occurred_at, meta.recorded_at) == (NOON - 1, NOON)
    assert (meta.channel, meta.source) == ("mail", "help@example.org")
    assert (meta.cause, meta.correlation, meta.reason) == (
        EVERYTHING.cause,
        "thread-1",
        "asked again",
    )
    assert (meta.settings, meta.partition, meta.offset) == (41, 5, 9)


class Sample(Event):
    """Fields of every kind that events are made of."""

    NAME: ClassVar[str] = "sample.v1"
    data_subject: str | None = None
    secret: Annotated[str | None, Personal()] = None
    secrets: Annotated[dict[str, str] | None, Personal()] = None
    number: int | None = None
    moment: Instant | None = None
    flag: bool = False
    names: tuple[str, ...] = ()
    nested: dict[str, dict[str, int]] = {}


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
numbers = st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
moments = st.integers(instant("1000-01-01T00:00:00Z"), instant("9999-12-31T23:59:59Z"))
samples = st.builds(
    Sample,
    data_subject=st.just("P1"),
    secret=st.none() | text,
    secrets=st.none() | st.dictionaries(text, text, max_size=3),
    number=st.none() | numbers,
    moment=st.none() | moments,
    flag=st.booleans(),
    names=st.lists(text, max_size=3).map(tuple),
    nested=st.dictionaries(text, st.dictionaries(text, numbers, max_size=2), max_size=2),
)
actors = st.builds(
    Actor,
    text,
    st.sampled_from(["person", "agent", "rule", "import", "service"]),
    *[st.none() | text] * 3,
)
commits = st.builds(
    a_commit,
    stream=text.filter(bool),
    expects=st.integers(min_value=0, max_value=2**53),
    events=st.just(1),
    id=text.filter(bool),
    occurred_at=moments,
    recorded_at=moments,
    actor=actors,
    channel=text,
    source=st.none() | text,
    reason=st.none() | text.filter(bool),
    cause=st.none() | text.filter(bool),
    settings=st.integers(min_value=0, max_value=2**53),
)


def sample_only(type: str, data: dict[str, Any]) -> tuple[type[Event], dict[str, Any]]:
    return {"sample.v1": Sample}[type], data


@given(commits, st.lists(samples, min_size=1, max_size=3))
def test_whatever_is_written_reads_back_the_same(commit: Commit, events: list[Event]) -> None:
    commit.events = events

    recorded = RecordCodec(find=sample_only).decode(encode(commit), 0, 1)

    assert [one.event for one in recorded] == events
    assert [one.originator_version - commit.expects for one in recorded] == [*range(len(events))]
    meta = recorded[0].meta
    assert meta.actor == commit.actor
    assert (meta.occurred_at, meta.recorded_at) == (commit.occurred_at, commit.recorded_at)
    assert (meta.channel, meta.source, meta.reason, meta.cause, meta.settings) == (
        commit.channel,
        commit.source,
        commit.reason,
        commit.cause,
        commit.settings,
    )


@given(commits, st.lists(samples, min_size=1, max_size=3))
def test_records_are_canonical(commit: Commit, events: list[Event]) -> None:
    commit.events = events
    data = encode(commit)

    again = orjson.dumps(orjson.loads(data), option=orjson.OPT_SORT_KEYS)
    assert again == data
    assert not list(nulls_in(orjson.loads(data)))


def nulls_in(value: Any) -> Any:
    if value is None:
        yield value
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from nulls_in(one)


@pytest.mark.parametrize("cls", EVENTS.values(), ids=lambda cls: cls.NAME)
def test_no_event_can_hold_a_float(cls: type[Event]) -> None:
    """Floats have no canonical form that all programs share."""
    assert b'"type":"number"' not in orjson.dumps(cls.model_json_schema())


@pytest.mark.parametrize("cls", EVENTS.values(), ids=lambda cls: cls.NAME)
def test_a_default_says_nothing(cls: type[Event]) -> None:
    """A field at its default is left out, so what its absence means can't ever change."""
    defaults = [
        field.get_default(call_default_factory=True)
        for field in cls.model_fields.values()
        if not field.is_required()
    ]
    assert not [value for value in defaults if value]


def test_personal_values_are_wrapped_and_others_are_not() -> None:
    event = Sample(data_subject="P1", secret="s", secrets={"a": "b"}, number=1)

    (written,) = orjson.loads(encode(a_commit(id="C", events=[event])))["events"]

    assert written["data"] == {
        "data_subject": "P1",
        "number": 1,
        "secret": {"subject": "P1", "item": "C.0.secret", "alg": "none", "value": "s"},
        "secrets": {"subject": "P1", "item": "C.0.secrets", "alg": "none", "value": {"a": "b"}},
    }


def test_an_event_that_holds_personal_data_must_name_whose_they_are() -> None:
    with pytest.raises(TypeError, match="data_subject"):

        class Nameless(Event):
            secret: Annotated[str, Personal()]


def test_events_of_other_programs_are_kept_as_their_bytes() -> None:
    (written,) = orjson.loads(encode(a_commit(events=[ForeignEvent("their.topic", b"\x00\xff")])))[
        "events"
    ]

    assert written == {"type": "their.topic", "state": "AP8="}


def test_a_record_may_have_one_mebibyte_and_not_a_byte_more() -> None:
    def reply(length: int) -> Commit:
        return a_commit(id="C", reason="x" * length)

    room = MAX_BYTES - len(encode(reply(1))) + 1
    assert len(encode(reply(room))) == MAX_BYTES
    with pytest.raises(Usage, match=r"ticket/A would have 1,048,577 bytes.*attachment"):
        encode(reply(room + 1))


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(Usage, match="can't be written"):
        encode(a_commit(reason="\ud800"))


def test_the_digest_tells_commands_and_their_arguments_apart() -> None:
    digests = {
        digest("a", {"x": 1, "y": 2}),
        digest("a", {"x": 1, "y": 3}),
        digest("b", {"x": 1, "y": 2}),
        digest("a", {}),
    }
    assert len(digests) == 4
    assert digest("a", {"y": 2, "x": 1}) in digests


def verdict(
    envelope: dict[str, Any] | bytes,
    *,
    head: Head = Head(0, 0),
    known: bool = False,
    partition: int = 0,
    partitions: int = 1,
    offset: int = 1,
) -> Verdict:
    data = envelope if isinstance(envelope, bytes) else orjson.dumps(envelope)
    return accept(
        data,
        partition=partition,
        partitions=partitions,
        offset=offset,
        head=lambda stream: head,
        known=lambda stream, id: known,
    ).verdict


@pytest.mark.parametrize(
    ("envelope", "facts", "expected"),
    [
        ({}, {}, Verdict.ACCEPTED),
        ({"expects": 3}, {"head": Head(3, 0)}, Verdict.ACCEPTED),
        ({"settings": 5}, {"head": Head(0, 5)}, Verdict.ACCEPTED),
        ({"settings": 6}, {"head": Head(0, 5)}, Verdict.ACCEPTED),
        ({}, {"offset": 0}, Verdict.ACCEPTED),
        ({"expects": 2}, {"head": Head(3, 0)}, Verdict.STALE),
        ({"expects": 4}, {"head": Head(3, 0)}, Verdict.STALE),
        ({"settings": 4}, {"head": Head(0, 5)}, Verdict.STALE),
        ({}, {"known": True}, Verdict.DUPLICATE),
        ({"expects": 2}, {"known": True, "head": Head(3, 0)}, Verdict.DUPLICATE),
        ({"more": {"of": "a later release"}}, {}, Verdict.ACCEPTED),
        ({"events": [{"type": "unknown.v9", "data": 5}]}, {}, Verdict.ACCEPTED),
    ],
)
def test_a_well_formed_record_is_accepted_or_stale_or_a_duplicate(
    envelope: dict[str, Any], facts: dict[str, Any], expected: Verdict
) -> None:
    assert verdict(an_envelope(**envelope), **facts) is expected


WRONG: dict[str, Any] = {
    "no id": {"id": None},
    "empty id": {"id": ""},
    "id a number": {"id": 7},
    "no stream": {"stream": None},
    "empty stream": {"stream": ""},
    "stream a list": {"stream": ["ticket/A"]},
    "no expects": {"expects": None},
    "expects a text": {"expects": "0"},
    "expects a boolean": {"expects": False},
    "expects a float": {"expects": 0.0},
    "expects below nothing": {"expects": -1},
    "expects beyond any log": {"expects": 2**63},
    "no settings": {"settings": None},
    "settings a boolean": {"settings": True},
    "settings beyond any log": {"settings": 2**63},
    "no events": {"events": None},
    "empty events": {"events": []},
    "events a dict": {"events": {"type": "thing.done"}},
    "an event a text": {"events": ["thing.done"]},
    "an event without type": {"events": [{"data": {}}]},
    "an event's type a number": {"events": [{"type": 1}]},
    "no actor": {"actor": None},
    "actor a text": {"actor": "alice"},
    "no via": {"via": None},
    "no command": {"command": None},
    "command a text": {"command": "thing.do"},
    "no occurred_at": {"occurred_at": None},
    "occurred_at a number": {"occurred_at": 0},
    "occurred_at without zone": {"occurred_at": "2026-01-01T12:00:00"},
    "occurred_at no time": {"occurred_at": "noon"},
    "no recorded_at": {"recorded_at": None},
    "recorded_at no day of any month": {"recorded_at": "2026-02-30T12:00:00Z"},
    "recorded_at in local time": {"recorded_at": "2026-01-01T12:00:00.000000+01:00"},
    "recorded_at before all time": {"recorded_at": "0001-01-01T00:00:00+23:59"},
    "no format": {"format": None},
    "format a text": {"format": "1"},
    "format a boolean": {"format": True},
    "format nought": {"format": 0},
    "a genesis in the middle": {"genesis": {"desk": "d"}, "id": None},
}
BYTES = {
    "nothing": b"",
    "no JSON": b"hello",
    "half a record": b'{"format":1,"id":"C"',
    "no Unicode": b'{"format":1,"id":"\xff"}',
    "half a character": b'{"format":1,"id":"\\ud800"}',
    "a list": b"[1]",
    "a text": b'"x"',
    "null": b"null",
    "deeper than any reader": b"[" * 100_000,
    "not a number": b'{"format":NaN}',
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_a_record_without_a_sound_envelope_is_malformed(changes: dict[str, Any]) -> None:
    assert verdict(an_envelope(**changes)) is Verdict.MALFORMED


TIMES = (
    "2026-01-01T12:00:00.000000Z",
    "2026-01-01t12:00:00.000000Z",
    "2026-01-01 12:00:00.000000Z",
    "2026-01-01T12:00:00,000000Z",
    "2026-01-01T24:00:00.000000Z",
    "2026-12-31T23:59:60.000000Z",
    "2026-W01-1T12:00:00.0000000",
    "2026-02-29T12:00:00.000000Z",
    "2028-02-29T12:00:00.000000Z",
    "0000-01-01T12:00:00.000000Z",
    "9999-12-31T23:59:59.999999Z",
    "2026-01-01T12:00:00.00000\u0660Z",
    "2026-01-01T12:00:00.000000z",
    "2026-01-01T12:00:00.000000Z\n",
)


@pytest.mark.parametrize("text", TIMES)
@pytest.mark.parametrize("name", ["recorded_at", "occurred_at"])
def test_a_time_is_written_in_one_way_alone(name: str, text: str) -> None:
    try:
        sound = iso(instant(text)) == text
    except ValueError:
        sound = False

    assert (verdict(an_envelope(**{name: text})) is Verdict.ACCEPTED) is sound


def nested(depth: int) -> bytes:
    data = {"deep": 0}
    envelope = an_envelope(events=[{"type": "thing.done", "data": data}])
    return orjson.dumps(envelope).replace(b'"deep":0', b'"deep":' + b"[" * depth + b"]" * depth)


def test_how_deep_a_record_may_nest_depends_on_no_readers_stack() -> None:
    def deeper(frames: int, data: bytes) -> Verdict:
        return deeper(frames - 1, data) if frames else verdict(data)

    for depth in range(1, 1_100, 13):
        data = nested(depth)
        assert deeper(0, data) is deeper(300, data)


@pytest.mark.parametrize("data", BYTES.values(), ids=BYTES)
def test_bytes_that_are_no_record_are_malformed(data: bytes) -> None:
    assert verdict(data) is Verdict.MALFORMED


def test_a_record_in_a_foreign_partition_is_malformed() -> None:
    (stream,) = streams_in(3, 12, 1)
    envelope = an_envelope(stream=stream)

    assert verdict(envelope, partition=3, partitions=12) is Verdict.ACCEPTED
    assert verdict(envelope, partition=4, partitions=12) is Verdict.MALFORMED


def test_a_genesis_record_stands_at_the_very_beginning_alone() -> None:
    first = genesis("desk-1", "tickets", 0, 1, NOON)

    assert verdict(first, offset=0) is Verdict.GENESIS
    assert verdict(first, offset=1) is Verdict.MALFORMED


@pytest.mark.parametrize(
    "changes", [{"genesis": 1}, {"genesis": None}, {"recorded_at": None}, {"recorded_at": "noon"}]
)
def test_a_genesis_record_that_says_nothing_is_none(changes: dict[str, Any]) -> None:
    first = {**orjson.loads(genesis("desk-1", "tickets", 0, 1, NOON)), **changes}
    assert verdict(first, offset=0) is Verdict.MALFORMED


def test_a_newer_format_is_not_for_this_release_to_judge() -> None:
    with pytest.raises(NewerFormat, match="upgrade"):
        verdict({"format": FORMAT + 1})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(an_envelope())), json_values), st.integers(0, 1))
def test_the_rule_has_an_answer_for_every_envelope(changes: dict[str, Any], offset: int) -> None:
    envelope = {**an_envelope(), **changes}
    if type(envelope["format"]) is int and envelope["format"] > FORMAT:
        return
    assert verdict(envelope, offset=offset) in Verdict


@given(st.binary(max_size=50))
def test_the_rule_has_an_answer_for_all_bytes(data: bytes) -> None:
    assert verdict(data) is Verdict.MALFORMED


def unreadable(change: Callable[[dict[str, Any]], None]) -> bytes:
    envelope = orjson.loads(encode(a_commit(events=[Sample(data_subject="P1", secret="s")])))
    change(envelope["events"][0])
    return orjson.dumps(envelope)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda event: event.update(type="sample.v9"), "sample.v9"),
        (lambda event: event["data"].update(number="many"), "number"),
        (lambda event: event["data"].update(unheard=1), "unheard"),
        (lambda event: event["data"]["secret"].update(alg="A256GCM"), "no key for secret"),
        (lambda event: event["data"].update(secret="plain"), ""),
        (lambda event: event.update(data=[1]), ""),
    ],
)
def test_an_accepted_record_that_this_release_cant_read_says_where_and_why(
    change: Callable[[dict[str, Any]], None], why: str
) -> None:
    data = unreadable(change)
    assert verdict(data) is Verdict.ACCEPTED

    with pytest.raises(Unreadable, match=r"ticket/A can't be read at 2:3") as error:
        RecordCodec(find=sample_only).decode(data, 2, 3)
    assert why in str(error.value)


def test_a_stored_record_is_held_against_its_leaf_hash() -> None:
    checked(GOLDEN, leaf(GOLDEN), "0:1")
    with pytest.raises(Damaged, match="0:1"):
        checked(GOLDEN + b" ", leaf(GOLDEN), "0:1")


def test_readers_see_events_where_they_stand() -> None:
    (event,) = RecordCodec(find=sample_only).decode(
        encode(a_commit(expects=4, events=[Sample(number=1)])), 2, 3
    )

    assert isinstance(event, Recorded)
    assert (event.originator_id, event.originator_version) == ("ticket/A", 4)
    assert (event.meta.partition, event.meta.offset) == (2, 3)

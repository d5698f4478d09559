"""given a recorded event, when it is published, then this is what others see."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_structured_event
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from ticketlog.domain.base import Actor, ActorKind, Event, Meta, Recorded, instant
from ticketlog.domain.parties.agent import AvailabilityChanged
from ticketlog.domain.ticket.conversation import AttachmentAdded, Replied
from ticketlog.domain.ticket.status_events import StatusChanged
from ticketlog.errors import Usage
from ticketlog.publishing.cloudevent import (
    CONTENT_TYPE,
    PUBLIC,
    EventOrigin,
    envelope,
    message,
    parse_origin,
    published_fields,
    source,
)

DESK = source("01a2110e-025a-758e-a13d-0e42eacb03a0")
META = Meta(
    commit="01993d2c-7a60-7cc3-8c41-2f0e5f3f2a11",
    occurred_at=instant("2026-03-02T12:00:00Z"),
    recorded_at=instant("2026-03-02T12:00:01.5Z"),
    actor=Actor("ann", "agent", "agent"),
    channel="email",
    reason="Kim Novak called",
    partition=3,
    offset=120,
)
REPLY = Replied(
    data_subject="KIM", author="ann", author_kind="agent", body="Reboot it.", direction="outbound"
)


def recorded(event: Event = REPLY, version: int = 7, index: int = 1, **meta: Any) -> Recorded:
    return Recorded("ticket/4F7K2M9Q", version, event, META._replace(**meta), index)


def published(event: Event = REPLY, **given: Any) -> dict[str, Any]:
    fields = given.pop("shown", ())
    return envelope(recorded(event, **given), DESK, published_fields(fields))


def test_an_event_is_a_cloud_event_about_its_stream() -> None:
    assert published() == {
        "specversion": "1.0",
        "id": "01993d2c-7a60-7cc3-8c41-2f0e5f3f2a11.1",
        "source": "urn:ticketlog:desk:01a2110e-025a-758e-a13d-0e42eacb03a0",
        "type": "ticket.replied.v1",
        "subject": "ticket/4F7K2M9Q",
        "time": "2026-03-02T12:00:00.000000Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:ticketlog:event:ticket.replied.v1",
        "sequence": "0000000007",
        "sequencetype": "Version",
        "partitionkey": "ticket/4F7K2M9Q",
        "recordedtime": "2026-03-02T12:00:01.500000Z",
        "position": "3:120",
        "authtype": "user",
        "authid": "ann",
        "channel": "email",
        "data": {
            "data_subject": "KIM",
            "author": "ann",
            "author_kind": "agent",
            "direction": "outbound",
        },
    }


def test_what_caused_it_and_what_it_belongs_to_are_named_where_they_are_known() -> None:
    event = published(cause="c.0", correlation="march")
    assert (event["causationid"], event["correlationid"]) == ("c.0", "march")


def test_a_personal_field_is_published_where_it_is_named() -> None:
    assert published(shown=["ticket.replied.v1.body"])["data"]["body"] == "Reboot it."
    assert "body" not in published(shown=["ticket.noted.v1.body"])["data"]


def test_nothing_personal_is_published_unasked() -> None:
    for cls in PUBLIC.values():
        given = dict.fromkeys(cls.model_fields, "secret")
        event = cls.model_construct(**given)
        said = orjson.dumps(event.model_dump(exclude=set(cls.PERSONAL), warnings=False))
        assert said.count(b"secret") == len(cls.model_fields) - len(cls.PERSONAL)
    file = AttachmentAdded(
        data_subject="KIM", name="kim.pdf", media_type="text/plain", size=1, sha256="0" * 64
    )
    assert "kim" not in orjson.dumps(published(file)["data"]).decode()


@pytest.mark.parametrize("kind", ["person", "agent", "rule", "import", "service", "new-kind"])
def test_who_did_it_is_said_in_the_words_of_cloud_events(kind: ActorKind) -> None:
    known = {"app_user", "user", "system", "service_account"}
    assert published(actor=Actor("x", kind))["authtype"] in known


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("body", "begins with no event"),
        ("ticket.replied.v9.body", "begins with no event"),
        ("settings.agent-set.v1.new_name", "begins with no event"),
        ("ticket.replied.v1.author", "has body, message_id, in_reply_to"),
        ("ticket.replied.v1.", "no personal field"),
    ],
)
def test_a_field_that_cant_be_published_is_refused(field: str, says: str) -> None:
    with pytest.raises(Usage, match=says):
        published_fields([field])


def test_the_sdk_reads_what_is_published() -> None:
    made = message(recorded(), DESK, published_fields(["ticket.replied.v1.body"]))
    headers = {"content-type": CONTENT_TYPE.encode()}
    event = from_structured_event(KafkaMessage(headers, made.key, made.value), JSONFormat())
    assert made.key == b"ticket/4F7K2M9Q"
    assert event.get_id() == f"{META.commit}.1"
    assert event.get_subject() == "ticket/4F7K2M9Q"
    assert event.get_time() is not None
    assert event.get_extension("sequence") == "0000000007"
    assert event.get_extension("position") == "3:120"
    assert event.get_data()["body"] == "Reboot it."


@given(version=st.integers(0, 10**9), later=st.integers(1, 10**6))
def test_sequences_are_in_order_as_texts(version: int, later: int) -> None:
    first, second = (published(version=each)["sequence"] for each in (version, version + later))
    assert first < second


@given(
    st.text(min_size=1, max_size=20),
    st.integers(0, 2**62),
    st.integers(0, 10_000),
    st.integers(0, 9999),
)
def test_a_published_event_says_where_it_comes_from(
    commit: str, offset: int, index: int, partition: int
) -> None:
    made = message(
        recorded(index=index, commit=commit, offset=offset, partition=partition), DESK, {}
    )
    assert (made.offset, made.number) == (offset, index)
    assert parse_origin(made.value) == EventOrigin(
        DESK,
        partition,
        offset,
        index,
        commit,
        "ticket/4F7K2M9Q",
        7,
        "2026-03-02T12:00:00.000000Z",
        "2026-03-02T12:00:01.500000Z",
    )


@pytest.mark.parametrize(
    "value",
    [b"", b"{", b"7", b"[]", b'{"id": 7}', b'{"id": "a.0", "position": "x:y"}', b"\xff"],
)
def test_what_no_publisher_wrote_is_told_apart(value: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_origin(value)


def test_an_event_at_its_defaults_says_only_what_it_must() -> None:
    changed = StatusChanged(
        old="new", new="open", old_category="new", new_category="open", because="command"
    )
    assert set(published(changed)["data"]) <= set(StatusChanged.model_fields)


def test_an_older_version_of_an_event_is_published_as_the_newest() -> None:
    assert AvailabilityChanged.NAME == "agent.availability-changed.v2"
    assert AvailabilityChanged.NAME in PUBLIC
    assert "agent.availability-changed.v1" not in PUBLIC

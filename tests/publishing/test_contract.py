"""The contract of the public topic: what may change, what may not, and that events keep to it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from ticketlog.domain.base import Actor, Meta, Recorded
from ticketlog.domain.ticket.conversation import Replied
from ticketlog.publishing import contract
from ticketlog.publishing.cloudevent import PUBLIC, envelope
from ticketlog.publishing.compatibility import breaks

RELEASED = sorted((Path(__file__).parent.parent.parent / "docs/contract/released").glob("*.json"))
NAME = "ticket.replied.v1"
DATA = {
    "data_subject": "P1",
    "author": "P1",
    "author_kind": "requester",
    "direction": "inbound",
    "body": "Yes",
}


def schema(name: str) -> Any:
    return copy.deepcopy(contract.data_schema(name))


def document(data: Any) -> Any:
    return {"components": {"messages": {NAME: {"payload": data}}}}


@pytest.mark.parametrize("file", RELEASED, ids=lambda file: file.stem)
def test_what_was_released_is_not_broken(file: Path) -> None:
    assert breaks(orjson.loads(file.read_bytes()), contract.asyncapi()) == []


def test_something_was_released() -> None:
    assert RELEASED


def optional_field_more(data: Any) -> None:
    data["properties"]["mood"] = {"type": "string"}


def another_description(data: Any) -> None:
    data["description"] = "said otherwise"


def required_field_more(data: Any) -> None:
    data["properties"]["mood"] = {"type": "string"}
    data["required"].append("mood")


def required_field_less(data: Any) -> None:
    data["required"].remove("author")


def another_type(data: Any) -> None:
    data["properties"]["author"] = {"type": "integer"}


def another_choice(data: Any) -> None:
    data["properties"]["direction"]["enum"] = ["inbound"]


@pytest.mark.parametrize("change", [optional_field_more, another_description])
def test_what_may_change(change: Callable[[Any], None]) -> None:
    old, new = schema(NAME), schema(NAME)
    change(new)
    assert breaks(document(old), document(new)) == []
    assert breaks(document(new), document(old)) == []


@pytest.mark.parametrize(
    "change", [required_field_more, required_field_less, another_type, another_choice]
)
def test_what_may_not_change(change: Callable[[Any], None]) -> None:
    old, new = schema(NAME), schema(NAME)
    change(new)
    assert breaks(document(old), document(new))
    assert breaks(document(new), document(old))


def test_an_event_may_not_go() -> None:
    assert breaks(document(schema(NAME)), {"components": {"messages": {}}})


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_each_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(contract.data_schema(name))


def test_an_event_keeps_to_its_schema_and_personal_fields_are_left_out() -> None:
    event = Replied.model_validate(DATA)
    meta = Meta("c1", 1, 1, Actor("ann", "agent"), "email", partition=0, offset=1)
    said = envelope(Recorded("ticket/A", 0, event, meta, 0), "urn:x", {})
    Draft202012Validator(contract.data_schema(NAME)).validate(said["data"])
    assert "body" not in said["data"]
    shown = envelope(Recorded("ticket/A", 0, event, meta, 0), "urn:x", {NAME: frozenset({"body"})})
    Draft202012Validator(contract.data_schema(NAME)).validate(shown["data"])
    assert shown["data"]["body"] == "Yes"

"""Webhooks in a settings file: what is taken, and what is refused with the next step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpdesk import SUE
from ticketlog.desk import Desk
from ticketlog.domain.base import Invalid
from ticketlog.domain.settings.webhooks import filled_text, matches_type, path_of
from ticketlog.errors import Usage

WEBHOOK = {
    "url": '"https://crm.example.com/hook"',
    "secrets": '"env:CRM_SECRET"',
    "reads_as": '"service:mail"',
}
SOURCE = {"check": '"standard"', "secrets": '"env:IN"', "sends_as": '"service:mail"'}


def file(table: str, values: dict[str, str], more: str = "") -> str:
    lines = "\n".join(f"{key} = {value}" for key, value in values.items())
    return f"[{table}.x]\n{lines}\n{more}"


def refused(desk: Desk, text: str) -> str:
    with pytest.raises((Invalid, Usage)) as found:
        desk.settings_apply(text, actor=SUE)
    return str(found.value)


def test_what_is_left_out_is_decided(desk: Desk) -> None:
    desk.settings_apply(file("webhooks", WEBHOOK), actor=SUE)
    made = desk.settings.webhooks["x"]
    assert (made.scheme, made.body, made.types, made.paused) == ("v1", "thin", (), False)
    assert made.secrets == ("env:CRM_SECRET",)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("url", '"ftp://crm.example.com"', "url: should be one like"),
        ("url", '"https://a:b@crm.example.com"', "leave the name and password out"),
        ("url", '"https://crm.example.com/#x"', "leave out what follows '#'"),
        ("url", '"crm.example.com"', "url: should be one like"),
        ("secrets", "[]", "at least one is needed"),
        ("secrets", '"file:../secret"', "leaves the desk's folder"),
        ("secrets", '"file:/etc/passwd"', "leaves the desk's folder"),
        ("reads_as", '"crm"', "names nobody"),
        ("reads_as", '"service:crm"', "[services.crm]"),
        ("reads_as", '"agent:zoe"', "[agents.zoe]"),
        ("types", '"ticket.exploded.v1"', "no event that other services may see"),
        ("types", '["ticket.*", "policy.*"]', "policy.*"),
        ("owner", '"zoe"', "owner: agent 'zoe' is unknown"),
        ("scheme", '"v2"', "scheme"),
        ("when", '{ all = [{ field = "mood", is = "bad" }] }', "no such field"),
        ("colour", '"red"', "unknown; known are"),
    ],
)
def test_an_endpoint_that_can_not_work_is_refused(
    desk: Desk, key: str, value: str, said: str
) -> None:
    assert said in refused(desk, file("webhooks", {**WEBHOOK, key: value}))


def test_a_secret_in_the_settings_is_refused_and_not_repeated(desk: Desk) -> None:
    said = refused(desk, file("webhooks", {**WEBHOOK, "secrets": '"whsec_c2VjcmV0c2VjcmV0"'}))
    assert "is no reference" in said
    assert "c2VjcmV0" not in said


def test_what_is_not_there_yet_is_warned_of(desk: Desk) -> None:
    plan = desk.settings_check(
        file("webhooks", {**WEBHOOK, "url": '"http://crm.example.com/"'}), actor=SUE
    )
    assert [each.partition("]")[0] for each in plan.warnings] == ["[webhooks.x"] * 2
    assert "CRM_SECRET" in plan.warnings[0]
    assert "https" in plan.warnings[1]


COMMAND = '[[hook_sources.x.commands]]\ncommand = "ticket.create"\nfields = { subject = "{a}" }\n'


@pytest.mark.parametrize(
    ("values", "more", "said"),
    [
        ({"check": '"hmac"'}, "", "signature_header: is missing"),
        ({"signed": '"{body}"'}, "", "is for check 'hmac'"),
        ({"id_header": '"X-Id"'}, "", "Standard Webhooks say where it is"),
        ({"check": '"token"', "signature_header": '"a b"'}, "", "no name of a header"),
        (
            {"check": '"hmac"', "signature_header": '"S"', "signed": '"{id}"'},
            "",
            "{body} is missing",
        ),
        (
            {"check": '"hmac"', "signature_header": '"S"', "signed": '"{timestamp}{body}"'},
            "",
            "needs timestamp_header",
        ),
        ({"sends_as": '"agent:ann"'}, "", "should be a service"),
        ({"sends_as": '"service:nobody"'}, "", "[services.nobody]"),
        ({}, COMMAND.replace("ticket.create", "ticket.explode"), "none that services may send"),
        ({}, COMMAND.replace("ticket.create", "policy.advance"), "none that services may send"),
        ({}, COMMAND.replace("subject", "colour"), "has no field 'colour'"),
        ({}, COMMAND.replace("subject", "tags"), "needs the field 'subject'"),
        ({}, COMMAND.replace("{a}", "{a..b}"), "no path into the body"),
        ({}, COMMAND + 'on = "{b}"\n', "begins one of its own"),
        (
            {},
            COMMAND.replace("ticket.create", "ticket.note").replace("subject", "body"),
            "is about something",
        ),
    ],
)
def test_a_source_that_can_not_work_is_refused(
    desk: Desk, values: dict[str, str], more: str, said: str
) -> None:
    assert said in refused(desk, file("hook_sources", {**SOURCE, **values}, more))


def test_patterns_of_types() -> None:
    assert matches_type((), "ticket.created.v1")
    assert matches_type(("ticket.*",), "ticket.created.v1")
    assert not matches_type(("ticket.*",), "person.registered.v1")
    assert not matches_type(("ticket.created.v2",), "ticket.created.v1")


@given(st.text(max_size=40), st.none() | st.integers() | st.text(max_size=5))
def test_any_template_is_filled(template: str, value: object) -> None:
    found = filled_text(template, lambda path: value)
    assert "{" not in template or found is None or isinstance(found, str | int)
    if "{" not in template:
        assert found == template


def test_a_template_that_is_one_place_keeps_the_type_of_what_is_there() -> None:
    content = {("a", "b"): 3}
    assert filled_text("{a.b}", content.get) == 3
    assert filled_text("n {a.b} {c}", content.get) == "n 3 "
    assert filled_text("{c}", content.get) is None
    assert path_of("a b.0.ü") == ("a b", "0", "ü")
    assert path_of("a..b") == path_of("") == ()

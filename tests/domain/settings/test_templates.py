"""Templates: what may stand in them, what is refused when they are applied, how they are written
in their reader's language, and that a template runs no code and keeps within its limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.given import SETTINGS
from ticketlog.application.access_table import FIELDS
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.role import Role
from ticketlog.domain.settings.template_engine import (
    MOST_BYTES,
    TemplateError,
    parsed,
    rendered,
)
from ticketlog.domain.settings.templates import NAMES, SIGNATURE, Template, broken_templates

AT = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)


def problems(text: str, settings: Settings = SETTINGS, **more: Any) -> list[str]:
    template = Template(id="t", text={"en": text}, **more)
    return list(broken_templates(replace(settings, templates={"t": template})))


def written(text: str, locale: str = "en", zone: str = "UTC", **values: Any) -> str:
    named = {name.replace("_", "."): value for name, value in values.items()}
    return rendered(text, named, locale=locale, zone=zone)


def test_names_have_the_class_that_access_gives_their_fields() -> None:
    for name, of in NAMES.items():
        if name != SIGNATURE:
            assert FIELDS[name.rpartition(".")[2]] == of, name


@pytest.mark.parametrize(
    "text",
    ["{{ ticket.team }}", "{% if ticket.tags contains 'vip' %}x{% endif %}", "{{ ticket.due_at }}"],
)
def test_what_the_recipient_may_not_see_is_refused(text: str) -> None:
    (problem,) = problems(text)
    assert "recipients may not see" in problem
    assert not problems(text, internal=True)


def test_a_custom_field_is_only_for_a_text_whose_readers_read_it() -> None:
    assert "may not see" in problems("{{ ticket.fields.floor }}")[0]
    field = SETTINGS.fields["floor"].model_copy(update={"readers": ("requester", "end-user")})
    told = replace(SETTINGS, fields={**SETTINGS.fields, "floor": field})
    assert not problems("{{ ticket.fields.floor }}", told)
    copied = field.model_copy(update={"readers": ("requester",)})
    told = replace(SETTINGS, fields={**SETTINGS.fields, "floor": copied})
    assert "may not see" in problems("{{ ticket.fields.floor }}", told)[0]


def test_a_field_that_the_settings_hide_from_requesters_is_refused() -> None:
    hides = replace(SETTINGS, roles={"requester": Role(id="requester", hides=("priority",))})
    assert "may not see" in problems("{{ ticket.priority }}", hides)[0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{{ ticket.subjekt }}", "stands for nothing"),
        ("{{ ticket }}", "stands for nothing"),
        ("{% for f in ticket.fields %}{{ f }}{% endfor %}", "stands for nothing"),
        ("{{ ticket[requester.name] }}", "can't be computed"),
        ("{{ ticket.subject | shout }}", "filter 'shout' is unknown"),
        ("{{ ticket.subject | append: 'x' }}", "filter 'append' is unknown"),
        ("{{ ticket.subject", "expected"),
        ("{% include 'x' %}", "unexpected tag"),
        ("{% render 'x' %}", "unexpected tag"),
        ("{% assign a = 'b' %}", "unexpected tag"),
        ("{% liquid echo 'x' %}", "unexpected tag"),
        ("{{ ticket.__class__ }}", "stands for nothing"),
        ("{{ ticket.subject.__class__.__mro__ }}", "stands for nothing"),
    ],
)
def test_what_there_is_not_is_refused(text: str, why: str) -> None:
    assert why in problems(text, internal=True)[0]


def test_several_languages_need_one_for_all_others() -> None:
    both = {"en": "Hello", "de": "Hallo"}
    template = Template(id="t", text=both)
    assert "default" in next(iter(broken_templates(replace(SETTINGS, templates={"t": template}))))
    template = Template(id="t", text=both, default="en")
    assert [template.language(each) for each in ("de-AT", "de", "fr", None)] == [
        *("de", "de"),
        *("en", "en"),
    ]
    wrong = Template(id="t", text={"klingon": "nuqneH"})
    found = broken_templates(replace(SETTINGS, templates={"t": wrong}))
    assert "no language is called so" in next(iter(found))


@pytest.mark.parametrize(
    ("locale", "zone", "text"),
    [
        ("en", "UTC", "Mar 2, 2026 | 11:30\u202fPM | 1,234,567"),
        ("en-GB", "Europe/London", "2 Mar 2026 | 23:30 | 1,234,567"),
        ("de", "Europe/Berlin", "03.03.2026 | 00:30 | 1.234.567"),
        ("pt-BR", "America/Sao_Paulo", "2 de mar. de 2026 | 20:30 | 1.234.567"),
        ("fr", "Europe/Paris", "3 mars 2026 | 00:30 | 1\u202f234\u202f567"),
        ("hi", "Asia/Kolkata", "3 मार्च 2026 | 5:00 am | 12,34,567"),
        ("ja", "Asia/Tokyo", "2026/03/03 | 8:30 | 1,234,567"),
        ("tlh", "UTC", "Mar 2, 2026 | 11:30\u202fPM | 1,234,567"),
    ],
)
def test_dates_and_numbers_are_written_as_the_reader_writes_them(
    locale: str, zone: str, text: str
) -> None:
    source = "{{ ticket.at | date }} | {{ ticket.at | time }} | {{ ticket.number | number }}"
    assert written(source, locale, zone, ticket_at=AT, ticket_number=1_234_567) == text


def test_a_time_without_a_filter_is_written_in_the_locale_too() -> None:
    assert written("{{ t.at }}", "de", "Europe/Berlin", t_at=AT) == "03.03.2026, 00:30:00"
    assert written("{{ t.on }}", "de", t_on=date(2026, 1, 31)) == "31.01.2026"


def test_a_name_without_a_value_is_refused_and_named() -> None:
    for text in ("{{ a.b }}", "{{ a.b | upcase }}", "{% for x in a.b %}{{ x }}{% endfor %}"):
        with pytest.raises(TemplateError, match=r"a\.b has no value") as refused:
            written(text)
        assert refused.value.missing == "a.b"
    assert written("{% if a.b %}{{ a.b }}{% else %}none{% endif %}") == "none"
    assert written("{{ a.b | default: 'friend' }}") == "friend"


def test_html_escapes_what_is_put_in() -> None:
    evil = "<script>alert('x')</script>"
    page = rendered("<p>{{ a.b }}</p>", {"a.b": evil}, locale="en", zone="UTC", html=True)
    assert page == "<p>&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;</p>"
    assert written("{{ a.b }}", a_b=evil) == evil


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in (1..100000000) %}x{% endfor %}",
        "{% for i in (1..900) %}{% for j in (1..900) %}x{% endfor %}{% endfor %}",
        "{% for i in (1..999) %}{{ a.b }}{% endfor %}",
        "{{ (1..1000000000) | join: ',' }}",
        "{% if true %}" * 100 + "{% endif %}" * 100,
    ],
)
def test_a_template_ends_at_its_limits(text: str) -> None:
    with pytest.raises(TemplateError):
        written(text, a_b="x" * 1_000)


PIECES = st.sampled_from(
    (
        *("{{", "}}", "{%", "%}", "a.b", "|", "for", "in", "(1..", "9999999)", "if", "endif"),
        *("endfor", "join", "default:", "'x'", "__class__", "size", ".", "[", "]", " ", "\n", "-"),
    )
)


@given(st.lists(PIECES, max_size=30).map("".join))
def test_any_text_is_a_template_or_is_refused_within_its_limits(text: str) -> None:
    try:
        names = parsed(text).names
        said = rendered(text, {"a.b": "value"}, locale="en", zone="UTC")
    except TemplateError:
        return
    assert len(said.encode()) <= MOST_BYTES
    assert said == rendered(text, {"a.b": "value"}, locale="en", zone="UTC")
    if "a.b" not in names:
        assert said == rendered(text, {"a.b": "another"}, locale="en", zone="UTC")

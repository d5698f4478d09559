"""Conditions: what each operator means, what a verdict says, and which ones make no sense."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.given import SETTINGS
from ticketlog.domain.settings.conditions import (
    Condition,
    Conditions,
    Facts,
    Operand,
    Operator,
    judge,
    matches,
)
from ticketlog.domain.settings.validate_conditions import FIELDS, broken_conditions
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.state import Ticket

TICKET = Ticket(
    version=0,
    created_at=1_780_000_000_000_000,
    type="incident",
    subject="VPN drops every MINUTE",
    organisation="acme",
    tier="gold",
    category="network/vpn",
    priority="high",
    tags=("vip", "vpn"),
    fields={"floor": 3, "remote": True, "rooms": ("attic",), "since": "2026-05-01"},
    status="waiting-for-parts",
    status_category="on-hold",
    team="network",
    reopens=2,
)
FACTS = facts_of(TICKET, SETTINGS)


def holds(field: str, operator: Operator, *values: Any) -> bool:
    condition = Condition(field=field, operator=operator, values=values)
    return judge(Conditions(all=(condition,)), FACTS).matches


@pytest.mark.parametrize(
    ("field", "operator", "yes", "no"),
    [
        ("tier", "is", ("gold",), ("silver",)),
        ("tier", "is-not", ("silver",), ("gold",)),
        ("contract", "is-not", ("premium",), None),
        ("tier", "in", ("silver", "gold"), ("silver", "bronze")),
        ("tier", "not-in", ("silver", "bronze"), ("silver", "gold")),
        ("tags", "contains", ("vip",), ("vi",)),
        ("tags", "contains", ("other", "vpn"), ("other",)),
        ("tags", "lacks", ("other", "vi"), ("other", "vpn")),
        ("subject", "contains", ("minute",), ("hour",)),
        ("subject", "lacks", ("hour", "day"), ("hour", "vpn")),
        ("assignee", "contains", None, ("x",)),
        ("assignee", "lacks", ("x",), None),
        ("category", "under", ("network",), ("net",)),
        ("category", "under", ("network/vpn",), ("network/vpn/x",)),
        ("product", "under", None, ("network",)),
        ("reopens", "less", (3,), (2,)),
        ("reopens", "greater", (1,), (2,)),
        ("priority", "greater", ("low",), ("high",)),
        ("priority", "less", ("critical",), ("low",)),
        ("priority", "less", None, ("unheard-of",)),
        ("status_category", "less", ("solved",), ("on-hold",)),
        ("status_category", "greater", ("pending",), ("closed",)),
        ("created_at", "less", ("2027-01-01T00:00:00.000000Z",), ("2020-01-01T00:00:00.000000Z",)),
        ("due_at", "less", None, ("2027-01-01T00:00:00.000000Z",)),
        ("fields.floor", "is", (3,), (4,)),
        ("fields.floor", "greater", (2,), ("2",)),
        ("fields.remote", "is", (True,), (1,)),
        ("fields.remote", "less", None, (2,)),
        ("fields.rooms", "contains", ("attic",), ("lab",)),
        ("fields.since", "greater", ("2026-04-30",), ("2026-05-01",)),
        ("fields.cause", "is", None, ("x",)),
        ("organisation", "present", (), None),
        ("assignee", "present", None, ()),
        ("assignee", "absent", (), None),
        ("organisation", "absent", None, ()),
        ("spam", "present", (), None),
    ],
)
def test_what_an_operator_means(
    field: str, operator: Operator, yes: tuple[Any, ...] | None, no: tuple[Any, ...] | None
) -> None:
    assert yes is None or holds(field, operator, *yes)
    assert no is None or not holds(field, operator, *no)


GOLD = Condition(field="tier", operator="is", values=("gold",))
SILVER = Condition(field="tier", operator="is", values=("silver",))
BILLING = Condition(field="team", operator="in", values=("billing", "sales"))
ANYBODY = Condition(field="assignee", operator="present")


def test_without_conditions_every_ticket_matches() -> None:
    assert judge(Conditions(), FACTS).matches
    assert judge(Conditions(), Facts({})).matches
    assert str(Conditions()) == "every ticket"


def test_a_verdict_says_which_conditions_failed_and_what_they_met() -> None:
    verdict = judge(Conditions(all=(GOLD, SILVER, ANYBODY)), FACTS)
    assert not verdict.matches
    assert [(each.group, each.condition, each.found) for each in verdict.failed] == [
        ("all", SILVER, "gold"),
        ("all", ANYBODY, None),
    ]
    assert [str(each) for each in verdict.failed] == [
        "tier is silver: it is gold",
        "assignee is there: it is empty",
    ]


def test_of_any_one_suffices_and_none_means_all_failed() -> None:
    assert judge(Conditions(any=(SILVER, GOLD)), FACTS).matches
    failed = judge(Conditions(all=(GOLD,), any=(SILVER, BILLING)), FACTS).failed
    assert [(each.group, each.condition) for each in failed] == [("any", SILVER), ("any", BILLING)]
    assert str(Conditions(all=(GOLD,), any=(SILVER, BILLING))) == (
        "tier is gold and any of: tier is silver, team is in billing or sales"
    )


OPPOSITES: list[tuple[Operator, Operator]] = [
    ("is", "is-not"),
    ("in", "not-in"),
    ("contains", "lacks"),
    ("present", "absent"),
]
OPERANDS: st.SearchStrategy[Operand] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(0, 3),
    st.sampled_from(["", "a", "ab"]),
    st.lists(st.sampled_from(["a", "b"])).map(tuple),
)
VALUES = st.lists(
    st.one_of(st.booleans(), st.integers(0, 3), st.sampled_from(["a", "b", "ab"])),
    min_size=1,
    max_size=3,
).map(tuple)


@given(OPERANDS, st.sampled_from(OPPOSITES), VALUES)
def test_of_two_opposites_exactly_one_holds(
    found: Operand, operators: tuple[Operator, Operator], values: tuple[Any, ...]
) -> None:
    one, other = (
        judge(
            Conditions(all=(Condition(field="x", operator=operator, values=values),)),
            Facts({"x": found}),
        ).matches
        for operator in operators
    )
    assert one != other


@given(OPERANDS, VALUES)
def test_nothing_is_both_less_and_greater(found: Operand, values: tuple[Any, ...]) -> None:
    judged = [
        judge(
            Conditions(all=(Condition(field="x", operator=operator, values=values),)),
            Facts({"x": found}),
        ).matches
        for operator in ("less", "greater")
    ]
    assert judged != [True, True]


CONDITIONS = st.lists(
    st.builds(
        Condition,
        field=st.sampled_from(["x", "y"]),
        operator=st.sampled_from(["is", "not-in", "contains", "less", "present"]),
        values=VALUES,
    ),
    max_size=3,
).map(tuple)


@given(st.builds(Conditions, all=CONDITIONS, any=CONDITIONS), OPERANDS, OPERANDS)
def test_to_match_is_to_have_a_verdict_without_failures(
    conditions: Conditions, x: Operand, y: Operand
) -> None:
    facts = Facts({"x": x, "y": y})
    assert matches(conditions, facts) == judge(conditions, facts).matches


def test_every_field_that_conditions_name_is_one_of_a_ticket() -> None:
    assert {*FIELDS} - {"hours"} <= {field.name for field in fields(Ticket)}
    assert {*FIELDS} <= {*FACTS.values}
    assert {*FACTS.values} - {*FIELDS} == {f"fields.{name}" for name in TICKET.fields}
    assert len(FACTS.values) == len([*FACTS.values])
    assert "floor" not in FACTS.values
    assert FACTS.values["created_at"] == "2026-05-28T20:26:40.000000Z"
    assert facts_of(replace(TICKET, due_at=None), SETTINGS).values["due_at"] is None


@pytest.mark.parametrize(
    ("field", "operator", "values", "words"),
    [
        ("tire", "is", ("gold",), "condition on tire: tickets have no such field; known are"),
        ("fields.size", "is", ("xl",), "tickets have no such field"),
        ("floor", "is", (3,), "tickets have no such field"),
        ("tags", "is", ("vip",), "is doesn't fit it; fitting are absent, contains, lacks, present"),
        ("tier", "contains", ("gold",), "contains doesn't fit"),
        ("team", "under", ("network",), "under doesn't fit"),
        ("fields.remote", "less", (True,), "less doesn't fit"),
        ("tier", "is", ("gold", "silver"), "is takes one value"),
        ("reopens", "less", (), "less takes one value"),
        ("tier", "in", (), "in takes at least one value"),
        ("reopens", "greater", ("2",), "takes a whole number, not '2'"),
        ("reopens", "greater", (True,), "takes a whole number, not True"),
        ("tier", "is", (1,), "takes a text, not 1"),
        ("spam", "is", ("yes",), "takes true or false"),
        ("priority", "is", ("top",), "'top' is unknown; known are critical, high, medium, low"),
        ("impact", "is", ("top",), "'top' is unknown; known are high, low"),
        ("status", "is", ("opne",), "'opne' is unknown; known are new, open"),
        ("status_category", "less", ("done",), "'done' is unknown"),
        ("type", "is", ("bug",), "'bug' is unknown; known are question, incident"),
        ("team", "is", ("sales",), "'sales' is unknown; known are network, billing"),
        ("assignee", "in", ("ann", "eve"), "'eve' is unknown"),
        ("category", "under", ("phone",), "'phone' is unknown"),
        ("product", "is", ("x",), "'x' is unknown; known are router"),
        ("fields.system", "is", ("beos",), "'beos' is unknown; known are linux, mac, dos"),
        ("due_at", "less", ("tomorrow",), "takes a time like 2026-01-31T09:00:00Z"),
        ("due_at", "less", ("2026-01-31T09:00:00Z",), "takes a time like 2026-01-31T09:00:00Z"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(
    field: str, operator: Operator, values: tuple[Any, ...], words: str
) -> None:
    condition = Condition(field=field, operator=operator, values=values)
    for group in ("all", "any"):
        (problem,) = broken_conditions(Conditions(**{group: (condition,)}), SETTINGS)
        assert words in problem


def test_what_makes_sense_is_not_refused() -> None:
    good: list[tuple[str, Operator, tuple[Any, ...]]] = [
        ("tier", "in", ("gold", "whatever")),
        ("fields.system", "is", ("dos",)),
        ("fields.floor", "less", (3,)),
        ("fields.rooms", "contains", ("lab", "attic")),
        ("fields.cause", "present", ()),
        ("assignee", "absent", ()),
        ("category", "under", ("network",)),
        ("created_at", "greater", ("2026-01-31T09:00:00.000000Z",)),
    ]
    conditions = [Condition(field=f, operator=o, values=v) for f, o, v in good]
    assert not [*broken_conditions(Conditions(all=tuple(conditions)), SETTINGS)]

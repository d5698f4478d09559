"""SLA policies: which one applies, what it promises, on whose calendar; what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.clocks import HOUR, OFFICE, calendar, local
from tests.domain.settings.test_activation import SettingsLog, with_defaults
from ticketlog.domain.base import Invalid, kind_and_id
from ticketlog.domain.settings.conditions import Condition, Conditions, Facts
from ticketlog.domain.settings.model import Settings, Team
from ticketlog.domain.settings.rule import first_match, in_order, tried
from ticketlog.domain.settings.sla_policy import SlaPolicy, SlaWarning, Target
from ticketlog.domain.time.calendar import Calendar
from ticketlog.errors import Usage
from ticketlog.settings_files import parser

REPLY = Target(metric="first_reply_time", priority="high", seconds=3_600)
SOLVE = Target(metric="total_resolution_time", priority="high", seconds=86_400)


def when(**tests: str) -> Conditions:
    return Conditions(
        all=tuple(Condition(field=f, operator="is", values=(v,)) for f, v in tests.items())
    )


def policy(id: str = "gold", position: int = 1, **more: Any) -> SlaPolicy:
    values: dict[str, Any] = {"when": Conditions(), "targets": (REPLY,)} | more
    return SlaPolicy(id=id, position=position, **values)


def owned(id: str, *, organisations: tuple[str, ...] = (), teams: tuple[str, ...] = ()) -> Calendar:
    values = calendar().model_dump() | {"id": id, "organisations": organisations, "teams": teams}
    return Calendar(**values)


def test_the_first_policy_that_matches_applies() -> None:
    policies = [
        policy("rest", 30),
        policy("gold", 10, when=when(tier="gold")),
        policy("incidents", 20, when=when(type="incident")),
    ]
    assert [each.id for each in in_order(policies)] == ["gold", "incidents", "rest"]
    for facts, expected in (
        ({"tier": "gold", "type": "incident"}, "gold"),
        ({"tier": "silver", "type": "incident"}, "incidents"),
        ({}, "rest"),
    ):
        found = first_match(in_order(policies), Facts(facts))
        assert found is not None
        assert found.id == expected


def test_no_policy_may_match() -> None:
    assert first_match([policy(when=when(tier="gold"))], Facts({})) is None
    assert first_match([], Facts({})) is None


def test_what_was_tried_and_why_it_did_not_match_can_be_told() -> None:
    policies = [
        policy("gold", 10, when=when(tier="gold", type="incident")),
        policy("rest", 20),
        policy("never", 30),
    ]
    asked = list(tried(policies, Facts({"tier": "silver", "type": "incident"})))
    assert [each.rule.id for each in asked] == ["gold", "rest"]
    assert [str(failure) for failure in asked[0].verdict.failed] == ["tier is gold: it is silver"]
    assert asked[1].verdict.matches


def test_a_target_is_that_of_metric_and_priority() -> None:
    gold = policy(targets=(REPLY, SOLVE))
    assert gold.target("first_reply_time", "high") is gold.targets[0]
    assert gold.target("total_resolution_time", "high") is gold.targets[1]
    assert gold.target("first_reply_time", "low") is None
    assert gold.target("agent_work_time", "high") is None


@pytest.mark.parametrize(
    ("warning", "target", "after"),
    [
        (SlaWarning(percent=50), 3_600, 1_800_000_000),
        (SlaWarning(percent=80), 15, 12_000_000),
        (SlaWarning(percent=33), 100, 33_000_000),
        (SlaWarning(percent=99), 15, 14_850_000),
        (SlaWarning(seconds_before=300), 3_600, 3_300_000_000),
    ],
)
def test_a_warning_comes_at_a_share_or_a_time_before(
    warning: SlaWarning, target: int, after: int
) -> None:
    assert warning.used_us(target) == after


@given(st.integers(1, 99), st.integers(15, 10**8))
def test_a_share_of_a_target_lies_within_it(percent: int, target: int) -> None:
    assert 0 < SlaWarning(percent=percent).used_us(target) < target * 1_000_000


def test_the_calendar_is_that_of_who_is_asked_for_first_and_has_one() -> None:
    calendars = {
        "acme": owned("acme", organisations=("acme", "acme-labs")),
        "network": owned("network", teams=("network",)),
        "office": owned("office"),
    }
    settings = Settings(calendars=calendars)

    def found(organisation: str | None, team: str | None, **more: Any) -> str | None:
        each = settings.calendar_of(policy(**more), organisation=organisation, team=team)
        return each and each.id

    both = {"calendar": "office", "calendar_by": ("organisation", "team")}
    assert found("acme-labs", "network", **both) == "acme"
    assert found("other", "network", **both) == "network"
    assert found(None, None, **both) == "office"
    assert found("network", "acme", **both) == "office"
    other_order = both | {"calendar_by": ("team", "organisation")}
    assert found("acme", "network", **other_order) == "network"
    assert found("acme", "network", calendar="office") == "office"
    assert found("acme", "network") is None


def applied(*things: SlaPolicy | Calendar) -> SettingsLog:
    log = with_defaults()
    log.apply(
        {
            "calendar": {each.id: each for each in things if isinstance(each, Calendar)},
            "sla-policy": {each.id: each for each in things if isinstance(each, SlaPolicy)},
        }
    )
    return log


BUSINESS = REPLY.model_copy(update={"business": True})
OFFICE_HOURS = owned("office")


@pytest.mark.parametrize(
    ("things", "words"),
    [
        ((policy("a"), policy("b")), "[sla_policies.a] position 1 is that of another one"),
        ((policy(calendar="office"),), "calendar 'office' is unknown; known are none"),
        ((policy(targets=(BUSINESS,)),), "targets in business time need a `calendar`"),
        (
            (policy(targets=(BUSINESS,), calendar_by=("team",)),),
            "targets in business time need a `calendar`",
        ),
        ((policy(calendar_by=("team", "team")),), "calendar_by names the same twice"),
        ((policy(targets=(REPLY, REPLY)),), "first_reply_time of priority 'high' has 2 targets"),
        (
            (policy(targets=(REPLY.model_copy(update={"priority": "top"}),)),),
            "first_reply_time: 'top' is no priority; known are critical, high, medium, low",
        ),
        (
            (policy(targets=(REPLY.model_copy(update={"warnings": (SlaWarning(),)}),)),),
            "a warning has either a share or a time",
        ),
        (
            (
                policy(
                    targets=(
                        REPLY.model_copy(update={"warnings": (SlaWarning(seconds_before=3_600),)}),
                    )
                ),
            ),
            "comes before the clock starts",
        ),
        ((policy(when=when(tire="gold")),), "[sla_policies.gold] condition on tire: tickets have"),
        ((owned("a", teams=("x",)),), "[calendars.a] team 'x' is unknown; known are support"),
        (
            (owned("a", teams=("support",)), owned("b", teams=("support",))),
            "[calendars] 'support' stands in `teams` 2 times",
        ),
        (
            (owned("a", organisations=("acme",)), owned("b", organisations=("acme",))),
            "[calendars] 'acme' stands in `organisations` 2 times",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(
    things: tuple[SlaPolicy | Calendar, ...], words: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        applied(*things)
    assert any(words in problem for problem in refusal.value.facts["all"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"week": {"mon": ("09:00-12:00", "11:59-13:00")}},
            "mon: '09:00-12:00' and '11:59-13:00' overlap",
        ),
        ({"week": {"mon": ("09:00-12:00", "09:00-12:00")}}, "overlap"),
        (
            {"week": {"mon": ("22:00-06:00",)}},
            "two periods: '22:00-24:00' and, on the next day, '00:00-06:00'",
        ),
        ({"week": {"mon": ("09:00-09:00",)}}, "ends before it starts"),
        ({"exceptions": {"2026-12-24": ("09:00-12:00", "08:00-10:00")}}, "2026-12-24: '08:00"),
        ({"exceptions": {"2031-01-01": ()}}, "2031-01-01 is outside its years, 2026 to 2030"),
        ({"holidays": {"2025-12-31": "X"}}, "2025-12-31 is outside its years"),
    ],
)
def test_hours_that_make_no_sense_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=re.escape(words)):
        applied(Calendar(**calendar().model_dump() | changes))


def test_periods_may_touch() -> None:
    log = applied(Calendar(**calendar(week={"mon": ("12:00-24:00", "00:00-12:00")}).model_dump()))
    table = log.in_force.calendars["tested"].timetable
    midnight = local("Europe/Berlin", "2026-06-01T00:00")
    assert table.add(midnight, 24 * HOUR) == midnight + 24 * HOUR


def test_a_calendar_that_a_policy_measures_by_is_not_removed() -> None:
    log = applied(OFFICE_HOURS, policy(calendar="office", targets=(BUSINESS,)))
    with pytest.raises(Invalid, match="calendar 'office' is unknown"):
        log.apply({"calendar": {}})


def test_each_thing_in_force_has_its_version() -> None:
    log = applied(OFFICE_HOURS, policy(calendar="office"))
    assert log.in_force.versions["calendar/office"] == 1
    longer = Calendar(**OFFICE_HOURS.model_dump() | {"week": {**OFFICE, "sat": ("09:00-12:00",)}})
    log.apply({"calendar": {"office": longer}}, stop_after=1)
    assert log.in_force.versions["calendar/office"] == 1
    log.apply({"calendar": {"office": longer}})
    versions = log.in_force.versions
    assert (versions["calendar/office"], versions["sla-policy/gold"]) == (2, 1)
    log.apply({"sla-policy": {}, "calendar": {}})
    kinds = {kind_and_id(stream)[0] for stream in log.in_force.versions}
    assert kinds == {"workflow", "priorities", "team", "service"}
    log.apply({"calendar": {"office": longer}})
    assert log.in_force.versions["calendar/office"] == 4


def test_a_version_of_a_batch_that_never_came_into_force_is_passed_by() -> None:
    log = with_defaults()
    for name in ("One", "Two"):
        cut_off = {"team": {"support": Team(id="support", name=name)}}
        log.apply(cut_off, stop_after=1)
    assert log.in_force.versions["team/support"] == 1
    log.apply(cut_off)
    assert log.in_force.versions["team/support"] == 3


def parsed(text: str) -> SlaPolicy:
    found = parser.parse(f"[sla_policies.gold]\n{text}")["sla-policy"]["gold"]
    assert isinstance(found, SlaPolicy)
    return found


def test_a_policy_is_written_in_a_settings_file() -> None:
    found = parsed(
        """
        title = "Gold"
        position = 10
        when.all = [{ field = "tier", in = ["gold", "silver"] }, { field = "team", absent = true }]
        when.any = [{ field = "fields.seats", greater = 10 }, { field = "spam", is = false }]
        calendar = "office"
        calendar_by = ["team"]
        targets = [
            { metric = "first_reply_time", within = { high = "1h" }, business = true, warnings = [
                "50%",
                "5m",
            ] },
            { metric = "total_resolution_time", within = { high = "1d", low = "90m" } },
        ]
        switches = ["periodic_update_time.activate_on_agent_internal_note"]
        """
    )
    assert found == SlaPolicy(
        id="gold",
        title="Gold",
        position=10,
        when=Conditions(
            all=(
                Condition(field="tier", operator="in", values=("gold", "silver")),
                Condition(field="team", operator="absent"),
            ),
            any=(
                Condition(field="fields.seats", operator="greater", values=(10,)),
                Condition(field="spam", operator="is", values=(False,)),
            ),
        ),
        targets=(
            Target(
                metric="first_reply_time",
                priority="high",
                seconds=3_600,
                business=True,
                warnings=(SlaWarning(percent=50), SlaWarning(seconds_before=300)),
            ),
            Target(metric="total_resolution_time", priority="high", seconds=86_400),
            Target(metric="total_resolution_time", priority="low", seconds=5_400),
        ),
        calendar="office",
        calendar_by=("team",),
        switches=("periodic_update_time.activate_on_agent_internal_note",),
    )


@pytest.mark.parametrize(
    "written", ["'2026-01-31T10:00:00+01:00'", "2026-01-31T09:00:00Z", "'2026-01-31 09:00Z'"]
)
def test_a_time_in_a_condition_is_the_instant_that_it_is(written: str) -> None:
    found = parsed(f"position = 1\n{LINE}when.all = [{{ field = 'due_at', less = {written} }}]")
    assert found.when.all[0].values == ("2026-01-31T09:00:00.000000Z",)


LINE = 'targets = [{ metric = "first_reply_time", within = { high = "1h" } }]\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LINE, "position is missing"),
        ("position = 1", "targets is missing"),
        ("position = 1\ntargets = []", "[sla_policies.gold] targets"),
        (f"position = -1\n{LINE}", "position should be greater than or equal to 0, not -1"),
        (f"position = 1\n{LINE}when.all = [{{ field = 'tier', iss = 'x' }}]", "one of is, is_not"),
        (f"position = 1\n{LINE}when.all = [{{ field = 'tier' }}]", "entry 1 of all: should have a"),
        (
            f"position = 1\n{LINE}when.all = [{{ field = 'tier', is = 'x', in = ['y'] }}]",
            "should have a field and one of",
        ),
        (f"position = 1\n{LINE}when.all = [{{ is = 'x' }}]", "entry 1 of all: field is missing"),
        (
            f"position = 1\n{LINE}when.any = [{{ field = 'tier', present = false }}]",
            "present should be true; its contrary is a condition of its own",
        ),
        (
            f"position = 1\n{LINE}when.any = [{{ field = 'a', is = 'b', or = 'c' }}]",
            "or is unknown; known are field, is, is_not, in, not_in, contains, lacks",
        ),
        (f"position = 1\n{LINE}when.al = []", "when al is unknown; known are all, any"),
        (f"position = 1\n{LINE}switches = ['x']", "entry 1 of switches: should be 'first_reply"),
        (f"position = 1\n{LINE}calendar_by = ['agent']", "should be 'organisation' or 'team'"),
        (LINE.replace("1h", "5s") + "position = 1", "within high should be greater than or equal"),
        (LINE.replace("1h", "soon") + "position = 1", "within high should be a duration"),
        (LINE.replace("first", "last") + "position = 1", "metric should be 'first_reply_time', "),
        (LINE.replace("within", "in") + "position = 1", "in is unknown; known are metric, within"),
        (
            LINE.replace("high = ", "").replace('{ "1h" }', "{}") + "position = 1",
            "entry 1 of targets: within",
        ),
        (
            LINE.replace(" } }]", " }, warnings = ['100%'] }]") + "position = 1",
            "should be a share like '80%' or a time before like '30m', not '100%'",
        ),
    ],
)
def test_a_policy_that_can_not_be_read_is_refused(text: str, words: str) -> None:
    with pytest.raises(Usage) as refusal:
        parsed(text)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.given import recorded
from ticketlog.domain.base import Event, Invalid, Recorded
from ticketlog.domain.settings.activation import (
    ACTIVE,
    Compiled,
    Desired,
    differences,
    evolve,
    initial,
)
from ticketlog.domain.settings.events import KINDS, AgentSet, SettingsActivated, TeamSet
from ticketlog.domain.settings.model import (
    CHANNELS,
    REQUIRABLE,
    Agent,
    Category,
    CustomField,
    Option,
    Priorities,
    Product,
    Settings,
    Status,
    Team,
    Transition,
    Workflow,
)
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.status_events import TransitionDetails
from ticketlog.settings_files import parser

DEFAULTS = parser.parse(parser.defaults())


class Stale(Exception):
    pass


class SettingsLog:
    """A settings log in memory, whose offset 0 is the genesis."""

    def __init__(self) -> None:
        self.records: list[Recorded] = []

    def compiled(self, position: int | None = None) -> Compiled:
        return reduce(evolve, self.records[:position], initial())

    @property
    def in_force(self) -> Settings:
        return self.compiled().in_force

    def append(self, stream: str, event: Event, expects: int) -> None:
        version = sum(record.originator_id == stream for record in self.records)
        if version != expects:
            raise Stale(stream)
        offset = len(self.records) + 1
        self.records.append(recorded(stream, version, event, offset=offset))

    def apply(self, desired: Desired, stop_after: int | None = None) -> list[str]:
        """Which streams changed, the activation's too; cut off after so many commits."""
        compiled = self.compiled()
        changes = differences(desired, compiled, digest(desired))[:stop_after]
        for stream, event in changes:
            self.append(stream, event, compiled.versions.get(stream, 0))
        return [stream for stream, _ in changes]


def digest(desired: Desired) -> str:
    return hashlib.sha256(repr(desired).encode()).hexdigest()


def with_defaults() -> SettingsLog:
    log = SettingsLog()
    log.apply(DEFAULTS)
    return log


def named(*teams: Team) -> Desired:
    return {"team": {team.id: team for team in teams}}


def things(settings: Settings) -> dict[str, Mapping[str, Any]]:
    """Settings in the shape of a file that names every kind."""
    return {kind.name: kind.held(settings) for kind in KINDS}


def test_nothing_is_in_force_at_first() -> None:
    assert initial().in_force == Settings()
    assert initial().in_force.position == 0


def test_a_batch_is_in_force_from_its_activation_on() -> None:
    log = SettingsLog()
    streams = log.apply(DEFAULTS)
    assert streams == [
        *("workflow/default", "priorities/default", "team/support"),
        *(f"service/{channel}" for channel in sorted(CHANNELS)),
        ACTIVE,
    ]
    assert log.in_force.position == len(log.records)
    for before in range(len(streams)):
        assert log.compiled(before).in_force == Settings()
    in_force = things(log.in_force)
    assert {kind: in_force[kind] for kind in DEFAULTS} == DEFAULTS


def test_only_differences_are_recorded_with_old_and_new_value() -> None:
    log = with_defaults()
    old, new = Team(id="support", name="Support"), Team(id="support", name="First line")
    network = Team(id="network")
    desired = named(new, network)
    file = digest(desired)
    assert differences(desired, log.compiled(), file) == [
        ("team/network", TeamSet(old=None, new=network, file_sha256=file)),
        ("team/support", TeamSet(old=old, new=new, file_sha256=file)),
        (ACTIVE, SettingsActivated(file_sha256=file)),
    ]
    log.apply(desired)
    assert log.in_force.teams == {"network": network, "support": new}
    assert log.apply(desired) == []


def test_what_a_named_kind_leaves_out_is_removed_and_other_kinds_stay() -> None:
    log = with_defaults()
    log.apply({"product": {"vpn": Product(id="vpn")}})
    log.apply({"product": {}})
    assert log.in_force.products == {}
    assert set(log.in_force.teams) == {"support"}


def test_the_name_of_an_agent_is_apart_from_the_rest() -> None:
    log = with_defaults()
    ann = Agent(id="ann", name="Ann Lee", teams=("support",), roles=("agent",))
    desired = {"agent": {"ann": ann}}
    (_, event), _ = differences(desired, log.compiled(), digest(desired))
    assert isinstance(event, AgentSet)
    assert event.PERSONAL == ("old_name", "new_name")
    assert (event.data_subject, event.new_name) == ("ann", "Ann Lee")
    assert event.new is not None
    assert "Ann Lee" not in event.new.model_dump_json()
    log.apply(desired)
    assert log.in_force.agents == {"ann": ann}


def test_a_batch_that_was_cut_off_is_finished_by_its_own_file() -> None:
    desired = named(Team(id="a"), Team(id="b"), Team(id="support"))
    whole = with_defaults()
    whole.apply(desired)
    for length in range(4):
        log = with_defaults()
        before = log.in_force
        done = log.apply(desired, stop_after=length)
        assert log.in_force == before
        rest = log.apply(desired)
        assert len(done) + len(rest) == 4
        assert log.in_force == whole.in_force
        assert log.apply(desired) == []


def test_a_batch_that_was_cut_off_is_passed_by_by_another_file() -> None:
    for length in range(3):
        log, alone = with_defaults(), with_defaults()
        log.apply(named(Team(id="a"), Team(id="support")), stop_after=length)
        for each in (log, alone):
            each.apply({"product": {"vpn": Product(id="vpn")}})
            each.apply(named(Team(id="a", name="A"), Team(id="support")))
        assert things(log.in_force) == things(alone.in_force)


def test_a_batch_that_is_finished_late_says_what_it_changes_then() -> None:
    log = with_defaults()
    first = named(Team(id="support", name="One"))
    log.apply(first, stop_after=1)
    log.apply(named(Team(id="support", name="Two")))
    file = digest(first)
    assert differences(first, log.compiled(), file)[0] == (
        "team/support",
        TeamSet(
            old=Team(id="support", name="Two"),
            new=Team(id="support", name="One"),
            file_sha256=file,
        ),
    )
    log.apply(first)
    assert log.in_force.teams["support"].name == "One"


def test_of_two_batches_side_by_side_one_decides_again() -> None:
    log = with_defaults()
    compiled = log.compiled()
    removal = named()
    agents = {"agent": {"ann": Agent(id="ann", teams=("support",), roles=("agent",))}}
    batches = [differences(each, compiled, digest(each)) for each in (removal, agents)]
    for batch in batches:
        for stream, event in batch[:-1]:
            log.append(stream, event, compiled.versions.get(stream, 0))
    (_, activation), (_, late) = batches[0][-1], batches[1][-1]
    log.append(ACTIVE, activation, compiled.versions[ACTIVE])
    with pytest.raises(Stale):
        log.append(ACTIVE, late, compiled.versions[ACTIVE])
    assert (log.in_force.teams, log.in_force.agents) == ({}, {})
    with pytest.raises(Invalid, match=r"\[agents.ann\] team 'support' is unknown"):
        log.apply(agents)


def a_workflow(*statuses: Status, **changes: Any) -> Workflow:
    rest = [Status(id=c, category=c) for c in ("new", "open", "solved", "closed")]
    every = (Transition(source="new", target="open", roles=("*",)),)
    values: dict[str, Any] = {"id": "default", "statuses": (*rest, *statuses), "transitions": every}
    return Workflow(**values | changes)


def a_choice(*options: Option, **changes: Any) -> CustomField:
    values: dict[str, Any] = {"id": "size", "kind": "choice", "options": options}
    return CustomField(**values | changes)


def arrow(source: str, target: str, **more: Any) -> dict[str, Any]:
    return {"transitions": (Transition(source=source, target=target, **{"roles": ("*",)} | more),)}


def priorities(**changes: Any) -> Priorities:
    values: dict[str, Any] = {
        "id": "default",
        "names": ("high", "low"),
        "default": "low",
        "impacts": ("wide",),
        "urgencies": ("now", "later"),
        "matrix": {"wide": {"now": "high", "later": "low"}},
    }
    return Priorities(**values | changes)


def kind_of(value: Any) -> str:
    return next(kind.name for kind in KINDS if isinstance(value, kind.value))


X = Option(id="x", label="X")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (a_workflow(types=("incident",)), "exactly one workflow without `types`"),
        (a_workflow(Status(id="new", category="new")), "'new' stands there more than once"),
        (a_workflow(statuses=()), "status of category 'new' that isn't retired is needed"),
        (a_workflow(Status(id="*", category="open")), "called '*'"),
        (a_workflow(**arrow("new", "opne")), "status 'opne' is unknown; known are closed, new"),
        (a_workflow(**arrow("nwe", "open")), "status 'nwe' is unknown"),
        (a_workflow(**arrow("open", "new")), "can't be new again"),
        (a_workflow(**arrow("*", "new")), "can't be new again"),
        (a_workflow(**arrow("closed", "open")), "final"),
        (a_workflow(**arrow("new", "open", roles=("boss",))), "role 'boss' is unknown"),
        (a_workflow(**arrow("new", "open", roles=())), "nobody may take it"),
        (
            a_workflow(**arrow("new", "open", requires=("weight",))),
            "field 'weight' can't be required",
        ),
        (
            a_workflow(transitions=arrow("new", "open")["transitions"] * 2),
            "new -> open stands there more than once",
        ),
        (
            a_workflow(Status(id="old", category="open", retired=True), **arrow("new", "old")),
            "status 'old' is retired",
        ),
        (priorities(names=("low", "low", "high")), "'low' stands in `names` more than once"),
        (priorities(default="none"), "default: 'none' is no priority; known are high, low"),
        (priorities(contracts={"gold": "top"}), "contracts: 'top' is no priority"),
        (priorities(matrix={"wide": {"now": "high"}}), "[priorities.matrix.wide] later is missing"),
        (
            priorities(matrix={"wide": {"now": "top", "later": "low"}}),
            "matrix: 'top' is no priority",
        ),
        (
            priorities(matrix={**priorities().matrix, "big": {"now": "low"}}),
            "[priorities.matrix.big] now: no such impact or urgency",
        ),
        (a_choice(), "needs options that aren't retired"),
        (a_choice(X, X), "option 'x' stands there more than once"),
        (a_choice(X, kind="text"), "options are for fields of kind"),
        (a_choice(X, minimum=1), "minimum and maximum are for"),
        (CustomField(id="n", kind="integer", minimum=2, maximum=1), "minimum is above maximum"),
        (CustomField(id="team", kind="text"), "every ticket has a team already"),
        (Agent(id="ann", roles=("agent",), teams=("x",)), "'x' is unknown; known are support"),
        (Category(id="a/b"), "'a/b' has no parent; add 'a'"),
        (Category(id="a//b"), "'a//b' is no path"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(value: Any, words: str) -> None:
    log = with_defaults()
    before = log.in_force
    with pytest.raises(Invalid) as refusal:
        log.apply({kind_of(value): {value.id: value}})
    assert any(words in problem for problem in refusal.value.facts["all"])
    assert log.in_force == before


def test_settings_need_priorities_and_a_workflow() -> None:
    with pytest.raises(Invalid, match="exactly one workflow") as refusal:
        SettingsLog().apply(named(Team(id="a")))
    assert "[priorities] is missing: every ticket has one" in refusal.value.facts["all"]
    assert "(and 1 more)" in str(refusal.value)


def test_two_workflows_do_not_share_a_type() -> None:
    both = [
        a_workflow(),
        a_workflow(id="a", types=("task",)),
        a_workflow(id="b", types=("task", "change")),
    ]
    with pytest.raises(Invalid, match="tickets of type 'task' have 2 workflows"):
        with_defaults().apply({"workflow": {each.id: each for each in both}})


def test_a_role_of_an_agent_may_take_arrows() -> None:
    boss = Agent(id="ann", roles=("agent", "boss"))
    statuses = DEFAULTS["workflow"]["default"].statuses  # type: ignore[attr-defined]
    workflow = a_workflow(statuses=statuses, **arrow("new", "open", roles=("boss",)))
    log = with_defaults()
    log.apply({"agent": {"ann": boss}, "workflow": {"default": workflow}})
    assert log.in_force.workflows["default"] == workflow


def test_what_may_be_required_is_what_tickets_and_commands_know() -> None:
    known = {field.name for field in fields(Ticket)} | {*TransitionDetails._fields}
    assert {*TransitionDetails._fields} <= {*REQUIRABLE} <= known


def test_a_field_may_be_required_by_the_workflow_of_the_same_file() -> None:
    statuses = DEFAULTS["workflow"]["default"].statuses  # type: ignore[attr-defined]
    workflow = a_workflow(statuses=statuses, **arrow("new", "open", requires=("size",)))
    log = with_defaults()
    log.apply({"field": {"size": a_choice(X)}, "workflow": {"default": workflow}})
    assert log.in_force.workflows["default"].transitions[0].requires == ("size",)


@pytest.mark.parametrize("removed_between", [False, True])
@pytest.mark.parametrize(
    ("new", "words"),
    [
        (CustomField(id="size", kind="text"), "kind is 'choice' and can't become 'text'"),
        (a_choice(Option(id="y", label="Y")), "option 'x' can't be removed"),
    ],
)
def test_what_a_field_means_never_changes(
    new: CustomField, words: str, removed_between: bool
) -> None:
    log = with_defaults()
    log.apply({"field": {"size": a_choice(X)}})
    if removed_between:
        log.apply({"field": {}})
    with pytest.raises(Invalid, match=words):
        log.apply({"field": {"size": new}})


def test_options_come_retire_and_change_their_labels() -> None:
    log = with_defaults()
    log.apply({"field": {"size": a_choice(X)}})
    changed = a_choice(
        Option(id="x", label="Old X", retired=True), Option(id="y", label="Y"), label="Size"
    )
    log.apply({"field": {"size": changed}})
    assert log.in_force.fields["size"] == changed


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ((), "status 'waiting' can't be removed"),
        ((Status(id="waiting", category="on-hold"),), "'pending' and can't become 'on-hold'"),
    ],
)
def test_what_a_status_means_never_changes(statuses: tuple[Status, ...], words: str) -> None:
    log = with_defaults()
    waiting = Status(id="waiting", category="pending")
    defaults = DEFAULTS["workflow"]["default"]
    special = a_workflow(waiting, id="special", types=("task",))
    log.apply({"workflow": {"default": defaults, "special": special}})
    new = a_workflow(*statuses, id="special", types=("task",))
    with pytest.raises(Invalid, match=words):
        log.apply({"workflow": {"default": defaults, "special": new}})


def test_of_an_unknown_batch_nothing_comes_into_force() -> None:
    log = with_defaults()
    before = things(log.in_force)
    log.append(ACTIVE, SettingsActivated(file_sha256="0" * 64), 1)
    assert things(log.in_force) == before


IDS = st.sampled_from(["a", "b", "c"])
LABELS = st.sampled_from([None, "One", "Two"])
TEAMS = st.builds(Team, id=IDS, name=LABELS)
AGENTS = st.builds(
    Agent,
    id=IDS,
    name=LABELS,
    teams=st.lists(IDS, unique=True, max_size=2).map(tuple),
    roles=st.just(("agent",)),
    skills=st.dictionaries(IDS, st.integers(0, 3), max_size=2),
    retired=st.booleans(),
)
PATHS = st.sampled_from(["a", "b", "a/b", "a/b/c"])
CATEGORIES = st.builds(Category, id=PATHS, label=LABELS)
FIELDS = st.one_of(
    st.builds(CustomField, id=IDS, kind=st.sampled_from(["text", "date"]), label=LABELS),
    st.builds(
        a_choice,
        st.just(X),
        id=IDS,
        kind=st.sampled_from(["choice", "choices"]),
        personal=st.booleans(),
    ),
)


def table(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.lists(values, max_size=3).map(lambda found: {each.id: each for each in found})


DESIRED = st.fixed_dictionaries(
    {},
    optional={
        "team": table(TEAMS),
        "agent": table(AGENTS),
        "category": table(CATEGORIES),
        "field": table(FIELDS),
    },
)


@given(st.lists(DESIRED, max_size=6))
def test_after_a_file_was_applied_the_settings_are_what_it_says(files: list[Desired]) -> None:
    log = with_defaults()
    seen = {log.in_force.position: log.in_force}
    for desired in files:
        before = things(log.in_force)
        try:
            log.apply(desired)
        except Invalid:
            assert things(log.in_force) == before
            continue
        assert things(log.in_force) == {**before, **desired}
        assert log.apply(desired) == []
        seen[log.in_force.position] = log.in_force
    for position, settings in seen.items():
        assert log.compiled(position).in_force == settings


@given(st.lists(st.tuples(DESIRED, st.none() | st.integers(0, 5)), max_size=6))
def test_a_batch_that_never_ended_leaves_no_trace_in_what_is_in_force(
    files: list[tuple[Desired, int | None]],
) -> None:
    log, tidy = with_defaults(), with_defaults()
    for desired, stop_after in files:
        try:
            done = log.apply(desired, stop_after)
        except Invalid:
            done = []
        if ACTIVE in done:
            tidy.apply(desired)
        assert things(log.in_force) == things(tidy.in_force)

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.settings.test_activation import SettingsLog, things
from ticketlog.domain.settings.activation import Desired
from ticketlog.domain.settings.model import (
    Agent,
    Category,
    CustomField,
    Option,
    Priorities,
    Team,
    Transition,
    Workflow,
)
from ticketlog.domain.text import flat
from ticketlog.errors import Usage
from ticketlog.settings_files import parser

ROOT = Path(__file__).parents[2]
DEFAULTS = parser.parse(parser.defaults())


def test_a_new_desk_begins_with_settings_that_make_sense() -> None:
    log = SettingsLog()
    log.apply(DEFAULTS)
    settings = log.in_force
    workflow = settings.workflow_of("incident")
    assert [(s.id, s.category) for s in workflow.statuses] == [
        ("new", "new"),
        ("open", "open"),
        ("pending", "pending"),
        ("on-hold", "on-hold"),
        ("solved", "solved"),
        ("closed", "closed"),
        ("cancelled", "closed"),
    ]
    assert workflow.reopen_within == 28 * 24 * 3600
    assert set(settings.teams) == {"support"}


@pytest.mark.parametrize(
    ("source", "targets"),
    [
        ("new", {"open", "pending", "on-hold", "solved", "cancelled"}),
        ("open", {"pending", "on-hold", "solved", "cancelled"}),
        ("pending", {"open", "on-hold", "solved", "cancelled"}),
        ("on-hold", {"open", "pending", "solved", "cancelled"}),
        ("solved", {"open", "pending", "on-hold", "closed"}),
        ("closed", set()),
        ("cancelled", set()),
    ],
)
def test_the_first_workflow_is_that_of_zendesk(source: str, targets: set[str]) -> None:
    workflow = DEFAULTS["workflow"]["default"]
    assert isinstance(workflow, Workflow)
    arrows = {each.id: workflow.arrow(source, each.id) for each in workflow.statuses}
    assert {target for target, arrow in arrows.items() if arrow} == targets
    for target, arrow in arrows.items():
        if arrow and target == "closed":
            assert set(arrow.roles) == {"supervisor", "admin", "rule", "service"}
        elif arrow and target == "cancelled":
            assert set(arrow.roles) == {"requester", "agent", "supervisor", "admin"}


@pytest.mark.parametrize(
    ("impact", "urgency", "priority"),
    [
        ("high", "high", "critical"),
        ("high", "medium", "high"),
        ("medium", "high", "high"),
        ("high", "low", "medium"),
        ("medium", "medium", "medium"),
        ("low", "high", "medium"),
        ("medium", "low", "low"),
        ("low", "medium", "low"),
        ("low", "low", "low"),
    ],
)
def test_the_first_matrix_is_that_of_servicenow(impact: str, urgency: str, priority: str) -> None:
    priorities = DEFAULTS["priorities"]["default"]
    assert isinstance(priorities, Priorities)
    assert priorities.matrix[impact][urgency] == priority
    assert priorities.names == ("critical", "high", "medium", "low")
    assert priorities.default == "medium"


def test_every_kind_of_thing_can_be_written() -> None:
    desired = parser.parse(
        """
        [fields.size]
        kind = "choice"
        options = [{ id = "s", label = "Small" }, { id = "m", label = "Medium", retired = true },
          { id = "l" }]
        [teams.support]
        [agents.ann]
        name = "Ann Lee"
        teams = ["support"]
        skills = { vpn = 3 }
        [agents.bob]
        roles = ["admin"]
        retired = true
        [categories]
        network = {}
        "network/vpn" = { label = "VPN" }
        [products]
        """
    )
    options = (
        Option(id="s", label="Small"),
        Option(id="m", label="Medium", retired=True),
        Option(id="l", label="l"),
    )
    assert desired == {
        "field": {"size": CustomField(id="size", kind="choice", options=options)},
        "team": {"support": Team(id="support")},
        "agent": {
            "ann": Agent(
                id="ann", name="Ann Lee", teams=("support",), roles=("agent",), skills={"vpn": 3}
            ),
            "bob": Agent(id="bob", roles=("admin",), retired=True),
        },
        "category": {
            "network": Category(id="network"),
            "network/vpn": Category(id="network/vpn", label="VPN"),
        },
        "product": {},
    }


def test_one_line_may_stand_for_several_transitions() -> None:
    desired = parser.parse(
        """
        [workflows.w]
        statuses = [{ id = "a", category = "open" }]
        transitions = [
            { from = ["a", "b"], to = ["c", "d"], roles = ["agent"], requires = ["team"] },
            { from = "*", to = "e" },
        ]
        """
    )
    workflow = desired["workflow"]["w"]
    assert isinstance(workflow, Workflow)
    assert workflow.transitions == (
        *(
            Transition(source=source, target=target, roles=("agent",), requires=("team",))
            for source in "ab"
            for target in "cd"
        ),
        Transition(source="*", target="e", roles=("*",)),
    )


@pytest.mark.parametrize(
    ("within", "seconds"),
    [("28d", 2_419_200), ("12h", 43_200), ("90m", 5_400), ("30s", 30)],
)
def test_a_duration_is_written_with_its_unit(within: str, seconds: int) -> None:
    desired = parser.parse(
        f'workflows.w = {{ statuses = [], transitions = [], reopen_within = "{within}" }}'
    )
    assert desired["workflow"]["w"].reopen_within == seconds  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[teams", "is no TOML"),
        (b"\xff", "is no UTF-8"),
        ("[team.a]", "[team] is unknown; known are workflows, priorities, fields, teams"),
        ("teams = 3", "[teams] should be a table"),
        ("[teams]\na = 'b'", "[teams.a] should be a table"),
        ("[teams.a]\nnmae = 'A'", "[teams.a] nmae is unknown; known are name"),
        ("[teams.a]\nname = 3", "[teams.a] name should be a valid string, not 3"),
        ("[teams.a]\nid = 'b'", "[teams.a] id: leave it out"),
        ("[teams.'']", "[teams.]"),
        ("[fields.x]", "[fields.x] kind is missing"),
        (
            "[fields.x]\nkind = 'number'",
            "should be 'text', 'integer', 'boolean', 'date', 'datetime', 'choice' or 'choices'",
        ),
        (
            "[fields.x]\nkind = 'choice'\noptions = [{ id = 'a', label = 'A' }, { label = 'B' }]",
            "[fields.x] entry 2 of options: id is missing",
        ),
        (
            "[fields.x]\nkind = 'choice'\noptions = [{ id = 'a', lable = 'A' }]",
            "lable is unknown; known are id, label, retired",
        ),
        ("[agents.a]\nskills = { vpn = 'good' }", "[agents.a] skills vpn should be a valid int"),
        ("[agents.a]\nteams = 'support'", "[agents.a] teams should be a list"),
        ("[priorities]\nnames = ['a']\ndefault = 'a'\nimpacts = []", "[priorities] urgencies is"),
        (
            "[workflows.w]\nstatuses = []\ntransitions = [{ from = 'a', too = 'b' }]",
            "[workflows.w] entry 1 of transitions: too is unknown; known are from, to, roles",
        ),
        (
            "[workflows.w]\nstatuses = []\ntransitions = [{ from = 'a', to = ['b', 3] }]",
            "entry 1 of transitions: entry 2 of to: should be a valid string, not 3",
        ),
        (
            "[workflows.w]\nstatuses = []\ntransitions = []\nreopen_within = 28",
            "[workflows.w] reopen_within should be a duration: '28d'",
        ),
        (
            "[lifecycle.r]\nposition = 1\naction = 'remind'\nafter = '1d'\ntimes = 0",
            "[lifecycle.r] times should be greater than or equal to 1, not 0",
        ),
        (
            "[escalation.r]\nposition = 1\ntier = 10",
            "[escalation.r] tier should be less than or equal to 9, not 10",
        ),
        (
            "[routing.r]\nposition = 1\nwhen = { all = [{ field = 'team', is = 'a', iss = 'b' }] }",
            "entry 1 of all: iss is unknown; known are field, is, is_not, in, not_in, contains",
        ),
        (
            "[sla_policies.p]\nposition = 1\ntargets = [{ metrics = 'agent_work_time' }]",
            "entry 1 of targets: metrics is unknown; known are metric, within, business, warnings",
        ),
    ],
)
def test_a_file_that_can_not_be_read_is_refused_by_table_and_key(
    text: str | bytes, words: str
) -> None:
    with pytest.raises(Usage) as refusal:
        parser.parse(text)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_example_can_be_applied() -> None:
    log = SettingsLog()
    log.apply(DEFAULTS)
    example = parser.parse((ROOT / "examples" / "settings.toml").read_bytes())
    log.apply(example)
    assert things(log.in_force) == example
    assert log.apply(example) == []


def test_the_examples_of_the_documentation_can_be_applied() -> None:
    text = (ROOT / "docs" / "SETTINGS.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    log = SettingsLog()
    log.apply(DEFAULTS)
    log.apply(parser.parse("\n".join(blocks)))
    assert len(log.in_force.workflows["service"].statuses) == 5


LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])
NAMES = st.text(LETTERS, min_size=1, max_size=8).map(flat).filter(bool)


def written(value: Any) -> str:
    """A value in TOML."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return '"' + "".join(f"\\U{ord(char):08X}" for char in value) + '"'
        case dict():
            pairs = (f"{written(name)} = {written(each)}" for name, each in value.items())
            return f"{{ {', '.join(pairs)} }}"
        case list():
            return f"[{', '.join(map(written, value))}]"
    return str(value)


def optional(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keys)


TABLES = optional(
    teams=st.dictionaries(NAMES, optional(name=NAMES), max_size=3),
    products=st.dictionaries(NAMES, optional(label=NAMES), max_size=3),
    agents=st.dictionaries(
        NAMES,
        optional(
            name=NAMES,
            roles=st.lists(NAMES, max_size=2),
            skills=st.dictionaries(NAMES, st.integers(-9, 9), max_size=2),
            retired=st.booleans(),
        ),
        max_size=3,
    ),
    fields=st.dictionaries(
        NAMES.map("x-{}".format),
        st.builds(
            lambda kind, minimum: {"kind": kind} | ({"minimum": minimum} if minimum else {}),
            st.just("integer"),
            st.integers(0, 9),
        ),
        max_size=3,
    ),
)


@given(TABLES)
def test_any_file_applied_twice_changes_nothing_the_second_time(tables: dict[str, Any]) -> None:
    text = "\n".join(f"{name} = {written(table)}" for name, table in tables.items())
    desired: Desired = parser.parse(text)
    singular = {"teams": "team", "products": "product", "agents": "agent", "fields": "field"}
    for name, table in tables.items():
        assert {*desired[singular[name]]} == {*table}
    log = SettingsLog()
    log.apply(DEFAULTS)
    before = things(log.in_force)
    log.apply(desired)
    assert things(log.in_force) == {**before, **desired}
    assert log.apply(desired) == []


def test_a_file_is_named_by_its_digest() -> None:
    assert parser.digest(b"abc") == parser.digest("abc")
    assert parser.digest(b"abc").startswith("ba7816bf")

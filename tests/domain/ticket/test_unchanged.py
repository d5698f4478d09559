"""What stays as it is isn't judged again: whatever the settings and others have become since."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.ticket.shop import OTHERS, open_
from tests.given import SETTINGS, Story
from ticketlog.domain.base import Command, Invalid, MissingFields
from ticketlog.domain.settings.model import Agent, CustomField, Priorities, Team
from ticketlog.domain.ticket.assignment import Assign, AssigneeChanged, Claim, Escalate, TeamChanged
from ticketlog.domain.ticket.classification import Classify, SetOrganisation, SetRequester
from ticketlog.domain.ticket.conversation import Replied, Reply
from ticketlog.domain.ticket.custom_fields import FieldsChanged, SetFields
from ticketlog.domain.ticket.lifecycle import Hold, SetStatus
from ticketlog.domain.ticket.priority import ImpactChanged, Prioritise
from ticketlog.domain.ticket.relations import AddCc, Follow, LinkTo
from ticketlog.domain.ticket.status_events import PutOnHold
from ticketlog.domain.ticket.work import StartWork

FIELDS = {"system": "linux", "rooms": ("attic", "lab"), "floor": 9, "birthday": "1990-01-01"}
WORKFLOW = SETTINGS.workflows["default"]
RETIRED = tuple(
    each.model_copy(update={"retired": each.id in ("pending", "waiting-for-parts")})
    for each in WORKFLOW.statuses
)
"""The statuses that the ticket goes through: nothing leads to them any more."""
EMPTIER = replace(
    SETTINGS,
    priorities=Priorities(
        id="default", names=("p1", "p2"), default="p2", impacts=("all",), urgencies=("now",)
    ),
    fields={},
    teams={"other": Team(id="other")},
    agents={"tim": Agent(id="tim", teams=("other",), roles=("agent",))},
    categories={"other": SETTINGS.categories["billing"]},
    products={"other": SETTINGS.products["router"]},
    workflows={"default": WORKFLOW.model_copy(update={"statuses": RETIRED})},
)


def full() -> Story:
    """A ticket that has one of everything, in settings that know nothing of it."""
    story = open_().given(
        Classify(category="network/vpn", product="router", asset="R-17", site="Basel"),
        Prioritise(impact="high", urgency="low"),
        Prioritise(priority="low", reason="no hurry"),
        SetFields(fields=FIELDS),
        AddCc(person="LEE"),
        Follow(agent="ann"),
        StartWork(),
        LinkTo(kind="problem", target="OTHER"),
        SetStatus(status="pending"),
    )
    story.settings = EMPTIER
    gone = {stream: type(state)(id=state.id) for stream, state in OTHERS.items()}
    story.others = gone
    return story


UNCHANGED: list[Command] = [
    *(Classify(category="network/vpn"), Classify(product="router"), Classify(type="question")),
    Classify(category="network/vpn", product="router", asset="R-17", site="Basel", language="de"),
    *(Prioritise(impact="high"), Prioritise(urgency="low"), Prioritise(priority="low")),
    *(SetFields(fields={name: value}) for name, value in FIELDS.items()),
    SetFields(fields=FIELDS),
    *(Assign(team="network"), Assign(assignee="ann"), Assign(team="network", assignee="ann")),
    *(Escalate(tier=0, reason="again", team="network"), Claim(), StartWork()),
    *(SetRequester(requester="KIM"), SetOrganisation(organisation="ACME")),
    *(AddCc(person="LEE"), Follow(agent="ann"), Follow()),
    *(LinkTo(kind="problem", target="OTHER"), SetStatus(status="pending")),
]


@pytest.mark.parametrize("command", UNCHANGED, ids=repr)
def test_the_same_again_changes_nothing_and_is_not_refused(command: Command) -> None:
    full().when(command).then()


@given(st.sets(st.sampled_from([*FIELDS]), min_size=1), st.sets(st.sampled_from([*FIELDS])))
def test_fields_that_the_settings_lost_can_be_emptied_beside_others(
    emptied: set[str], same: set[str]
) -> None:
    values = {name: FIELDS[name] for name in same} | dict.fromkeys(emptied)
    story = full().when(SetFields(fields=values))
    story.then_made(FieldsChanged)
    assert story.state.fields == {n: v for n, v in FIELDS.items() if n not in emptied}


def test_nobody_knows_any_more_which_were_personal() -> None:
    story = full().when(SetFields(fields={"birthday": None, "floor": None}))
    story.then_made(FieldsChanged, old={}, new={})


def test_another_value_is_judged() -> None:
    for command in (
        Classify(category="network"),
        Prioritise(impact="low"),
        Prioritise(priority="medium", reason="so"),
        SetFields(fields={"floor": 8}),
        SetFields(fields={"flor": None}),
        Assign(team="billing"),
        Assign(assignee="bob"),
        Assign(team="other", assignee="ann"),
        SetRequester(requester="LEE"),
    ):
        full().when(command).then_refused(Invalid)


def test_a_retired_option_stays_in_a_list_and_comes_into_none() -> None:
    field = SETTINGS.fields["rooms"]
    attic = field.options[0].model_copy(update={"retired": True})
    story = open_().given(SetFields(fields={"rooms": ("attic",)}))
    fields = {"rooms": CustomField(id="rooms", kind="choices", options=(attic, field.options[1]))}
    story.settings = replace(SETTINGS, fields=fields)
    story.when(SetFields(fields={"rooms": ("lab", "attic")}))
    story.then(
        FieldsChanged(
            data_subject="KIM", old={"rooms": ("attic",)}, new={"rooms": ("attic", "lab")}
        )
    )
    story.given(SetFields(fields={"rooms": ("lab",)}))
    story.when(SetFields(fields={"rooms": ("lab", "attic")})).then_refused(Invalid, "lab")


def test_a_priority_named_again_is_held_by_hand_only_with_a_reason() -> None:
    story = open_()
    story.when(Prioritise(priority="medium")).then()
    story.when(Prioritise(priority="medium", impact="high")).then(ImpactChanged(new="high"))
    story.when(Prioritise(priority="low")).then_refused(MissingFields)


def test_an_agent_who_is_gone_leaves_with_the_team_not_by_force() -> None:
    story = full()
    story.when(Assign(team="other")).then_made(
        TeamChanged, AssigneeChanged, old="ann", new=None, method="team-left"
    )


def test_a_reply_may_name_what_is_so_already() -> None:
    story = full().when(
        Reply(body="?", status="pending", team="network", assignee="ann", fields=FIELDS)
    )
    story.then_made(Replied)


def test_a_retired_status_is_held_on_for_another_reason() -> None:
    story = open_().given(Hold(reason="a part", status="waiting-for-parts"))
    story.settings = EMPTIER
    story.when(Hold(reason="two parts")).then_made(PutOnHold, new="waiting-for-parts")

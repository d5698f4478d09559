"""Reasons against an agent for a ticket: the same as agent selection goes by."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from tests.given import NOON
from ticketlog.domain.parties.agent import AgentAtWork, Held, initial
from ticketlog.domain.settings.automation_rules import AssignmentRule
from ticketlog.domain.settings.conditions import Condition, Conditions
from ticketlog.domain.settings.model import Agent, Settings
from ticketlog.domain.settings.rule import tried
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.time.shifts import Shift
from ticketlog.policies.agent_ranking import weighed
from ticketlog.policies.agent_selection import pick

TICKET = Ticket(id="T", team="network", language="de-AT", channel="chat", priority="low")


class _Floor:
    def __init__(self, agents: dict[str, AgentAtWork]) -> None:
        self._agents = agents

    def agent(self, id: str) -> AgentAtWork:
        return self._agents[id]

    def is_chosen(self, ticket: str) -> bool:
        return False

    def last_agent(self, requester: str) -> str | None:
        return None

    def waiting(self, teams: Iterable[str]) -> Iterable[str]:
        return ()


knowns = st.builds(
    Agent,
    id=st.just("x"),
    roles=st.just(("agent",)),
    teams=st.sampled_from([("network",), ("billing",), ("billing", "network")]),
    skills=st.sampled_from([{}, {"dns": 1}, {"dns": 3, "vpn": 1}]),
    languages=st.sampled_from([(), ("de",), ("de-AT", "en")]),
    retired=st.booleans(),
    capacity=st.sampled_from([{}, {"*": 2}, {"*": 5, "chat": 1}]),
)
works = st.builds(
    lambda availability, shifts, held: initial("x").but(
        {
            "availability": availability,
            "shifts": shifts,
            "zone": "UTC" if shifts else None,
            "held": {f"ticket/{n}": Held(channel, 0) for n, channel in enumerate(held)},
        }
    ),
    st.sampled_from(["online", "away", "offline"]),
    st.sampled_from([(), (Shift(day="mon", start="09:00", end="17:00"),)]),
    st.lists(st.sampled_from(["chat", "mail"]), max_size=4),
)
rules = st.builds(
    AssignmentRule,
    id=st.just("r"),
    position=st.just(1),
    when=st.just(Conditions()),
    balance=st.just("least-loaded"),
    skills=st.sampled_from([{}, {"dns": 2}]),
    language=st.booleans(),
    shifts=st.booleans(),
    capacity=st.sampled_from([None, 1, 3]),
)


@given(st.lists(st.tuples(knowns, works), max_size=4), rules, st.integers(0, 7 * 24))
def test_who_has_no_reason_against_them_is_who_could_be_picked(
    drawn: list[tuple[Agent, AgentAtWork]], rule: AssignmentRule, hour: int
) -> None:
    agents = {
        f"a{n}": known.model_copy(update={"id": f"a{n}"}) for n, (known, _) in enumerate(drawn)
    }
    at_work = {f"a{n}": work for n, (_, work) in enumerate(drawn)}
    settings = Settings(agents=agents)
    now = NOON + hour * 3_600_000_000
    found = weighed(TICKET, rule, settings, at_work.__getitem__, now)
    picked = pick(TICKET, rule, settings, _Floor(at_work), now)
    able = {each.known.id for each in picked.eligible} if picked else set()
    assert {each.agent for each in found if not each.why_not} == able


def test_each_reason_is_told() -> None:
    ann = Agent(
        id="ann", roles=("agent",), teams=("network",), skills={"dns": 1}, languages=("en",)
    )
    rule = AssignmentRule(
        id="r",
        position=1,
        when=Conditions(),
        balance="least-loaded",
        skills={"dns": 2},
        language=True,
        shifts=True,
        capacity=1,
    )
    busy = initial("ann").but({"held": {"ticket/1": Held("mail", 0)}})
    (found,) = weighed(TICKET, rule, Settings(agents={"ann": ann}), lambda id: busy, NOON)
    assert (found.load, found.room) == (1, 0)
    assert found.why_not == (
        "offline",
        "off shift",
        "skill dns: 1 of 2",
        "doesn't speak de-AT",
        "no room: they have 1",
    )


FACTS = facts_of(TICKET, Settings())


def test_rules_are_tried_up_to_the_first_that_matches() -> None:
    def rule(id: str, position: int, team: str) -> AssignmentRule:
        when = Conditions(all=(Condition(field="team", operator="is", values=(team,)),))
        return AssignmentRule(id=id, position=position, when=when, balance="round-robin")

    made = [rule("b", 2, "network"), rule("a", 1, "billing"), rule("c", 3, "network")]
    found = [(each.rule.id, each.verdict.matches) for each in tried(made, FACTS)]
    assert found == [("a", False), ("b", True)]

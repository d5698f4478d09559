"""What holds whatever happens in whatever order: capacity, and that nothing is done twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.given import NOON, SECOND
from ticketlog.application.executor import derived_id
from ticketlog.domain.base import Actor, Command, Context, Meta, Recorded
from ticketlog.domain.parties import agent
from ticketlog.domain.parties.agent import AgentAtWork, Release, Reserve, TicketReserved
from ticketlog.domain.settings.model import Agent, Settings

RULE = Actor("assignment", "rule")
TICKETS = tuple(f"ticket/T{n}" for n in range(8))
CHANNELS = {ticket: ("chat", "mail")[n % 2] for n, ticket in enumerate(TICKETS)}
LIMITS = {"*": 3, "chat": 1}
STAFF = Settings(agents={"ann": Agent(id="ann", roles=("agent",), capacity=LIMITS)})

chosen = st.builds(
    lambda ticket, **given: Reserve(ticket=ticket, channel=CHANNELS[ticket], **given),
    ticket=st.sampled_from(TICKETS),
    version=st.integers(0, 9),
    choice=st.sampled_from(["c1.0", "c2.0", "c3.0"]),
)
released = st.builds(Release, ticket=st.sampled_from(TICKETS), version=st.integers(0, 9))


def done(at_work: AgentAtWork, command: Command) -> tuple[AgentAtWork, list[TicketReserved]]:
    context = Context(settings=STAFF, now=NOON, actor=RULE, stream="agent/ann")
    events = agent.decide(command, at_work, context)
    for event in events:
        version = at_work.version + 1
        meta = Meta(f"c{version}", NOON + version * SECOND, NOON, RULE, "policy")
        at_work = agent.evolve(at_work, Recorded("agent/ann", version, event, meta))
    return at_work, [event for event in events if isinstance(event, TicketReserved)]


@given(st.lists(st.one_of(chosen, released), max_size=40))
def test_what_is_chosen_never_exceeds_capacity(commands: list[Command]) -> None:
    """Any interleaving of what any number of runners send."""
    ann = agent.initial("ann").but({"availability": "online"})
    for command in commands:
        ann, reserved = done(ann, command)
        assert len(ann.held) <= LIMITS["*"]
        assert sum(held.channel == "chat" for held in ann.held.values()) <= LIMITS["chat"]
        if isinstance(command, Reserve):
            answers = reserved or command.ticket not in ann.held
            assert answers, "a choice is answered in any case"


@given(st.lists(chosen, min_size=1, max_size=20), st.data())
def test_a_late_release_takes_nothing_that_came_after_it(
    commands: list[Reserve], data: st.DataObject
) -> None:
    ann = agent.initial("ann").but({"availability": "online"})
    for command in commands:
        ann, _ = done(ann, command)
    ticket = data.draw(st.sampled_from(TICKETS))
    version = data.draw(st.integers(0, 9))
    before = ann.held.get(ticket)
    after = done(ann, Release(ticket=ticket, version=version))[0].held.get(ticket)
    assert after == (before if before is not None and before.version > version else None)


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), unique=True, max_size=30))
def test_ids_tell_causes_policies_and_slots_apart(parts: list[tuple[str, str, str]]) -> None:
    plain = [each for each in parts if "\0" not in "".join(each)]
    assert len({derived_id(*each) for each in plain}) == len(plain)
    assert [derived_id(*each) for each in plain] == [derived_id(*each) for each in plain]

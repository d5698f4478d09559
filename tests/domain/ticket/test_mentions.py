from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketlog.domain.settings.model import Agent, Settings, Team
from ticketlog.domain.ticket.mentions import called

STAFF = Settings(
    teams={"network": Team(id="network"), "bob": Team(id="bob"), "empty": Team(id="empty")},
    agents={
        id: Agent(id=id, roles=("agent",), teams=("network",) if id != "bob" else ())
        for id in ("ann", "bob", "ann.lee", "zoë", "j_d")
    }
    | {"old": Agent(id="old", roles=("agent",), teams=("network",), retired=True)},
)


@pytest.mark.parametrize(
    ("text", "agents", "unknown"),
    [
        ("@bob look", ("bob",), ()),
        ("please, @Bob!", ("bob",), ()),
        ("(@BOB), @bob: see", ("bob",), ()),
        ("ask @bob.", ("bob",), ()),
        ("ask @bob... or @ann-", ("bob", "ann"), ()),
        ("@ann.lee and @ann", ("ann.lee", "ann"), ()),
        ("done @ann.Thanks", ("ann",), ()),
        ("@zoë, @ZOË", ("zoë",), ()),
        ("@j_d _@bob_ *@ann*", ("j_d", "ann"), ()),
        ("@bob_ hi", ("bob",), ()),
        ("bob@ann.example wrote from kim.x@bob", (), ()),
        ("see https://social.example/@bob and a+b@ann", (), ()),
        ("@@bob", (), ()),
        ("@ bob, @", (), ()),
        ("@bbo @zed. @bbo", (), ("bbo", "zed")),
        ("@old has left", (), ("old",)),
        ("@network look", ("ann", "ann.lee", "zoë", "j_d"), ()),
        ("@empty?", (), ()),
        ("@bob's printer", ("bob",), ()),
        ("提醒@bob謝謝 @zoeです", ("bob",), ("zoeです",)),
        ("提醒 @bob，謝謝", ("bob",), ()),
    ],
)
def test_whom_a_text_calls(text: str, agents: tuple[str, ...], unknown: tuple[str, ...]) -> None:
    assert called(text, STAFF) == (agents, unknown)


@given(st.text("@bobann.-_ ,", max_size=30))
def test_whoever_is_called_is_known_and_the_unknown_are_not(text: str) -> None:
    agents, unknown = called(text, STAFF)
    assert set(agents) <= set(STAFF.agents)
    assert not {each.casefold() for each in unknown} & {"ann", "bob", "ann.lee"}
    assert len(agents) + len(unknown) <= text.count("@")

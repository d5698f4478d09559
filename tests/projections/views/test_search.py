from __future__ import annotations

import pytest

from tests.given import KIM, SUE
from tests.projections.world import World
from ticketlog.domain.ticket.classification import SetSubject
from ticketlog.domain.ticket.conversation import Note, Redact, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.projections.engine.as_of import past
from ticketlog.projections.engine.moment import Cut
from ticketlog.projections.engine.query import Reading
from ticketlog.projections.views.search import VIEW, Search


@pytest.fixture
def world() -> World:
    world = World()
    world.do(
        "ticket/A",
        CreateTicket(subject="Drücker brennt", description="smoke", requester="KIM"),
        KIM,
    )
    world.do("ticket/B", CreateTicket(subject="Slow network", requester="KIM"), KIM)
    return world


def found(world: World, words: str, **given: object) -> list[tuple[str, str]]:
    rows = world.ask(Search, words=words, **given)
    return [(row["ticket"], row["kind"]) for row in rows]


def test_subjects_descriptions_and_comments_are_found(world: World) -> None:
    world.do("ticket/B", Reply(body="the switch is on fire"))
    world.do("ticket/B", Note(body="switch bought in 1998"))
    assert found(world, "drucker") == [("A", "subject")]
    assert found(world, "SMOKE") == [("A", "description")]
    assert found(world, "switch") == [("B", "comment"), ("B", "comment")]
    assert found(world, "switch fire") == [("B", "comment")]
    assert found(world, "switch smoke") == []


def test_the_best_match_comes_first_with_its_words_marked(world: World) -> None:
    world.do("ticket/A", Note(body="router " + "and something else " * 20))
    world.do("ticket/B", Note(body="router router"))
    first, second = world.ask(Search, words="router")
    assert (first["ticket"], first["snippet"]) == ("B", "[router] [router]")
    assert second["ticket"] == "A"


def test_internal_texts_are_for_agents(world: World) -> None:
    world.do("ticket/A", Note(body="customer is angry"))
    assert found(world, "angry") == [("A", "comment")]
    assert found(world, "angry", public_only=True) == []
    assert found(world, "smoke", public_only=True) == [("A", "description")]


def test_phrases_beginnings_and_one_ticket(world: World) -> None:
    world.do("ticket/A", Note(body="network is slow"))
    assert found(world, '"slow network"') == [("B", "subject")]
    assert found(world, "netw* slow", ticket="A") == [("A", "comment")]


@pytest.mark.parametrize(
    "words", ["", "  ", '"', '""', "*", "(", "a OR", "NEAR(", "-x", "x:y", "' --", "^", "{}", "💥"]
)
def test_whatever_is_typed_is_no_error(world: World, words: str) -> None:
    assert found(world, words) == []


def test_what_was_redacted_is_not_found_now_or_then(world: World) -> None:
    slip = world.do("ticket/A", Note(body="password hunter2"))
    world.do("ticket/A", Note(body="hunter of bugs"))
    before = Cut(world.log.ends())
    world.do("ticket/A", Redact(target=f"{slip}.0", reason="slip"), SUE)
    assert found(world, "hunter2") == []
    assert found(world, "hunter") == [("A", "comment")]
    with past(world.log, VIEW, before) as then:
        assert Search(words="hunter2").ask(Reading(*then)) == []
        assert len(Search(words="hunter").ask(Reading(*then))) == 1


def test_the_words_of_an_old_subject_are_forgotten(world: World) -> None:
    assert found(world, "slow") == [("B", "subject")]
    world.do("ticket/B", SetSubject(subject="Fast network"))
    assert found(world, "slow") == []
    assert found(world, "fast") == [("B", "subject")]


def test_results_come_in_portions(world: World) -> None:
    for n in range(5):
        world.do("ticket/A", Note(body=f"same words {n}"))
    everything = world.ask(Search, words="same")
    assert world.ask(Search, words="same", limit=2) == everything[:2]
    assert world.ask(Search, words="same", limit=2, skip=2) == everything[2:4]

from __future__ import annotations

from typing import ClassVar

import pytest

from tests.given import ADA, ANN, KIM, LEE, SETTINGS, SUE
from ticketlog.domain import rights
from ticketlog.domain.aggregates import ACCOUNT_AGGREGATES, AGGREGATES, RIGHTS
from ticketlog.domain.base import Actor, Command, Context, Forbidden
from ticketlog.domain.parties.person import Person
from ticketlog.domain.settings.model import Agent, Service, Settings
from ticketlog.domain.settings.validation import broken
from ticketlog.domain.ticket.state import Ticket

TICKET = Ticket(id="T", version=3, requester="KIM", ccs=("LEE",))
MERGED = {
    "person/OLD": Person(id="OLD", version=1, merged_into="MID"),
    "person/MID": Person(id="MID", version=1, merged_into="KIM"),
    "person/KIM": Person(id="KIM", version=0),
}


def may(name: str, actor: Actor, settings: Settings = SETTINGS) -> bool:
    context = Context(settings=settings, now=0, actor=actor, stream="ticket/T", states=MERGED)
    act = rights.ACTS.get(name)
    right = rights.Right(name, act.who_may) if act else RIGHTS.get(name, rights.Right(name))
    return rights.may(right, TICKET, context)


def test_every_command_says_who_may_send_it() -> None:
    kinds = (*AGGREGATES.values(), *ACCOUNT_AGGREGATES.values())
    commands = [each for aggregate in kinds for each in aggregate.commands]
    assert [each.NAME for each in commands if not each.SPEC.who_may] == []
    assert {each.NAME for each in commands} == RIGHTS.keys()
    assert not RIGHTS.keys() & rights.ACTS.keys()


def test_a_command_that_says_nothing_of_it_is_refused_to_everybody() -> None:
    class Fly(Command):
        NAME: ClassVar[str] = "ticket.fly"

    right = rights.Right(Fly.NAME, Fly.SPEC.who_may)
    for actor in (ANN, SUE, ADA, KIM, Actor("web", "service"), Actor("r", "rule")):
        context = Context(settings=SETTINGS, now=0, actor=actor, stream="ticket/T")
        with pytest.raises(Forbidden, match=r"may not send ticket\.fly"):
            rights.check(right, TICKET, context)


@pytest.mark.parametrize(
    ("name", "who", "who_not"),
    [
        ("ticket.reply", [ANN, KIM, LEE], []),
        ("ticket.solve", [ANN, ADA], [KIM, LEE]),
        ("ticket.reopen", [KIM, ANN], [LEE]),
        ("ticket.add-cc", [KIM, LEE, ANN], [Actor("MAX", "person")]),
        ("ticket.place-legal-hold", [SUE, ADA], [ANN, KIM, Actor("web", "service")]),
        ("ticket.correct-time", [SUE, ADA], [ANN, KIM]),
        ("ticket.settle", [Actor("r", "rule")], [ANN, SUE, ADA, KIM, Actor("web", "service")]),
        ("person.merge", [ANN], [KIM]),
        ("settings.apply", [ADA], [ANN, SUE, KIM, Actor("web", "service")]),
        ("person.rename", [ANN], [KIM]),
        ("no.such-command", [], [ADA]),
    ],
)
def test_what_each_may(name: str, who: list[Actor], who_not: list[Actor]) -> None:
    assert [actor for actor in who if not may(name, actor)] == []
    assert [actor for actor in who_not if may(name, actor)] == []


def test_a_merged_person_has_the_rights_of_who_stays() -> None:
    assert may("ticket.reopen", Actor("OLD", "person"))
    assert may("ticket.reopen", Actor("MID", "person"))


def test_an_agent_who_acts_in_one_role_has_no_other() -> None:
    assert may("ticket.place-legal-hold", Actor("sue", "agent"))
    assert not may("ticket.place-legal-hold", Actor("sue", "agent", "agent"))
    with pytest.raises(Forbidden, match="can't act as supervisor"):
        may("ticket.place-legal-hold", Actor("ann", "agent", "supervisor"))


def test_a_service_may_do_what_its_rights_name() -> None:
    mail = Service(id="mail", rights=("ticket.reply", "person.*"))
    settings = Settings(services={"mail": mail, "all": Service(id="all")})
    found = [
        [may(name, Actor(id, "service"), settings) for name in ("ticket.reply", "ticket.solve")]
        for id in ("mail", "all")
    ]
    assert found == [[True, False], [True, True]]
    assert may("person.register", Actor("mail", "service"), settings)
    odd = Settings(services={"mail": Service(id="mail", rights=("ticket.fly", "cats.*"))})
    assert sum("is no command" in problem for problem in broken(odd, {})) == 2


@pytest.mark.parametrize(
    ("actor", "words"),
    [
        (Actor("nobody", "agent"), "known are ada, ann, bob, sue.*settings apply.*admins: ada"),
        (Actor("nobody", "agent", "supervisor"), "not known"),
        (Actor("rob", "agent"), "retired"),
        (Actor("ann", "agent", "admin"), "can't act as admin"),
        (Actor("MAX", "person"), "person register"),
        (Actor("KIM", "person", "admin"), "can't act as admin"),
        (Actor("fax", "service"), "known are api, chat, email, form, phone, web.*services.fax"),
        (Actor("web", "service", "admin"), "can't act as admin"),
        (Actor("close", "rule"), "nobody can act as a rule"),
        (Actor("old-desk", "import"), "nobody can act as an import"),
    ],
)
def test_who_is_unknown_is_refused_with_the_next_step(actor: Actor, words: str) -> None:
    with pytest.raises(Forbidden, match=words):
        rights.check_known(actor, SETTINGS, lambda stream: MERGED.get(stream, Person()))


@pytest.mark.parametrize(
    "actor", [ANN, SUE, Actor("sue", "agent"), KIM, Actor("OLD", "person"), Actor("web", "service")]
)
def test_who_is_known_acts(actor: Actor) -> None:
    rights.check_known(actor, SETTINGS, lambda stream: MERGED.get(stream, Person()))


def test_a_desk_without_an_admin_is_for_the_first_agent() -> None:
    def load(stream: str) -> Person:
        return MERGED.get(stream, Person())

    retired = Agent(id="ada", roles=("admin",), retired=True)
    for settings in (Settings(), Settings(agents={"ada": retired})):
        rights.check_applies(Actor("bob", "agent"), settings, load)
        for actor in (KIM, Actor("web", "service")):
            with pytest.raises(Forbidden):
                rights.check_applies(actor, settings, load)
    with pytest.raises(Forbidden, match="now ada"):
        rights.check_applies(ANN, SETTINGS, load)


def test_a_circle_of_merges_ends() -> None:
    """Two who merge each other at once."""
    circle = {
        "person/A": Person(id="A", version=1, merged_into="B"),
        "person/B": Person(id="B", version=1, merged_into="A"),
    }
    assert rights.same_person("A", "B", circle.get)

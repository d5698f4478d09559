from __future__ import annotations

from dataclasses import replace

import pytest

from tests.domain.ticket.shop import ASKS, a_ticket, created, new
from tests.given import ANN, KIM, LEE, MAIL, RULE, SETTINGS
from ticketlog.domain.base import Actor, Forbidden, Invalid, MissingFields, NotFound, Refused
from ticketlog.domain.parties.person import Person
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket, TicketCreated
from ticketlog.domain.ticket.state import Link


def test_a_person_who_asks_is_the_requester() -> None:
    ask = CreateTicket(subject="Printer on fire", description="Smoke everywhere")
    a_ticket().when(ask, by=KIM).then(created())
    a_ticket().when(ASKS, by=KIM).then(created())


EVERYTHING = CreateTicket(
    subject="Slow",
    description="Very",
    type="incident",
    requester="GUS",
    category="network/vpn",
    product="router",
    asset="R-17",
    site="Basel",
    external=("JIRA-1",),
    impact="high",
    urgency="high",
    team="network",
    assignee="ann",
    tags=("vip", "vpn", "vip"),
    fields={"floor": 3, "birthday": "1970-01-01", "cause": None},
    due_at=1,
    message_id="<1@gus>",
    source_address="gus@example.com",
    system={"browser": "lynx"},
    ccs=("LEE", "KIM", "LEE"),
    follow_up_of="OTHER",
)


def test_every_initial_value_stands_in_the_event() -> None:
    a_ticket().when(EVERYTHING).then(
        TicketCreated(
            data_subject="GUS",
            subject="Slow",
            description="Very",
            author_kind="agent",
            type="incident",
            requester="GUS",
            organisation="GOLD",
            tier="a",
            contract="gold",
            category="network/vpn",
            product="router",
            asset="R-17",
            site="Basel",
            language="fr",
            external=("JIRA-1",),
            impact="high",
            urgency="high",
            priority="critical",
            priority_source="matrix",
            status="open",
            status_category="open",
            team="network",
            assignee="ann",
            tags=("vip", "vpn"),
            fields={"floor": 3},
            personal_fields={"birthday": "1970-01-01"},
            due_at=1,
            message_id="<1@gus>",
            source_address="gus@example.com",
            system={"browser": "lynx"},
            ccs=("LEE", "KIM"),
            follow_up_of="ticket/OTHER",
            workflow="default",
        )
    )


def test_the_state_knows_what_it_was_created_with() -> None:
    command = CreateTicket(
        subject="Slow",
        description="Very",
        requester="KIM",
        team="network",
        assignee="ann",
        fields={"floor": 3, "birthday": "1970-01-01"},
        ccs=("LEE",),
        follow_up_of="ticket/OTHER",
    )
    ticket = a_ticket().given(command).state
    assert (ticket.created_by, ticket.channel, ticket.touches) == ("ann", "api", 1)
    assert (ticket.team_stations, ticket.assignee_stations) == (1, 1)
    assert ticket.fields == {"floor": 3, "birthday": "1970-01-01"}
    assert ticket.links == (Link("follow-up-of", "ticket/OTHER"),)
    assert ticket.waiting_since is None
    assert new().state.waiting_since == new().state.created_at


@pytest.mark.parametrize(
    ("by", "kind", "public"),
    [
        (ANN, "agent", False),
        (RULE, "rule", False),
        (MAIL, "service", False),
        (MAIL._replace(on_behalf_of="KIM"), "requester", True),
        (KIM, "requester", True),
    ],
)
def test_who_describes_it(by: Actor, kind: str, public: bool) -> None:
    a_ticket().when(ASKS, by=by).then_made(
        TicketCreated, author_kind=kind, description_public=public
    )


def test_a_ticket_nobody_asked_for_is_its_own_data_subject() -> None:
    a_ticket().when(CreateTicket(subject="Disk full"), by=MAIL).then_made(
        TicketCreated, requester=None, data_subject="ticket/THIS", priority="medium"
    )


def test_an_agent_who_has_it_from_the_start_opens_it_a_team_does_not() -> None:
    a_ticket().when(CreateTicket(subject="x", assignee="ann")).then_made(
        TicketCreated, status="open"
    )
    a_ticket().when(CreateTicket(subject="x", team="network")).then_made(
        TicketCreated, status="new"
    )


def test_a_type_has_its_workflow() -> None:
    problem = CreateTicket(subject="x", type="problem", assignee="ann")
    a_ticket().when(problem).then_made(TicketCreated, status="analysis", workflow="problems")


def test_who_was_merged_is_who_stands_for_them() -> None:
    a_ticket().when(CreateTicket(subject="x", requester="OLD", ccs=("OLD",))).then_made(
        TicketCreated,
        requester="GUS",
        ccs=("GUS",),
        organisation="GOLD",
        contract="gold",
        language="fr",
        priority="high",
        priority_source="contract",
    )


def test_the_organisation_is_the_requesters_unless_another_is_named() -> None:
    named = CreateTicket(subject="x", requester="GUS", organisation="ACME", language="it")
    a_ticket().when(named).then_made(
        TicketCreated, organisation="ACME", tier="b", contract=None, language="it"
    )


def test_it_is_where_the_requester_is_or_else_their_organisation() -> None:
    place = {"country": "CH", "zone": "Europe/Zurich"}
    a_ticket().when(CreateTicket(subject="x", requester="MAX")).then_made(TicketCreated, **place)
    place = {"country": "FR", "zone": "America/Lima"}
    a_ticket().when(CreateTicket(subject="x", requester="ZOE")).then_made(TicketCreated, **place)


def test_a_priority_by_hand_needs_a_reason() -> None:
    command = CreateTicket(subject="x", priority="low")
    a_ticket().when(command).then_refused(MissingFields, "reason")
    because = command.model_copy(update={"priority_reason": "can wait"})
    a_ticket().when(because).then_made(
        TicketCreated, priority="low", priority_source="manual", priority_reason="can wait"
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"requester": "NOBODY"}, ("person NOBODY",)),
        ({"requester": "UNHEARD"}, ("person UNHEARD", "register")),
        ({"ccs": ("NOBODY",)}, ("person NOBODY",)),
        ({"organisation": "NONE"}, ("organisation NONE",)),
        ({"category": "fire"}, ("'fire'", "billing, network")),
        ({"product": "toaster"}, ("'toaster'", "router")),
        ({"impact": "huge"}, ("'huge'", "high, low")),
        ({"urgency": "now"}, ("'now'", "high, low")),
        ({"priority": "P1", "priority_reason": "x"}, ("'P1'", "critical, high")),
        ({"team": "L3"}, ("'L3'", "billing, network")),
        ({"assignee": "zoe"}, ("'zoe'", "ann, bob")),
        ({"assignee": "rob"}, ("rob is retired",)),
        ({"assignee": "bob", "team": "network"}, ("bob is not in team network", "billing")),
        ({"fields": {"size": 1}}, ("'size'", "birthday, cause")),
        ({"follow_up_of": "NONE"}, ("ticket/NONE is no ticket",)),
        ({"follow_up_of": "person/KIM"}, ("person/KIM is no ticket", "check the id")),
    ],
)
def test_what_nobody_knows_is_refused_with_what_is_known(
    values: dict[str, object], words: tuple[str, ...]
) -> None:
    command = CreateTicket.model_validate({"subject": "x", **values})
    a_ticket().when(command).then_refused(Invalid, *words)


def test_categories_and_products_are_free_where_the_settings_have_none() -> None:
    command = CreateTicket(subject="x", category="fire", product="toaster")
    a_ticket(replace(SETTINGS, categories={}, products={})).when(command).then_made(TicketCreated)


def test_without_settings_no_ticket() -> None:
    a_ticket(Settings()).when(CreateTicket(subject="x")).then_refused(Invalid, "priorities")
    nothing = Settings(priorities=SETTINGS.priorities)
    a_ticket(nothing).when(CreateTicket(subject="x")).then_refused(Invalid, "workflow")


@pytest.mark.parametrize(
    "values",
    [
        {"requester": "LEE"},
        {"team": "network"},
        {"assignee": "ann"},
        {"priority": "critical", "priority_reason": "I am the king"},
    ],
)
def test_persons_create_for_themselves_and_leave_the_work_to_agents(
    values: dict[str, object],
) -> None:
    command = CreateTicket.model_validate({"subject": "x", **values})
    a_ticket().when(command, by=KIM).then_refused(Forbidden, "KIM is a person")


def test_a_ticket_exists_once() -> None:
    new().when(ASKS, by=KIM).then_refused(Refused, "THIS exists already")


def test_nothing_happens_to_a_ticket_that_does_not_exist() -> None:
    a_ticket().when(Note(body="x")).then_refused(NotFound, "THIS doesn't exist")
    a_ticket().when(Reply(body="x"), by=LEE).then_refused(NotFound)


def test_a_follow_up_takes_over_what_the_settings_no_longer_know() -> None:
    takes_over = {
        "requester": "elsewhere-77",
        "organisation": "elsewhere-9",
        "category": "old/words",
        "impact": "1 - huge",
        "team": "L3",
        "ccs": ("elsewhere-78",),
        "fields": {"system": "dos", "floor": 2},
    }
    command = CreateTicket.model_validate(
        {"subject": "x", "description": "Again!", "follow_up_of": "DONE", **takes_over}
    )
    a_ticket().when(command, by=LEE).then_made(
        TicketCreated,
        **takes_over,
        author_kind="end-user",
        description_public=True,
        priority="medium",
        tier=None,
    )
    other = command.model_copy(update={"team": "L4"})
    a_ticket().when(other).then_refused(Invalid, "'L4'")
    for change in ({"team": "network"}, {"requester": "GUS"}):
        taken = command.model_copy(update=change)
        a_ticket().when(taken, by=LEE).then_refused(Forbidden)


def test_what_the_survivor_lacks_is_that_of_whom_was_merged() -> None:
    merged = {
        "person/OLD": Person(id="OLD", version=3, merged_into="MID", country="CH", language="de"),
        "person/MID": Person(
            id="MID", version=3, merged_into="NEW", organisation="ACME", country="AT"
        ),
        "person/NEW": Person(id="NEW", version=3, language="fr"),
    }
    a_ticket(**merged).when(CreateTicket(subject="x", requester="OLD")).then_made(
        TicketCreated, requester="NEW", organisation="ACME", tier="b", country="AT", language="fr"
    )
    a_ticket(**merged).when(CreateTicket(subject="x", requester="NEW")).then_made(
        TicketCreated, requester="NEW", organisation=None
    )

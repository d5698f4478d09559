"""Tickets at every point of their life, for the tests of their rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.given import KIM, SETTINGS, SUE, Story
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.parties.organisation import Organisation
from ticketlog.domain.parties.person import Person
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.creation import CreateTicket, TicketCreated
from ticketlog.domain.ticket.lifecycle import Close, Hold, MarkSpam, SetStatus, Solve
from ticketlog.domain.ticket.state import Ticket

OTHERS: dict[str, Any] = {
    "person/KIM": Person(id="KIM", version=0, organisation="ACME", language="de"),
    "person/LEE": Person(id="LEE", version=0),
    "person/MAX": Person(id="MAX", version=0, country="CH", zone="Europe/Zurich"),
    "person/ZOE": Person(id="ZOE", version=0, organisation="BASE", zone="America/Lima"),
    "organisation/BASE": Organisation(
        id="BASE", version=0, name="Base", country="FR", zone="Europe/Paris"
    ),
    "person/GUS": Person(id="GUS", version=0, organisation="GOLD", language="fr"),
    "person/OLD": Person(id="OLD", version=3, merged_into="OLDER"),
    "person/OLDER": Person(id="OLDER", version=3, merged_into="GUS"),
    "person/NOBODY": Person(id="NOBODY"),
    "organisation/ACME": Organisation(id="ACME", version=0, name="Acme", tier="b"),
    "organisation/GOLD": Organisation(id="GOLD", version=0, name="Gold", tier="a", contract="gold"),
    "ticket/OTHER": Ticket(id="OTHER", version=4, status="open", status_category="open"),
    "ticket/DONE": Ticket(
        id="DONE",
        version=9,
        status="closed",
        status_category="closed",
        requester="elsewhere-77",
        organisation="elsewhere-9",
        category="old/words",
        impact="1 - huge",
        team="L3",
        ccs=("elsewhere-78",),
        fields={"system": "dos", "cause": "age"},
    ),
}


def a_ticket(settings: Settings = SETTINGS, **others: Any) -> Story:
    return Story(AGGREGATES["ticket"], settings=settings, others=OTHERS | others)


def created(**values: Any) -> TicketCreated:
    """KIM asks about the printer."""
    known: dict[str, Any] = {
        "data_subject": "KIM",
        "subject": "Printer on fire",
        "description": "Smoke everywhere",
        "description_public": True,
        "author_kind": "requester",
        "type": "question",
        "requester": "KIM",
        "organisation": "ACME",
        "tier": "b",
        "language": "de",
        "priority": "medium",
        "priority_source": "default",
        "status": "new",
        "status_category": "new",
        "workflow": "default",
    }
    return TicketCreated(**known | values)


ASKS = CreateTicket(subject="Printer on fire", description="Smoke everywhere", requester="KIM")


def new() -> Story:
    return a_ticket().given(ASKS, by=KIM)


def open_(story: Story | None = None) -> Story:
    """ANN of the network team has it."""
    return (story or new()).given(Assign(team="network", assignee="ann"))


def pending(story: Story | None = None) -> Story:
    return open_(story).given(SetStatus(status="pending"))


def on_hold(story: Story | None = None) -> Story:
    return open_(story).given(Hold(reason="waits for the vendor"))


def solved(story: Story | None = None) -> Story:
    return open_(story).given(Solve(code="fixed", resolution="Water"))


def closed(story: Story | None = None) -> Story:
    return solved(story).given(Close(), by=SUE)


def spam(story: Story | None = None) -> Story:
    return open_(story).given(MarkSpam())


def with_workflow(**changes: Any) -> Settings:
    """The settings, with another default workflow."""
    default = SETTINGS.workflows["default"].model_copy(update=changes)
    return replace(SETTINGS, workflows={**SETTINGS.workflows, "default": default})

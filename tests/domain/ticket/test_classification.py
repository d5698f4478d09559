from __future__ import annotations

from tests.domain.ticket.shop import a_ticket, new, open_
from tests.given import MAIL
from ticketlog.domain.base import Invalid
from ticketlog.domain.ticket.classification import (
    AttributeChanged,
    CategoryChanged,
    Classify,
    DueChanged,
    OrganisationChanged,
    RequesterChanged,
    SetDue,
    SetOrganisation,
    SetRequester,
    SetSubject,
    SubjectChanged,
    Tag,
    TagsChanged,
)
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.priority import (
    Prioritise,
    PriorityChanged,
)


def test_each_thing_that_is_classified_is_its_own_change() -> None:
    command = Classify(
        category="network/vpn", product="router", asset="R-17", site="Basel", language="it"
    )
    story = open_().when(command)
    story.then(
        CategoryChanged(new="network/vpn"),
        AttributeChanged(attribute="product", new="router"),
        AttributeChanged(attribute="asset", new="R-17"),
        AttributeChanged(attribute="site", new="Basel"),
        AttributeChanged(attribute="language", old="de", new="it"),
    )
    story.when(command).then()
    story.when(Classify(category="billing")).then(CategoryChanged(old="network/vpn", new="billing"))
    open_().when(Classify(category="fire")).then_refused(Invalid, "'fire'", "network/vpn")
    open_().when(Classify(product="fire")).then_refused(Invalid, "'fire'", "router")


def test_another_organisation_brings_its_contract() -> None:
    story = new().given(Prioritise(priority="low", reason="x"))
    story.when(SetOrganisation(organisation="GOLD")).then(
        OrganisationChanged(old="ACME", new="GOLD", old_tier="b", tier="a", contract="gold"),
        PriorityChanged(old="low", new="high", old_source="manual", source="contract"),
    )
    story.when(SetOrganisation(organisation="GOLD")).then()
    story.when(SetOrganisation(organisation=None)).then_made(
        OrganisationChanged, PriorityChanged, new="medium", source="default"
    )
    new().when(SetOrganisation(organisation="NONE")).then_refused(Invalid, "organisation NONE")


def test_another_requester_may_be_elsewhere() -> None:
    story = new().when(SetRequester(requester="MAX"))
    story.then_made(RequesterChanged, OrganisationChanged)
    assert (story.state.country, story.state.zone) == ("CH", "Europe/Zurich")
    story.when(SetRequester(requester="ZOE")).then(
        RequesterChanged(
            old="MAX",
            new="ZOE",
            old_country="CH",
            country="FR",
            old_zone="Europe/Zurich",
            zone="America/Lima",
        ),
        OrganisationChanged(new="BASE"),
    )


def test_another_requester_brings_their_organisation() -> None:
    story = new().when(SetRequester(requester="OLD"))
    story.then(
        RequesterChanged(old="KIM", new="GUS"),
        OrganisationChanged(old="ACME", new="GOLD", old_tier="b", tier="a", contract="gold"),
        PriorityChanged(old="medium", new="high", old_source="default", source="contract"),
    )
    story.when(SetRequester(requester="GUS")).then()
    story.when(SetRequester(requester="LEE")).then_made(
        RequesterChanged, OrganisationChanged, PriorityChanged, new="medium"
    )
    story.when(SetRequester(requester="NOBODY")).then_refused(Invalid, "person NOBODY")


def test_texts_on_a_ticket_without_requester_are_its_own() -> None:
    story = a_ticket().given(CreateTicket(subject="Disk full"), by=MAIL)
    story.when(SetSubject(subject="Disk is full")).then(
        SubjectChanged(data_subject="ticket/THIS", old="Disk full", new="Disk is full")
    )


def test_a_due_date_is_set_and_taken_away() -> None:
    story = new().when(SetDue(due_at=5)).then(DueChanged(new=5)).when(SetDue(due_at=5)).then()
    story.when(SetDue(due_at=None)).then(DueChanged(old=5))


def test_tags_are_a_set_in_the_order_they_came() -> None:
    story = new().when(Tag(add=("vip", "vpn", "vip"))).then(TagsChanged(new=("vip", "vpn")))
    story.when(Tag(add=("vpn", "fire"), remove=("vip", "nothing"))).then(
        TagsChanged(old=("vip", "vpn"), new=("vpn", "fire"))
    )
    story.when(Tag(add=("vpn",), remove=("vip",))).then()
    many = Tag(add=tuple(f"t{n}" for n in range(99)))
    story.when(many).then_refused(Invalid, "101 tags", "100")

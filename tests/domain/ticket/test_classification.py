from __future__ import annotations

import pytest

from tests.domain.ticket.shop import a_ticket, new, open_
from tests.given import IMPORT, MAIL
from ticketlog.domain.base import Invalid, MissingFields
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
from ticketlog.domain.ticket.fields import FieldsChanged, SetFields
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.domain.ticket.priority import (
    ImpactChanged,
    Prioritise,
    PriorityChanged,
    UrgencyChanged,
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


def test_priority_follows_impact_and_urgency() -> None:
    story = new().when(Prioritise(impact="high"))
    story.then(ImpactChanged(new="high"))
    story.when(Prioritise(urgency="high")).then(
        UrgencyChanged(new="high"),
        PriorityChanged(old="medium", new="critical", old_source="default", source="matrix"),
    )
    story.when(Prioritise(impact="low", urgency="low")).then_made(
        ImpactChanged, UrgencyChanged, PriorityChanged, new="low", source="matrix"
    )
    story.when(Prioritise(impact="low", urgency="low")).then()


def test_a_priority_by_hand_has_a_reason_and_survives_until_it_is_given_back() -> None:
    story = new().when(Prioritise(priority="low"))
    story.then_refused(MissingFields, "reason")
    story.when(Prioritise(priority="low", reason="can wait")).then(
        PriorityChanged(
            old="medium", new="low", old_source="default", source="manual", reason="can wait"
        )
    )
    story.when(Prioritise(priority="low", reason="really")).then()
    story.when(Prioritise(impact="high", urgency="high")).then_made(ImpactChanged, UrgencyChanged)
    story.when(Prioritise(automatic=True)).then_made(
        PriorityChanged, new="critical", source="matrix", old_source="manual"
    )
    story.when(Prioritise(automatic=True)).then()


def test_by_hand_even_where_the_matrix_says_the_same() -> None:
    new().when(Prioritise(priority="medium", reason="I mean it")).then_made(
        PriorityChanged, old="medium", new="medium", source="manual"
    )


def test_priority_is_either_by_hand_or_automatic_and_known() -> None:
    both = Prioritise(priority="low", reason="x", automatic=True)
    new().when(both).then_refused(Invalid, "leave one out")
    new().when(Prioritise(priority="P1", reason="x")).then_refused(Invalid, "'P1'", "critical")
    new().when(Prioritise(impact="huge")).then_refused(Invalid, "impact 'huge'")
    new().when(Prioritise(urgency="now")).then_refused(Invalid, "urgency 'now'")


def test_a_contract_is_a_floor_under_the_priority() -> None:
    story = a_ticket().given(CreateTicket(subject="x", requester="GUS"))
    assert (story.state.priority, story.state.priority_source) == ("high", "contract")
    story.when(Prioritise(impact="low", urgency="low")).then_made(ImpactChanged, UrgencyChanged)
    story.when(Prioritise(priority="low", reason="x")).then_refused(Invalid, "gold", "below high")
    story.when(Prioritise(priority="critical", reason="x")).then_made(PriorityChanged)
    story.when(Prioritise(automatic=True)).then_made(PriorityChanged, new="high", source="contract")


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


def test_an_imported_priority_stays_until_it_is_given_back() -> None:
    row = RecordActivity(source="old", case="1", row=1, priority="P1")
    story = a_ticket().given(row, by=IMPORT)
    story.when(Prioritise(impact="low", urgency="low")).then_made(ImpactChanged, UrgencyChanged)
    story.when(Prioritise(automatic=True)).then_made(PriorityChanged, old="P1", new="low")


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


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("cause", "toner", "toner"),
        ("floor", -1, -1),
        ("floor", 9, 9),
        ("remote", False, False),
        ("since", "2026-01-31", "2026-01-31"),
        ("since", "20260131", "2026-01-31"),
        ("seen-at", "2026-01-31T10:00:00+01:00", "2026-01-31T09:00:00.000000Z"),
        ("system", "linux", "linux"),
        ("rooms", ("lab", "attic", "lab"), ("attic", "lab")),
        ("rooms", (), ()),
    ],
)
def test_a_field_takes_what_it_is_for(field: str, value: object, kept: object) -> None:
    command = SetFields.model_validate({"fields": {field: value}})
    story = new().when(command)
    story.then(FieldsChanged(data_subject="KIM", old={field: None}, new={field: kept}))  # type: ignore[dict-item]
    assert story.state.fields == {field: kept}
    story.when(command).then()
    story.when(SetFields(fields={field: None}))
    assert story.state.fields == {}
    story.when(SetFields(fields={field: None})).then()


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("cause", 1, "a text"),
        ("cause", "", "a text"),
        ("floor", "3", "a whole number"),
        ("floor", True, "a whole number"),
        ("floor", -2, "from -1"),
        ("floor", 10, "up to 9"),
        ("remote", 1, "true or false"),
        ("since", "31.1.2026", "2026-01-31"),
        ("since", 20260131, "a date"),
        ("seen-at", "2026-01-31T10:00:00", "2026-01-31T09:00:00Z"),
        ("seen-at", 5, "a time"),
        ("system", "windows", "linux, mac"),
        ("system", "dos", "linux, mac"),
        ("rooms", "attic", "attic, lab"),
        ("rooms", ("attic", "roof"), "attic, lab"),
    ],
)
def test_a_field_takes_nothing_else(field: str, value: object, wanted: str) -> None:
    command = SetFields.model_validate({"fields": {field: value}})
    new().when(command).then_refused(Invalid, f"field {field} takes", wanted)


def test_an_unknown_field_is_answered_with_the_known_ones() -> None:
    new().when(SetFields(fields={"flor": 1})).then_refused(Invalid, "'flor'", "cause, floor")


def test_personal_fields_are_kept_apart() -> None:
    story = new().given(SetFields(fields={"birthday": "1970-01-01"}))
    story.when(SetFields(fields={"birthday": "1971-01-01", "floor": 1})).then(
        FieldsChanged(
            data_subject="KIM",
            old={"floor": None},
            new={"floor": 1},
            personal_old={"birthday": "1970-01-01"},
            personal_new={"birthday": "1971-01-01"},
        )
    )
    assert story.state.fields == {"birthday": "1971-01-01", "floor": 1}


def test_a_number_and_a_truth_are_two_values() -> None:
    row = RecordActivity(source="old", case="1", row=1, fields={"urgent": 1})
    story = a_ticket().given(row, by=IMPORT)
    story.when(row.model_copy(update={"fields": {"urgent": True}}), by=IMPORT)
    assert story.state.fields["urgent"] is True

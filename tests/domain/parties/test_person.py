from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.given import Story
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import Command, Invalid, NotFound, Refused, Stale
from ticketlog.domain.parties import organisation, person
from ticketlog.domain.parties.contact import (
    AddAddress,
    Address,
    AddressAdded,
    AddressRemoved,
    AddressVerified,
    RemoveAddress,
    VerifyAddress,
)
from ticketlog.domain.parties.person import (
    MergePerson,
    PersonLocaleChanged,
    PersonMerged,
    PersonOrganisationChanged,
    PersonRegistered,
    PersonRenamed,
    RegisterPerson,
    RenamePerson,
    SetPersonLocale,
    SetPersonOrganisation,
)

MAIL = Address(kind="email", value="ada@example.com", verified=True)
ADA = PersonRegistered(data_subject="THIS", name="Ada", addresses=(MAIL,), language="en")
OTHERS: dict[str, Any] = {
    "organisation/ACME": organisation.Organisation(id="ACME", version=0),
    "organisation/GONE": organisation.initial("GONE"),
    "person/BOB": person.Person(id="BOB", version=3),
    "person/OLD": person.Person(id="OLD", version=3, merged_into="BOB"),
    "person/THIS": person.Person(id="THIS", version=0),
    "person/NOBODY": person.initial("NOBODY"),
}


def a_person() -> Story:
    return Story(AGGREGATES["person"], others=OTHERS)


def test_registering_records_all_that_is_known() -> None:
    command = RegisterPerson(
        name="Ada",
        addresses=(MAIL, Address(kind="phone", value="+49 (30) 12-34")),
        organisation="ACME",
        language="en-GB",
        country="GB",
        zone="Europe/London",
    )
    story = a_person().when(command)
    story.then(
        PersonRegistered(
            data_subject="THIS",
            name="Ada",
            addresses=(MAIL, Address(kind="phone", value="+49301234")),
            organisation="ACME",
            language="en-GB",
            country="GB",
            zone="Europe/London",
        )
    )
    assert story.state.zone == "Europe/London"
    story.when(command).then()


def test_a_person_is_registered_once() -> None:
    a_person().given(ADA).when(RegisterPerson(name="Bob")).then_refused(Refused, "already")


def test_a_person_has_a_name_or_an_address() -> None:
    a_person().when(RegisterPerson(language="en")).then_refused(Invalid, "name or an address")
    a_person().when(RegisterPerson(addresses=(MAIL,))).then(
        PersonRegistered(data_subject="THIS", addresses=(MAIL,))
    )


def test_the_same_address_twice_is_one() -> None:
    twice = (Address(kind="email", value="ADA@Example.com"), MAIL)
    a_person().when(RegisterPerson(addresses=twice)).then(
        PersonRegistered(data_subject="THIS", addresses=(MAIL,))
    )


@pytest.mark.parametrize(
    "command",
    [
        RenamePerson(name="Bob"),
        AddAddress(kind="email", value="a@b"),
        RemoveAddress(kind="email", value="a@b"),
        VerifyAddress(kind="email", value="a@b"),
        SetPersonOrganisation(organisation=None),
        SetPersonLocale(language="de"),
        MergePerson(into="BOB"),
    ],
)
def test_nobody_changes_before_they_are_registered_or_after_they_were_merged(
    command: Command,
) -> None:
    a_person().when(command).then_refused(NotFound, "THIS", "register")
    merged = a_person().given(ADA, PersonMerged(into="ELSE")).when(command)
    if isinstance(command, RemoveAddress):
        merged.then()  # nobody has it: there is nothing to change
    else:
        merged.then_refused(Refused, "THIS", "merged into ELSE")


def test_a_name_changes_from_old_to_new() -> None:
    story = a_person().given(ADA).when(RenamePerson(name="Ada L."))
    story.then(PersonRenamed(data_subject="THIS", old="Ada", new="Ada L."))
    assert story.state.name == "Ada L."
    story.when(RenamePerson(name="Ada L.")).then()


def test_an_address_comes_is_verified_and_goes() -> None:
    story = a_person().given(ADA).when(AddAddress(kind="handle", value=" @ada "))
    story.then(AddressAdded(data_subject="THIS", kind="handle", value="@ada"))
    story.when(AddAddress(kind="handle", value="@ada")).then()
    story.when(VerifyAddress(kind="handle", value="@ada"))
    story.then(AddressVerified(data_subject="THIS", kind="handle", value="@ada"))
    story.when(VerifyAddress(kind="handle", value="@ada")).then()
    assert story.state.addresses == (
        MAIL,
        Address(kind="handle", value="@ada", verified=True),
    )
    story.when(RemoveAddress(kind="handle", value="@ada"))
    story.then(AddressRemoved(data_subject="THIS", kind="handle", value="@ada", verified=True))
    assert story.state.addresses == (MAIL,)
    story.when(RemoveAddress(kind="handle", value="@ada")).then()


def test_an_address_that_is_known_can_be_added_as_verified() -> None:
    story = a_person().given(ADA).when(AddAddress(kind="phone", value="0301234"))
    story.when(AddAddress(kind="phone", value="030 1234", verified=True))
    story.then(AddressVerified(data_subject="THIS", kind="phone", value="0301234"))


def test_an_address_is_added_before_it_is_verified() -> None:
    a_person().given(ADA).when(VerifyAddress(kind="phone", value="12345")).then_refused(
        Invalid, "THIS", "12345", "add it first"
    )


@pytest.mark.parametrize(
    ("kind", "value", "hint"),
    [
        ("email", "ada", "name@example.com"),
        ("email", "ada@", "name@example.com"),
        ("email", "a da@example.com", "name@example.com"),
        ("phone", "call me", "+49 30"),
        ("phone", "12", "+49 30"),
    ],
)
def test_what_reaches_nobody_is_no_address(kind: Any, value: str, hint: str) -> None:
    story = a_person().given(ADA).when(AddAddress(kind=kind, value=value))
    story.then_refused(Invalid, hint)
    a_person().when(RegisterPerson(addresses=(Address(kind=kind, value=value),))).then_refused(
        Invalid, hint
    )


@pytest.mark.parametrize(("value", "hint"), [("  ", "name one"), ("\u202eeve", "U+202E")])
def test_what_nobody_can_read_is_no_address(value: str, hint: str) -> None:
    command = RegisterPerson(addresses=(Address(kind="handle", value=value),))
    a_person().when(command).then_refused(Invalid, hint)


def test_a_person_moves_between_organisations_that_exist() -> None:
    story = a_person().given(ADA).when(SetPersonOrganisation(organisation="ACME"))
    story.then(PersonOrganisationChanged(old=None, new="ACME"))
    story.when(SetPersonOrganisation(organisation="ACME")).then()
    story.when(SetPersonOrganisation(organisation="GONE")).then_refused(
        Invalid, "organisation GONE", "register"
    )
    story.when(SetPersonOrganisation(organisation=None))
    story.then(PersonOrganisationChanged(old="ACME", new=None))
    a_person().when(RegisterPerson(name="A", organisation="GONE")).then_refused(Invalid, "GONE")


def test_each_part_of_a_locale_changes_by_itself() -> None:
    story = a_person().given(ADA)
    story.when(SetPersonLocale(language="en", country="DE", zone="Europe/Berlin")).then(
        PersonLocaleChanged(attribute="country", old=None, new="DE"),
        PersonLocaleChanged(attribute="zone", old=None, new="Europe/Berlin"),
    )
    story.when(SetPersonLocale(country="FR")).then(
        PersonLocaleChanged(attribute="country", old="DE", new="FR")
    )
    assert (story.state.language, story.state.country) == ("en", "FR")


@pytest.mark.parametrize(
    "locale",
    [
        {"zone": "Europe/Atlantis"},
        {"zone": "../etc/passwd"},
        {"language": "English"},
        {"country": "Germany"},
        {"country": "de"},
    ],
)
def test_a_locale_that_does_not_exist_is_no_command(locale: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SetPersonLocale(**locale)  # type: ignore[arg-type]


def test_a_person_is_merged_into_another_who_is_there() -> None:
    story = a_person().given(ADA).when(MergePerson(into="BOB"))
    story.then(PersonMerged(into="BOB"))
    assert story.state.merged_into == "BOB"
    story.when(MergePerson(into="BOB")).then()
    story.when(MergePerson(into="OLD")).then_refused(Refused, "merged into BOB")


def test_an_address_of_a_merged_person_may_be_removed_again() -> None:
    story = a_person().given(ADA).when(AddAddress(kind="phone", value="12340"))
    story.when(MergePerson(into="BOB")).when(RemoveAddress(kind="phone", value="12340"))
    story.then(AddressRemoved(data_subject="THIS", kind="phone", value="12340", verified=False))
    story.when(RemoveAddress(kind="phone", value="12340")).then()


def test_a_person_is_not_merged_into_themselves_nobody_or_one_who_is_merged() -> None:
    story = a_person().given(ADA)
    story.when(MergePerson(into="THIS")).then_refused(Invalid, "themselves")
    story.when(MergePerson(into="NOBODY")).then_refused(NotFound, "NOBODY", "register")
    story.when(MergePerson(into="OLD")).then_refused(Invalid, "OLD", "merged into BOB")


def test_what_changed_since_it_was_seen_is_not_changed_again() -> None:
    renamed = PersonRenamed(data_subject="THIS", old="Ada", new="Eve")
    story = a_person().given(ADA, renamed)
    story.when(RenamePerson(name="Ada L."), seen=0).then_refused(Stale, "version 1", "name")
    story.when(SetPersonLocale(country="GB"), seen=0).then(
        PersonLocaleChanged(attribute="country", old=None, new="GB")
    )
    story.when(RenamePerson(name="Ada L."), seen=1)
    story.then(PersonRenamed(data_subject="THIS", old="Eve", new="Ada L."))


PLACES = st.tuples(st.sampled_from(["email", "phone", "handle"]), st.integers(0, 3))
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(RegisterPerson, name=st.sampled_from(["Ada", "Bob"])),
    st.builds(RenamePerson, name=st.sampled_from(["Ada", "Bob"])),
    st.builds(
        lambda place, verified: AddAddress(
            kind=place[0],
            value=f"1234{place[1]}@5" if place[0] == "email" else f"1234{place[1]}",
            verified=verified,
        ),
        PLACES,
        st.booleans(),
    ),
    st.builds(
        lambda cls, n: cls(kind="phone", value=f"1234{n}"),
        st.sampled_from([RemoveAddress, VerifyAddress]),
        st.integers(0, 3),
    ),
    st.builds(SetPersonOrganisation, organisation=st.sampled_from([None, "ACME", "GONE"])),
    st.builds(SetPersonLocale, country=st.sampled_from([None, "DE", "FR"])),
    st.builds(MergePerson, into=st.sampled_from(["BOB", "OLD", "THIS", "NOBODY"])),
)


@given(st.lists(COMMANDS, max_size=25))
def test_a_command_that_was_obeyed_changes_nothing_when_it_comes_again(
    commands: list[Command],
) -> None:
    story = a_person()
    for command in commands:
        before = story.state
        story.when(command)
        if isinstance(story.outcome, Refused):
            assert story.state == before
        else:
            story.when(command).then()

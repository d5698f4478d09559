from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.given import Story
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import Command, NotFound, Refused, Stale
from ticketlog.domain.parties.organisation import (
    OrganisationContractChanged,
    OrganisationDomainsChanged,
    OrganisationLocaleChanged,
    OrganisationRegistered,
    OrganisationRenamed,
    OrganisationTierChanged,
    RegisterOrganisation,
    RenameOrganisation,
    SetOrganisationContract,
    SetOrganisationDomains,
    SetOrganisationLocale,
    SetOrganisationTier,
)

ACME = OrganisationRegistered(name="Acme", tier="gold", domains=("acme.com",))


def an_organisation() -> Story:
    return Story(AGGREGATES["organisation"])


def test_registering_records_all_that_is_known() -> None:
    command = RegisterOrganisation(
        name="Acme",
        tier="gold",
        contract="2026-17",
        language="en",
        country="US",
        zone="America/New_York",
        domains=("Acme.com", "acme.org", "acme.com"),
    )
    story = an_organisation().when(command)
    story.then(
        OrganisationRegistered(
            name="Acme",
            tier="gold",
            contract="2026-17",
            language="en",
            country="US",
            zone="America/New_York",
            domains=("acme.com", "acme.org"),
        )
    )
    assert story.state.contract == "2026-17"
    story.when(command).then()
    story.when(RegisterOrganisation(name="Other")).then_refused(Refused, "THIS", "already")


CHANGES: list[tuple[Command, object, str]] = [
    (RenameOrganisation(name="Acme Inc"), OrganisationRenamed(old="Acme", new="Acme Inc"), "name"),
    (SetOrganisationTier(tier=None), OrganisationTierChanged(old="gold", new=None), "tier"),
    (SetOrganisationTier(tier="tin"), OrganisationTierChanged(old="gold", new="tin"), "tier"),
    (
        SetOrganisationContract(contract="c1"),
        OrganisationContractChanged(old=None, new="c1"),
        "contract",
    ),
    (
        SetOrganisationLocale(zone="Asia/Tokyo"),
        OrganisationLocaleChanged(attribute="zone", old=None, new="Asia/Tokyo"),
        "locale",
    ),
    (
        SetOrganisationDomains(domains=("acme.de", "acme.com")),
        OrganisationDomainsChanged(old=("acme.com",), new=("acme.com", "acme.de")),
        "domains",
    ),
]


@pytest.mark.parametrize(("command", "event", "aspect"), CHANGES)
def test_a_change_holds_the_old_and_the_new_value(
    command: Command, event: object, aspect: str
) -> None:
    story = an_organisation().given(ACME).when(command)
    story.then(event)  # type: ignore[arg-type]
    story.when(command).then()
    story.when(command, seen=0).then_refused(Stale, aspect, "version 1")


@pytest.mark.parametrize(("command", "event", "aspect"), CHANGES)
def test_nothing_changes_before_it_is_registered(
    command: Command, event: object, aspect: str
) -> None:
    an_organisation().when(command).then_refused(NotFound, "THIS", "register")


@pytest.mark.parametrize("domain", ["acme", "a b.com", "@acme.com", "acme..com", ""])
def test_a_domain_is_one_of_addresses(domain: str) -> None:
    with pytest.raises(ValidationError):
        SetOrganisationDomains(domains=(domain,))


@given(st.lists(st.sampled_from([command for command, _, _ in CHANGES]), max_size=20))
def test_a_command_that_was_obeyed_changes_nothing_when_it_comes_again(
    commands: list[Command],
) -> None:
    story = an_organisation().given(ACME)
    for command in commands:
        story.when(command)
        assert not isinstance(story.outcome, Refused)
        story.when(command).then()

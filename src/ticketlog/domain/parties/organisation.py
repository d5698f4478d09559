"""An organisation: whom persons belong to, with its tier and contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from ticketlog.domain.base import (
    Aggregate,
    Command,
    CommandSpec,
    Context,
    Event,
    Key,
    Line,
    NotFound,
    Recorded,
    Refused,
)
from ticketlog.domain.parties.party import (
    Country,
    Language,
    LocaleChanged,
    Party,
    SetLocale,
    Zone,
    after,
    check_seen,
    relocated,
)
from ticketlog.domain.rights import STAFF

KIND = "organisation"
_INITIAL = ("name", "tier", "contract", "language", "country", "zone", "domains")

Domain = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$", max_length=100, to_lower=True),
]
"""A domain of e-mail addresses: 'example.com'."""


class OrganisationRegistered(Event):
    """An organisation became known, with all that was known about it."""

    NAME: ClassVar[str] = "organisation.registered.v1"
    ASPECT: ClassVar[str] = "existence"
    name: Line
    tier: Key | None = None
    contract: Key | None = None
    language: Key | None = None
    country: Key | None = None
    zone: Key | None = None
    domains: tuple[Key, ...] = ()


class OrganisationRenamed(Event):
    """It has another name now."""

    NAME: ClassVar[str] = "organisation.renamed.v1"
    ASPECT: ClassVar[str] = "name"
    old: Line
    new: Line


class OrganisationTierChanged(Event):
    """It is a customer of another tier now; None: of none."""

    NAME: ClassVar[str] = "organisation.tier-changed.v1"
    ASPECT: ClassVar[str] = "tier"
    old: Key | None = None
    new: Key | None = None


class OrganisationContractChanged(Event):
    """Another contract is in force with it now; None: none."""

    NAME: ClassVar[str] = "organisation.contract-changed.v1"
    ASPECT: ClassVar[str] = "contract"
    old: Key | None = None
    new: Key | None = None


class OrganisationLocaleChanged(LocaleChanged):
    """Its language, country or time zone is another."""

    NAME: ClassVar[str] = "organisation.locale-changed.v1"


class OrganisationDomainsChanged(Event):
    """Persons are recognised as its own by other e-mail domains."""

    NAME: ClassVar[str] = "organisation.domains-changed.v1"
    ASPECT: ClassVar[str] = "domains"
    old: tuple[Key, ...] = ()
    new: tuple[Key, ...] = ()


EVENTS: tuple[type[Event], ...] = (
    OrganisationRegistered,
    OrganisationRenamed,
    OrganisationTierChanged,
    OrganisationContractChanged,
    OrganisationLocaleChanged,
    OrganisationDomainsChanged,
)


@dataclass(frozen=True)
class Organisation(Party):
    """An organisation after its event number `version`."""

    name: str = ""
    tier: str | None = None
    contract: str | None = None
    language: str | None = None
    country: str | None = None
    zone: str | None = None
    domains: tuple[str, ...] = ()


def initial(id: str) -> Organisation:
    """An organisation that nobody has registered yet; `id` is the part after 'organisation/'."""
    return Organisation(id=id)


def evolve(organisation: Organisation, recorded: Recorded) -> Organisation:
    """The organisation after one more event. Never fails; events of other aggregates change
    nothing."""
    return organisation.but(after(organisation, recorded, _changes(recorded.event)))


def _changes(event: Event) -> dict[str, Any]:
    match event:
        case OrganisationRegistered():
            return {name: getattr(event, name) for name in _INITIAL}
        case OrganisationRenamed(new=name):
            return {"name": name}
        case OrganisationTierChanged(new=tier):
            return {"tier": tier}
        case OrganisationContractChanged(new=contract):
            return {"contract": contract}
        case OrganisationLocaleChanged(attribute=attribute, new=value):
            return {attribute: value}
        case OrganisationDomainsChanged(new=domains):
            return {"domains": domains}
        case _:
            return {}


class RegisterOrganisation(Command):
    """Makes an organisation known."""

    NAME: ClassVar[str] = "organisation.register"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF, "service"}),
        help="Make an organisation known.",
        examples=(
            'ticketlog organisation register "Acme GmbH" --tier gold --domains acme.example',
        ),
        positional=("name",),
        creates=True,
    )
    name: Line
    tier: Key | None = None
    contract: Key | None = None
    language: Language | None = None
    country: Country | None = None
    zone: Zone | None = None
    domains: Annotated[tuple[Domain, ...], Field(max_length=1_000)] = ()


class RenameOrganisation(Command):
    """Gives an organisation another name."""

    NAME: ClassVar[str] = "organisation.rename"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"name"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF, "service"}),
        help="Give it another name.",
        examples=('ticketlog organisation rename 7QK2M9ABCD4F "Acme AG"',),
        positional=("name",),
    )
    name: Line


class SetOrganisationTier(Command):
    """Sets the tier that it has as a customer; None: none."""

    NAME: ClassVar[str] = "organisation.set-tier"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"tier"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF, "service"}),
        help="Set its tier; without one, none.",
        examples=("ticketlog organisation set-tier 7QK2M9ABCD4F --tier gold",),
    )
    tier: Key | None


class SetOrganisationContract(Command):
    """Sets the contract that is in force with it; None: none."""

    NAME: ClassVar[str] = "organisation.set-contract"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"contract"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF, "service"}),
        help="Set its contract; without one, none.",
        examples=("ticketlog organisation set-contract 7QK2M9ABCD4F --contract premium",),
    )
    contract: Key | None


class SetOrganisationLocale(SetLocale):
    """Sets language, country or time zone; what is None stays."""

    NAME: ClassVar[str] = "organisation.set-locale"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF, "service"}),
        help="Set language, country or time zone.",
        examples=("ticketlog organisation set-locale 7QK2M9ABCD4F --country DE",),
    )


class SetOrganisationDomains(Command):
    """Sets the e-mail domains by which its persons are recognised."""

    NAME: ClassVar[str] = "organisation.set-domains"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"domains"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF, "service"}),
        help="Set the mail domains of its people, all of them.",
        examples=("ticketlog organisation set-domains 7QK2M9ABCD4F acme.example acme.test",),
        positional=("domains",),
    )
    domains: Annotated[tuple[Domain, ...], Field(max_length=1_000)]


COMMANDS: tuple[type[Command], ...] = (
    RegisterOrganisation,
    RenameOrganisation,
    SetOrganisationTier,
    SetOrganisationContract,
    SetOrganisationLocale,
    SetOrganisationDomains,
)


def decide(command: Command, organisation: Organisation, context: Context) -> list[Event]:
    """The events of what the command changes. Raises NotFound, Stale, Refused."""
    if isinstance(command, RegisterOrganisation):
        return _register(command, organisation)
    if not organisation.exists:
        raise NotFound(f"organisation {organisation.id} doesn't exist; register it first")
    check_seen(command, organisation, context)
    match command:
        case RenameOrganisation(name=name) if name != organisation.name:
            return [OrganisationRenamed(old=organisation.name, new=name)]
        case SetOrganisationTier(tier=tier) if tier != organisation.tier:
            return [OrganisationTierChanged(old=organisation.tier, new=tier)]
        case SetOrganisationContract(contract=contract) if contract != organisation.contract:
            return [OrganisationContractChanged(old=organisation.contract, new=contract)]
        case SetOrganisationLocale():
            return [
                OrganisationLocaleChanged(attribute=attribute, old=old, new=new)
                for attribute, old, new in relocated(command, organisation)
            ]
        case SetOrganisationDomains(domains=domains):
            new = _once(domains)
            if new != organisation.domains:
                return [OrganisationDomainsChanged(old=organisation.domains, new=new)]
    return []


def _register(command: RegisterOrganisation, organisation: Organisation) -> list[Event]:
    values: dict[str, Any] = {name: getattr(command, name) for name in _INITIAL}
    values["domains"] = _once(command.domains)
    if not organisation.exists:
        return [OrganisationRegistered(**values)]
    if all(getattr(organisation, name) == value for name, value in values.items()):
        return []
    raise Refused(
        f"organisation {organisation.id} is registered already; "
        "change what differs by its own command"
    )


def _once(domains: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(domains)))


AGGREGATE = Aggregate(
    kind=KIND,
    streams="Streams `organisation/ID` of the ticket log.",
    initial=initial,
    decide=decide,
    evolve=evolve,
    commands=COMMANDS,
    events=EVENTS,
)

"""A person: somebody who asks, answers or is written to, under an opaque id.

Names and addresses are personal and wrapped in the record. Organisation, language, country and
zone are not: reports count by them, and they stay when a person is erased.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from ticketlog.domain import address
from ticketlog.domain.address import Address
from ticketlog.domain.base import (
    Command,
    Context,
    Event,
    Invalid,
    Key,
    Line,
    NotFound,
    Personal,
    Recorded,
    Refused,
)
from ticketlog.domain.party import (
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

KIND = "person"
_INITIAL = ("name", "addresses", "organisation", "language", "country", "zone")


class PersonRegistered(Event):
    """A person became known, with all that was known about them."""

    NAME: ClassVar[str] = "person.registered.v1"
    ASPECT: ClassVar[str] = "existence"
    data_subject: Key
    name: Annotated[Line | None, Personal()] = None
    addresses: Annotated[tuple[Address, ...], Personal()] = ()
    organisation: Key | None = None
    language: Key | None = None
    country: Key | None = None
    zone: Key | None = None


class PersonRenamed(Event):
    """They have another name now."""

    NAME: ClassVar[str] = "person.renamed.v1"
    ASPECT: ClassVar[str] = "name"
    data_subject: Key
    old: Annotated[Line | None, Personal()] = None
    new: Annotated[Line, Personal()]


class PersonOrganisationChanged(Event):
    """They belong to another organisation now; None: to none."""

    NAME: ClassVar[str] = "person.organisation-changed.v1"
    ASPECT: ClassVar[str] = "organisation"
    old: Key | None = None
    new: Key | None = None


class PersonLocaleChanged(LocaleChanged):
    """Their language, country or time zone is another."""

    NAME: ClassVar[str] = "person.locale-changed.v1"


class PersonMerged(Event):
    """They turned out to be the same as another person, who stays; stored on this side only."""

    NAME: ClassVar[str] = "person.merged.v1"
    ASPECT: ClassVar[str] = "existence"
    into: Key


class PersonUnmerged(Event):
    """They aren't the same as the other person after all, and have what is theirs again."""

    NAME: ClassVar[str] = "person.unmerged.v1"
    ASPECT: ClassVar[str] = "existence"
    out_of: Key
    """Whom they had been merged into."""


EVENTS: tuple[type[Event], ...] = (
    PersonRegistered,
    PersonRenamed,
    address.AddressAdded,
    address.AddressRemoved,
    address.AddressVerified,
    PersonOrganisationChanged,
    PersonLocaleChanged,
    PersonMerged,
    PersonUnmerged,
)


@dataclass(frozen=True)
class Person(Party):
    """A person after their event number `version`."""

    name: str | None = None
    addresses: tuple[Address, ...] = ()
    organisation: str | None = None
    language: str | None = None
    country: str | None = None
    zone: str | None = None
    merged_into: str | None = None
    """The person who stays; this one takes nothing but an unmerge."""


def initial(id: str) -> Person:
    """A person whom nobody has registered yet; `id` is the part after 'person/'."""
    return Person(id=id)


def evolve(person: Person, recorded: Recorded) -> Person:
    """The person after one more event. Never fails; events of other aggregates change nothing."""
    return person.but(after(person, recorded, _changes(person, recorded.event)))


def _changes(person: Person, event: Event) -> dict[str, Any]:
    match event:
        case PersonRegistered():
            return {name: getattr(event, name) for name in _INITIAL}
        case PersonRenamed(new=name):
            return {"name": name}
        case address.AddressAdded() | address.AddressRemoved() | address.AddressVerified():
            return {"addresses": address.evolve(person.addresses, event)}
        case PersonOrganisationChanged(new=organisation):
            return {"organisation": organisation}
        case PersonLocaleChanged(attribute=attribute, new=value):
            return {attribute: value}
        case PersonMerged(into=into):
            return {"merged_into": into}
        case PersonUnmerged():
            return {"merged_into": None}
        case _:
            return {}


class RegisterPerson(Command):
    """Makes a person known. A name or an address is needed."""

    NAME: ClassVar[str] = "person.register"
    name: Line | None = None
    addresses: Annotated[tuple[Address, ...], Field(max_length=100)] = ()
    organisation: Key | None = None
    language: Language | None = None
    country: Country | None = None
    zone: Zone | None = None


class RenamePerson(Command):
    """Gives a person another name."""

    NAME: ClassVar[str] = "person.rename"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"name"})
    name: Line


class SetPersonOrganisation(Command):
    """Moves a person to another organisation; None: to none."""

    NAME: ClassVar[str] = "person.set-organisation"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"organisation"})
    organisation: Key | None


class SetPersonLocale(SetLocale):
    """Sets language, country or time zone; what is None stays."""

    NAME: ClassVar[str] = "person.set-locale"


class MergePerson(Command):
    """Says that this person is the same as another one, who stays."""

    NAME: ClassVar[str] = "person.merge"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"existence"})
    into: Key


class UnmergePerson(Command):
    """Takes a merge back: this person is another one after all."""

    NAME: ClassVar[str] = "person.unmerge"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"existence"})


COMMANDS: tuple[type[Command], ...] = (
    RegisterPerson,
    RenamePerson,
    address.AddAddress,
    address.RemoveAddress,
    address.VerifyAddress,
    SetPersonOrganisation,
    SetPersonLocale,
    MergePerson,
    UnmergePerson,
)


def reads(command: Command, person: Person, context: Context | None = None) -> tuple[str, ...]:
    """The streams whose states `decide` wants in `context.others`."""
    match command:
        case RegisterPerson(organisation=str(id)) | SetPersonOrganisation(organisation=str(id)):
            return (f"organisation/{id}",)
        case MergePerson(into=into):
            return (f"{KIND}/{into}",)
    return ()


def decide(command: Command, person: Person, context: Context) -> list[Event]:
    """What the command changes. Raises NotFound, Invalid, Stale, Refused."""
    if isinstance(command, RegisterPerson):
        return _register(command, person, context)
    if not person.exists:
        raise NotFound(f"person {person.id} doesn't exist; register them first")
    if person.merged_into is not None:
        return _of_merged(command, person, person.merged_into, context)
    check_seen(command, person, context)
    match command:
        case RenamePerson(name=name) if name != person.name:
            return [PersonRenamed(data_subject=person.id, old=person.name, new=name)]
        case address.AddAddress() | address.RemoveAddress() | address.VerifyAddress():
            return [*address.decide(command, person.id, person.addresses)]
        case SetPersonOrganisation(organisation=new) if new != person.organisation:
            _check_organisation(new, context)
            return [PersonOrganisationChanged(old=person.organisation, new=new)]
        case SetPersonLocale():
            return [
                PersonLocaleChanged(attribute=attribute, old=old, new=new)
                for attribute, old, new in relocated(command, person)
            ]
        case MergePerson(into=into):
            return _merge(into, person, context)
    return []


def _of_merged(command: Command, person: Person, into: str, context: Context) -> list[Event]:
    match command:
        case MergePerson(into=again) if again == into:
            return []
        case UnmergePerson():
            check_seen(command, person, context)
            return [PersonUnmerged(out_of=into)]
    raise Refused(
        f"person {person.id} was merged into {into}; change that one instead, or unmerge this one",
        merged_into=into,
    )


def _register(command: RegisterPerson, person: Person, context: Context) -> list[Event]:
    values: dict[str, Any] = {name: getattr(command, name) for name in _INITIAL}
    values["addresses"] = address.normal_all(command.addresses)
    if person.exists:
        if all(getattr(person, name) == value for name, value in values.items()):
            return []
        raise Refused(
            f"person {person.id} is registered already; change what differs by its own command"
        )
    if not values["name"] and not values["addresses"]:
        raise Invalid(f"person {person.id} needs a name or an address")
    _check_organisation(command.organisation, context)
    return [PersonRegistered(data_subject=person.id, **values)]


def _merge(into: str, person: Person, context: Context) -> list[Event]:
    if into == person.id:
        raise Invalid(f"person {person.id} can't be merged into themselves; name another person")
    target = context.others.get(f"{KIND}/{into}")
    if target is None or not target.exists:
        raise NotFound(f"person {into} doesn't exist; register them before the merge")
    if target.merged_into is not None:
        raise Invalid(
            f"person {into} was merged into {target.merged_into}; merge {person.id} into that one",
            merged_into=target.merged_into,
        )
    return [PersonMerged(into=into)]


def _check_organisation(id: str | None, context: Context) -> None:
    if id is None:
        return
    organisation = context.others.get(f"organisation/{id}")
    if organisation is None or not organisation.exists:
        raise Invalid(f"organisation {id} doesn't exist; register it first", organisation=id)

"""A person: a human who asks, answers or is written to, under an opaque id.

Names and addresses are personal and wrapped in the record. Organisation, language, country and zone
are not: reports count by them, and they stay when a person is erased.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from ticketlog.domain.base import (
    Aggregate,
    Command,
    CommandSpec,
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
from ticketlog.domain.parties import contact
from ticketlog.domain.parties.contact import Address, address_of
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
from ticketlog.domain.rights import SELF, STAFF, same_person, survivor

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
    """They aren't the same as the other person after all, and have what belongs to them again."""

    NAME: ClassVar[str] = "person.unmerged.v1"
    ASPECT: ClassVar[str] = "existence"
    out_of: Key
    """Whom they had been merged into."""


EVENTS: tuple[type[Event], ...] = (
    PersonRegistered,
    PersonRenamed,
    contact.AddressAdded,
    contact.AddressRemoved,
    contact.AddressVerified,
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
    """The person who stays. This one can be unmerged, and what they have be verified and removed:
    it is theirs still."""


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
        case contact.AddressAdded() | contact.AddressRemoved() | contact.AddressVerified():
            return {"addresses": contact.evolve(person.addresses, event)}
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
    """Makes a person known. A name or an address is needed; an address belongs to one person."""

    NAME: ClassVar[str] = "person.register"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF, "service"}),
        help="Make a person known; without a name, by an address.",
        examples=(
            'ticketlog person register "Anna Ruiz" --address email:anna@example.com',
            "ticketlog person register --address phone:+493012345678 --language de",
        ),
        positional=("name",),
        options={"addresses": "address"},
        readers={"addresses": address_of},
        creates=True,
    )
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
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({SELF, STAFF, "service"}),
        help="Give a person another name.",
        examples=('ticketlog person rename 7QK2M9ABCD4F "Anna Ruiz-Maier"',),
        positional=("name",),
    )
    name: Line


class SetPersonOrganisation(Command):
    """Moves a person to another organisation; None: to none."""

    NAME: ClassVar[str] = "person.set-organisation"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"organisation"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF, "service"}),
        help="Move a person to another organisation; without one, to none.",
        examples=("ticketlog person set-organisation 7QK2M9ABCD4F --organisation ABCD4F7QK2M9",),
    )
    organisation: Key | None


class SetPersonLocale(SetLocale):
    """Sets language, country or time zone; what is None stays."""

    NAME: ClassVar[str] = "person.set-locale"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({SELF, STAFF, "service"}),
        help="Set language, country or time zone.",
        examples=("ticketlog person set-locale 7QK2M9ABCD4F --zone Europe/Berlin",),
    )


class MergePerson(Command):
    """Says that this person is the same as another one, who stays."""

    NAME: ClassVar[str] = "person.merge"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"existence"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF, "service"}),
        help="Say that a person is the same as another one, who stays.",
        examples=("ticketlog person merge 7QK2M9ABCD4F 9ABCD4F7K2MQ",),
        positional=("into",),
    )
    into: Key


class UnmergePerson(Command):
    """Takes a merge back: this person is another one after all."""

    NAME: ClassVar[str] = "person.unmerge"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"existence"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF, "service"}),
        help="Take a merge back: the person is another one after all.",
        examples=("ticketlog person unmerge 7QK2M9ABCD4F --reason 'father and son'",),
    )


COMMANDS: tuple[type[Command], ...] = (
    RegisterPerson,
    RenamePerson,
    contact.AddAddress,
    contact.RemoveAddress,
    contact.VerifyAddress,
    SetPersonOrganisation,
    SetPersonLocale,
    MergePerson,
    UnmergePerson,
)


def addresses_of(command: Command) -> tuple[Address, ...]:
    """The addresses that a command names, as they are compared; none that is no address."""
    match command:
        case RegisterPerson(addresses=named):
            pass
        case contact.AddAddress() | contact.RemoveAddress() | contact.VerifyAddress():
            named = (Address(kind=command.kind, value=command.value),)
        case _:
            return ()
    return tuple(
        dict.fromkeys(
            Address(kind=each.kind, value=contact.compared(each.kind, each.value)) for each in named
        )
    )


def takes_address(command: Command) -> bool:
    """Whether a person gets an address by the command, which another may get at the same time."""
    return isinstance(command, RegisterPerson | contact.AddAddress) and bool(addresses_of(command))


def has(person: Person, named: Address) -> bool:
    """Whether an address is among a person's own."""
    return _own(person, named) is not None


def _own(person: Person, named: Address) -> Address | None:
    return next(
        (
            each
            for each in person.addresses
            if each.kind == named.kind and contact.compared(each.kind, each.value) == named.value
        ),
        None,
    )


def reads(command: Command, person: Person, context: Context | None = None) -> tuple[str, ...]:
    """The streams whose states `decide` wants in the context. To be asked again until it names
    nothing new: who has an address may have been merged."""
    match command:
        case RegisterPerson(organisation=str(id)) | SetPersonOrganisation(organisation=str(id)):
            named = [f"organisation/{id}"]
        case MergePerson(into=into):
            named = [f"{KIND}/{into}"]
        case _:
            named = []
    if context is not None and context.holders:
        named += _ways([person.id, *context.holders], person, context)
    return tuple(dict.fromkeys(named))


def _ways(ids: list[str], person: Person, context: Context) -> list[str]:
    """The persons that merges lead to from these, as far as they were read; not the person."""
    for id in ids:
        state = person if id == person.id else context.states.get(f"{KIND}/{id}")
        into = getattr(state, "merged_into", None)
        if into is not None and into not in ids:
            ids.append(into)
    return [f"{KIND}/{id}" for id in ids if id != person.id]


def decide(command: Command, person: Person, context: Context) -> list[Event]:
    """The events of what the command changes. Raises NotFound, Invalid, Stale, Refused."""
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
        case contact.AddAddress() | contact.RemoveAddress() | contact.VerifyAddress():
            return _readdress(command, person, context)
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
        case contact.RemoveAddress() | contact.VerifyAddress():
            if any(has(person, named) for named in addresses_of(command)):
                check_seen(command, person, context)
                return [*contact.decide(command, person.id, person.addresses)]
            if isinstance(command, contact.RemoveAddress) and not context.holders:
                return []  # nobody has it: it is as the command wants it, as when it comes again
    raise Refused(
        f"person {person.id} was merged into {into}; change that one instead, or unmerge this one",
        merged_into=into,
    )


def _register(command: RegisterPerson, person: Person, context: Context) -> list[Event]:
    values: dict[str, Any] = {name: getattr(command, name) for name in _INITIAL}
    values["addresses"] = contact.normal_all(command.addresses)
    if person.exists:
        if all(getattr(person, name) == value for name, value in values.items()):
            return []
        raise Refused(
            f"person {person.id} is registered already; change what differs by its own command"
        )
    if not values["name"] and not values["addresses"]:
        raise Invalid(f"person {person.id} needs a name or an address")
    taken = _taken(command, person, context)
    if taken is not None:
        raise taken
    _check_organisation(command.organisation, context)
    return [PersonRegistered(data_subject=person.id, **values)]


def _readdress(command: contact.AddressCommand, person: Person, context: Context) -> list[Event]:
    (named,) = addresses_of(command)
    if not has(person, named):
        other = _holder(named, person, context)
        if other is not None and _is_one(other.id, person, context):
            return _of_other(command, person, other, named)
        if isinstance(command, contact.AddAddress) and other is not None:
            raise _belongs(named, person, other, context)
    return [*contact.decide(command, person.id, person.addresses)]


def _of_other(
    command: contact.AddressCommand, person: Person, other: Person, named: Address
) -> list[Event]:
    """The events of an address that another person has who is one with this one: it stays where it
    is, so that they have it again if they are parted."""
    known = _own(other, named)
    if isinstance(command, contact.AddAddress) and known is not None:
        if known.verified or not command.verified:
            return []
        act = contact.VerifyAddress.NAME
    else:
        act = command.NAME
    raise Refused(
        f"that {_NOUNS[named.kind]} is {other.id}'s, who is one with {person.id} by a merge; "
        f"send {act} to person {other.id}",
        person=other.id,
    )


_NOUNS: dict[contact.AddressKind, str] = {
    "email": "e-mail address",
    "phone": "phone number",
    "handle": "handle",
}


def _taken(command: Command, person: Person, context: Context) -> Refused | None:
    """The refusal of a command that gives a person an address that another one has."""
    for named in addresses_of(command):
        other = _holder(named, person, context)
        if other is not None and not _is_one(other.id, person, context):
            return _belongs(named, person, other, context)
    return None


def taken(command: Command, person: Person, context: Context) -> list[Address]:
    """The addresses that a command has given to a person and another one has got meanwhile."""
    found = []
    for named in addresses_of(command):
        other = _holder(named, person, context)
        if other is not None and has(person, named) and not _is_one(other.id, person, context):
            found.append(named)
    return found


def _holder(named: Address, person: Person, context: Context) -> Person | None:
    """Another person who has an address; one who isn't the same human, if there is one."""
    found = [context.states.get(f"{KIND}/{id}") for id in context.holders if id != person.id]
    holders = [each for each in found if isinstance(each, Person) and has(each, named)]
    strangers = [each for each in holders if not _is_one(each.id, person, context)]
    return next(iter([*strangers, *holders]), None)


def _is_one(id: str, person: Person, context: Context) -> bool:
    own = f"{KIND}/{person.id}"
    return same_person(
        id, person.id, lambda stream: person if stream == own else context.states.get(stream)
    )


def _belongs(named: Address, person: Person, other: Person, context: Context) -> Refused:
    """The address itself isn't said: a refusal may be recorded."""
    stands = survivor(other.id, context.states.get)
    whose = f"person {stands}" if stands == other.id else f"person {stands} (as {other.id})"
    then = (
        f"merge them where they are one human: `ticketlog person merge {person.id} {stands}`"
        if person.exists
        else f"use that person instead of a new one (`ticketlog person show {stands}`)"
    )
    return Refused(
        f"{whose} has that {_NOUNS[named.kind]}, and an address belongs to one person; {then}",
        person=stands,
        kind=named.kind,
    )


def _merge(into: str, person: Person, context: Context) -> list[Event]:
    if into == person.id:
        raise Invalid(f"person {person.id} can't be merged into themselves; name another person")
    target = context.states.get(f"{KIND}/{into}")
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
    organisation = context.states.get(f"organisation/{id}")
    if organisation is None or not organisation.exists:
        raise Invalid(f"organisation {id} doesn't exist; register it first", organisation=id)


AGGREGATE = Aggregate(
    kind=KIND,
    streams="Streams `person/ID` of the ticket log.",
    initial=initial,
    decide=decide,
    evolve=evolve,
    commands=COMMANDS,
    events=EVENTS,
    reads=reads,
    of_actor="person",
)

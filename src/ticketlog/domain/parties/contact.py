"""Addresses at which a person can be reached: a facet of the person."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from ticketlog.domain import text
from ticketlog.domain.base import Command, CommandSpec, Event, Invalid, Key, Line, Personal, Value
from ticketlog.domain.rights import STAFF

AddressKind = Literal["email", "phone", "handle"]
ADDRESSES = frozenset({"addresses"})


class Address(Value):
    """An address; verified: the person showed that it belongs to them."""

    kind: AddressKind
    value: Line
    verified: bool = False


def address_of(written: str) -> Address:
    """The address that is written as 'email:ann@example.com'. Raises ValueError."""
    kind, colon, value = written.partition(":")
    if not colon or kind not in ("email", "phone", "handle") or not value:
        raise ValueError(
            f"{written!r} is no address: write email:ADDRESS, phone:NUMBER or handle:NAME"
        )
    return Address(kind=kind, value=value)  # type: ignore[arg-type]


class AddressAdded(Event):
    """They can be reached at one address more."""

    NAME: ClassVar[str] = "person.address-added.v1"
    ASPECT: ClassVar[str] = "addresses"
    data_subject: Key
    kind: AddressKind
    value: Annotated[Line, Personal()]
    verified: bool = False


class AddressRemoved(Event):
    """They can't be reached at an address any more; `verified`: whether it was."""

    NAME: ClassVar[str] = "person.address-removed.v1"
    ASPECT: ClassVar[str] = "addresses"
    data_subject: Key
    kind: AddressKind
    value: Annotated[Line, Personal()]
    verified: bool = False


class AddressVerified(Event):
    """They showed that an address belongs to them."""

    NAME: ClassVar[str] = "person.address-verified.v1"
    ASPECT: ClassVar[str] = "addresses"
    data_subject: Key
    kind: AddressKind
    value: Annotated[Line, Personal()]


class AddAddress(Command):
    """Adds an address, or verifies the one that is there."""

    NAME: ClassVar[str] = "person.add-address"
    TOUCHES: ClassVar[frozenset[str]] = ADDRESSES
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF, "service"}),
        help="Add an address, or verify the one that is there.",
        examples=("ticketlog person add-address 7QK2M9ABCD4F email anna@example.org --verified",),
        positional=("kind", "value"),
    )
    kind: AddressKind
    value: Line
    verified: bool = False


class RemoveAddress(Command):
    """Takes an address away."""

    NAME: ClassVar[str] = "person.remove-address"
    TOUCHES: ClassVar[frozenset[str]] = ADDRESSES
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF, "service"}),
        help="Take an address away.",
        examples=("ticketlog person remove-address 7QK2M9ABCD4F email anna@example.com",),
        positional=("kind", "value"),
    )
    kind: AddressKind
    value: Line


class VerifyAddress(Command):
    """Says that the person showed an address to belong to them."""

    NAME: ClassVar[str] = "person.verify-address"
    TOUCHES: ClassVar[frozenset[str]] = ADDRESSES
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF, "service"}),
        help="Say that the person showed an address to be theirs.",
        examples=("ticketlog person verify-address 7QK2M9ABCD4F email anna@example.org",),
        positional=("kind", "value"),
    )
    kind: AddressKind
    value: Line


AddressCommand = AddAddress | RemoveAddress | VerifyAddress
AddressEvent = AddressAdded | AddressRemoved | AddressVerified

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_PHONE = re.compile(r"\+?[0-9]{3,20}")


def normal(kind: AddressKind, value: str) -> str:
    """The one way an address is written. Raises Invalid where it is none.

    E-mail in lower case (no mail system in use tells them apart), phone numbers without spaces
    and punctuation.
    """
    try:
        value = text.line(value)
    except ValueError as error:
        raise Invalid(f"{text.shown(value)!r} is no address: {error}") from None
    match kind:
        case "email":
            written = value.lower()
            if not _EMAIL.fullmatch(written):
                raise Invalid(f"{value!r} is no e-mail address; write it as name@example.com")
        case "phone":
            written = re.sub(r"[\s().\-/]", "", value)
            if not _PHONE.fullmatch(written):
                raise Invalid(f"{value!r} is no phone number; write it as +49 30 123456")
        case "handle":
            written = value
            if text.blank(written):
                raise Invalid("an empty handle reaches nobody; name one")
    return written


def compared(kind: AddressKind, value: str) -> str:
    """The form in which addresses are compared: as `normal` writes them. What was recorded before
    it had to be written so, and can't be, is compared as it stands."""
    try:
        return normal(kind, value)
    except Invalid:
        return value


def normal_all(addresses: tuple[Address, ...]) -> tuple[Address, ...]:
    """Each address once, verified if it is anywhere among them. Raises Invalid."""
    found: dict[tuple[AddressKind, str], bool] = {}
    for address in addresses:
        key = (address.kind, normal(address.kind, address.value))
        found[key] = found.get(key, False) or address.verified
    return tuple(Address(kind=k, value=v, verified=is_so) for (k, v), is_so in found.items())


def evolve(addresses: tuple[Address, ...], event: AddressEvent) -> tuple[Address, ...]:
    """The addresses after one more event; an address keeps its place."""
    match event:
        case AddressAdded(kind=kind, value=value, verified=verified):
            return (*addresses, Address(kind=kind, value=value, verified=verified))
        case AddressRemoved(kind=kind, value=value):
            return tuple(a for a in addresses if (a.kind, a.value) != (kind, value))
        case AddressVerified(kind=kind, value=value):
            shown = Address(kind=kind, value=value, verified=True)
            return tuple(shown if (a.kind, a.value) == (kind, value) else a for a in addresses)


def decide(
    command: AddressCommand, person: str, addresses: tuple[Address, ...]
) -> list[AddressEvent]:
    """The events of what a command changes of a person's addresses. Raises Invalid."""
    kind, value = command.kind, normal(command.kind, command.value)
    known = next((a for a in addresses if (a.kind, a.value) == (kind, value)), None)
    match command:
        case AddAddress(verified=verified) if known is None:
            return [AddressAdded(data_subject=person, kind=kind, value=value, verified=verified)]
        case RemoveAddress():
            if known is None:
                return []
            return [
                AddressRemoved(data_subject=person, kind=kind, value=value, verified=known.verified)
            ]
        case VerifyAddress() if known is None:
            raise Invalid(f"person {person} has no {kind} {value}; add it first")
        case AddAddress(verified=True) | VerifyAddress() if known and not known.verified:
            return [AddressVerified(data_subject=person, kind=kind, value=value)]
    return []

"""Persons, organisations, agents."""

from __future__ import annotations

from ticketlog.documents.base import At, Document, Id, Number, Text, Word
from ticketlog.documents.mirrors import AgentSettings


class Of(Document):
    """A person, organisation or agent, as their stream says."""

    id: Id
    version: Number
    """Of the stream."""
    clock: At | None
    """Of its last event."""


class Address(Document):
    """An address of a person."""

    kind: Word
    value: Text
    verified: bool
    """The person showed that it is theirs."""
    person: Id
    """Whose it is, of those who are one by merges."""


class Merged(Document):
    """A person who was merged into another one."""

    person: Id
    name: Text | None


class PersonOrOrganisation(Of):
    """A person or an organisation."""

    language: Word | None
    country: Word | None
    zone: Word | None


class Person(PersonOrOrganisation):
    """A person."""

    name: Text | None
    addresses: list[Address]
    """Theirs, then those of all who were merged into them."""
    organisation: Id | None
    organisations: list[Id]
    """Theirs, then those of all who were merged into them."""
    merged_into: Id | None
    survivor: Id
    """Who stands for them: they themselves, where they weren't merged."""
    merged: list[Merged] | None
    """Who was merged into them, one after the other too; null: the views can't be read."""


class FoundPerson(Document):
    """A person as a search finds them; of those who were merged, who stands for them."""

    person: Id
    name: Text | None
    organisation: Id | None
    organisations: list[Id]
    addresses: list[Address]
    merged: list[Merged]
    survivor: Id


class Persons(Document):
    """Persons who were found."""

    persons: list[FoundPerson]


class PersonIds(Document):
    """Persons by their ids."""

    persons: list[Id]


class Survivor(Document):
    """The person who stands for a person after merges."""

    person: Id


class AddressOwner(Document):
    """An address, and who has it."""

    kind: Word
    value: Text
    persons: list[Id]


class AddressOwners(Document):
    """The persons who have addresses."""

    owners: list[AddressOwner]


class Organisation(PersonOrOrganisation):
    """An organisation."""

    name: Text
    tier: Word | None
    contract: Id | None
    domains: list[Text]


class Shift(Document):
    """A weekly shift on the clocks of the agent's zone; one that ends at or before its start ends
    the next day."""

    day: Word
    start: Text
    end: Text


class HeldTicket(Document):
    """A ticket that counts for an agent."""

    channel: Word
    version: Number
    """The ticket's, at which it became theirs."""


class Agent(Of):
    """An agent: what they do, and what the settings say of them."""

    availability: Word
    reason: Text | None
    since: At | None
    absent_since: At | None
    """When they ceased to be online; null: they are, or never said whether."""
    shifts: list[Shift]
    zone: Word | None
    held: dict[Id, HeldTicket]
    """By the tickets' streams."""
    reserved_at: At | None
    """When they last got a ticket."""
    released_at: At | None
    """When a ticket last counted no more."""
    settings: AgentSettings | None

"""The view of persons: their addresses, their merges, and the tickets and organisations that merged
persons have together.

Tickets, addresses and organisations stay with the person whom they were recorded of, so that a
merge that is taken back gives each their own again: a query for one of them gives the data of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import Field
from sqlalchemy import Connection, func, or_, select

from ticketlog.documents import parties as documents
from ticketlog.documents.base import Document
from ticketlog.documents.desks import Shared
from ticketlog.domain import rights
from ticketlog.domain.base import kind_and_id
from ticketlog.domain.parties.contact import Address, AddressKind, compared
from ticketlog.domain.parties.person import Person
from ticketlog.projections.engine.projection import (
    BOOL,
    INT,
    TEXT,
    Fold,
    Projection,
    Row,
    Rows,
    Tables,
    Whose,
)
from ticketlog.projections.engine.query import Limit, Query, Reading, ShellSpec

NAME = "persons"
VERSION = 1

MERGES = Rows(
    "merges",
    key={"person": TEXT},
    values={"target": TEXT},
    indexes=(("target",),),
    whose=Whose(persons="person"),
)
"""Who was merged into whom, as of the log that the view has."""
TABLES = (
    Rows(
        "persons",
        key={"person": TEXT},
        values={"name": TEXT, "sought": TEXT, "organisation": TEXT},
        indexes=(("organisation",),),
        whose=Whose(persons="person"),
    ),
    Rows(
        "addresses",
        key={"person": TEXT, "kind": TEXT, "value": TEXT},
        values={"place": INT, "verified": BOOL},
        indexes=(("value", "kind"),),
        whose=Whose(persons="person"),
    ),
    MERGES,
)
"""`sought`: the name without case. `value`: the address as addresses are compared."""
_AT_ONCE = 500
"""Values that one query asks about."""


def merges(state: Person) -> list[Row]:
    """A person's row of `MERGES`."""
    return [] if state.merged_into is None else [(state.id, state.merged_into)]


class _Fold(Fold):
    __slots__ = ()

    def rows(self, state: Person) -> tuple[list[Row], ...]:
        name = state.name
        places = {(each.kind, compared(each.kind, each.value)): each for each in state.addresses}
        addresses: list[Row] = [
            (self.id, kind, value, place, each.verified)
            for place, ((kind, value), each) in enumerate(places.items())
        ]
        person = (self.id, name, name and name.casefold(), state.organisation)
        return [person], addresses, merges(state)


def same(connection: Connection, tables: Tables, person: str) -> list[str]:
    """The ids of all who are one with a person, the person's own first, over any number of
    merges."""
    table = tables[MERGES.name]
    return _reached(
        connection, table, person, lambda id: (table.c.person == id, table.c.target == id)
    )


def _merged(connection: Connection, tables: Tables, person: str) -> list[str]:
    """The ids of all who were merged into a person, without the person's own."""
    table = tables[MERGES.name]
    return _reached(connection, table, person, lambda id: (table.c.target == id,))[1:]


def _reached(
    connection: Connection, table: Any, person: str, by: Callable[[str], Sequence[Any]]
) -> list[str]:
    found = dict.fromkeys([person])
    waiting = [person]
    for id in waiting:
        query = select(table.c.person, table.c.target).where(or_(*by(id)))
        for pair in connection.execute(query):
            for each in sorted(pair):
                if each not in found:
                    found[each] = None
                    waiting.append(each)
    return list(found)


class MergedPersons(Query[list[str]]):
    """The ids of all who were merged into a person, over any number of merges; without the person's
    own."""

    NAME = "merged-persons"
    DOCUMENT = documents.PersonIds

    person: str = Field(description="The person's id.")

    def ask(self, at: Reading) -> list[str]:
        return _merged(at.connection, at.tables, self.person)


class AddressOwners(Query[dict[Address, list[str]]]):
    """The persons who have these addresses (as they are compared), without addresses that none has;
    in the order of their ids."""

    NAME = "address-owners"
    DOCUMENT = documents.AddressOwners

    addresses: tuple[Address, ...] = Field(description="The addresses.")

    def ask(self, at: Reading) -> dict[Address, list[str]]:
        table = at.tables["addresses"]
        wanted: dict[AddressKind, list[str]] = {}
        for each in self.addresses:
            wanted.setdefault(each.kind, []).append(each.value)
        found: dict[Address, list[str]] = {}
        for kind, values in wanted.items():
            for start in range(0, len(values), _AT_ONCE):
                query = select(table.c.value, table.c.person).where(
                    table.c.kind == kind, table.c.value.in_(values[start : start + _AT_ONCE])
                )
                for value, person in at.connection.execute(query.order_by(table.c.person)):
                    found.setdefault(Address(kind=kind, value=value), []).append(person)
        return found

    def document(self, answer: dict[Address, list[str]], **about: Any) -> Document:
        owners = [
            {"kind": each.kind, "value": each.value, "persons": ids} for each, ids in answer.items()
        ]
        return self.DOCUMENT.filled(owners=owners, **about)


class SharedAddresses(Query[tuple[int, list[dict[str, Any]]]]):
    """The number of addresses that several persons have who aren't one (kind, persons), and some of
    them: from before an address belonged to one person, or from writers who gave it at once."""

    NAME = "shared-addresses"
    DOCUMENT = Shared

    limit: Limit = 20

    def ask(self, at: Reading) -> tuple[int, list[dict[str, Any]]]:
        table = at.tables["addresses"]
        several = (
            select(table.c.kind, table.c.value)
            .group_by(table.c.value, table.c.kind)
            .having(func.count() > 1)
            .subquery()
        )
        query = select(table.c.kind, table.c.value, table.c.person).join(
            several, (several.c.value == table.c.value) & (several.c.kind == table.c.kind)
        )
        found: dict[tuple[str, str], set[str]] = {}
        for kind, value, person in at.connection.execute(query):
            stands = _survivor(at.connection, at.tables, person)
            found.setdefault((kind, value), set()).add(stands)
        listed = [
            {"kind": kind, "persons": sorted(persons)}
            for (kind, _), persons in sorted(found.items())
            if len(persons) > 1
        ]
        return len(listed), listed[: self.limit]


class _MergedState(NamedTuple):
    merged_into: str | None


def _survivor(connection: Connection, tables: Tables, person: str) -> str:
    table = tables[MERGES.name]

    def load(stream: str) -> _MergedState:
        query = select(table.c.target).where(table.c.person == kind_and_id(stream)[1])
        return _MergedState(connection.execute(query).scalar())

    return rights.survivor(person, load)


class Survivor(Query[str]):
    """The person who stands for a person after merges: themselves where there were none."""

    NAME = "survivor"
    DOCUMENT = documents.Survivor

    person: str = Field(description="The person's id.")

    def ask(self, at: Reading) -> str:
        return _survivor(at.connection, at.tables, self.person)


class Persons(Query[list[dict[str, Any]]]):
    """The persons who have an address, whose name holds a text, or whose id it is; of merged ones
    who stands for them. Each with what `PersonCard` tells, those who have the address first."""

    NAME = "persons"
    DOCUMENT = documents.Persons
    SHELL = ShellSpec(
        help="""Find persons by an address, by a part of their name, or by their id.

        Of those who were merged it names who stands for them.
        """,
        examples=(
            "ticketlog person find anna@example.com",
            "ticketlog person find '+49 30 123456'",
            "ticketlog person find ruiz --as-of 2026-01-31T09:00:00Z",
        ),
        positional=("text",),
    )

    text: str = Field(description="An address, a part of a name, or an id.")
    limit: Limit = 50

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        persons, addresses = at.tables["persons"], at.tables["addresses"]
        kinds: tuple[AddressKind, ...] = ("email", "phone", "handle")
        ways = [
            select(addresses.c.person).where(
                addresses.c.kind == kind, addresses.c.value == compared(kind, self.text)
            )
            for kind in kinds
        ]
        ways.append(select(persons.c.person).where(persons.c.person == self.text))
        named = persons.c.sought.contains(self.text.casefold(), autoescape=True)
        ways.append(
            select(persons.c.person)
            .where(named)
            .order_by(persons.c.sought, persons.c.person)
            .limit(self.limit)
        )
        ids: dict[str, None] = {}
        for way in ways:
            for id in at.connection.execute(way).scalars():
                ids[_survivor(at.connection, at.tables, id)] = None
        return [PersonCard(person=id).ask(at) for id in list(ids)[: self.limit]]


class PersonCard(Query[dict[str, Any]]):
    """The data of a person and of those who were merged into them: `addresses` (kind, value,
    verified, person), `organisations`, `merged` (person, name); and `survivor`: the person who
    stands for them."""

    NAME = "person"
    DOCUMENT = documents.FoundPerson

    person: str = Field(description="The person's id.")

    def ask(self, at: Reading) -> dict[str, Any]:
        connection, tables, person = at.connection, at.tables, self.person
        merged_ids = _merged(connection, tables, person)
        rows = _by_person(connection, tables["persons"], [person, *merged_ids])
        own = rows.get(person, {"name": None, "organisation": None})
        table = tables["addresses"]
        query = select(table).where(table.c.person.in_([person, *merged_ids]))
        places = {id: place for place, id in enumerate([person, *merged_ids])}
        addresses = sorted(
            connection.execute(query).mappings(),
            key=lambda row: (places[row["person"]], row["place"]),
        )
        belongs = (rows[id]["organisation"] for id in places if id in rows)
        return {
            "person": person,
            "name": own["name"],
            "organisation": own["organisation"],
            "organisations": list(dict.fromkeys(each for each in belongs if each)),
            "addresses": [
                {name: row[name] for name in ("kind", "value", "verified", "person")}
                for row in addresses
            ],
            "merged": [{"person": id, "name": rows[id]["name"]} for id in merged_ids if id in rows],
            "survivor": _survivor(connection, tables, person),
        }


def _by_person(
    connection: Connection, table: Any, ids: Iterable[str]
) -> Mapping[str, Mapping[str, Any]]:
    query = select(table).where(table.c.person.in_(list(ids)))
    return {row["person"]: dict(row) for row in connection.execute(query).mappings()}


VIEW = Projection(
    NAME,
    VERSION,
    TABLES,
    {"person": _Fold},
    (Persons, PersonCard, MergedPersons, Survivor, AddressOwners, SharedAddresses),
    track=NAME,
)

"""Persons who were found to be one: whoever asks for what one of them has gets what all of them
have. Their tickets keep the requester that they were created with, so that a merge that is taken
back gives each their own again."""

from __future__ import annotations

from sqlalchemy import Connection, select

from ticketlog.domain.person import Person
from ticketlog.projections.base import TEXT, Row, Rows, Tables

MERGES = Rows("merges", key={"person": TEXT}, values={"target": TEXT}, indexes=(("target",),))
"""Who was merged into whom, as of the log that the view has."""


def merges(state: Person) -> list[Row]:
    """A person's row of `MERGES`."""
    return [] if state.merged_into is None else [(state.id, state.merged_into)]


def same(connection: Connection, tables: Tables, person: str) -> list[str]:
    """The ids of all who are one with a person, theirs first, over merges of merged ones too."""
    table = tables[MERGES.name]
    found = dict.fromkeys([person])
    waiting = [person]
    for id in waiting:
        query = select(table.c.person, table.c.target)
        query = query.where((table.c.person == id) | (table.c.target == id))
        for pair in connection.execute(query):
            for each in sorted(pair):
                if each not in found:
                    found[each] = None
                    waiting.append(each)
    return list(found)

"""An import means whom the desk knows by an address already, and its rows stay the same rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import helpdesk
from tests.helpdesk import ANN, SUE
from ticketlog.desk import Desk
from ticketlog.domain.base import Refused
from ticketlog.domain.parties.contact import AddAddress, Address, RemoveAddress
from ticketlog.domain.parties.person import MergePerson, RegisterPerson
from ticketlog.domain.ticket.imported import stream_of
from ticketlog.domain.ticket.state import Ticket
from ticketlog.projections.views import persons, tickets

KIM = "kim@example.org"
MAPPING = """
source = "acme"
format = "csv"
rows = "event"
[columns]
case = "id"
subject = "subject"
requester = { column = "asker", is = "address", name = "name" }
agent = { column = "owner", is = "address" }
actor = { column = "by", is = "address" }
[time]
column = "at"
zone = "UTC"
[comment]
column = "said"
public = true
author = { column = "by", is = "address" }
by_requester = { column = "by", same_as = "asker" }
"""
HEADER = "id,subject,asker,name,owner,by,at,said\n"
FIRST = f"1,VPN,Kim@Example.org,Kim L.,{KIM},{KIM},2024-03-01T09:00:00,It drops\n"
LATER = f"2,Mail,{KIM},Kim L.,lee@example.org,lee@example.org,2024-03-02T09:00:00,Which?\n"


@pytest.fixture
def imports(desk: Desk, tmp_path: Path) -> Callable[..., Any]:
    (tmp_path / "mapping.toml").write_text(MAPPING)

    def imports(*rows: str, check: bool = False) -> Any:
        (tmp_path / "rows.csv").write_text(HEADER + "".join(rows))
        how = desk.check_import if check else desk.import_file
        return how(tmp_path / "rows.csv", tmp_path / "mapping.toml")

    return imports


def registered(desk: Desk, name: str, *addresses: str) -> str:
    known = tuple(Address(kind="email", value=each) for each in addresses)
    made = desk.execute(RegisterPerson(name=name, addresses=known), actor=ANN)
    return made.stream.removeprefix("person/")


def state(desk: Desk, case: str) -> Ticket:
    found: Ticket = desk.load(stream_of("acme", case))
    return found


def test_who_is_registered_is_meant(desk: Desk, imports: Callable[..., Any]) -> None:
    kim = registered(desk, "Kim", KIM)
    checked = imports(FIRST, LATER, check=True)
    report = imports(FIRST, LATER)
    assert checked.people == report.people == 1, "Lee alone"
    first = state(desk, "1")
    assert (first.requester, first.assignee) == (kim, kim)
    assert [(each.author, each.author_kind) for each in first.comments] == [(kim, "requester")]
    assert state(desk, "2").requester == kim
    assert desk.load(f"person/{kim}").name == "Kim", "a file renames nobody whom others registered"
    assert [each["person"] for each in desk.query(persons.Persons(text=KIM))] == [kim]
    listed = desk.query(tickets.Tickets(requester=kim)).rows
    assert len(listed) == 2
    again = imports(FIRST, LATER)
    assert (again.commits, again.known, again.people) == (0, 2, 0)


def test_rows_stay_the_same_whoever_has_the_address(
    desk: Desk, imports: Callable[..., Any]
) -> None:
    imports(FIRST)
    derived = state(desk, "1").requester
    assert derived is not None
    with pytest.raises(Refused, match=f"person {derived} has that e-mail address"):
        registered(desk, "Kim", KIM)
    kim = registered(desk, "Kim")
    desk.execute(MergePerson(into=kim), on=f"person/{derived}", actor=ANN)
    assert imports(FIRST).commits == 0
    assert imports(FIRST, LATER).commits == 1
    assert state(desk, "2").requester == derived, "found by either id, and parted with the address"
    assert len(desk.query(tickets.Tickets(requester=kim)).rows) == 2

    desk.execute(RemoveAddress(kind="email", value=KIM), on=f"person/{derived}", actor=ANN)
    lee = registered(desk, "Lee")
    desk.execute(AddAddress(kind="email", value=KIM), on=f"person/{lee}", actor=ANN)
    third = LATER.replace("2,Mail", "3,Phone").replace("03-02", "03-03")
    report = imports(FIRST, LATER, third)
    assert (report.commits, report.known) == (1, 2)
    assert state(desk, "3").requester == lee


def test_an_agent_is_known_by_the_address_of_the_person_they_are(
    desk: Desk, imports: Callable[..., Any]
) -> None:
    kim, old = registered(desk, "Ann"), registered(desk, "Ann L.", KIM)
    desk.execute(MergePerson(into=kim), on=f"person/{old}", actor=SUE)
    ours = helpdesk.SETTINGS.replace("[agents.ann]", f'[agents.ann]\nperson = "{kim}"')
    desk.settings_apply(ours, actor=SUE)
    imports(FIRST)
    first = state(desk, "1")
    assert (first.requester, first.assignee) == (old, "ann")
    created = desk.history(stream_of("acme", "1"))[0]
    assert created.meta.actor.id == "ann"


def test_an_address_that_nobody_can_have_stops_nothing(
    desk: Desk, imports: Callable[..., Any]
) -> None:
    long = FIRST.replace("Kim@Example.org", f"{'k' * 600}@example.org")
    report = imports(long)
    assert report.commits == 1
    assert "bad-person" in report.problems

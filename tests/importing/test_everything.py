"""From a file to a desk with everything that a ticket has: and whom it names stays unnamed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.importing.test_withdrawing import LEAD
from ticketlog import Desk, init_desk, open_desk
from ticketlog.domain.base import NotFound, kind_and_id
from ticketlog.domain.ticket.conversation import AttachmentAdded, Noted, Replied
from ticketlog.domain.ticket.imported import stream_of
from ticketlog.domain.ticket.state import Link, Ticket
from ticketlog.errors import Conflict
from ticketlog.projections.views import tickets

MAPPING = """
source = "acme"
format = "csv"
rows = "event"
delimiter = ";"
[columns]
case = "Id"
external = "Number"
subject = "Title"
description = "Text"
tags = { column = "Tags", split = "," }
channel = "By"
site = "Site"
asset = "Asset"
resolution_code = "Code"
due = { column = "Due", zone = "UTC" }
rating = "Stars"
rating_comment = "Praise"
worked = { column = "Minutes", unit = "minutes" }
attachments = { column = "Files", split = "," }
requester = { column = "Asker", is = "address", name = "Asker name" }
agent = { column = "Owner", is = "name" }
[time]
column = "When"
zone = "UTC"
[status]
column = "State"
words = [{ status = "Open", to = "open" }, { status = "Done", to = "solved" }]
[[links]]
kind = "duplicate-of"
column = "Twin"
[comment]
column = "Said"
public = { column = "Public", words = ["yes"] }
author = { column = "Who", is = "name" }
"""
HEADER = (
    *("Id", "Number", "Title", "Text", "Tags", "By", "Site", "Asset", "Code", "Due", "Stars"),
    *("Praise", "Minutes", "Files", "Asker", "Asker name", "Owner", "When", "State", "Twin"),
    *("Said", "Public", "Who"),
)
FIRST = {
    "Id": "1",
    "Number": "INC0012345",
    "Title": "No light",
    "Text": "The router is dark",
    "Tags": "vpn, move",
    "By": "email",
    "Site": "Turin",
    "Asset": "R-7",
    "Due": "2024-01-09 12:00:00",
    "Files": "files/shot.txt",
    "Asker": "Kim.Lee@example.org",
    "Asker name": "Kim Lee",
    "Owner": "Jo Novak",
    "When": "2024-01-01 09:00:00",
    "State": "Open",
}
SAID = {
    "Id": "1",
    "When": "2024-01-01 10:00:00",
    "Said": "On my way",
    "Public": "yes",
    "Who": "Jo Novak",
    "Minutes": "15",
}
NOTED = {"Id": "1", "When": "2024-01-01 11:00:00", "Said": "Cable", "Who": "Mei Wu"}
SOLVED = {
    "Id": "1",
    "When": "2024-01-02 09:00:00",
    "State": "Done",
    "Code": "replaced",
    "Stars": "5",
    "Praise": "Quick",
    "Twin": "2",
}
LATER = {"Id": "2", "When": "2024-01-03 09:00:00", "Title": "Dark too", "State": "Open"}
ROWS = (FIRST, SAID, NOTED, SOLVED, LATER)
ONE, TWO = stream_of("acme", "1"), stream_of("acme", "2")
NAMED = (b"kim.lee", b"kim lee", b"jo novak", b"mei wu", b"example.org")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    (tmp_path / "mapping.toml").write_text(MAPPING)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "shot.txt").write_text("dark")
    with init_desk(tmp_path / "desk", admin=LEAD) as desk:
        yield desk


def a_file(folder: Path, *rows: dict[str, str]) -> Path:
    lines = [";".join(row.get(name, "") for name in HEADER) for row in rows]
    path = folder / "rows.csv"
    path.write_text("\n".join([";".join(HEADER), *lines]) + "\n")
    return path


def bring(desk: Desk, *rows: dict[str, str]) -> Any:
    folder = desk.folder.parent
    return desk.import_file(a_file(folder, *rows), folder / "mapping.toml")


def test_a_ticket_has_all_that_its_rows_say(desk: Desk) -> None:
    report = bring(desk, *ROWS)

    assert report.problems == {}
    state: Ticket = desk.load(ONE)
    assert (state.subject, state.tags, state.channel) == ("No light", ("vpn", "move"), "email")
    assert (state.site, state.asset, state.external) == ("Turin", "R-7", ("acme:INC0012345",))
    assert (state.status, state.resolution_code, state.rating) == ("solved", "replaced", 5)
    assert (state.seconds_spent, state.links) == (900, (Link("duplicate-of", TWO),))
    assert state.due_at is not None
    events = [each.event for each in desk.history(ONE)]
    (reply,) = [each for each in events if isinstance(each, Replied)]
    (note,) = [each for each in events if isinstance(each, Noted)]
    assert (reply.author, reply.author_kind, reply.body) == (state.assignee, "agent", "On my way")
    assert note.author not in (None, reply.author)
    (file,) = [each for each in desk.history(ONE) if isinstance(each.event, AttachmentAdded)]
    facts, content = desk.attachment(ONE, file.id)
    with content:
        assert (facts.name, content.read()) == ("shot.txt", b"dark")


def test_whom_it_names_are_persons_once(desk: Desk) -> None:
    report = bring(desk, *ROWS)

    assert report.people == 3
    state: Ticket = desk.load(ONE)
    kim = desk.load(f"person/{state.requester}")
    assert (kim.name, [each.value for each in kim.addresses]) == (
        "Kim Lee",
        ["kim.lee@example.org"],
    )
    assert desk.load(f"person/{state.assignee}").name == "Jo Novak"
    assert bring(desk, *ROWS).known == 5
    again = bring(
        desk, *ROWS, {**LATER, "When": "2024-01-04 09:00:00", "Asker": "KIM.LEE@example.org"}
    )
    assert (again.people, desk.load(TWO).requester) == (0, state.requester)


def test_another_writer_of_the_log_derives_the_same_ids(desk: Desk) -> None:
    bring(desk, FIRST)
    with open_desk(desk.folder) as other:
        report = bring(other, *ROWS)
    assert (report.known, report.commits, report.people) == (1, 4, 1)


def test_two_desks_do_not_know_each_others_persons(desk: Desk, tmp_path: Path) -> None:
    bring(desk, FIRST)
    with init_desk(tmp_path / "other") as other:
        bring(other, FIRST)
        assert desk.load(ONE).requester != other.load(ONE).requester


def test_a_later_name_is_the_name(desk: Desk) -> None:
    bring(desk, FIRST)
    married = {**LATER, "Asker": FIRST["Asker"], "Asker name": "Kim Park"}
    older = {**married, "Id": "3", "When": "2023-01-01 09:00:00", "Asker name": "Kim Oh"}
    bring(desk, FIRST, married, older)
    assert desk.load(f"person/{desk.load(ONE).requester}").name == "Kim Park"


def test_no_name_and_no_address_is_an_id_an_actor_or_a_key(desk: Desk) -> None:
    bring(desk, *ROWS)
    found = 0
    for partition in range(desk.log.partitions):
        for record in desk.log.records(partition, 0, 1000):
            data = record.data.lower()
            for name in NAMED:
                found += data.count(name)
            if b'"person/' not in data:
                assert not any(name in data for name in NAMED), data
            else:
                # Where they are, they are wrapped as personal values of that person.
                assert b'"subject"' in data
    assert found == 5, "each of them once, where the person is registered"


def test_the_other_ticket_of_a_link_may_come_later_or_never(desk: Desk) -> None:
    report = bring(desk, FIRST, SOLVED)
    (missing,) = report.problems["missing-link"].listed
    assert missing["line"] == 3
    assert "'2'" in missing["message"]
    assert report.problems["missing-link"].lost == 0

    bring(desk, FIRST, SOLVED, LATER)

    linked = desk.query(tickets.OneTicket(ticket=kind_and_id(TWO)[1]))["linked_by"]
    assert [each["ticket"] for each in linked] == [kind_and_id(ONE)[1]]


def test_links_that_lead_back_are_left_out_and_said(desk: Desk) -> None:
    report = bring(desk, SOLVED, {**LATER, "Twin": "1"}, {**LATER, "Id": "3", "Twin": "3"})
    assert set(report.broke) >= {"duplicate-of leads back", "linked to itself"}
    assert desk.load(TWO).links == ()


def test_files_come_from_the_folder_of_the_import_alone(desk: Desk, tmp_path: Path) -> None:
    (tmp_path.parent / "secret.txt").write_text("secret")
    report = bring(desk, {**FIRST, "Files": "../secret.txt,files/none.txt,/etc/hostname"})
    assert report.problems["missing-file"].total == 3
    assert desk.load(ONE).attachments == ()


def test_a_ticket_is_found_by_its_number_and_its_case(desk: Desk) -> None:
    bring(desk, *ROWS)
    for number in ("acme:INC0012345", "acme:1"):
        assert desk.numbered(number) == ONE
    (row,) = [row for row in desk.query(tickets.Tickets()).rows if row["external"]]
    assert row["external"] == ["acme:INC0012345"]
    with pytest.raises(NotFound, match="no ticket is known as 'acme:9'"):
        desk.numbered("acme:9")


def test_a_number_is_that_of_the_newest_ticket(desk: Desk, tmp_path: Path) -> None:

    bring(desk, *ROWS)
    desk.withdraw_import("acme", reason="wrong", actor=LEAD)
    assert desk.numbered("acme:1") == ONE, "withdrawn, it can still be looked at"
    bring(desk, *ROWS)
    assert desk.numbered("acme:1") == desk.numbered("acme:INC0012345") == stream_of("acme", "1", 1)


def test_a_secret_that_another_import_made_meanwhile_stops_this_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticketlog.importing.journal.secrets.token_hex", lambda n: "a" * 64)
    from ticketlog.importing import importer

    look = importer._Import._look

    def raced(self: Any, rows: Any, run: Any) -> Any:
        monkeypatch.setattr(importer._Import, "_look", look)
        monkeypatch.setattr("ticketlog.importing.journal.secrets.token_hex", lambda n: "b" * 64)
        bring(desk, LATER | {"Asker": "x@example.org"})
        return look(self, rows, run)

    monkeypatch.setattr(importer._Import, "_look", raced)
    with pytest.raises(Conflict, match="start this one again"):
        bring(desk, *ROWS)
    assert bring(desk, *ROWS).problems == {}

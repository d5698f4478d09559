"""Reads over HTTP: every query and report, things and histories, now and then."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.helpdesk import ANN, SUE, create, register
from tests.http.serving import asked, sent
from ticketlog import queries
from ticketlog.application import reports
from ticketlog.application.ticket_documents import ticket_document
from ticketlog.commands import Note, SetSubject
from ticketlog.desk import Desk
from ticketlog.http.queries import query_parameters
from ticketlog.projections import QUERIES

GIVEN: dict[str, str] = {
    "number": "4711",
    "ends": "1",
    "agent": "ann",
    "person": "7QK2M9ABCD4F",
    "addresses": "email:kim@example.com",
    "text": "kim",
    "words": "vpn",
    "selves": "agent/bob",
    "teams": "network",
    "tickets": "4F7K2M9QABCD",
    "kind": "ticket",
    "since": "2026-01-31T09:00:00Z",
}
"""Values of parameters that must be given."""


def got(desk: Desk, path: str, actor: str | None = "agent:ann", **headers: str) -> httpx.Response:
    """The answer to a read."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer: httpx.Response = asked(
        desk, lambda http: http.get(f"/api/v1{path}", headers=named), actor
    )
    return answer


def test_every_query_and_report_has_its_route(desk: Desk) -> None:
    given = {**GIVEN, "ticket": create(desk)}
    for name, query in QUERIES.items():
        kind = "reports" if name in reports.REPORTS else "queries"
        needed = [each for each in query_parameters(query, 1_000).values() if each.required]
        said = "&".join(f"{each.name}={given[each.name]}" for each in needed)

        answer = got(desk, f"/{kind}/{name}?{said}")

        assert answer.status_code == 200, (name, answer.text)
        query.DOCUMENT.model_validate(answer.json())


def test_a_page_is_what_the_query_says(desk: Desk) -> None:
    for number in range(3):
        create(desk, f"ticket {number}", team="network")
    query = queries.Queue(team="network", limit=2)

    first = got(desk, "/queries/queue?team=network&limit=2")
    next = first.json()["next"]
    second = got(desk, f"/queries/queue?team=network&limit=2&after={next}")

    assert first.json() == query.document(desk.query(query)).plain()
    assert [each["subject"] for each in second.json()["tickets"]] == ["ticket 2"]
    assert second.json()["next"] is None


def test_a_collection_is_the_query_of_its_name(desk: Desk) -> None:
    create(desk, team="network")

    assert got(desk, "/tickets").json() == got(desk, "/queries/tickets").json()


def test_a_ticket_is_what_the_desk_says(desk: Desk) -> None:
    ticket = create(desk)

    answer = got(desk, f"/tickets/{ticket.lower()}")

    made = ticket_document(desk, f"ticket/{ticket}", at=None, remark=print)
    assert answer.json() == made.plain()
    assert answer.headers["ticketlog-version"] == "0"


def test_who_has_an_answer_gets_it_once(desk: Desk) -> None:
    ticket = create(desk)
    first = got(desk, f"/tickets/{ticket}")
    same = got(desk, f"/tickets/{ticket}", If_None_Match=first.headers["etag"])
    weak = got(desk, f"/tickets/{ticket}", If_None_Match=f'"x", W/{first.headers["etag"]}')
    desk.execute(Note(body="changed"), on=ticket, actor=ANN)
    changed = got(desk, f"/tickets/{ticket}", If_None_Match=first.headers["etag"])

    assert [each.status_code for each in (same, weak, changed)] == [304, 304, 200]
    assert same.content == b""
    assert same.headers["etag"] == first.headers["etag"]


def test_only_some_fields_are_asked_for(desk: Desk) -> None:
    ticket = create(desk)

    row = got(desk, "/tickets?fields=ticket,subject").json()["tickets"][0]
    one = got(desk, "/agents/ann?fields=id,availability").json()
    wrong = got(desk, "/tickets?fields=ticket,colour")

    assert row == {"ticket": ticket, "subject": "VPN drops"}
    assert set(one) == {"id", "availability"}
    assert (wrong.status_code, "colour" in wrong.json()["detail"]) == (422, True)


def test_the_past_is_asked_by_position_and_by_time(desk: Desk) -> None:
    ticket = create(desk, "before")
    position = got(desk, f"/tickets/{ticket}").headers["ticketlog-position"]
    desk.execute(SetSubject(subject="after"), on=ticket, actor=ANN)

    def subject(moment: str) -> Any:
        return got(desk, f"/tickets/{ticket}?{moment}&fields=subject").json()

    then = got(desk, f"/tickets?as_of={position}").json()["tickets"][0]["subject"]
    missing = got(desk, f"/tickets/{ticket}?as_of=2020-01-01T00:00:00Z")
    two = got(desk, f"/tickets?as_of={position}&occurred_as_of=2026-01-01T00:00:00Z")

    assert (subject(f"as_of={position}")["subject"], then) == ("before", "before")
    assert subject("as_of=2999-01-01T00:00:00%2B02:00")["subject"] == "after"
    assert missing.status_code == 404
    assert two.status_code == 422


def test_a_report_proves_itself(desk: Desk) -> None:
    create(desk)

    first = got(desk, "/reports/flow?by=team&period=week").json()
    create(desk)
    again = got(desk, f"/reports/flow?by=team&period=week&as_of={first['cut']}").json()

    assert again == first
    assert (
        first["sha256"]
        == desk.at(position=first["cut"]).report("flow", by=("team",), period="week")["sha256"]
    )


def test_histories_tell_what_came_after_a_version(desk: Desk) -> None:
    kim = register(desk)
    ticket = create(desk, requester=kim)
    desk.execute(Note(body="one more"), on=ticket, actor=SUE)

    whole = got(desk, f"/tickets/{ticket}/history").json()["events"]
    late = got(desk, f"/tickets/{ticket}/history?since=0").json()["events"]
    person = got(desk, f"/persons/{kim}/history").json()["events"]

    assert [each["type"] for each in whole] == ["ticket.created.v1", "ticket.noted.v1"]
    assert late == whole[1:]
    assert person[0]["type"] == "person.registered.v1"


@pytest.mark.parametrize("path", ["sla", "explanation", "history", ""])
def test_what_is_absent_is_not_found(desk: Desk, path: str) -> None:
    answer = got(desk, f"/tickets/4F7K2M9QABCD{'/' if path else ''}{path}")

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=1001", "limit=ten", "limit=1&limit=2", "colour=red", "as_of=soon"),
        *(
            "team=a&team=a",
            "unassigned=1",
            "wait_for=soon",
            "as_of=99:1",
            "occurred_as_of=yesterday",
            "after=x",
        ),
    ],
)
def test_parameters_that_mean_nothing_are_said(desk: Desk, query: str) -> None:
    answer = got(desk, f"/queries/queue?{query}")

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid"), answer.text


def test_settings_are_read_tried_and_applied(desk: Desk) -> None:
    file = b"[teams.network]\n[teams.billing]\n[teams.berlin]\n"
    headers = {"Content-Type": "application/toml", "Idempotency-Key": "settings-1"}

    def post(act: str, actor: str) -> httpx.Response:
        path = f"/api/v1/settings/{act}?reason=Berlin"
        answer: httpx.Response = asked(
            desk, lambda http: http.post(path, content=file, headers=headers), actor
        )
        return answer

    checked = post("check", "agent:sue")
    refused = post("apply", "agent:ann")
    applied = post("apply", "agent:sue")
    again = post("apply", "agent:sue")

    assert [each["stream"] for each in checked.json()["changes"]] == ["team/berlin"]
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden")
    assert applied.json()["streams"] == ["team/berlin"]
    assert again.json()["repeated"] is True
    assert "berlin" in got(desk, "/settings").json()["teams"]
    assert got(desk, "/settings/history").json()["events"][-1]["reason"] == "Berlin"


@pytest.mark.parametrize("where", ["ical = '/etc/passwd'", "holidays = [{ical = 'a'}]"])
def test_settings_over_http_name_no_files_of_the_server(desk: Desk, where: str) -> None:
    headers = {"Content-Type": "application/toml"}

    answer = asked(
        desk,
        lambda http: http.post(
            "/api/v1/settings/check", content=f"[calendars.a]\n{where}", headers=headers
        ),
        "agent:sue",
    )

    assert (answer.status_code, "server's machine" in answer.json()["detail"]) == (422, True)


def test_the_state_of_the_desk_is_told(desk: Desk) -> None:
    status, log = got(desk, "/status"), got(desk, "/log")

    assert status.json()["desk"] == log.json()["desk"] == desk.log.desk
    assert status.json()["cut"] == str(desk.cut())


def test_an_actor_who_is_not_known_reads_nothing(desk: Desk) -> None:
    ticket = create(desk)

    paths = ("/tickets", f"/tickets/{ticket}", f"/tickets/{ticket}/history", "/settings", "/status")
    answers = [got(desk, path, actor="person:NOBODY") for path in paths]
    unsigned = [got(desk, path, actor=None) for path in paths]

    assert {each.status_code for each in answers} == {403}
    assert {each.status_code for each in unsigned} == {401}


def test_what_an_agent_has_to_do_is_told(desk: Desk) -> None:
    ticket = create(desk, team="network")

    answer = got(desk, "/agents/ann/inbox?limit=5").json()

    assert [each["ticket"] for each in answer["unassigned"]] == [ticket]
    assert sent(desk, "/agents/ann/commands/mark-seen", {"tickets": {ticket: 0}}).status_code == 200


def test_what_is_named_twice_is_said(desk: Desk) -> None:
    answer = got(desk, "/queries/ticket-counts?by=team&by=team")

    assert (answer.status_code, "twice" in answer.json()["detail"]) == (422, True)

"""Commands over HTTP: made from their list, done once for each key, refused as the desk refuses."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.helpdesk import ANN, BOB, closed, create, register
from tests.http.serving import asked, sent
from ticketlog.commands import Note, Reply
from ticketlog.desk import Desk
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.http.commands import ELSEWHERE, command_routes
from ticketlog.http.options import ServeOptions


def test_every_command_of_the_domain_has_its_route() -> None:
    listed = {
        model.NAME
        for kind in AGGREGATES.values()
        for model in kind.commands
        if not kind.internal and not model.SPEC.who_may <= {"rule"}
    }
    assert {each.model.NAME for each in command_routes()} == listed - set(ELSEWHERE)


def test_a_ticket_is_created_and_told_where_it_is(desk: Desk) -> None:
    made = sent(desk, "/tickets", {"subject": "VPN drops", "tags": ["vpn"]})
    place = made.headers["location"]
    shown = asked(desk, lambda http: http.get(place))

    assert made.status_code == 201
    assert place == f"/api/v1/tickets/{made.json()['stream'].removeprefix('ticket/')}"
    assert (made.headers["etag"], made.headers["ticketlog-version"]) == ('"0"', "0")
    assert made.headers["ticketlog-position"] == str(desk.cut())
    assert (shown.json()["subject"], shown.json()["tags"]) == ("VPN drops", ["vpn"])


def test_the_same_key_gives_the_first_answer_and_another_body_none(desk: Desk) -> None:
    first = sent(desk, "/tickets", {"subject": "VPN drops"}, Idempotency_Key="a-1")
    again = sent(desk, "/tickets", {"subject": "VPN drops"}, Idempotency_Key='"a-1"')
    other = sent(desk, "/tickets", {"subject": "Printer"}, Idempotency_Key="a-1")

    assert again.status_code == first.status_code == 201
    assert again.json() == {**first.json(), "repeated": True}
    assert (other.status_code, other.json()["type"]) == (422, "/problems/command-reused")


def test_a_stale_screen_is_told_what_has_changed_since(desk: Desk) -> None:
    kim = register(desk)
    ticket = create(desk, requester=kim)
    read = asked(desk, lambda http: http.get(f"/api/v1/tickets/{ticket}"))
    desk.execute(Reply(body="It is back"), on=ticket, actor=ANN._replace(kind="person", id=kim))

    path = f"/tickets/{ticket}/commands/reply"
    late = sent(desk, path, {"body": "Try this"}, If_Match=read.headers["etag"])
    anyway = sent(desk, f"{path}?seen=0&anyway=true", {"body": "Try this"})

    told = late.json()
    assert (late.status_code, told["type"], told["version"]) == (409, "/problems/stale", 1)
    assert [each["type"] for each in told["changes"]] == ["ticket.replied.v1"]
    assert told["changes"][0]["data"]["body"] == "It is back"
    assert anyway.status_code == 200


def test_a_reply_to_a_closed_ticket_says_which_one_follows_it(desk: Desk) -> None:
    ticket = closed(desk)

    answer = sent(desk, f"/tickets/{ticket}/commands/reply", {"body": "Again"})

    assert answer.json()["follow_up_of"] == f"ticket/{ticket}"
    assert answer.headers["location"] == f"/api/v1/tickets/{answer.json()['stream'][7:]}"


@pytest.mark.parametrize(
    ("path", "body", "status", "kind"),
    [
        ("/tickets", {"subject": "a", "colour": "red"}, 422, "invalid"),
        ("/tickets", {"subject": 5}, 422, "invalid"),
        ("/tickets", {"subject": "a", "due_at": 1_800_000_000}, 422, "invalid"),
        ("/tickets", {"subject": "a", "team": "nobody"}, 422, "invalid"),
        ("/tickets", ["subject"], 422, "invalid"),
        ("/tickets/NONE/commands/note", {"body": "a"}, 404, "not-found"),
        ("/tickets?colour=red", {"subject": "a"}, 422, "invalid"),
        ("/tickets?seen=01x", {"subject": "a"}, 422, "invalid"),
        ("/tickets?occurred_at=2026-01-31T09:00:00Z", {"subject": "a"}, 403, "forbidden"),
        ("/tickets?channel=mail", {"subject": "a"}, 403, "forbidden"),
        ("/nothing", {}, 404, "not-found"),
        ("/imports/a%01b/commands/keep-secret", {"secret": "a"}, 404, "not-found"),
        (f"/tickets/{'A' * 91}/commands/note", {"body": "a"}, 404, "not-found"),
    ],
)
def test_what_is_wrong_is_said(desk: Desk, path: str, body: Any, status: int, kind: str) -> None:
    answer = sent(desk, path, body)

    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"subject": NaN}', b'{"subject": "\\ud800"}', b"[" * 500]
)
def test_a_body_that_is_no_json_is_unreadable(desk: Desk, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}

    answer = asked(desk, lambda http: http.post("/api/v1/tickets", content=body, headers=headers))

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/unreadable")


def test_other_types_and_encodings_of_a_body_are_not_taken(desk: Desk) -> None:
    def post(**headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer: httpx.Response = asked(
            desk, lambda http: http.post("/api/v1/tickets", content=b"{}", headers=named)
        )
        return answer

    answers = [
        post(Content_Type="text/plain"),
        post(Content_Type="application/json; charset=latin-1"),
        post(Content_Type="application/json", Content_Encoding="gzip"),
    ]
    assert {each.status_code for each in answers} == {415}


def test_other_methods_are_named(desk: Desk) -> None:
    answer = asked(desk, lambda http: http.delete("/api/v1/tickets"))

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


def test_nobody_acts_unsigned_and_unknown_actors_do_nothing(desk: Desk) -> None:
    unsigned = sent(desk, "/tickets", {"subject": "a"}, actor=None)
    unknown = sent(desk, "/tickets", {"subject": "a"}, actor="agent:nobody")

    assert (unsigned.status_code, unsigned.json()["type"]) == (401, "/problems/unauthenticated")
    assert unsigned.headers["www-authenticate"].startswith("Bearer")
    assert (unknown.status_code, unknown.json()["type"]) == (403, "/problems/forbidden")


def test_a_service_says_where_and_when_it_came(desk: Desk) -> None:
    path = "/tickets?channel=mail&source=help%40example.com&occurred_at=2026-11-01T10:00:00%2B01:00"

    made = sent(desk, path, {"subject": "By mail"}, actor="service:mail")

    [event] = desk.history(made.json()["stream"])
    assert (event.meta.channel, event.meta.source) == ("mail", "help@example.com")
    assert event.meta.actor.authenticated == "test"


def test_a_read_waits_for_a_position(desk: Desk) -> None:
    ticket = create(desk)
    noted = sent(desk, f"/tickets/{ticket}/commands/note", {"body": "seen"})
    position = noted.headers["ticketlog-position"]
    desk.execute(Note(body="later"), on=ticket, actor=BOB)
    ends, _, settings = position.rpartition("/")
    beyond = f"{ends.rpartition(',')[0]},999999/{settings}"

    async def read(http: httpx.AsyncClient) -> list[httpx.Response]:
        paths = (f"after={position}", f"wait_for={position}", f"wait_for={beyond}", "wait_for=1/1")
        return [await http.get(f"/api/v1/tickets/{ticket}/history?{each}") for each in paths]

    answers = asked(desk, read, options=ServeOptions(wait_timeout_s=0.05))
    assert [each.status_code for each in answers] == [200, 200, 503, 422]
    assert answers[2].json()["type"] == "/problems/behind"
    assert answers[2].headers["retry-after"]

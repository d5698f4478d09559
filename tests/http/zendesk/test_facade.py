"""A desk in the shapes of Zendesk's API: what is there, under which paths, in which pages."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.helpdesk import ANN, SUE, create, register
from tests.http.zendesk.asking import all_pages, ask, ask_all
from ticketlog.application.access import Viewer
from ticketlog.application.access_table import ROUTES
from ticketlog.desk import Desk
from ticketlog.domain.base import Actor, Forbidden
from ticketlog.domain.parties.contact import Address
from ticketlog.domain.parties.organisation import RegisterOrganisation
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.domain.settings.model import Priorities
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.classification import Classify, Tag
from ticketlog.domain.ticket.conversation import Note, Redact, Reply
from ticketlog.domain.ticket.feedback import Rate
from ticketlog.domain.ticket.lifecycle import Solve
from ticketlog.domain.ticket.relations import LinkTo
from ticketlog.http.zendesk.router import PATHS, right_of
from ticketlog.http.zendesk.words import priority_of
from ticketlog.projections.views.shared.stream_numbers import number_of


def number(ticket: str) -> int:
    return number_of("ticket", ticket)


def test_a_ticket_has_what_it_has(desk: Desk) -> None:
    kim = register(desk)
    ticket = create(
        desk,
        "VPN drops",
        description="Every hour",
        requester=kim,
        tags=("vip",),
        type="incident",
        team="network",
        product="vpn",
        fields={"floor": 3, "sites": ("rome",)},
    )
    desk.execute(Assign(assignee="ann"), on=ticket, actor=ANN)
    found = ask(desk, f"tickets/{number(ticket)}.json")["ticket"]
    state = desk.load(f"ticket/{ticket}")

    assert found["id"] == number(ticket)
    assert found["url"] == f"http://desk.test/api/v2/tickets/{number(ticket)}.json"
    assert (found["subject"], found["description"]) == ("VPN drops", "Every hour")
    assert (found["status"], found["type"], found["tags"]) == ("open", "incident", ["vip"])
    assert found["requester_id"] == number_of("person", kim)
    assert found["assignee_id"] == number_of("agent", "ann")
    assert found["group_id"] == number_of("team", "network")
    values = {each["id"]: each["value"] for each in found["custom_fields"]}
    titles = {each["title"]: each["id"] for each in ask(desk, "ticket_fields")["ticket_fields"]}
    assert values[titles["floor"]] == 3
    assert values[titles["sites"]] == ["rome"]
    assert values[titles["Product"]] == "vpn"
    assert values[titles["remote"]] is None
    assert found["generated_timestamp"] == desk.history(ticket)[-1].meta.recorded_at // 1_000_000
    assert found["custom_status_id"] in {
        each["id"]
        for each in ask(desk, "custom_statuses")["custom_statuses"]
        if each["agent_label"].lower() == state.status
    }


@pytest.mark.parametrize("path", [path for path in PATHS if "{id}" not in path])
def test_every_path_answers_bare_with_json_and_below_the_name_of_a_desk(
    desk: Desk, path: str
) -> None:
    create(desk)
    given = "?start_time=0" if path.startswith("incremental") else ""
    bare, json, named = ask_all(
        desk,
        f"{path}{given}",
        f"{path}.json{given}",
        f"/demo.zendesk.com/api/v2/{path}.json{given}",
    )
    assert (bare.status_code, json.status_code, named.status_code) == (200, 200, 200)
    if "incremental" not in path:  # an export tells its end, which moves
        assert bare.json() == json.json()
    assert bare.headers["cache-control"] == "no-store"
    links = [part for part in named.text.split('"') if part.startswith("http")]
    assert all(link.startswith("http://desk.test/demo.zendesk.com/api/v2/") for link in links)


def test_the_text_of_a_ticket_is_its_first_comment(desk: Desk) -> None:
    ticket = create(desk, description="It <b>drops</b>\nagain")
    desk.execute(Note(body="Same as last week"), on=ticket, actor=ANN)
    reply = desk.execute(Reply(body="Which floor?"), on=ticket, actor=ANN)
    desk.attach_file(ticket, b"abc", actor=ANN, name="log.txt", comment=reply.events[0].id)
    first, note, said = ask(desk, f"tickets/{number(ticket)}/comments")["comments"]

    assert (first["body"], first["public"]) == ("It <b>drops</b>\nagain", False)
    assert first["html_body"] == "<p>It &lt;b&gt;drops&lt;/b&gt;<br>again</p>"
    assert (note["body"], note["public"]) == ("Same as last week", False)
    assert (said["body"], said["public"]) == ("Which floor?", True)
    assert {each["author_id"] for each in (first, note, said)} == {number_of("agent", "ann")}
    [attached] = said["attachments"]
    assert (attached["file_name"], attached["size"]) == ("log.txt", 3)
    assert first["id"] < note["id"] < said["id"]


def test_what_was_redacted_is_in_no_shape(desk: Desk) -> None:
    ticket = create(desk)
    secret = desk.execute(Reply(body="hunter2"), on=ticket, actor=ANN)
    target = secret.events[0].id
    desk.execute(Redact(target=target, reason="a password"), on=ticket, actor=SUE)
    paths = [
        f"tickets/{number(ticket)}/comments",
        f"tickets/{number(ticket)}/audits",
        "ticket_audits",
        "incremental/ticket_events?start_time=0&include=comment_events",
        "search?query=hunter2",
    ]
    answers = ask_all(desk, *paths)
    assert [each.status_code for each in answers] == [200] * len(paths)
    assert not [each.url for each in answers if "hunter2" in each.text.replace("query=hunter2", "")]


def test_audits_are_the_commits_of_the_history(desk: Desk) -> None:
    ticket = create(desk, team="network")
    desk.execute(Tag(add=("hot",)), on=ticket, actor=ANN)
    desk.execute(Classify(product="mail"), on=ticket, actor=ANN)
    desk.execute(Assign(assignee="ann"), on=ticket, actor=ANN)
    desk.execute(Solve(), on=ticket, actor=ANN)
    audits = ask(desk, f"tickets/{number(ticket)}/audits")["audits"]
    history = desk.history(ticket)

    commits = list(dict.fromkeys(each.meta.commit for each in history))
    assert len(audits) == len(commits)
    assert [each["id"] for each in audits] == sorted(each["id"] for each in audits)
    events = [event for audit in audits for event in audit["events"]]
    assert len({each["id"] for each in events}) == len(events)
    changed = {
        each["field_name"]: (each["previous_value"], each["value"])
        for each in events
        if each["type"] == "Change"
    }
    assert changed["tags"] == ([], ["hot"])
    assert changed["assignee_id"] == (None, str(number_of("agent", "ann")))
    assert changed["status"][1] == "solved"
    created = {each["field_name"]: each["value"] for each in events if each["type"] == "Create"}
    assert created["subject"] == "VPN drops"
    assert created["group_id"] == str(number_of("team", "network"))


def test_all_audits_are_read_backwards_each_once(desk: Desk) -> None:
    tickets = [create(desk, f"Ticket {n}") for n in range(5)]
    for ticket in tickets:
        desk.execute(Note(body="Seen"), on=ticket, actor=ANN)
    for limit in (1, 3, 100):
        found = all_pages(desk, f"ticket_audits?limit={limit}", "audits", "before_url")
        assert len({each["id"] for each in found}) == len(found) == 10
        assert [each["ticket_id"] for each in found[:5]] == [number(t) for t in reversed(tickets)]


@pytest.mark.parametrize(
    ("path", "following"),
    [("tickets?page[size]=3", "links.next"), ("tickets?per_page=3", "next_page")],
)
def test_both_styles_of_pages_have_each_ticket_once(desk: Desk, path: str, following: str) -> None:
    tickets = [create(desk, f"Ticket {n}") for n in range(10)]
    found = all_pages(desk, path, "tickets", following)
    assert [each["id"] for each in found] == [number(each) for each in reversed(tickets)]


def test_a_page_has_a_number(desk: Desk) -> None:
    tickets = [number(create(desk, f"Ticket {n}")) for n in range(7)][::-1]
    page = ask(desk, "tickets?per_page=3&page=2")
    assert [each["id"] for each in page["tickets"]] == tickets[3:6]
    assert page["count"] == 7
    assert [each["id"] for each in ask(desk, page["next_page"])["tickets"]] == tickets[6:]
    assert [each["id"] for each in ask(desk, page["previous_page"])["tickets"]] == tickets[:3]
    [refused] = ask_all(desk, "tickets?per_page=1000&page=12")
    assert refused.status_code == 422
    assert "next_page" in refused.json()["description"]


def test_users_are_agents_then_persons(desk: Desk) -> None:
    persons = [register(desk, f"Kim {n}") for n in range(4)]
    agents = [number_of("agent", id) for id in ("ann", "bob", "sue")]
    for size in (1, 2, 3, 100):
        found = all_pages(desk, f"users?page[size]={size}", "users", "links.next")
        assert [each["id"] for each in found[:3]] == agents
        assert {each["id"] for each in found[3:]} == {number_of("person", id) for id in persons}
    roles = {each["alias"]: each["role"] for each in ask(desk, "users")["users"] if each["alias"]}
    assert roles == {"ann": "agent", "bob": "agent", "sue": "admin"}
    [admin] = ask(desk, "users?role[]=admin")["users"]
    assert admin["alias"] == "sue"
    assert ask(desk, "users/me")["user"]["id"] == agents[0]
    assert ask(desk, f"users/{agents[1]}")["user"]["alias"] == "bob"
    assert ask(desk, "users/-1")["user"]["id"] == -1
    some = ",".join(map(str, (agents[0], number_of("person", persons[0]), 7)))
    assert len(ask(desk, f"users/show_many?ids={some}")["users"]) == 2


def test_organisations_and_their_tickets(desk: Desk) -> None:
    made = desk.execute(RegisterOrganisation(name="ACME", domains=("acme.example",)), actor=ANN)
    acme = made.stream.removeprefix("organisation/")
    ticket = create(desk, organisation=acme)
    create(desk, "Another")
    [found] = ask(desk, "organizations")["organizations"]
    assert (found["name"], found["domain_names"]) == ("ACME", ["acme.example"])
    [its] = ask(desk, f"organizations/{found['id']}/tickets")["tickets"]
    assert its["id"] == number(ticket)
    assert its["organization_id"] == found["id"]


def test_problems_know_their_incidents(desk: Desk) -> None:
    problem, incident = create(desk, type="problem"), create(desk, type="incident")
    desk.execute(LinkTo(kind="problem", target=problem), on=incident, actor=ANN)
    assert ask(desk, f"tickets/{number(problem)}")["ticket"]["has_incidents"] is True
    assert ask(desk, f"tickets/{number(incident)}")["ticket"]["problem_id"] == number(problem)
    [found] = ask(desk, f"tickets/{number(problem)}/incidents")["tickets"]
    assert found["id"] == number(incident)


def test_a_rating_is_good_or_bad(desk: Desk) -> None:
    kim = register(desk)
    for score in (5, 2):
        ticket = create(desk, requester=kim)
        desk.execute(Solve(), on=ticket, actor=ANN)
        desk.execute(Rate(score=score, comment="So"), on=ticket, actor=Actor(kim, "person"))
    ratings = ask(desk, "satisfaction_ratings")["satisfaction_ratings"]
    assert [each["score"] for each in ratings] == ["good", "bad"]
    assert ratings[1]["ticket_id"] == number(ticket)
    assert ask(desk, f"tickets/{number(ticket)}")["ticket"]["satisfaction_rating"] == ratings[1]


def test_metrics_of_a_ticket(desk: Desk) -> None:
    ticket = create(desk)
    desk.execute(Reply(body="Hello"), on=ticket, actor=ANN)
    desk.execute(Solve(), on=ticket, actor=ANN)
    found = ask(desk, f"tickets/{number(ticket)}/metrics")["ticket_metric"]
    assert (found["replies"], found["reopens"]) == (1, 0)
    assert found["solved_at"] is not None
    included = ask(desk, f"tickets/{number(ticket)}?include=metric_sets")["ticket"]["metric_set"]
    assert included == found


def basic(text: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


def test_a_user_with_a_token_is_a_bearer_of_it(desk: Desk) -> None:
    """The test's own way to sign in takes no bearer, and says which scheme it got."""
    from starlette.requests import Request

    from ticketlog.http.zendesk.paths import ZendeskPaths

    seen: list[str] = []

    async def app(scope: object, receive: object, send: object) -> None:
        seen.append(Request(scope).headers["authorization"])  # type: ignore[arg-type]

    async def call(path: str, given: str) -> None:
        headers = [(name.lower().encode(), value.encode()) for name, value in basic(given).items()]
        scope = {"type": "http", "method": "GET", "path": path, "headers": headers}
        await ZendeskPaths(app)(scope, None, None)  # type: ignore[arg-type]

    import asyncio

    for path, given in (
        ("/api/v2/tickets.json", "ann@example.com/token:tlk_abc:d"),
        ("/api/v2/tickets", "ann@example.com:password"),
        ("/api/v1/tickets", "ann@example.com/token:tlk_abc"),
    ):
        asyncio.run(call(path, given))
    assert seen[0] == "Bearer tlk_abc:d"
    assert all(each.startswith("Basic ") for each in seen[1:])


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("tickets/1", 404, "RecordNotFound"),
        ("tickets/one", 404, "RecordNotFound"),
        ("tickets/999999999999999999999999", 404, "RecordNotFound"),
        ("users/1152921504606846977", 404, "RecordNotFound"),
        ("nothing", 404, "RecordNotFound"),
        ("tickets?page[size]=0", 422, "RecordInvalid"),
        ("tickets?page[after]=%20%20", 422, "RecordInvalid"),
        ("tickets?page[after]=bm8", 422, "RecordInvalid"),
        ("tickets?per_page=x", 422, "RecordInvalid"),
        ("users?page[after]=eA", 200, None),
        ("incremental/tickets", 422, "RecordInvalid"),
        ("incremental/tickets?start_time=yesterday", 422, "RecordInvalid"),
        ("incremental/tickets?start_time=1e99", 422, "RecordInvalid"),
        ("incremental/tickets/cursor?cursor=eA", 422, "RecordInvalid"),
        ("incremental/ticket_events?start_time=-5", 422, "RecordInvalid"),
        ("search?query=type:car", 422, "RecordInvalid"),
        ("search?query=weight>3", 422, "RecordInvalid"),
        ("search?query=created>soon", 422, "RecordInvalid"),
        ("search?query=status:waiting", 422, "RecordInvalid"),
    ],
)
def test_what_is_wrong_is_told_as_zendesk_does(
    desk: Desk, path: str, status: int, error: str | None
) -> None:
    [answer] = ask_all(desk, path)
    assert answer.status_code == status, answer.text
    if error:
        assert answer.json()["error"] == error
        assert answer.json()["description"]


def test_who_isnt_signed_in_is_told_so(desk: Desk) -> None:
    [answer] = ask_all(desk, "tickets", actor=None)
    assert (answer.status_code, answer.json()["error"]) == (401, "Unauthorized")
    [stranger] = ask_all(desk, "tickets", actor="agent:nobody")
    assert stranger.status_code == 403
    assert stranger.json()["error"]["title"] == "Forbidden"


def test_every_path_has_its_right_in_the_table_of_access() -> None:
    declared = {each for each in ROUTES if each.startswith("GET /api/v2/")}
    assert declared == {f"GET /api/v2/{path}" for path in PATHS}
    with pytest.raises(Forbidden):
        right_of("a/path/of/nobody")


def test_nothing_is_written(desk: Desk) -> None:
    import asyncio

    from tests.http.serving import client

    async def tries() -> list[int]:
        async with client(desk) as asking:
            ways = [asking.post, asking.put, asking.delete, asking.patch]
            return [(await way("/api/v2/tickets.json")).status_code for way in ways]

    before = desk.cut()
    assert asyncio.run(tries()) == [405] * 4
    assert desk.cut() == before


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("critical", "high", "medium", "low"), ["urgent", "high", "normal", "low"]),
        (("high", "medium", "low"), ["high", "normal", "low"]),
        (("p1", "p2", "p3", "p4", "p5"), ["urgent", "high", "normal", "normal", "low"]),
        (("now", "later"), ["urgent", "low"]),
        (("only",), ["normal"]),
    ],
)
def test_priorities_keep_their_order(names: tuple[str, ...], expected: list[str]) -> None:
    known = Priorities(id="p", names=names, default=names[0], impacts=("a",), urgencies=("a",))
    assert [priority_of(each, known) for each in names] == expected


def test_fields_that_the_actor_may_not_read_are_in_no_shape(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shapes are made of the documents that the actor's viewer lets through."""
    hidden = {"fields", "addresses", "followers", "external"}

    def without(self: Viewer, document: Any) -> Any:
        said = {name: getattr(document, name) for name in document.model_fields_set}
        kept = {name: value for name, value in said.items() if name not in hidden}
        return type(document).model_construct(**kept)

    secret = "canary@example.com"
    command = RegisterPerson(name="Kim", addresses=(Address(kind="email", value=secret),))
    kim = desk.execute(command, actor=ANN).stream.removeprefix("person/")
    ticket = create(desk, requester=kim, external=("canary:1",), fields={"floor": 424_242})
    paths = [
        f"tickets/{number(ticket)}",
        "tickets",
        "search?query=type:ticket",
        "incremental/tickets/cursor?start_time=0",
        f"users/{number_of('person', kim)}",
        "users",
        "incremental/users/cursor?start_time=0",
    ]
    seen = [each.text for each in ask_all(desk, *paths)]
    assert all("canary" in text or "424242" in text for text in seen)
    monkeypatch.setattr(Viewer, "document", without)
    answers = ask_all(desk, *paths)
    assert [each.status_code for each in answers] == [200] * len(paths)
    assert not [a.url for a in answers if "canary" in a.text or "424242" in a.text]

"""Attachments and bulks over HTTP: what comes and goes piece by piece."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.helpdesk import create
from tests.http.serving import asked
from ticketlog.commands import Redact
from ticketlog.desk import Desk
from ticketlog.domain.base import Actor
from ticketlog.http import bulk
from ticketlog.http.options import ServeOptions

BYTES = bytes(range(256)) * 20


def attached(
    desk: Desk, ticket: str, name: str = "core dump.bin", **headers: str
) -> httpx.Response:
    named = {"Content-Type": "application/x-core", **headers}
    answer: httpx.Response = asked(
        desk,
        lambda http: http.post(
            f"/api/v1/tickets/{ticket}/attachments",
            params={"name": name},
            content=BYTES,
            headers=named,
        ),
    )
    return answer


def fetched(desk: Desk, ticket: str, id: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/api/v1/tickets/{ticket}/attachments/{id}"
    answer: httpx.Response = asked(desk, lambda http: http.get(path, headers=named))
    return answer


def test_an_attachment_comes_and_goes(desk: Desk) -> None:
    ticket = create(desk)
    made = attached(desk, ticket, "Bild ä\"'.png")
    id = made.json()["events"][0]["id"]

    whole = fetched(desk, ticket, id)

    assert made.status_code == 200
    assert whole.content == BYTES
    assert whole.headers["content-type"] == "application/x-core"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-security-policy"] == "sandbox; default-src 'none'"
    disposition = whole.headers["content-disposition"]
    assert disposition == "attachment; filename*=UTF-8''Bild%20%C3%A4%22%27.png"
    assert list((desk.folder / "attachments").glob("tmp*")) == []


@pytest.mark.parametrize(
    ("range", "status", "content"),
    [
        ("bytes=0-9", 206, BYTES[:10]),
        ("bytes=5100-", 206, BYTES[5100:]),
        ("bytes=-20", 206, BYTES[-20:]),
        ("bytes=9-1", 200, BYTES),
        ("lines=1-2", 200, BYTES),
        ("bytes=-", 200, BYTES),
    ],
)
def test_a_part_of_an_attachment_is_asked_for(
    desk: Desk, range: str, status: int, content: bytes
) -> None:
    ticket = create(desk)
    id = attached(desk, ticket).json()["events"][0]["id"]

    part = fetched(desk, ticket, id, Range=range)

    assert (part.status_code, part.content) == (status, content)


def test_attachments_are_refused_as_all_else(desk: Desk) -> None:
    ticket = create(desk)
    id = attached(desk, ticket).json()["events"][0]["id"]
    etag = fetched(desk, ticket, id).headers["etag"]

    beyond = fetched(desk, ticket, id, Range="bytes=5120-")
    same = fetched(desk, ticket, id, If_None_Match=etag)
    none = fetched(desk, ticket, "nothing.0")
    nowhere = attached(desk, "4F7K2M9QABCD")
    desk.execute(Redact(target=id, reason="a secret"), on=ticket, actor=Actor("sue", "agent"))

    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */5120")
    assert (same.status_code, same.content) == (304, b"")
    assert (none.status_code, nowhere.status_code) == (404, 404)
    assert fetched(desk, ticket, id).status_code == 404


@pytest.mark.parametrize("name", ["a\0b", "\u202egpj.exe", "\x7f", "a\nb", "\ud800", "\u200b"])
def test_a_name_that_no_file_has_is_refused(desk: Desk, name: str) -> None:
    ticket = create(desk)
    path = f"/api/v1/tickets/{ticket}/attachments"
    query = "?name=" + quote(name.encode("utf-8", "surrogatepass"))
    headers = {"Content-Type": "text/plain"}

    answer: httpx.Response = asked(
        desk, lambda http: http.post(path + query, content=b"x", headers=headers)
    )

    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 422:
        assert "nothing was attached" in answer.json()["detail"]
    assert list((desk.folder / "attachments").glob("tmp*")) == []


def test_an_attachment_that_is_too_large_leaves_nothing_behind(desk: Desk) -> None:
    ticket = create(desk)

    async def pieces(http: httpx.AsyncClient) -> httpx.Response:
        async def come() -> Any:
            for _ in range(30):
                yield BYTES

        path = f"/api/v1/tickets/{ticket}/attachments"
        return await http.post(path, content=come(), headers={"Content-Type": "image/png"})

    answer = asked(desk, pieces, options=ServeOptions(largest_attachment=100_000))

    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")
    assert [each for each in (desk.folder / "attachments").rglob("*") if each.is_file()] == []
    assert desk.load(f"ticket/{ticket}").version == 0


def sent(desk: Desk, lines: list[Any], actor: str = "agent:ann") -> list[dict[str, Any]]:
    """The lines of a bulk's answer."""
    body = "".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in lines)
    headers = {"Content-Type": bulk.NDJSON}
    answer = asked(
        desk, lambda http: http.post("/api/v1/bulk", content=body, headers=headers), actor
    )
    assert answer.status_code == 200, answer.text
    return [json.loads(each) for each in answer.text.splitlines()]


def test_each_line_of_a_bulk_has_its_own_outcome(desk: Desk) -> None:
    ticket = create(desk)
    lines = [
        {"command": "ticket.create", "arguments": {"subject": "a"}, "id": "row-1"},
        {"command": "ticket.note", "on": f"ticket/{ticket}", "arguments": {"body": "x"}},
        "",
        "{no json",
        {"command": "ticket.nothing"},
        {"command": "ticket.note", "on": "ticket/NONE", "arguments": {"body": "x"}},
        {"command": "ticket.note", "on": ticket, "arguments": {"body": "x"}, "seen": 99},
        {"command": "ticket.note", "on": ticket, "arguments": {"colour": "red"}},
        {"command": "ticket.note", "on": ticket, "arguments": {"body": "y"}, "reason": "asked"},
        {"command": "ticket.attach", "on": ticket, "arguments": {}},
        ["a list"],
    ]

    told = sent(desk, lines)
    again = sent(desk, lines[:1])

    statuses = [each.get("status") for each in told]
    assert statuses == [201, 200, 400, 422, 404, 422, 422, 200, 422, 422, None]
    assert told[-1]["position"] == str(desk.cut())
    assert again[0]["outcome"] == {**told[0]["outcome"], "repeated": True}
    assert desk.history(ticket)[-1].meta.reason == "asked"


def test_a_bulk_has_an_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MOST_LINES", 2)
    line = {"command": "ticket.create", "arguments": {"subject": "a"}}

    told = sent(desk, [line] * 4)

    assert [each.get("status") for each in told] == [201, 201, 413, None]
    assert [each.get("line") for each in told] == [1, 2, 3, None]
    assert "from 3 on" in told[2]["problem"]["detail"]

"""A request is seen by its operator: an id, spans, metrics, lines; and none of it holds a word of a
person."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from tests.helpdesk import create
from tests.http.serving import by_header
from ticketlog.desk import Desk
from ticketlog.domain.base import Actor
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.errors import Unreachable
from ticketlog.http.app import create_app
from ticketlog.http.served import Served
from ticketlog.service.json_logs import log_as_json
from ticketlog.service.telemetry import start_tracing
from ticketlog.support.tracing import span

CANARY = "Xylophon-Kanarienvogel"
ANN = Actor("ann", "agent")


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    stop = start_tracing(exporter)
    yield exporter
    stop()


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    stop = log_as_json(stream)
    yield stream
    stop()


@pytest.fixture
def served(desk: Desk) -> Served:
    return Served(desk, authenticate=by_header)


def asked(
    served: Served, *requests: tuple[str, str, dict[str, Any]], actor: str = "agent:ann"
) -> list[httpx.Response]:
    """The answers to (method, path, further arguments)."""

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(create_app(served), raise_app_exceptions=False)
        headers = {"Authorization": f"Test {actor}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://desk.test", headers=headers
        ) as client:
            return [await client.request(how, path, **given) for how, path, given in requests]

    return asyncio.run(ask())


def get(path: str, **given: Any) -> tuple[str, str, dict[str, Any]]:
    return "GET", path, given


def scraped(served: Served) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    [answer] = asked(served, get("/metrics"))
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_a_request_has_an_id_which_its_answer_says(served: Served) -> None:
    named, unnamed, unfit, missing = asked(
        served,
        get("/live", headers={"X-Request-Id": "abc-1.2_3"}),
        get("/live"),
        get("/live", headers={"X-Request-Id": "a b\tc"}),
        get("/nothing", headers={"X-Request-Id": "missed"}),
    )
    assert named.headers["x-request-id"] == "abc-1.2_3"
    assert len(unnamed.headers["x-request-id"]) == 32
    assert unfit.headers["x-request-id"] != "a b\tc"
    assert missing.headers["x-request-id"] == "missed"


def test_routes_are_counted_by_template_and_status(served: Served, desk: Desk) -> None:
    ticket = create(desk)
    asked(served, get("/live"), get("/live"), get(f"/nothing/{ticket}"), get("/api/v2/users/me"))
    found = scraped(served)
    counted = "ticketlog_http_requests_total"

    def count(route: str, status: int) -> float:
        labels = (("method", "GET"), ("route", route), ("status", str(status)))
        return found.get((counted, labels), 0)

    assert count("/live", 200) == 2
    assert count("unknown", 404) == 1
    assert count("/api/v2/users/me", 200) == 1
    took = "ticketlog_http_request_duration_seconds_count"
    assert found[took, (("method", "GET"), ("route", "/live"))] == 2
    assert found["ticketlog_http_requests_under_way", ()] == 1


def test_parts_of_the_server_add_numbers(served: Served) -> None:
    served.metrics.gauge("open_doors", "Doors.", lambda: 3)
    doors = {("cellar", "shut"): 7.0}
    served.metrics.counter("doors_used", "Doors.", lambda: doors, ("which", "how"))
    found = scraped(served)
    assert found["ticketlog_open_doors", ()] == 3
    assert found["ticketlog_feed_clients", ()] == 0
    assert found["ticketlog_doors_used_total", (("how", "shut"), ("which", "cellar"))] == 7


def of_one_trace(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    spans = {each.name: each for each in exporter.get_finished_spans()}
    assert len({each.context.trace_id for each in spans.values()}) == 1
    return spans


def test_request_command_append_and_view_are_one_trace(
    served: Served, exported: InMemorySpanExporter
) -> None:
    body = {"subject": "VPN drops"}
    [made] = asked(served, ("POST", "/api/v1/tickets", {"json": body}))
    assert made.status_code in (200, 201), made.text
    spans = of_one_trace(exported)
    request, command, append = (spans[n] for n in ("POST /api/v1/tickets", "command", "append"))
    assert command.parent
    assert command.parent.span_id == request.context.span_id
    assert append.parent
    assert append.parent.span_id == command.context.span_id
    assert dict(command.attributes or {}) == {
        "ticketlog.command": "ticket.create",
        "ticketlog.kind": "ticket",
    }
    assert dict(append.attributes or {}) == {"ticketlog.kind": "ticket"}
    assert (request.attributes or {})["http.response.status_code"] == made.status_code
    exported.clear()

    asked(served, get("/api/v2/tickets"))
    spans = of_one_trace(exported)
    view = spans["view"]
    assert (view.attributes or {})["ticketlog.view"] == "tickets"
    assert view.parent
    assert view.parent.span_id == spans["GET /api/v2/tickets"].context.span_id


def test_a_trace_of_another_program_goes_on(served: Served, exported: InMemorySpanExporter) -> None:
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    asked(served, get("/live", headers={"traceparent": f"00-{trace}-{parent}-01"}))
    [found] = exported.get_finished_spans()
    assert f"{found.context.trace_id:032x}" == trace
    assert found.parent
    assert f"{found.parent.span_id:016x}" == parent


def test_without_a_tracer_there_is_no_span(desk: Desk) -> None:
    with span("view", view="queue") as active:
        assert active is None


def test_a_line_tells_a_request(served: Served, lines: io.StringIO) -> None:
    [answer] = asked(served, get("/api/v2/users/me"))
    [line] = [json.loads(each) for each in lines.getvalue().splitlines()]
    assert {name: line[name] for name in line if name not in ("at", "duration_ms")} == {
        "level": "info",
        "logger": "ticketlog.requests",
        "message": "request",
        "request_id": answer.headers["x-request-id"],
        "method": "GET",
        "route": "/api/v2/users/me",
        "status": 200,
        "actor_kind": "agent",
    }


def person(desk: Desk) -> str:
    given: Any = [{"kind": "email", "value": f"{CANARY}@example.com"}]
    command = RegisterPerson.model_validate({"name": CANARY, "addresses": tuple(given)})
    return desk.execute(command, actor=ANN).stream.removeprefix("person/")


def failing(*_: object, **__: object) -> Any:
    raise RuntimeError(f"the words of {CANARY}")


def test_no_word_of_a_person_is_in_any_span_line_or_metric(
    desk: Desk,
    served: Served,
    exported: InMemorySpanExporter,
    lines: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kim = person(desk)
    ticket = create(desk, CANARY, description=CANARY, requester=kim)
    requests = [
        ("POST", "/api/v1/tickets", {"json": {"subject": CANARY}}),
        ("POST", "/api/v1/tickets", {"json": {"subject": CANARY, CANARY: CANARY}}),
        get(f"/api/v1/tickets/{ticket}"),
        get(f"/api/v1/persons/{kim}"),
        get(f"/{CANARY}/{kim}"),
        get(f"/api/v2/search?query={CANARY}"),
        get("/api/v2/tickets", headers={"X-Request-Id": f"{CANARY} {kim}"}),
    ]
    asked(served, *requests)
    asked(served, get("/api/v2/tickets"), actor=f"person:{kim}")
    with monkeypatch.context() as patched:
        patched.setattr(Desk, "query", failing)
        [failed] = asked(served, get("/api/v2/tickets"))
    logging.getLogger("ticketlog.http").error("%s fails for %s", CANARY, kim)
    logging.getLogger("elsewhere").error(f"{CANARY} fails")

    assert failed.status_code == 500
    assert CANARY not in failed.text
    told = {
        "spans": "\n".join(each.to_json() for each in exported.get_finished_spans()),
        "lines": lines.getvalue(),
        "metrics": asked(served, get("/metrics"))[0].text,
    }
    for where, text in told.items():
        assert len(text) > 1_000, where
        for secret in (CANARY, CANARY.lower(), kim, ticket, "ann"):
            assert secret not in text, (where, secret)
    assert '"error":"RuntimeError"' in told["lines"]


def test_a_failure_of_the_desk_says_what_it_is(lines: io.StringIO) -> None:
    error = Unreachable("broker:9092 doesn't answer")
    logging.getLogger("ticketlog").error("it fails after %s s: %s", 3, error)
    [line] = [json.loads(each) for each in lines.getvalue().splitlines()]
    assert line["message"] == "it fails after %s s: %s"
    assert line["with"] == [3, "broker:9092 doesn't answer"]


def test_a_stream_counts_until_its_beginning(desk: Desk) -> None:
    """Else a feed that is open for a day would be the slowest route."""
    from ticketlog.http.telemetry import Telemetry
    from ticketlog.service.metrics import ServerMetrics

    metrics, clock = ServerMetrics(), iter(range(100))
    sent: list[Any] = []

    async def endless(scope: Any, receive: Any, send: Callable[[Any], Any]) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for _ in range(20):
            next(clock)
        await send({"type": "http.response.body", "body": b""})

    async def taken(message: Any) -> None:
        sent.append(message)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ticketlog.http.telemetry.perf_counter", lambda: float(next(clock)))
        scope = {"type": "http", "method": "GET", "path": "/events", "headers": []}
        asyncio.run(Telemetry(endless, metrics)(scope, taken, taken))  # type: ignore[arg-type]
    sums = [s for m in metrics.collect() for s in m.samples if s.name.endswith("seconds_sum")]
    assert [each.value for each in sums] == [1.0]

"""What a service says of itself, seen from inside: its workers aren't started here."""

from __future__ import annotations

import pytest

from tests.helpdesk import create
from ticketlog.application.supervisor import Worker
from ticketlog.desk import Desk
from ticketlog.service.metrics import registry
from ticketlog.service.service import DeskService


@pytest.fixture
def service(desk: Desk) -> DeskService:
    def report(worker: Worker, error: Exception, pause: float) -> None:
        raise AssertionError(error)

    return DeskService(desk, report)


def test_it_is_ready_once_the_views_have_caught_up_with_what_was_there(
    desk: Desk, service: DeskService
) -> None:
    create(desk)
    records = sum(desk.log.ends())
    said = service.readiness()
    assert not said.ready
    assert f"view queue has {records} records to catch up with" in said.reasons
    assert said.plain()["workers"] == [
        {"worker": name, "failures": 0, "error": None, "seconds_since_pass": None}
        for name in ("views", "policies", "outbox", "audit", "webhooks")
    ]
    desk.refresh()
    assert service.readiness().reasons == []
    assert service.readiness().workers[0].seconds_since_pass is not None
    create(desk)
    assert service.readiness().ready


def test_a_log_that_does_not_answer(
    desk: Desk, service: DeskService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No embedded log does that; one in Kafka does."""
    desk.refresh()
    monkeypatch.setattr(desk.log, "latest_ends", lambda: None)
    monkeypatch.setattr(desk.log, "troubles", lambda: ["no broker answers"])
    assert service.readiness().reasons == [
        "no broker answers",
        "how much the views have to catch up with isn't known",
    ]
    monkeypatch.undo()
    assert service.readiness().ready


def test_a_log_that_was_closed(desk: Desk, service: DeskService) -> None:
    desk.refresh()
    desk.log.close()
    (reason,) = service.readiness().reasons
    assert "log.db was closed" in reason
    assert not service.liveness().live


def test_its_metrics_count_deliveries_by_endpoint(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worker(stop: object) -> None: ...

    sends = Worker("webhooks", worker, lambda: 0.0, deliveries=lambda: {"crm": (7, 2)})
    monkeypatch.setattr("ticketlog.service.service.workers", lambda desk: [sends])
    service = DeskService(desk, lambda *_: None)
    families = {each.name: each for each in registry(service).collect()}
    counted = families["ticketlog_webhook_deliveries"].samples
    assert {(s.labels["endpoint"], s.labels["outcome"]): s.value for s in counted} == {
        ("crm", "taken"): 7,
        ("crm", "failed"): 2,
    }
    assert families["ticketlog_appends_under_way"].samples[0].value == 0

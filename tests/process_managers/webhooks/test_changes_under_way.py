"""given deliveries under way, when an endpoint is paused, changed or removed, then nothing is lost,
nothing stands still, and nothing of another time is sent."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tests.helpdesk import ANN, SUE, create
from tests.process_managers.webhooks.receiving import Receiver, set_up
from ticketlog.desk import Desk
from ticketlog.domain.ticket.conversation import Note
from ticketlog.domain.webhook import CancelReplay, PauseWebhook, ReplayWebhook, ResumeWebhook
from ticketlog.process_managers.webhooks.delivering import WebhookDeliverer
from ticketlog.process_managers.webhooks.endpoint import Endpoint, Underway
from ticketlog.process_managers.webhooks.http_sender import HookAnswer
from ticketlog.process_managers.webhooks.schedule import HOUR, MINUTE, WHOLE

TAKEN = HookAnswer(204)
AWAY = HookAnswer(None, "refused")


def remove(desk: Desk) -> None:
    desk.settings_apply("[webhooks]\n", actor=SUE)
    assert not desk.settings.webhooks


def deliverer_of(desk: Desk) -> WebhookDeliverer:
    found = desk.webhooks()._replace(open_sender=Receiver().opened).deliverer(chance=lambda: 0.0)
    found.refresh()
    return found


def begun(found: WebhookDeliverer, now: int) -> list[tuple[Endpoint, Underway]]:
    """All deliveries that begin now."""
    sent = []
    for endpoint in found.endpoints():
        endpoint.fill(now)
        while (each := endpoint.next(now)) is not None:
            sent.append((endpoint, each))
    return sent


def paused_and_resumed(desk: Desk, found: WebhookDeliverer) -> None:
    desk.execute(PauseWebhook(), on="webhook/crm", actor=SUE)
    found.refresh()
    desk.execute(ResumeWebhook(), on="webhook/crm", actor=SUE)


def changed_and_changed_back(desk: Desk, found: WebhookDeliverer) -> None:
    set_up(desk, "https://example.com/other")
    found.refresh()
    set_up(desk)


def removed_and_added(desk: Desk, found: WebhookDeliverer) -> None:
    remove(desk)
    found.refresh()
    set_up(desk)


def replayed_and_cancelled(desk: Desk, found: WebhookDeliverer) -> None:
    starts, ends = desk.log_range("2020-01-01T00:00:00Z", None)
    desk.execute(ReplayWebhook(starts=starts, ends=ends), on="webhook/crm", actor=SUE)
    found.refresh()
    desk.execute(CancelReplay(replay="1"), on="webhook/crm", actor=SUE)


@pytest.mark.parametrize(
    "change",
    [paused_and_resumed, changed_and_changed_back, removed_and_added, replayed_and_cancelled],
)
def test_a_change_taken_back_while_a_delivery_is_under_way_stops_nothing(
    desk: Desk, change: Callable[[Desk, WebhookDeliverer], None]
) -> None:
    set_up(desk)
    create(desk)
    found = deliverer_of(desk)
    ((endpoint, sent),) = begun(found, desk.now())
    change(desk, found)
    found.refresh()
    found.take_in(endpoint, sent, TAKEN)
    later = create(desk, "later")
    found.refresh()
    assert [each.delivery.stream for _, each in begun(found, desk.now())] == [f"ticket/{later}"]


def test_what_one_replays_meanwhile_waits_for_its_ticket_without_turning_round(desk: Desk) -> None:
    set_up(desk)
    ticket = create(desk)
    starts, ends = desk.log_range("2020-01-01T00:00:00Z", None)
    desk.execute(ReplayWebhook(starts=starts, ends=ends), on="webhook/crm", actor=SUE)
    found = deliverer_of(desk)
    ((endpoint, sent),) = begun(found, desk.now())
    assert sent.delivery.stream == f"ticket/{ticket}"
    assert endpoint.next_at(desk.now()) is None
    found.take_in(endpoint, sent, TAKEN)
    assert endpoint.next_at(desk.now()) is not None


def test_one_that_is_gone_gets_nothing_more(desk: Desk) -> None:
    set_up(desk)
    create(desk)
    found = deliverer_of(desk)
    ((endpoint, sent),) = begun(found, desk.now())
    create(desk, "later")
    found.take_in(endpoint, sent, HookAnswer(410))
    assert begun(found, desk.now()) == []


def test_tickets_that_an_endpoint_never_takes_keep_no_other_one_from_it(desk: Desk) -> None:
    set_up(desk)
    bad = {f"ticket/{create(desk, 'bad')}" for _ in range(12)}
    found, now = deliverer_of(desk), desk.now()
    good: str | None = None
    got = set()
    for _ in range(40):
        sent = begun(found, now)
        for endpoint, each in sent:
            taken = each.delivery.stream not in bad
            got |= {each.delivery.stream} if taken else set()
            found.take_in(endpoint, each, TAKEN if taken else HookAnswer(500))
        good = good or f"ticket/{create(desk, 'good')}"
        now += 31 * MINUTE
    assert good in got


def test_what_was_read_ahead_of_a_restricted_ticket_is_recorded_before_it_is_sent(
    desk: Desk,
) -> None:
    desk.settings_apply(
        "[teams.network]\nrestricted = true\n[teams.billing]\n", actor=SUE, strand=True
    )
    set_up(desk, reads_as="agent:ann")
    hidden = {f"ticket/{create(desk, team='network')}" for _ in range(40)}
    found = deliverer_of(desk)
    (endpoint,) = found.endpoints()
    recorded: set[str] = set()
    found.desk = found.desk._replace(record_read=lambda actor, read: recorded.update(read))
    endpoint.fill(desk.now())
    found.refresh()
    found.record_reads(endpoint)
    assert recorded == hidden


def test_one_that_was_removed_and_added_again_gets_nothing_of_before(desk: Desk) -> None:
    set_up(desk)
    before = create(desk, "before")
    found = deliverer_of(desk)
    for endpoint, sent in begun(found, desk.now()):
        found.take_in(endpoint, sent, HookAnswer(500))
        found.record(endpoint)
    remove(desk)
    found.refresh()
    set_up(desk)
    desk.execute(Note(body="since"), on=before, actor=ANN)
    found.refresh()
    sent = begun(found, desk.now() + HOUR)
    assert [(each.delivery.stream, each.delivery.version) for _, each in sent] == [
        (f"ticket/{before}", 1)
    ]


@pytest.mark.parametrize("resumed", [False, True])
def test_days_without_a_success_count_over_restarts(desk: Desk, resumed: bool) -> None:
    now = desk.now()

    def restarted() -> WebhookDeliverer:
        webhooks = desk.webhooks()
        return (
            webhooks._replace(
                open_sender=Receiver().opened, desk=webhooks.desk._replace(now=lambda: now)
            )
        ).deliverer(chance=lambda: 0.0)

    set_up(desk)
    for _ in range(12):
        create(desk)
    began, told = now, False
    while now - began < WHOLE + HOUR:
        found = restarted()
        found.refresh()
        for _ in range(3):
            for endpoint, sent in begun(found, now):
                found.take_in(endpoint, sent, AWAY)
            now += 31 * MINUTE
        for endpoint in found.endpoints():
            found.record(endpoint)
        found.write_notes()
        if resumed and not told and now - began > WHOLE - 10 * HOUR:
            told = True
            desk._clock = partial(int, now)
            desk.execute(PauseWebhook(), on="webhook/crm", actor=SUE)
            desk.execute(ResumeWebhook(), on="webhook/crm", actor=SUE)
    assert (desk.load("webhook/crm").disabled is None) == resumed
    assert desk.webhooks().show("crm").given_up == []

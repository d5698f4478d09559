"""Webhooks as those who look after them see them: how far each is, its last deliveries, a test, a
replay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import orjson

from ticketlog.application.executor import new_id
from ticketlog.application.hook_signatures import Signer, webhook_id
from ticketlog.application.outside_secrets import outside_secret
from ticketlog.documents import webhooks as documents
from ticketlog.documents.base import in_seconds
from ticketlog.domain.base import NotFound, instant, iso
from ticketlog.domain.policy_checkpoint import PolicyCheckpoint
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.webhooks import Webhook
from ticketlog.domain.webhook import Replay, WebhookEndpoint
from ticketlog.errors import TicketlogError
from ticketlog.log.commit import parse
from ticketlog.log.port import Log
from ticketlog.process_managers.policy_status import parked, records_behind
from ticketlog.process_managers.webhooks.deliveries import (
    PING,
    THIN_TYPE,
    Delivery,
    DeliveryNote,
    DeliveryNotes,
)
from ticketlog.process_managers.webhooks.delivering import (
    DeskAccess,
    Open,
    WebhookDeliverer,
    given_up,
    lane_name,
)
from ticketlog.process_managers.webhooks.http_sender import HookAnswer
from ticketlog.process_managers.webhooks.schedule import SECOND
from ticketlog.process_managers.webhooks.targets import TargetRules

MOST_DELIVERIES = 1_000


Sees: TypeAlias = Callable[[str], bool]
"""Whether who asks sees a stream, 'KIND/ID'."""


def _everything(_: str) -> bool:
    return True


def _is_seen(stream: str, sees: Sees) -> bool:
    return not stream.startswith("ticket/") or sees(stream)


class WebhookDesk(NamedTuple):
    """The webhooks of a desk. `open_sender`: makes the sender of deliveries."""

    desk: DeskAccess
    open_sender: Open

    def deliverer(self, **given: Any) -> WebhookDeliverer:
        """The worker that delivers. `given`: further arguments of it."""
        return WebhookDeliverer(self.desk, self.open_sender, **given)

    def list(self, sees: Sees = _everything) -> documents.WebhookList:
        """All endpoints, and how far each is. `sees`: as for `show`."""
        shown = [self.show(id, sees) for id in self._settings().webhooks]
        return documents.WebhookList(webhooks=shown)

    def show(self, id: str, sees: Sees = _everything) -> documents.WebhookState:
        """An endpoint; of what it didn't take, that of streams that the asker sees. Raises
        NotFound."""
        webhook = self._webhook(id)
        load = self.desk.executor.repository.load
        endpoint: WebhookEndpoint = load(f"webhook/{id}")
        progress: PolicyCheckpoint = load(f"policy/{lane_name(id)}")
        state, why = _state(webhook, endpoint)
        places = [progress.places.get(p) for p in range(self.desk.log.partitions)]
        starts = self.desk.begin(id)
        at = [place.offset if place else start for place, start in zip(places, starts, strict=True)]
        ends = self.desk.log.ends()
        return documents.WebhookState.filled(
            webhook=id,
            title=webhook.title,
            url=webhook.url,
            types=list(webhook.types),
            conditions=str(webhook.when),
            body=webhook.body,
            scheme=webhook.scheme,
            secrets=list(webhook.secrets),
            reads_as=webhook.reads_as,
            owner=webhook.owner,
            state=state,
            why=why,
            positions=[place.offset if place else None for place in places],
            behind=sum(
                records_behind(self.desk.log, p, *span)
                for p, span in enumerate(zip(at, ends, strict=True))
            ),
            held_back=len(progress.waiting),
            given_up=[each for each in parked(progress) if _is_seen(each.stream, sees)],
            replays=[_replay(number, each) for number, each in endpoint.replays.items()],
        )

    def deliveries(
        self, id: str, *, limit: int = 50, failed: bool = False, sees: Sees = _everything
    ) -> documents.WebhookDeliveries:
        """The last deliveries to an endpoint, the latest first; `failed`: of those that it didn't
        take; `sees`: of streams that the asker sees. Raises NotFound."""
        self._webhook(id)
        notes = DeliveryNotes(self.desk.folder).last(id, MOST_DELIVERIES, failed)
        seen = islice((each for each in notes if _is_seen(each.stream, sees)), limit)
        return documents.WebhookDeliveries(webhook=id, deliveries=list(map(_noted, seen)))

    def test(self, id: str) -> documents.WebhookDelivery:
        """Sends a ping to an endpoint, once, whether it is paused or not; tells what it answered.
        Raises NotFound, Usage, Unfit."""
        return asyncio.run(self.test_async(id))

    async def test_async(self, id: str) -> documents.WebhookDelivery:
        """As `test`, in an event loop."""
        webhook = self._webhook(id)
        secrets = [outside_secret(each, self.desk.folder) for each in webhook.secrets]
        now, event = self.desk.now(), f"{PING}-{new_id()}"
        ping = {"type": PING, "timestamp": iso(now), "data": {"id": event, "webhook": id}}
        delivery = Delivery(
            *(event, PING, f"webhook/{id}", 0, 0, 0, 0), THIN_TYPE, orjson.dumps(ping)
        )
        timestamp = now // SECOND
        signature = Signer(webhook.scheme, secrets).signature(delivery.id, timestamp, delivery.body)
        headers = {
            "content-type": delivery.media_type,
            "webhook-id": delivery.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature,
        }
        async with self.open_sender() as sender:
            answer = await sender.send(webhook.url, headers, delivery.body)
        note = _pinged(delivery, answer, id, self.desk.now())
        DeliveryNotes(self.desk.folder).add([note])
        return _noted(note)

    def _settings(self) -> Settings:
        return self.desk.executor.settings()

    def _webhook(self, id: str) -> Webhook:
        known = self._settings().webhooks
        if id not in known:
            raise NotFound(
                f"there is no webhook {id}; there are {', '.join(sorted(known)) or 'none'}. "
                f"[webhooks.{id}] in a settings file makes one",
                webhook=id,
            )
        return known[id]


def _state(webhook: Webhook, endpoint: WebhookEndpoint) -> tuple[str, str | None]:
    if endpoint.disabled is not None:
        return "disabled", given_up(webhook.id, endpoint)
    if webhook.paused:
        return "paused", f"[webhooks.{webhook.id}] paused = true"
    if endpoint.paused:
        return "paused", f"`ticketlog webhook resume {webhook.id}` goes on"
    return "active", None


def _replay(number: str, replay: Replay) -> documents.WebhookReplay:
    return documents.WebhookReplay.filled(
        replay=number,
        starts=list(replay.starts),
        ends=list(replay.ends),
        asked_at=replay.asked_at,
        ended_at=replay.ended_at,
        cancelled=replay.cancelled,
    )


def _noted(note: DeliveryNote) -> documents.WebhookDelivery:
    return documents.WebhookDelivery.filled(
        at=note.at,
        id=note.id,
        event=note.event,
        type=note.type,
        stream=note.stream,
        attempt=note.attempt,
        status=note.status,
        took_seconds=in_seconds(note.took),
        error=note.error,
        answer=note.start,
        replay=note.replay,
    )


def _pinged(delivery: Delivery, answer: HookAnswer, webhook: str, at: int) -> DeliveryNote:
    return DeliveryNote(
        webhook=webhook,
        at=at,
        id=webhook_id(delivery.event),
        event=delivery.event,
        type=delivery.type,
        stream=delivery.stream,
        attempt=1,
        status=answer.status,
        took=answer.took,
        error=answer.error,
        start=answer.start,
    )


def warnings(
    webhooks: Mapping[str, Any], sources: Mapping[str, Any], folder: Path, allowed: Sequence[str]
) -> Iterator[str]:
    """The warnings about settings that are to be put in force: secrets that aren't there yet, and
    addresses that the operator of the desk doesn't allow."""
    rules = TargetRules(allowed)
    for table, things in (("webhooks", webhooks), ("hook_sources", sources)):
        for id, each in things.items():
            for reference in each.secrets:
                try:
                    outside_secret(reference, folder)
                except TicketlogError as error:
                    yield f"[{table}.{id}] {error}"
    for id, webhook in webhooks.items():
        try:
            rules.check_url(webhook.url)
        except TicketlogError as error:
            yield f"[webhooks.{id}] {error}"


def begin_at(tickets: Log, settings_log: Log, settings: Settings, id: str) -> tuple[int, ...]:
    """The offsets at which an endpoint begins that never ran: those of the moment at which the
    settings began to have it."""
    position = settings.since.get(f"webhook/{id}", 0)
    records = settings_log.records(0, position, 1)
    if not records:
        return tuple(tickets.ends())
    recorded_at = instant(str((parse(records[0].data) or {})["recorded_at"]))
    found = (tickets.offset_at(p, recorded_at) for p in range(tickets.partitions))
    return tuple(max(each, 1) for each in found)

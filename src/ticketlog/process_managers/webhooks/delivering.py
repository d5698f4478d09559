"""The worker that delivers events to all endpoints: it reads the log, sends, and records how far it
is.

One process of a desk's folder delivers at a time: it holds a lock that is gone with the process,
and the rest stand by.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from ticketlog.application.executor import Executor
from ticketlog.application.hook_signatures import Signer
from ticketlog.application.outside_secrets import outside_secret
from ticketlog.domain.base import Actor, Command, Forbidden
from ticketlog.domain.policy_checkpoint import Place, PolicyCheckpoint
from ticketlog.domain.settings.webhooks import Webhook, actor_named
from ticketlog.domain.webhook import DisableWebhook, EndReplay, WebhookEndpoint
from ticketlog.errors import Damaged, TicketlogError, Unfit, Unreachable, Usage
from ticketlog.log.port import Log
from ticketlog.process_managers.checkpoints import checkpoint_at, park
from ticketlog.process_managers.command_sender import Cause, CommandSender
from ticketlog.process_managers.webhooks.deliveries import (
    DeliveryNote,
    DeliveryNotes,
    EventChoice,
    EventReader,
)
from ticketlog.process_managers.webhooks.endpoint import Consequence, Endpoint, Underway
from ticketlog.process_managers.webhooks.http_sender import HookAnswer, HookSender
from ticketlog.process_managers.webhooks.lane import Lane
from ticketlog.process_managers.webhooks.schedule import SECOND
from ticketlog.publishing.cloudevent import source

LOCK = "webhooks.lock"
STAND_BY_S = 2.0
"""Seconds after which a process that stands by tries to take over."""
RECORD_AFTER_S = 1.0
"""Seconds after which it is recorded how far an endpoint is, where something was delivered."""
LOOK_AGAIN_S = 1.0
"""Seconds after which settings, rights and pauses are looked at again."""
WAIT_S = 0.5
"""Seconds that the log is waited for at once."""

Open: TypeAlias = Callable[[], AbstractAsyncContextManager[HookSender]]
"""Makes the sender, in the event loop that it is used in."""


class DeskAccess(NamedTuple):
    """The parts of a desk that deliveries need. `begin`: the offsets at which an endpoint begins
    that never ran, those of the moment since which the settings have it."""

    log: Log
    executor: Executor
    now: Callable[[], int]
    viewer: Callable[[Actor], EventReader]
    begin: Callable[[str], tuple[int, ...]]
    folder: Path
    record_read: Callable[[Actor, tuple[str, ...]], None] = lambda actor, streams: None
    """Records that an actor is given tickets of restricted teams, before they are sent."""


def lane_name(webhook: str, replay: str | None = None) -> str:
    """The name under which a lane's place is recorded: its stream is 'policy/NAME'."""
    return f"webhook-{webhook}" + (f".replay-{replay}" if replay is not None else "")


def reader_of(webhook: Webhook) -> Actor:
    """The actor as whom an endpoint reads."""
    kind, id = actor_named(webhook.reads_as)
    return Actor(id, kind, authenticated="local")  # type: ignore[arg-type]


class WebhookDeliverer:
    """Delivers to all endpoints of a desk. `run` is for one thread at a time, the rest for any."""

    def __init__(
        self,
        desk: DeskAccess,
        open_sender: Open,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.desk = desk
        self._open = open_sender
        self._chance = chance
        self._sender = CommandSender(desk.executor, desk.now)
        self._load = desk.executor.repository.load
        self._notes = DeliveryNotes(desk.folder)
        self._source = source(desk.log.desk)
        self._endpoints: dict[str, Endpoint] = {}
        self._states: dict[str, object] = {}
        self._failures: dict[str, str] = {}
        self._unwritten: list[DeliveryNote] = []
        self._last_pass_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Delivers until `stop` is set. Raises the errors of the log; run again, it goes on where
        it was."""
        while not stop.is_set():
            if not self.desk.executor.settings().webhooks:
                self._last_pass_at = time.time()
                stop.wait(LOOK_AGAIN_S)
                continue
            with _locked(self.desk.folder / LOCK) as holds:
                if holds:
                    try:
                        asyncio.run(self._deliver(stop.is_set))
                    except Unreachable:
                        if not stop.is_set():
                            raise
                    finally:
                        self._endpoints, self._states = {}, {}
                    return
            self._last_pass_at = time.time()
            stop.wait(STAND_BY_S)

    def catch_up(self, patience_s: float = 30.0) -> None:
        """Delivers what the log holds by now and what is due, and returns when nothing is left to
        do now, or after so many seconds. Raises Unfit where another process delivers."""
        ends = time.monotonic() + patience_s
        idle = False

        def stopped() -> bool:
            return idle or time.monotonic() > ends

        def noticed() -> None:
            nonlocal idle
            idle = True

        with _locked(self.desk.folder / LOCK) as holds:
            if not holds:
                raise Unfit(
                    "another process of this desk delivers the webhooks: leave it to that, or stop "
                    "it first"
                )
            self.desk.log.sync()
            try:
                asyncio.run(self._deliver(stopped, noticed))
            finally:
                self._endpoints, self._states = {}, {}

    def last_pass_at(self) -> float:
        """The end of the last complete pass, in seconds since 1970; 0: none yet."""
        return self._last_pass_at

    def troubles(self) -> list[str]:
        """The endpoints that get nothing, and why, a line each."""
        found = list(self._failures.values())
        for each in list(self._endpoints.values()):
            found += each.troubles()
        return found

    def endpoints(self) -> list[Endpoint]:
        """The endpoints that get events now."""
        return list(self._endpoints.values())

    def counts(self) -> Mapping[str, tuple[int, int]]:
        """Deliveries that were taken and that failed since the process began, by endpoint."""
        return {id: (e.delivered, e.failed) for id, e in list(self._endpoints.items())}

    async def _deliver(
        self, stopped: Callable[[], bool], idle: Callable[[], None] = lambda: None
    ) -> None:
        async with self._open() as sender:
            loop = _DeliveryLoop(self, sender)
            try:
                await loop.run(stopped, idle)
            finally:
                await loop.end()

    def refresh(self) -> None:
        """Looks at settings, pauses and rights again, and opens and closes endpoints by them."""
        settings = self.desk.executor.settings()
        wanted = settings.webhooks
        for id in [id for id in self._endpoints if id not in wanted]:
            self._close(id)
        for id in [id for id in self._failures if id not in wanted]:
            del self._failures[id]
        for id, webhook in wanted.items():
            state: WebhookEndpoint = self._load(f"webhook/{id}")
            if webhook.paused or state.paused or state.disabled:
                self._close(id)
                self._failures.pop(id, None)
                if state.disabled:
                    self._failures[id] = given_up(id, state)
                continue
            try:
                self._refresh_one(webhook, state)
                self._failures.pop(id, None)
            except (Unfit, Usage, Forbidden) as error:
                self._close(id)
                self._failures[id] = f"webhook {id} gets nothing: {error}"

    def _refresh_one(self, webhook: Webhook, state: WebhookEndpoint) -> None:
        """Opens an endpoint, or opens it anew where what it is made of has changed. Raises Unfit,
        Usage, Forbidden where it can't be used."""
        secrets = tuple(outside_secret(each, self.desk.folder) for each in webhook.secrets)
        reader = self.desk.viewer(reader_of(webhook))
        made_of = (webhook, secrets, tuple(state.under_way))
        known = self._endpoints.get(webhook.id)
        choice = EventChoice(
            webhook, self.desk.executor.settings(), reader, self._load, self._source
        )
        if known is not None and self._states.get(webhook.id) == made_of and not known.is_ending:
            # What was read ahead is still to be told of before it is sent.
            choice.restricted |= known.choice.restricted
            known.choice = choice
            return
        signer = Signer(webhook.scheme, secrets)
        if not self._close(webhook.id):
            return
        begins = self.desk.begin(webhook.id)
        lanes = [self._lane(lane_name(webhook.id), begins, None, begins)]
        for id, replay in state.under_way.items():
            lanes.append(self._lane(lane_name(webhook.id, id), replay.starts, replay.ends))
        opened = Endpoint(webhook, signer, choice, lanes, self._chance)
        now = self.desk.now()
        opened.go_on(self._notes.failures(webhook.id, now, state.resumed_at or 0), now)
        self._endpoints[webhook.id] = opened
        self._states[webhook.id] = made_of

    def _lane(
        self,
        name: str,
        starts: Iterable[int],
        ends: tuple[int, ...] | None,
        begins: tuple[int, ...] | None = None,
    ) -> Lane:
        """A lane from its recorded place on. Raises Damaged where the log isn't the one that it was
        recorded of."""
        log = self.desk.log
        state: PolicyCheckpoint = self._load(f"policy/{name}")
        offsets = []
        for partition, start in enumerate(starts):
            place = state.places.get(partition)
            if place is not None:
                found = checkpoint_at(log, partition, place.offset)
                if found.leaf.hex() != place.leaf:
                    raise Damaged(
                        f"{name} was at {partition}:{place.offset} of another log, or of one that "
                        "was cut off: restore the log"
                    )
            offsets.append(max(start, 1, place.offset if place else 0))
        return Lane(name, log, offsets, dict(state.waiting), ends, begins)

    def _close(self, id: str) -> bool:
        """Drops an endpoint after its place was recorded. False where deliveries are under way: it
        begins no more of them, and is to be closed when they have ended."""
        endpoint = self._endpoints.get(id)
        if endpoint is None:
            return True
        endpoint.is_ending = True
        if endpoint.under_way:
            return False
        del self._endpoints[id]
        self._states.pop(id, None)
        self.record(endpoint)
        return True

    def record(self, endpoint: Endpoint) -> None:
        """Records how far an endpoint's lanes are."""
        for lane in list(endpoint.lanes):
            command = lane.advance(self._place)
            if command is not None:
                self._sender.record_on(
                    f"policy/{lane.name}", Actor(lane.name, "service", "service"), command
                )
            if lane.is_done():
                endpoint.lanes.remove(lane)
                _, _, replay = lane.name.partition(".replay-")
                self._tell(endpoint.webhook.id, EndReplay(replay=replay))

    def _place(self, partition: int, offset: int) -> Place:
        found = checkpoint_at(self.desk.log, partition, offset)
        return Place(partition=partition, offset=offset, leaf=found.leaf.hex())

    def take_in(self, endpoint: Endpoint, sent: Underway, answer: HookAnswer) -> None:
        """Takes in the answer to a delivery, and records what it means for the endpoint."""
        found: Consequence = endpoint.done(sent, answer, self.desk.now())
        self._unwritten.append(found.note)
        delivery = sent.delivery
        if found.parks is not None:
            cause = Cause(
                sent.lane.name,
                delivery.event,
                delivery.stream,
                delivery.partition,
                delivery.offset,
            )
            park(self._sender, sent.lane.name, cause, Unfit(found.parks))
        if found.disables is not None:
            why: Any = found.disables
            self._tell(endpoint.webhook.id, DisableWebhook(why=why, event=delivery.event[:100]))

    def _tell(self, webhook: str, command: Command) -> None:
        self._sender.record_on(f"webhook/{webhook}", Actor(webhook, "service", "service"), command)

    def record_reads(self, endpoint: Endpoint) -> None:
        """Records which restricted tickets the endpoint's reader is given. Raises Unreachable, and
        nothing is sent then."""
        streams = endpoint.choice.restricted
        if streams:
            self.desk.record_read(reader_of(endpoint.webhook), tuple(sorted(streams)))
            streams.clear()

    def write_notes(self) -> None:
        """Keeps the notes of deliveries that aren't written yet."""
        notes, self._unwritten = self._unwritten, []
        if notes:
            self._notes.add(notes)

    def passed(self) -> None:
        """Notes that there is nothing left to do for now."""
        self._last_pass_at = time.time()


class _DeliveryLoop:
    """The event loop's part: what is under way, and what is waited for."""

    def __init__(self, deliverer: WebhookDeliverer, sender: HookSender) -> None:
        self._deliverer = deliverer
        self._desk = deliverer.desk
        self._sender = sender
        self._under_way: dict[asyncio.Task[HookAnswer], tuple[Endpoint, Underway]] = {}
        self._answered: deque[asyncio.Task[HookAnswer]] = deque()
        self._awake = asyncio.Event()
        self._looked_at = 0.0
        self._recorded_at = 0.0
        self._ended = threading.Event()
        self._watching: asyncio.Future[None] | None = None

    async def run(self, stopped: Callable[[], bool], idle: Callable[[], None]) -> None:
        """Delivers until it is stopped. `idle` is called whenever nothing is left to do now."""
        loop = asyncio.get_running_loop()
        self._watching = loop.run_in_executor(None, self._watch, loop)
        while not stopped():
            self._awake.clear()
            await self._look_again()
            self._take_in()
            self._begin_all()
            await self._record_now_and_then()
            if not self._under_way and not self._is_due():
                await self._record_now_and_then(at_once=True)
                self._deliverer.passed()
                idle()
                if stopped():
                    break
            await self._wait()
            if self._watching.done():
                self._watching.result()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wakes the loop when the log has grown, from a thread of its own."""
        log = self._desk.log
        ends = log.ends()
        while not self._ended.is_set():
            if log.wait(ends, WAIT_S):
                ends = log.ends()
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._awake.set)

    async def _look_again(self) -> None:
        if time.monotonic() - self._looked_at >= LOOK_AGAIN_S:
            await asyncio.to_thread(self._deliverer.refresh)
            self._looked_at = time.monotonic()

    def _begin_all(self) -> None:
        """Begins all deliveries that there are and that there is room for, in turn."""
        now = self._desk.now()
        left = self._deliverer.endpoints()
        for endpoint in left:
            endpoint.fill(now)
        while left:
            left = [each for each in left if self._begin_one(each, now)]

    def _begin_one(self, endpoint: Endpoint, now: int) -> bool:
        found = endpoint.next(now)
        if found is None:
            return False
        self._deliverer.record_reads(endpoint)
        url, body = endpoint.webhook.url, found.delivery.body
        task = asyncio.create_task(self._sender.send(url, found.headers, body))
        self._under_way[task] = endpoint, found
        task.add_done_callback(self._hear)
        return True

    def _hear(self, task: asyncio.Task[HookAnswer]) -> None:
        self._answered.append(task)
        self._awake.set()

    def _is_due(self) -> bool:
        now = self._desk.now()
        times = (each.next_at(now) for each in self._deliverer.endpoints())
        return bool(self._answered) or any(at is not None and at <= now for at in times)

    async def _wait(self) -> None:
        """Waits for an answer, for the log to grow, or for something to be due."""
        now = self._desk.now()
        times = (each.next_at(now) for each in self._deliverer.endpoints())
        pauses = (max(at - now, 0) / SECOND for at in times if at is not None)
        with suppress(TimeoutError):
            async with asyncio.timeout(min([LOOK_AGAIN_S, *pauses])):
                await self._awake.wait()

    def _take_in(self) -> None:
        while self._answered:
            task = self._answered.popleft()
            endpoint, sent = self._under_way.pop(task)
            if not task.cancelled():
                self._deliverer.take_in(endpoint, sent, task.result())

    async def _record_now_and_then(self, at_once: bool = False) -> None:
        if not at_once and time.monotonic() - self._recorded_at < RECORD_AFTER_S:
            return
        self._recorded_at = time.monotonic()
        for endpoint in self._deliverer.endpoints():
            if any(lane.unrecorded or lane.is_done() for lane in endpoint.lanes):
                await asyncio.to_thread(self._deliverer.record, endpoint)
        await asyncio.to_thread(self._deliverer.write_notes)

    async def end(self) -> None:
        """Lets what is under way end for a moment, and records how far it is."""
        self._ended.set()
        if self._under_way:
            _, left = await asyncio.wait(self._under_way, timeout=STAND_BY_S)
            for task in left:
                task.cancel()
            await asyncio.sleep(0)
            self._take_in()
        with suppress(TicketlogError):
            await self._record_now_and_then(at_once=True)
        if self._watching is not None:
            with suppress(TicketlogError):
                await self._watching


def given_up(id: str, state: WebhookEndpoint) -> str:
    """The reason for which an endpoint was given up, in a line. It must be."""
    assert state.disabled is not None
    why = {"gone": "it said that it is gone (410)", "unanswered": "it took nothing for days"}
    return (
        f"webhook {id} is given up: {why.get(state.disabled.why, state.disabled.why)}; "
        f"`ticketlog webhook resume {id}` tries it again"
    )


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Whether this process holds a lock file, as long as the block lasts. Raises Unreachable where
    there can't be one."""
    try:
        number = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise Unreachable(f"{path} can't be made: {error.strerror}") from error
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(number)

"""The hub of the feed: it reads what is new once, encodes it once for all who see the same, and
hands it to every open stream."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Collection, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, ParamSpec, TypeAlias, TypeVar

import orjson
from starlette.requests import Request

from ticketlog.application.access import Viewer
from ticketlog.application.feed import FeedEvent, FeedFilter, FeedPage, FeedPosition, reached
from ticketlog.domain.base import Actor, Recorded, Refused
from ticketlog.errors import TicketlogError
from ticketlog.http.problems import Problem
from ticketlog.http.served import Served
from ticketlog.projections.engine.moment import Cut
from ticketlog.publishing.cloudevent import PUBLIC, envelope, source

P = ParamSpec("P")
T = TypeVar("T")
HEARTBEAT_S = 15.0
"""Seconds after which a stream that had nothing to say says that it lives."""
QUEUE_BYTES = 1 << 20
"""Bytes that wait for a client; where it doesn't read them its stream is ended."""
_EVERYTHING = {name: frozenset(event.PERSONAL) for name, event in PUBLIC.items()}
"""The personal fields of each event: what a viewer may read of them `Viewer.event` decides."""
_RECORDS = 500
"""Records that are read for the streams at once."""
_PAGE = 500
"""Events of a page that a stream reads to come up with the hub."""
_NEAR = 1_000
"""Records behind the hub at most where a stream joins it."""
_LOOK_S = 2.0
"""Seconds between two looks whether somebody has got or lost a right, or was signed out."""
_TICK_S = 1.0
"""Seconds between two looks for streams that need a sign of life, or whose actor is out."""


class Subscriber:
    """An open stream. For the event loop."""

    __slots__ = (
        *("actor", "wanted", "request", "task", "is_gone", "is_broken_off"),
        *("_ended", "_queue", "_queued", "_woken", "checked_at", "said_at"),
    )

    def __init__(self, actor: Actor, wanted: FeedFilter, request: Request | None = None) -> None:
        self.actor = actor
        self.wanted = wanted
        self.request = request
        """The request that opened it, by which its actor is known."""
        self.task: asyncio.Task[Any] | None = None
        self.is_gone = False
        """Whether the client has closed the connection."""
        self.is_broken_off = False
        """Whether the client didn't read what waits for it."""
        self.said_at = 0.0
        self.checked_at = 0.0
        self._ended = False
        self._queue: list[bytes] = []
        self._queued = 0
        self._woken: asyncio.Future[None] | None = None

    def put(self, frames: bytes) -> None:
        """Frames for the client. Where too many wait, the stream is ended: the client comes again
        with the id of the last frame that it has had."""
        if self._ended:
            return
        if self._queued and self._queued + len(frames) > QUEUE_BYTES:
            self.is_broken_off = True
            self.end()
            if self.task is not None and self._woken is None:
                self.task.cancel()
            return
        self._queue.append(frames)
        self._queued += len(frames)
        self._wake()

    def end(self, *, gone: bool = False) -> None:
        """Ends the stream behind what waits for the client."""
        self.is_gone |= gone
        self._ended = True
        self._wake()

    @property
    def is_ended(self) -> bool:
        return self._ended

    async def take(self) -> bytes:
        """All that waits for the client, once there is something; nothing where the stream ends."""
        while not self._queue and not self._ended:
            self._woken = asyncio.get_running_loop().create_future()
            try:
                await self._woken
            finally:
                self._woken = None
        if self.is_gone or self.is_broken_off:
            return b""
        taken, self._queue, self._queued = self._queue, [], 0
        return taken[0] if len(taken) == 1 else b"".join(taken)

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)


Wanted: TypeAlias = tuple[Actor, FeedFilter]
"""Who reads what: subscribers of whom both are the same get the same."""


class _Batch(NamedTuple):
    """A piece of the log as the hub's thread has read it: `frames` of each actor and filter, and
    the actors who may not read any more. `is_read`: whether its events were read at all."""

    page: FeedPage
    frames: dict[Wanted, bytes]
    refused: frozenset[Actor]
    is_read: bool = True


class FeedHub:
    """The streams of a server. For its event loop; what reads the log runs in threads."""

    def __init__(self, served: Served) -> None:
        self.feed = served.desk.feed
        self.stopping = False
        self.broken_off = 0
        """Streams that were ended since their client didn't read them."""
        self._served = served
        self._source = source(self.feed.log.desk)
        self._position: FeedPosition | None = None
        """The position that all joined streams have come to."""
        self._joined: set[Subscriber] = set()
        self._open: set[Subscriber] = set()
        self._progress: asyncio.Future[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._thread: ThreadPoolExecutor | None = None
        self._told: str | None = None
        self._recorded: dict[Actor, set[str]] = {}
        """The restricted tickets that stand in the log of access as read by an actor."""
        self._recording = threading.Lock()

    def encoded(self, recorded: Recorded) -> bytes:
        """The CloudEvent of an event, as its viewer sees it."""
        return orjson.dumps(envelope(recorded, self._source, _EVERYTHING))

    @property
    def clients(self) -> int:
        """The number of open streams."""
        return len(self._open)

    @property
    def joined(self) -> int:
        """The number of open streams that have come up, and get what is new as it comes."""
        return len(self._joined)

    def start(self) -> None:
        """Begins to follow the log, if it doesn't yet."""
        if not self._tasks and not self.stopping:
            self._thread = ThreadPoolExecutor(1, "ticketlog-feed")
            loop = asyncio.get_running_loop()
            self._tasks = [loop.create_task(self._follow()), loop.create_task(self._look_after())]

    async def stop(self) -> None:
        """Ends every stream, behind what waits for it, and whatever waits for events."""
        self.stopping = True
        for each in tuple(self._open):
            each.end()
        self._tell_progress()
        for task in self._tasks:
            task.cancel()
        if self._thread is not None:
            self._thread.shutdown(wait=False)

    def progress(self) -> asyncio.Future[None]:
        """Done once the log has grown."""
        self.start()
        if self._progress is None:
            self._progress = asyncio.get_running_loop().create_future()
        return self._progress

    async def wait_for_progress(self, progress: asyncio.Future[None], timeout_s: float) -> bool:
        """Whether the log has grown before the time was up."""
        await asyncio.wait([progress], timeout=timeout_s)
        return progress.done() and not self.stopping

    def _tell_progress(self) -> None:
        progress, self._progress = self._progress, None
        if progress is not None and not progress.done():
            progress.set_result(None)

    # A stream

    async def frames(self, subscriber: Subscriber, after: FeedPosition) -> AsyncIterator[bytes]:
        """The frames of a subscriber: all behind a position, from the log, then what is new, until
        the stream ends."""
        self.start()
        self._open.add(subscriber)
        subscriber.checked_at = asyncio.get_running_loop().time()
        if self.stopping:
            return
        yield _GREETING
        try:
            async for frames in self._caught_up_with(subscriber, after):
                yield frames
        except (Refused, TicketlogError) as error:
            # Its actor may not read any more, or the log can't be read here: it comes again.
            if not isinstance(error, Refused):
                self._tell_trouble(error)
            return
        while frames := await subscriber.take():
            yield frames

    async def _caught_up_with(
        self, subscriber: Subscriber, at: FeedPosition
    ) -> AsyncIterator[bytes]:
        """The frames behind a position, from the log, until the subscriber has joined."""
        while not subscriber.is_ended:
            now, progress = self._position, self.progress()
            if now is None or _is_ahead(at, now):
                await self.wait_for_progress(progress, HEARTBEAT_S)
                yield _SIGN_OF_LIFE
                continue
            gap = sum(now.cut.ends) - sum(at.cut.ends)
            near = gap <= _NEAR
            if near:
                subscriber.said_at = asyncio.get_running_loop().time()
                self._joined.add(subscriber)
            while at.cut.ends != now.cut.ends and not subscriber.is_ended:
                page, frames = await self._served.read(self._caught_up, subscriber, at, now.cut)
                at = page.next
                yield frames or _at(at)
                if page.stopped is not None and page.is_last:
                    break
            if near:
                return

    def leave(self, subscriber: Subscriber) -> None:
        """Forgets a subscriber whose stream has ended."""
        subscriber.end()
        self._joined.discard(subscriber)
        self._open.discard(subscriber)
        if not any(each.actor == subscriber.actor for each in self._open):
            self._recorded.pop(subscriber.actor, None)

    def _caught_up(
        self, subscriber: Subscriber, at: FeedPosition, until: Cut
    ) -> tuple[FeedPage, bytes]:
        viewer = self.feed.viewer(subscriber.actor)
        page = self.feed.page(viewer, at, _PAGE, subscriber.wanted, until)
        self._record_reads(subscriber.actor, self.feed.restricted(page.events))
        frames = [self._frame(each.position, self.encoded(each.recorded)) for each in page.events]
        return page, b"".join(frames)

    @staticmethod
    def _frame(position: FeedPosition, event: bytes) -> bytes:
        return b"id: %b\ndata: %b\n\n" % (str(position).encode(), event)

    # What is new

    async def _follow(self) -> None:
        """Hands on what is new, until the hub stops."""
        while not self.stopping:
            try:
                if self._position is None:
                    self._position = await self._in_thread(self.feed.now)
                    self._tell_progress()
                batch = await self._in_thread(self._read_on, self._position, self._wanted())
                if batch is not None:
                    await self._hand_on(batch)
                self._told = None
            except Exception as error:
                if self.stopping:
                    return
                self._tell_trouble(error)
                await asyncio.sleep(_TICK_S)

    def _tell_trouble(self, error: Exception) -> None:
        """Says once what keeps the feed from going on."""
        if self._told != str(error):
            self._told = str(error)
            unforeseen = None if isinstance(error, TicketlogError) else error
            logging.getLogger("ticketlog.http").error(
                "the feed can't go on, and is tried again: %s", error, exc_info=unforeseen
            )

    async def _in_thread(self, function: Callable[P, T], *args: P.args, **_: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, partial(function, *args)
        )

    def _wanted(self) -> set[Wanted]:
        return {(each.actor, each.wanted) for each in self._joined}

    def _read_on(self, position: FeedPosition, wanted: set[Wanted]) -> _Batch | None:
        """The next piece of the log behind a position; None where nothing came for a while."""
        if not self.feed.log.wait(position.cut.ends, _TICK_S / 2):
            return None
        if not wanted:
            return _Batch(FeedPage([], self.feed.now(), True), {}, frozenset(), is_read=False)
        page = self.feed.read(position, _RECORDS)
        return _Batch(page, *self._framed(page.events, wanted))

    def _framed(
        self, events: Sequence[FeedEvent], wanted: set[Wanted]
    ) -> tuple[dict[Wanted, bytes], frozenset[Actor]]:
        """The frames of events for each actor and filter, as they may see them now; and the actors
        who aren't known any more."""
        viewers, refused = self._viewers({actor for actor, _ in wanted})
        by_key: dict[Hashable, tuple[bytes, frozenset[str]]] = {}
        encoded: dict[int, tuple[Recorded, bytes]] = {}
        frames: dict[Wanted, bytes] = {}
        for actor, one in wanted:
            viewer = viewers.get(actor)
            if viewer is None:
                continue
            key = (viewer.key, one)
            if key not in by_key:
                seen = self._seen_by(events, viewer, one)
                made = b"".join(self._frames_of(seen, encoded))
                by_key[key] = made, self.feed.restricted(seen)
            frames[actor, one], restricted = by_key[key]
            try:
                self._record_reads(actor, restricted)
            except TicketlogError as error:
                self._tell_trouble(error)
                refused |= {actor}
        return frames, refused

    def _record_reads(self, actor: Actor, restricted: frozenset[str]) -> None:
        """Records which restricted tickets an actor reads: once for each while they have streams
        open. Raises Unreachable."""
        if not restricted:
            return
        with self._recording:  # Who catches up and who follows may be in two threads.
            known = self._recorded.setdefault(actor, set())
            self.feed.record_reads(actor, restricted - known)
            known |= restricted

    def _seen_by(
        self, events: Sequence[FeedEvent], viewer: Viewer, wanted: FeedFilter
    ) -> list[FeedEvent]:
        found = []
        for each in events:
            seen = self.feed.seen(each.recorded, viewer, wanted)
            if seen is not None:
                found.append(each._replace(recorded=seen))
        return found

    def _frames_of(
        self, events: Sequence[FeedEvent], encoded: dict[int, tuple[Recorded, bytes]]
    ) -> Iterator[bytes]:
        """`encoded`: what was encoded for other viewers, by its identity."""
        for seen, position in events:
            if id(seen) not in encoded:
                encoded[id(seen)] = seen, self._frame(position, self.encoded(seen))
            yield encoded[id(seen)][1]

    def _viewers(self, actors: Collection[Actor]) -> tuple[dict[Actor, Viewer], frozenset[Actor]]:
        viewers, refused = {}, set()
        for actor in actors:
            try:
                viewers[actor] = self.feed.viewer(actor)
            except Refused:
                refused.add(actor)
        return viewers, frozenset(refused)

    async def _hand_on(self, batch: _Batch) -> None:
        """Gives joined streams what is theirs. Those that have joined while the batch was read are
        where it begins, too."""
        page, frames, refused, is_read = batch
        if not is_read and self._joined:
            return
        while missing := {each for each in self._wanted() if each not in frames} - {
            each for each in self._wanted() if each[0] in refused
        }:
            more, gone = await self._in_thread(self._framed, page.events, missing)
            frames |= more
            refused |= gone
        now = asyncio.get_running_loop().time()
        for each in tuple(self._joined):
            if each.actor in refused:
                each.end()
            elif found := frames[each.actor, each.wanted]:
                each.put(found)
                each.said_at = now
        if page.stopped is not None:
            self._tell_trouble(page.stopped)
        moved = self._position != page.next
        self._position = page.next
        self._tell_progress()
        if page.stopped is not None and not moved:
            await asyncio.sleep(_TICK_S)

    # Signs of life, and who may still read

    async def _look_after(self) -> None:
        """Lets silent streams say that they live, and ends those whose actor is signed out or may
        not read any more."""
        seen, looked_at = await self._in_time(self.feed.grounds), 0.0
        while not self.stopping:
            await asyncio.sleep(_TICK_S)
            try:
                now = asyncio.get_running_loop().time()
                changed = False
                if now - looked_at >= _LOOK_S:
                    before, seen = seen, await self._in_time(self.feed.grounds)
                    looked_at, changed = now, seen != before
                for each in tuple(self._joined):
                    if self._position is not None and now - each.said_at >= HEARTBEAT_S:
                        each.put(_at(self._position))
                        each.said_at = now
                for each in tuple(self._open):
                    if changed or now - each.checked_at >= HEARTBEAT_S:
                        each.checked_at = now
                        if not await self._may_still_read(each):
                            each.end()
            except Exception as error:
                self._tell_trouble(error)

    async def _in_time(self, function: Callable[[], T]) -> T:
        return await self._served.read(function)

    async def _may_still_read(self, subscriber: Subscriber) -> bool:
        request = subscriber.request
        try:
            if request is not None:
                actor = await self._served.authenticate(request)
                if actor != subscriber.actor:
                    return False
            await self._served.read(self.feed.viewer, subscriber.actor)
        except (Problem, Refused):
            return False
        return True


_GREETING = b"retry: 1000\n\n"
_SIGN_OF_LIFE = b":\n\n"


def _at(position: FeedPosition) -> bytes:
    """A frame without an event: a sign of life, and how far the stream has come."""
    return b": \nid: %b\n\n" % str(position).encode()


def _is_ahead(at: FeedPosition, now: FeedPosition) -> bool:
    """Whether a position is beyond where the hub is, in any partition."""
    within = at.number and at.cut.ends[at.partition] >= now.cut.ends[at.partition]
    return bool(within) or not reached(at, now.cut)

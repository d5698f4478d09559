"""The log of access at work: what has to be recorded before an answer goes out, and what is read of
it afterwards.

    desk.access_log.read(ann, "query:queue", on=["ticket/4F7K2M9QABCD"])

What returns has been written durably. Where it can't be written it raises, and there is no answer:
so each call stands before the answer. Callers that come at once share a write.
"""

from __future__ import annotations

import getpass
import json
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import orjson
from uuid_utils import uuid7

from ticketlog.domain.accounts.access_record import (
    COMMAND,
    KIND,
    LONGEST,
    AccessEvent,
    AccessExported,
    AccessRead,
    AccessRefused,
)
from ticketlog.domain.base import LONGEST_KEY, Actor, Context, Forbidden, Recorded, Refused
from ticketlog.domain.rights import OPERATOR, check_known, roles_of_agent
from ticketlog.domain.settings.model import Settings
from ticketlog.errors import TicketlogError, Unreachable, Usage
from ticketlog.log import history
from ticketlog.log.commit import Commit, commit_of, digest
from ticketlog.log.index.indexed_log import IndexedLog
from ticketlog.log.index.subjects import SubjectIndex

AUDIT = "audit.access"
"""The right to read the log of access."""
AUDITOR = "auditor"
"""The role of agents who may."""
NOBODY = Actor("nobody", "person", role="signed-out")
"""Stands for an actor who isn't signed in. No person has that id: theirs are in capitals."""
MOST_STREAMS = 5_000
"""Streams that one record names; more are told in further ones."""
_INDEX_EVERY_S = 5.0
"""Seconds between two passes of the index while a service runs; an audit brings it up, too."""


def operator() -> Actor:
    """The user of a command line on the desk's machine, by the login name, who acts as no other
    actor."""
    try:
        login = getpass.getuser()
    except (KeyError, OSError):
        login = "unknown"
    return Actor(login, "service", role=OPERATOR, authenticated="local")


def is_operator(actor: Actor | None) -> bool:
    """Whether an actor is the user of a command line on the desk's machine; None stands for
    them."""
    if actor is None:
        return True
    return (actor.kind, actor.role, actor.authenticated) == ("service", OPERATOR, "local")


class AccessEntries(NamedTuple):
    """A page of what the log of access holds, the latest first. `next`: the `after` that gives the
    page behind it; None: there is none."""

    entries: list[Recorded]
    next: str | None


class AccessLog:
    """Thread-safe. All methods raise Unreachable and Damaged."""

    def __init__(
        self,
        log: IndexedLog,
        index: Path,
        *,
        settings: Callable[[], Settings],
        load: Callable[[str], Any],
        clock: Callable[[], int],
        writer: str,
    ) -> None:
        """`index`: the file of the index by actor and stream, a cache. `load`: the state of a
        stream of the log of tickets. `clock`: microseconds since 1970."""
        self._log = log
        self._index = SubjectIndex(log, index, without=(KIND,))
        self._settings = settings
        self._load = load
        self._clock = clock
        self._writer = writer
        self._last_pass_at = 0.0

    def close(self) -> None:
        self._index.close()

    def refused(
        self,
        actor: Actor | None,
        what: str,
        why: Refused | str,
        *,
        on: Collection[str] = (),
        code: str | None = None,
        times: int = 1,
        **given: Any,
    ) -> None:
        """Records that an actor was refused (None: the operator). `what`: the right that it takes,
        the name of a command, an act or a route, 'query:NAME', 'report:NAME'. `on`: the streams
        that it was about. `why`: the true reason, and `code` its kind, where that isn't `why.code`.
        `times`: for how many attempts it stands. `given`: `asked`, the parameters of what was
        asked; `address`, the network address that it came from; `channel`, by default 'api'."""
        self._write(self._refusal(actor, what, why, on, code, times, **given))

    async def refused_async(
        self,
        actor: Actor | None,
        what: str,
        why: Refused | str,
        *,
        on: Collection[str] = (),
        code: str | None = None,
        times: int = 1,
        **given: Any,
    ) -> None:
        """The same as `refused`, for a task: no thread waits while it is written."""
        await self._write_async(self._refusal(actor, what, why, on, code, times, **given))

    def read(self, actor: Actor | None, what: str, *, on: Collection[str], **given: Any) -> None:
        """Records that an actor is given what is restricted to read. `on`: the streams that are; a
        list of fifty is one record, and none makes no record. `given`: as for `refused`."""
        if on:
            self._write(self._commits(AccessRead, actor, what, on, {}, **given))

    async def read_async(
        self, actor: Actor | None, what: str, *, on: Collection[str], **given: Any
    ) -> None:
        """The same as `read`, for a task."""
        if on:
            await self._write_async(self._commits(AccessRead, actor, what, on, {}, **given))

    def exported(
        self,
        actor: Actor | None,
        what: str,
        *,
        cut: str | None = None,
        on: Collection[str] = (),
        **given: Any,
    ) -> None:
        """Records that an actor takes a part of the desk out, or all of it. `cut`: how far the logs
        had come, as text; `on`: streams among it that are restricted; `given`: as for `refused`,
        where `asked` is the filter."""
        self._write(self._commits(AccessExported, actor, what, on, {"cut": cut}, **given))

    async def exported_async(
        self,
        actor: Actor | None,
        what: str,
        *,
        cut: str | None = None,
        on: Collection[str] = (),
        **given: Any,
    ) -> None:
        """The same as `exported`, for a task."""
        commits = self._commits(AccessExported, actor, what, on, {"cut": cut}, **given)
        await self._write_async(commits)

    def _refusal(
        self,
        actor: Actor | None,
        what: str,
        why: Refused | str,
        on: Collection[str],
        code: str | None,
        times: int,
        **given: Any,
    ) -> list[Commit]:
        kind = code or (why.code if isinstance(why, Refused) else Refused.code)
        facts = {"why": _line(str(why)), "code": _key(kind), "times": times if times > 1 else None}
        return self._commits(AccessRefused, actor, what, on, facts, **given)

    def _commits(
        self,
        kind: type[AccessEvent],
        actor: Actor | None,
        what: str,
        on: Collection[str],
        facts: Mapping[str, Any],
        *,
        asked: Mapping[str, Any] | None = None,
        address: str | None = None,
        channel: str = "api",
    ) -> list[Commit]:
        """The commits that tell of one access: several, where one can't name all streams. The id of
        the first is the correlation of all after it."""
        actor = actor or operator()
        about = {
            "what": _key(what),
            "data_subject": _key(f"{actor.kind}/{actor.id}"),
            "asked": _json(asked),
            "address": _line(address) if address else None,
            **facts,
        }
        streams = tuple(dict.fromkeys(map(_key, on)))
        told = [streams[at : at + MOST_STREAMS] for at in range(0, len(streams), MOST_STREAMS)]
        commits: list[Commit] = []
        for part in told or [()]:
            first = commits[0].id if commits else None
            commits.append(self._commit(kind(**about, on=part), actor, channel, first))
        return commits

    def _write(self, commits: Sequence[Commit]) -> None:
        """Returns when the commits are durable. Raises the error of the whole answer."""
        try:
            for each in commits:
                self._log.append(each)
        except TicketlogError as error:
            _unrecorded(error)

    async def _write_async(self, commits: Sequence[Commit]) -> None:
        try:
            for each in commits:
                await self._log.append_async(each)
        except TicketlogError as error:
            _unrecorded(error)

    def _commit(
        self, event: AccessEvent, actor: Actor, channel: str, correlation: str | None
    ) -> Commit:
        now, id = self._clock(), str(uuid7())
        context = Context(
            settings=self._settings(),
            now=now,
            actor=actor,
            stream=f"{KIND}/{id}",
            channel=channel,
            command_id=id,
        )
        return commit_of(
            context,
            COMMAND,
            digest(COMMAND, {"what": event.what}),
            0,
            [event],
            recorded_at=now,
            correlation=correlation,
            writer=self._writer,
        )

    def entries(
        self,
        *,
        about: str | Collection[str] = (),
        since: int | None = None,
        until: int | None = None,
        types: Collection[str] = (),
        limit: int = 50,
        after: str | None = None,
        actor: Actor | None = None,
        channel: str = "api",
        on_progress: Callable[[int, int], None] = lambda done, all: None,
    ) -> AccessEntries:
        """A page of what the log of access holds, the latest first.

        `about`: the streams and actors KIND/ID of which one is the actor or is named; none: of all.
        `since`, `until`: recorded from the one time on and before the other, microseconds since
        1970. `types`: names of events, such as 'access.refused.v1'; none: all. `after`: the `next`
        of the page before. `actor`: who asks; None: the operator. Asking is an access of its own,
        and recorded.

        Raises Forbidden for an actor who is neither an auditor nor the operator, Usage.
        """
        named = (about,) if isinstance(about, str) else tuple(about)
        asked = {"about": list(named), "since": since, "until": until, "types": list(types)}
        self._admit(actor, asked, channel)
        self._log.sync()
        between = self._between(since, until, after)
        self._index.catch_up(on_progress)
        offsets = self._index.offsets(named, types, between=between, limit=limit + 1)
        found = [each for offset in offsets for each in self._events(offset)]
        last = found[limit - 1].meta.offset if len(found) > limit else None
        return AccessEntries(found[:limit], None if last is None else str(last))

    def follow(
        self,
        start: int = 0,
        *,
        live: bool,
        stopped: Callable[[], bool],
        actor: Actor | None = None,
        channel: str = "api",
    ) -> Iterator[Recorded]:
        """All events of the log of access, in order, from an offset on; with `live` it waits for
        more until `stopped`. Raises Forbidden as `entries` does."""
        self._admit(actor, {"from": start}, channel)
        return history.follow(self._log, (start,), live=live, stopped=stopped)

    def _admit(self, actor: Actor | None, asked: Mapping[str, Any], channel: str) -> None:
        """Records that an actor reads the log of access. Raises Forbidden, and records that, as
        `check_may_read` does."""
        given: dict[str, Any] = {"asked": _given(asked), "channel": channel}
        try:
            self.check_may_read(actor)
        except Forbidden as refusal:
            self.refused(actor, AUDIT, refusal, **given)
            raise
        self._write(self._commits(AccessRead, actor, AUDIT, (), {}, **given))

    def keep_index(self, stop: threading.Event) -> None:
        """Keeps the index of who and what up until `stop` is set, so that no audit has to wait for
        it."""
        while not stop.is_set():
            self._index.catch_up()
            self._last_pass_at = time.time()
            stop.wait(_INDEX_EVERY_S)

    @property
    def last_pass_at(self) -> float:
        """The time when `keep_index` had last taken in all records, in seconds since 1970; 0:
        never."""
        return self._last_pass_at

    def check_may_read(self, actor: Actor | None) -> None:
        """Raises Forbidden for an actor who may not read the log of access. It
        tells of restricted tickets and of who looks into them: so auditors may, and the operator,
        who can read the desk's files; not its admins. None: the operator."""
        if actor is None or is_operator(actor):
            return
        settings = self._settings()
        check_known(actor, settings, self._load)
        if actor.kind == "agent" and AUDITOR in roles_of_agent(actor, settings):
            return
        raise Forbidden(
            f"{actor.kind} {actor.id} may not read the log of access: auditors may, and who runs "
            "the desk's machine",
            actor=actor.id,
        )

    def _between(self, since: int | None, until: int | None, after: str | None) -> tuple[int, int]:
        """The first offset of a page, and the one before which it ends. Raises Usage."""
        start = 0 if since is None else self._log.offset_at(0, since - 1)
        end = self._log.ends()[0] if until is None else self._log.offset_at(0, until - 1)
        if after is not None:
            if not after.isdecimal():
                raise Usage(f"{after!r} is no page: write the `next` of the page before")
            end = min(end, int(after))
        return start, end

    def _events(self, offset: int) -> Iterator[Recorded]:
        return history.events_of(self._log.records(0, offset, 1), self._log.codec)


def _unrecorded(error: TicketlogError) -> NoReturn:
    """Raises the error of a record that may not stand in the log, as that of the whole answer."""
    why = f"there is no answer, since it can't be recorded who gets it: {error}"
    raise (Unreachable if isinstance(error, Unreachable) else type(error))(why) from error


def _given(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if value not in (None, [], ())}


def _json(asked: Mapping[str, Any] | None) -> str | None:
    """The parameters of what was asked as a record holds them: as JSON, cut where it is longer."""
    if not asked:
        return None
    try:
        text = orjson.dumps(asked, default=str, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:  # text that isn't Unicode, numbers beyond 64 bits
        text = json.dumps(asked, default=str)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _line(text: str) -> str:
    """A text in one line of 500 characters at most."""
    flat = " ".join(_unicode(text).replace("\0", " ").split()) or "-"
    return flat if len(flat) <= 500 else f"{flat[:499]}…"


def _unicode(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _key(text: str) -> str:
    shown = "".join(each if each.isprintable() else " " for each in _unicode(text)).strip() or "-"
    return shown[:LONGEST_KEY]

"""The settings in force, read from their log and brought forward; files put in force."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ticketlog.application.executor import derived_id
from ticketlog.domain.base import Actor, Context, Event, Recorded
from ticketlog.domain.rights import admins, check_applies
from ticketlog.domain.settings.activation import (
    ACTIVE,
    Compiled,
    Desired,
    differences,
    evolve,
    initial,
    with_admin,
)
from ticketlog.domain.settings.kind import SettingChanged
from ticketlog.domain.settings.model import Settings
from ticketlog.errors import CommandReused, Conflict
from ticketlog.log.commit import Commit, commit_of, digest
from ticketlog.log.history import events_of
from ticketlog.log.port import Log, Placed
from ticketlog.settings_files import parser

if TYPE_CHECKING:
    from ticketlog.documents import settings as documents

PAGE = 1000
ATTEMPTS = 20
COMMAND = "settings.apply"


class AppliedSettings(NamedTuple):
    """The changes by a settings file.

    `position` is that of the settings in force now. `streams` names what changed, and is empty
    where the file says what was in force already, or where the command's id was known. `admins`:
    agents who stay admins although the file doesn't say so, since a desk always has one.
    """

    position: int
    streams: tuple[str, ...]
    repeated: bool = False
    admins: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    """Tickets that were moved out of what is no more."""
    stayed: Mapping[str, str] = MappingProxyType({})
    """Ticket -> why it couldn't be moved."""
    warnings: tuple[str, ...] = ()
    """Texts that look like a secret: where they stand."""
    kept: tuple[str, ...] = ()
    """Sentences about things that were taken away, are still in use, and strand nothing."""

    def document(self) -> documents.AppliedSettings:
        from ticketlog.documents import settings as documents

        return documents.AppliedSettings.filled({**self._asdict(), "stayed": dict(self.stayed)})


class PlannedSettings(NamedTuple):
    """The changes that a settings file would make: `wanted` is all that would be in force of the
    kinds that it states, `changes` the events, by stream, `admins` as in `AppliedSettings`."""

    wanted: Desired
    changes: tuple[tuple[str, SettingChanged], ...]
    admins: tuple[str, ...]


class SettingsLog:
    """The settings of a desk. Thread-safe."""

    def __init__(
        self,
        log: Log,
        clock: Callable[[], int],
        writer: str,
        load: Callable[[str], Any],
    ) -> None:
        """`load` gives the state of a stream of the ticket log."""
        self.log = log
        self._load = load
        self._clock = clock
        self._writer = writer
        self._lock = threading.Lock()
        self._end = 0
        self._compiled = initial()

    def in_force(self) -> Settings:
        return self._current().in_force

    def at(self, records: int) -> Settings:
        """The settings that the first `records` records of the log put in force."""
        return _compiled(initial(), self._between(0, records)).in_force

    def history(self) -> list[Recorded]:
        """Every change and every activation that put changes in force, in order."""
        return list(self._between(0, self.log.ends()[0]))

    def planned(self, desired: Desired, sha256: str, actor: Actor) -> PlannedSettings:
        """The changes by a file of that digest, if the actor applied it now, and might. Raises
        Invalid for settings that contradict themselves."""
        compiled = self._current()
        wanted, stayed = with_admin(desired, compiled, actor)
        found = differences(wanted, compiled, sha256)
        changes = tuple((s, event) for s, event in found if isinstance(event, SettingChanged))
        return PlannedSettings(wanted, changes, stayed)

    def apply(
        self,
        file: bytes | str,
        *,
        id: str,
        actor: Actor,
        reason: str | None,
        folder: Path | None = None,
        internal: bool = False,
    ) -> AppliedSettings:
        """Puts a settings file in force: only what differs is recorded, and nothing of it counts
        before all of it does. A batch that was cut off is finished by applying its file again.
        `internal`: the desk itself applies them, and its admins stay admins.

        Raises Forbidden, Usage for a file that can't be read, Invalid for settings that contradict
        themselves, CommandReused, Conflict.
        """
        desired, sha256 = parser.parse(file, folder), parser.digest(file)
        about = _Batch(id, digest(COMMAND, {"file": sha256}), actor, reason)
        for _ in range(ATTEMPTS):
            if self._done_before(about):
                return AppliedSettings(self.in_force().position, (), repeated=True)
            compiled = self._current()
            if not internal:
                check_applies(actor, compiled.in_force, self._load)
            kept = admins(compiled.in_force) if internal else ()
            wanted, stayed = with_admin(desired, compiled, actor, kept)
            changes = differences(wanted, compiled, sha256)
            try:
                for stream, event in changes:
                    self.log.append(self._commit(about, stream, event, compiled))
            except Conflict:
                continue
            streams = tuple(stream for stream, _ in changes if stream != ACTIVE)
            return AppliedSettings(self.in_force().position, streams, admins=stayed)
        raise Conflict("the settings are being changed by others all the time: apply them again")

    def _current(self) -> Compiled:
        end = self.log.ends()[0]
        if end <= self._end:
            return self._compiled
        with self._lock:
            end = self.log.ends()[0]
            self._compiled = _compiled(self._compiled, self._between(self._end, end))
            self._end = end
            return self._compiled

    def _between(self, start: int, end: int) -> Iterator[Recorded]:
        while start < end:
            records = self.log.records(0, start, min(PAGE, end - start))
            if not records:
                return
            yield from events_of(records, self.log.codec)
            start = records[-1].offset + 1

    def _done_before(self, about: _Batch) -> bool:
        placed = self.log.find(ACTIVE, about.commit_id(ACTIVE))
        if placed is None:
            return False
        if self._digest_at(placed) != about.digest:
            raise CommandReused(
                f"the command id {about.id} was used to apply another settings file: "
                "apply this one under a new id"
            )
        return True

    def _digest_at(self, placed: Placed) -> str:
        record = self.log.records(placed.partition, placed.offset, 1)[0]
        return str(orjson.loads(record.data)["command"]["digest"])

    def _commit(self, about: _Batch, stream: str, event: Event, compiled: Compiled) -> Commit:
        now = self._clock()
        expects = compiled.versions.get(stream, 0)
        id = about.commit_id(stream) if stream == ACTIVE else about.commit_id(stream, expects)
        context = Context(
            settings=compiled.in_force,
            now=now,
            actor=about.actor,
            stream=stream,
            channel="settings",
            command_id=id,
        )
        return commit_of(
            context,
            COMMAND,
            about.digest,
            expects,
            [event],
            recorded_at=now,
            reason=about.reason,
            correlation=about.id,
            writer=self._writer,
        )


class _Batch(NamedTuple):
    """One application of a settings file."""

    id: str
    digest: str
    actor: Actor
    reason: str | None

    def commit_id(self, stream: str, expects: int | None = None) -> str:
        """The id of the commit to one stream. It names the version: where another batch came in
        between, the same change is another commit."""
        return derived_id(self.id, stream, "" if expects is None else str(expects))


def _compiled(compiled: Compiled, events: Iterator[Recorded]) -> Compiled:
    for recorded in events:
        compiled = evolve(compiled, recorded)
    return compiled

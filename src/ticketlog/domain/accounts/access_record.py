"""Records of access: a refused attempt, a read of what is restricted, an export. Streams
`access/ID`, one for each record, so that no two writers ever wait for each other.

The desk writes them before the answer goes out (`application/access_log.py`); no command does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from ticketlog.domain.base import (
    Aggregate,
    Command,
    Context,
    Event,
    Key,
    Line,
    Personal,
    Recorded,
    Text,
)
from ticketlog.domain.parties.party import Party, after

KIND = "access"
COMMAND = "access.record"
"""The name that stands for a command in these records."""
LONGEST = 20_000
"""Characters of what was asked that a record holds."""


class AccessEvent(Event):
    """An access: who had it, or tried to, stands in the envelope as the actor of the record."""

    ASPECT: ClassVar[str] = "access"
    WORD: ClassVar[str]
    """The kind of access in a word."""
    what: Key
    """The right that it takes: the name of a command, of an act or a route, 'query:NAME',
    'report:NAME'."""
    on: tuple[Key, ...] = ()
    """The streams that it was about, KIND/ID: of a read, those that are restricted."""
    data_subject: Key
    """The actor, KIND/ID, whom the personal values are about."""
    asked: Annotated[Text | None, Personal()] = None
    """The parameters of what was asked, as JSON."""
    address: Annotated[Line | None, Personal()] = None
    """The network address that it came from."""


class AccessRefused(AccessEvent):
    """An actor was refused: a command, an act, a read, or to be let in at all."""

    NAME: ClassVar[str] = "access.refused.v1"
    WORD: ClassVar[str] = "refused"
    code: Key
    """The kind of refusal. It may say more than the answer did."""
    why: Line
    """The true reason, which the answer doesn't tell where a thing is to look absent."""
    times: Annotated[int, Field(ge=2)] | None = None
    """How often, where one record stands for several."""


class AccessRead(AccessEvent):
    """An actor was given what is restricted to read."""

    NAME: ClassVar[str] = "access.read.v1"
    WORD: ClassVar[str] = "read"


class AccessExported(AccessEvent):
    """An actor took a part of the desk out, or all of it."""

    NAME: ClassVar[str] = "access.exported.v1"
    WORD: ClassVar[str] = "exported"
    cut: Text | None = None
    """The cut that it went up to; none: it had none."""


EVENTS: tuple[type[AccessEvent], ...] = (AccessRefused, AccessRead, AccessExported)


@dataclass(frozen=True)
class AccessRecord(Party):
    """A record of access; all that it tells is its event."""


def initial(id: str) -> AccessRecord:
    """A record that isn't written yet; `id` is the part after 'access/'."""
    return AccessRecord(id=id)


def evolve(record: AccessRecord, recorded: Recorded) -> AccessRecord:
    """The record after one more event. Never fails."""
    return record.but(after(record, recorded, {}))


def decide(command: Command, record: AccessRecord, context: Context) -> list[Event]:
    """No events: these streams take no commands."""
    return []


AGGREGATE = Aggregate(
    kind=KIND,
    streams="Streams `access/ID` of the log of access, one for each refusal, read or export.",
    initial=initial,
    decide=decide,
    evolve=evolve,
    commands=(),
    events=EVENTS,
    public=False,
)

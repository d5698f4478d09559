"""The imports of a source: which files came in and what was withdrawn again: `import/SOURCE`.

`import/.persons` holds what the ids of imported persons are made with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import Field

from ticketlog.domain.base import (
    Actor,
    Aggregate,
    Command,
    CommandSpec,
    Context,
    Event,
    Key,
    Line,
    NotFound,
    Personal,
    Recorded,
    Refused,
    kind_and_id,
)
from ticketlog.domain.parties.party import Party, after
from ticketlog.domain.rights import LEADS

KIND = "import"
PERSONS = f"{KIND}/.persons"
"""The stream of the secret that persons' ids are made with."""


def stream_of(source: str) -> str:
    """The stream of a source's imports; a slash is no part of an id."""
    return f"{KIND}/" + source.replace("%", "%25").replace("/", "%2F")


def source_of(stream: str) -> str:
    return kind_and_id(stream)[1].replace("%2F", "/").replace("%25", "%")


_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Number = Annotated[int, Field(ge=0)]


class ImportBegun(Event):
    """Rows of a file are recorded from now on; their commits' correlation names the batch."""

    NAME: ClassVar[str] = "import.begun.v1"
    ASPECT: ClassVar[str] = "batches"
    batch: Key
    file: Line
    """Its name, without its folder."""
    size: _Number
    sha256: _Digest
    mapping: _Digest
    """The SHA-256 of the mapping."""


class ImportEnded(Event):
    """All rows of the file are recorded. What was there already counts as known."""

    NAME: ClassVar[str] = "import.ended.v1"
    ASPECT: ClassVar[str] = "batches"
    batch: Key
    rows: _Number
    commits: _Number
    known: _Number
    lost: _Number
    tickets: _Number
    tickets_new: _Number


class WithdrawalBegun(Event):
    """The tickets of the source, or of one batch, are withdrawn from now on."""

    NAME: ClassVar[str] = "import.withdrawal-begun.v1"
    ASPECT: ClassVar[str] = "batches"
    withdrawal: Key
    batch: Key | None = None
    reason: Line


class WithdrawalEnded(Event):
    """All of them are withdrawn; `kept`: those to which the batch only added."""

    NAME: ClassVar[str] = "import.withdrawal-ended.v1"
    ASPECT: ClassVar[str] = "batches"
    withdrawal: Key
    tickets: _Number
    kept: _Number


class SecretKept(Event):
    """A secret that the ids of imported persons are made with: without it nobody can tell whether
    an id is that of a given address."""

    NAME: ClassVar[str] = "import.secret-kept.v1"
    ASPECT: ClassVar[str] = "secret"
    data_subject: Key
    secret: Annotated[Line, Personal()]


EVENTS: tuple[type[Event], ...] = (
    ImportBegun,
    ImportEnded,
    WithdrawalBegun,
    WithdrawalEnded,
    SecretKept,
)


class Batch(NamedTuple):
    """The batch that one file brought. `by`, `at`: who began it and when it was recorded."""

    id: str
    file: str
    size: int
    sha256: str
    mapping: str
    by: Actor
    at: int
    ended: ImportEnded | None = None
    withdrawn: str | None = None
    """The number of the withdrawal that took it away."""


class Withdrawal(NamedTuple):
    id: str
    batch: str | None
    """None: all of the source."""
    reason: str
    by: Actor
    at: int
    ended: WithdrawalEnded | None = None


@dataclass(frozen=True)
class Imports(Party):
    """The imports of a source after event number `version` of its stream, in order."""

    batches: Mapping[str, Batch] = field(default_factory=dict)
    withdrawals: Mapping[str, Withdrawal] = field(default_factory=dict)
    secret: str | None = None

    @property
    def unfinished(self) -> Withdrawal | None:
        """The withdrawal that was begun and not ended."""
        return next((each for each in self.withdrawals.values() if each.ended is None), None)


def initial(id: str) -> Imports:
    """A source that nothing came from yet; `id` is the part after 'import/'."""
    return Imports(id=id)


def evolve(imports: Imports, recorded: Recorded) -> Imports:
    """The imports after one more event. Never fails; events of other aggregates change nothing."""
    return imports.but(after(imports, recorded, _changes(imports, recorded)))


def _changes(imports: Imports, recorded: Recorded) -> dict[str, Any]:
    batches, event, meta = imports.batches, recorded.event, recorded.meta
    match event:
        case ImportBegun(batch=id):
            batch = Batch(
                *(id, event.file, event.size, event.sha256, event.mapping),
                *(meta.actor, meta.recorded_at),
            )
            return {"batches": {**batches, id: batch}}
        case ImportEnded(batch=id) if id in batches:
            return {"batches": {**batches, id: batches[id]._replace(ended=event)}}
        case WithdrawalBegun(withdrawal=id, batch=batch_id, reason=reason):
            begun = Withdrawal(id, batch_id, reason, meta.actor, meta.recorded_at)
            taken = {
                each.id: each._replace(withdrawn=each.withdrawn or id)
                for each in batches.values()
                if batch_id in (None, each.id)
            }
            return {
                "withdrawals": {**imports.withdrawals, id: begun},
                "batches": {**batches, **taken},
            }
        case WithdrawalEnded(withdrawal=id) if id in imports.withdrawals:
            ended = imports.withdrawals[id]._replace(ended=event)
            return {"withdrawals": {**imports.withdrawals, id: ended}}
        case SecretKept(secret=secret):
            return {"secret": secret}
    return {}


class BeginImport(Command):
    """Begins a batch, or goes on with the one of the same file and mapping that wasn't ended."""

    NAME: ClassVar[str] = "import.begin"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=LEADS | {"service"})
    file: Line
    size: _Number
    sha256: _Digest
    mapping: _Digest


class EndImport(Command):
    NAME: ClassVar[str] = "import.end"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=LEADS | {"service"})
    batch: Key
    rows: _Number
    commits: _Number
    known: _Number
    lost: _Number
    tickets: _Number
    tickets_new: _Number


class BeginWithdrawal(Command):
    """Begins to withdraw a batch, or with None all of the source; or goes on with it."""

    NAME: ClassVar[str] = "import.begin-withdrawal"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=LEADS)
    batch: Key | None = None
    reason: Line


class EndWithdrawal(Command):
    NAME: ClassVar[str] = "import.end-withdrawal"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=LEADS)
    withdrawal: Key
    tickets: _Number
    kept: _Number


class KeepSecret(Command):
    """Keeps a secret where there is none yet."""

    NAME: ClassVar[str] = "import.keep-secret"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=LEADS | {"service"})
    secret: Line


COMMANDS: tuple[type[Command], ...] = (
    BeginImport,
    EndImport,
    BeginWithdrawal,
    EndWithdrawal,
    KeepSecret,
)


def decide(command: Command, imports: Imports, context: Context) -> list[Event]:
    """The events of what the command changes. Raises NotFound, Refused."""
    match command:
        case BeginImport():
            return _begin(command, imports)
        case EndImport(batch=id):
            batch = imports.batches.get(id)
            over = batch is None or batch.ended is not None
            return [] if over else [ImportEnded(**command.model_dump())]
        case BeginWithdrawal():
            return _begin_withdrawal(command, imports)
        case EndWithdrawal(withdrawal=id):
            known = imports.withdrawals.get(id)
            over = known is None or known.ended is not None
            return [] if over else [WithdrawalEnded(**command.model_dump())]
        case KeepSecret(secret=secret) if imports.secret is None:
            return [SecretKept(data_subject=f"{KIND}/{imports.id}", secret=secret)]
    return []


def running(imports: Imports, file: str, mapping: str) -> Batch | None:
    """The batch of a file and a mapping that was begun and neither ended nor withdrawn."""
    return next(
        (
            each
            for each in imports.batches.values()
            if (each.sha256, each.mapping) == (file, mapping)
            and each.ended is None
            and each.withdrawn is None
        ),
        None,
    )


def _begin(command: BeginImport, imports: Imports) -> list[Event]:
    if imports.unfinished is not None:
        raise Refused(
            f"the withdrawal of {imports.id} is not finished: go on with it by `ticketlog import "
            f"withdraw {imports.id}`, then import",
            source=imports.id,
        )
    if running(imports, command.sha256, command.mapping) is not None:
        return []
    return [ImportBegun(batch=str(len(imports.batches) + 1), **command.model_dump())]


def _begin_withdrawal(command: BeginWithdrawal, imports: Imports) -> list[Event]:
    unfinished = imports.unfinished
    if unfinished is not None:
        if unfinished.batch == command.batch:
            return []
        what = unfinished.batch and f" --batch {unfinished.batch}"
        raise Refused(
            f"another withdrawal of {imports.id} is not finished: go on with it first by "
            f"`ticketlog import withdraw {imports.id}{what or ''}`",
            source=imports.id,
        )
    if command.batch is not None:
        _check_batch(command.batch, imports)
    id = str(len(imports.withdrawals) + 1)
    return [WithdrawalBegun(withdrawal=id, **command.model_dump())]


def _check_batch(id: str, imports: Imports) -> None:
    batch = imports.batches.get(id)
    if batch is None:
        known = ", ".join(imports.batches) or "none"
        raise NotFound(
            f"{imports.id} has no batch {id}; it has: {known}. `ticketlog import list` shows them",
            source=imports.id,
        )
    if batch.withdrawn is not None:
        raise Refused(f"batch {id} of {imports.id} is withdrawn already", source=imports.id)


AGGREGATE = Aggregate(
    kind=KIND,
    streams="Streams `import/SOURCE` of the ticket log: which files came in.",
    initial=initial,
    decide=decide,
    evolve=evolve,
    commands=COMMANDS,
    events=EVENTS,
    public=False,
)

"""The journal of imports: each file that came in, as a batch of its source."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from ticketlog.domain.base import Actor, Command
from ticketlog.domain.imports import (
    PERSONS,
    BeginImport,
    EndImport,
    Imports,
    KeepSecret,
    running,
    stream_of,
)
from ticketlog.errors import Usage
from ticketlog.importing.mapping import Mapping
from ticketlog.importing.report import ImportReport

_CHUNK = 1 << 20


class Execute(Protocol):
    """Sends a command to a stream; see `Desk.execute`."""

    def __call__(self, command: Command, *, on: str, actor: Actor) -> Any: ...


class Journal:
    """The batch of one import. It begins with the first row that is recorded: an import that brings
    nothing new leaves no trace."""

    def __init__(
        self,
        execute: Execute,
        load: Callable[[str], Any],
        actor: Actor,
        path: Path,
        mapping: Mapping,
    ) -> None:
        self._execute = execute
        self._load = load
        self._actor = actor
        self._path = path
        self._mapping = mapping
        self.batch: str | None = None
        self._correlation = ""

    @property
    def stream(self) -> str:
        return stream_of(self._mapping.source)

    def correlation(self) -> str:
        """The correlation that the batch's commits name; begins the batch. Raises Refused."""
        if self.batch is None:
            self.batch = self._begun()
            self._correlation = f"{self.stream}/{self.batch}"
        return self._correlation

    def _begun(self) -> str:
        size, sha256 = _digested(self._path)
        mapping = hashlib.sha256(self._mapping.text.encode()).hexdigest()
        name = " ".join(self._path.name.encode("utf-8", "replace").decode().split())[:500]
        begin = BeginImport(file=name or "?", size=size, sha256=sha256, mapping=mapping)
        self._execute(begin, on=self.stream, actor=self._actor)
        imports: Imports = self._load(self.stream)
        batch = running(imports, sha256, mapping)
        # Another import of the same file has ended it meanwhile.
        return batch.id if batch is not None else list(imports.batches)[-1]

    def end(self, report: ImportReport) -> None:
        """Says what it brought, where it brought something."""
        if self.batch is None:
            return
        end = EndImport(
            batch=self.batch,
            rows=report.rows,
            commits=report.commits,
            known=report.known,
            lost=sum(found.lost for found in report.problems.values()),
            tickets=report.tickets,
            tickets_new=report.tickets_new,
        )
        self._execute(end, on=self.stream, actor=self._actor)


def secret(load: Callable[[str], Any]) -> bytes:
    """The secret that the ids of persons are made with in this log, by whichever desk; a new one
    where none is kept yet."""
    imports: Imports = load(PERSONS)
    return (imports.secret or secrets.token_hex(32)).encode()


def keep_secret(secret: bytes, execute: Execute, load: Callable[[str], Any], actor: Actor) -> bytes:
    """Keeps it where none is kept yet; gives the one that is."""
    imports: Imports = load(PERSONS)
    if imports.secret is None:
        execute(KeepSecret(secret=secret.decode()), on=PERSONS, actor=actor)
        imports = load(PERSONS)
    assert imports.secret is not None
    return imports.secret.encode()


def _digested(path: Path) -> tuple[int, str]:
    found, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as source:
            while chunk := source.read(_CHUNK):
                found.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise Usage(f"{path} can't be read: {error.strerror}") from error
    return size, found.hexdigest()

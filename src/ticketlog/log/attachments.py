"""The bytes of attachments: files named by their SHA-256, under `attachments/ab/cdef...`.

Only the name, size and hash of an attachment stand in the log; equal files are kept once.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

from ticketlog.errors import Damaged, Unreachable, Usage

CHUNK = 1 << 20


class Stored(NamedTuple):
    """A stored attachment: its hash in hexadecimal, and its size in bytes."""

    sha256: str
    size: int


class Attachments:
    """A folder of attachments, which are never changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / sha256[2:]

    def add(self, content: bytes | Path) -> Stored:
        """Keeps a copy, durable when it returns. Raises Usage for a file that can't be read and
        Unreachable where the folder can't be written."""
        with _opened(content) as source:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                return self._keep(source)
            except OSError as error:
                raise Unreachable(f"{self.folder} can't be written: {error.strerror}") from error

    @contextmanager
    def incoming(self) -> Iterator[IncomingAttachment]:
        """An attachment that comes piece by piece. What isn't kept by the end is thrown away.
        Raises Unreachable where the folder can't be written."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as out:
                try:
                    yield IncomingAttachment(self, out)
                finally:
                    with suppress(FileNotFoundError):
                        os.unlink(out.name)
        except OSError as error:
            raise Unreachable(f"{self.folder} can't be written: {error.strerror}") from error

    def open(self, sha256: str) -> BinaryIO:
        """The content of an attachment. Raises Damaged where the file is missing or has changed."""
        path = self.path(sha256)
        found = hashlib.sha256()
        try:
            source = open(path, "rb")  # noqa: SIM115 (the caller closes it)
        except OSError as error:
            raise Damaged(f"attachment {sha256} can't be read: {error.strerror}") from error
        for chunk in _chunks(source, str(path)):
            found.update(chunk)
        if found.hexdigest() != sha256:
            source.close()
            raise Damaged(f"attachment {sha256} is not what was attached: {path} has changed")
        source.seek(0)
        return source

    def _keep(self, source: BinaryIO) -> Stored:
        with self.incoming() as out:
            for chunk in _chunks(source, getattr(source, "name", "the attachment")):
                out.write(chunk)
            return out.keep()


class IncomingAttachment:
    """An attachment while its bytes come."""

    def __init__(self, attachments: Attachments, out: IO[bytes]) -> None:
        self._attachments = attachments
        self._out = out
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, chunk: bytes) -> None:
        """Takes more bytes."""
        self._hash.update(chunk)
        self._size += len(chunk)
        self._out.write(chunk)

    def keep(self) -> Stored:
        """Keeps what has come, durable when it returns."""
        self._out.flush()
        os.fsync(self._out.fileno())
        target = self._attachments.path(self._hash.hexdigest())
        target.parent.mkdir(exist_ok=True)
        os.replace(self._out.name, target)
        _sync_folder(target.parent)
        _sync_folder(self._attachments.folder)
        return Stored(self._hash.hexdigest(), self._size)


def _opened(content: bytes | Path) -> BinaryIO:
    if isinstance(content, bytes):
        return io.BytesIO(content)
    try:
        return open(content, "rb")
    except OSError as error:
        raise Usage(f"{content} can't be read: {error.strerror}") from error


def _chunks(source: BinaryIO, name: str) -> Iterator[bytes]:
    try:
        while chunk := source.read(CHUNK):
            yield chunk
    except OSError as error:
        raise Usage(f"{name} can't be read: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    """Makes new names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

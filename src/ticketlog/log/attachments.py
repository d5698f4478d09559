"""The bytes of attachments: files named by their SHA-256, under `attachments/ab/cdef...`.

Only the name, size and hash of an attachment stand in the log; equal files are kept once.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

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
        found, size = hashlib.sha256(), 0
        with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as out:
            temporary = Path(out.name)
            try:
                for chunk in _chunks(source, getattr(source, "name", "the attachment")):
                    found.update(chunk)
                    size += len(chunk)
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
                target = self.path(found.hexdigest())
                target.parent.mkdir(exist_ok=True)
                temporary.replace(target)
                _sync_folder(target.parent)
                _sync_folder(self.folder)
            finally:
                with suppress(FileNotFoundError):
                    temporary.unlink()
        return Stored(found.hexdigest(), size)


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

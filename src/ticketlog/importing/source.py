"""The bytes of a file that is imported: plain or gzipped, as a stream, with how far it was read."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from pathlib import Path
from typing import Any

from ticketlog.errors import Usage

_GZIP = b"\x1f\x8b"

BROKEN = (EOFError, OSError, zlib.error)
"""What reading a file raises that is cut off or damaged; rows that came before are good."""


class Source:
    """An open file; `stream` gives its content, unpacked where it is gzip (whatever its name)."""

    def __init__(self, path: Path) -> None:
        """Raises Usage where it can't be read."""
        self.path = path
        try:
            self._raw: io.BufferedReader = open(path, "rb")  # noqa: SIM115 (close() closes it)
            self.size = os.fstat(self._raw.fileno()).st_size
            start = self._raw.read(2)
            self._raw.seek(0)
        except OSError as error:
            raise Usage(f"{path} can't be read: {error.strerror}") from error
        self.stream: io.BufferedReader = self._raw
        if start == _GZIP:
            self.stream = io.BufferedReader(_Unpacked(gzip.GzipFile(fileobj=self._raw)))

    @property
    def done(self) -> int:
        """How many bytes of the file were read so far, of `size`."""
        return self.size if self._raw.closed else self._raw.tell()

    def close(self) -> None:
        self.stream.close()
        self._raw.close()


class _Unpacked(io.RawIOBase):
    """What a gzip holds, as far as it goes: what comes before a fault is given before the fault is
    raised, which a GzipFile doesn't do when it is asked for more than that."""

    def __init__(self, packed: gzip.GzipFile) -> None:
        self._packed = packed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        data = self._packed.read1(len(view))
        view[: len(data)] = data
        return len(data)


def broken(error: BaseException) -> str:
    """Why a file could not be read to its end."""
    if isinstance(error, EOFError):
        return "the file is cut off"
    if isinstance(error, OSError) and error.strerror:
        return f"the file can't be read on: {error.strerror}"
    return f"the file is damaged: {error}"

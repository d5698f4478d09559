"""The bytes of a file that is imported: plain or gzipped, as a stream, with how far it was read."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from pathlib import Path

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
            self.stream = io.BufferedReader(gzip.GzipFile(fileobj=self._raw))

    @property
    def done(self) -> int:
        """How many bytes of the file were read so far, of `size`."""
        return self.size if self._raw.closed else self._raw.tell()

    def close(self) -> None:
        self.stream.close()
        self._raw.close()


def broken(error: BaseException) -> str:
    """Why a file could not be read to its end."""
    if isinstance(error, EOFError):
        return "the file is cut off"
    if isinstance(error, OSError) and error.strerror:
        return f"the file can't be read on: {error.strerror}"
    return f"the file is damaged: {error}"

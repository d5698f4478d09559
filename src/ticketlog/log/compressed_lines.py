"""Files of lines, compressed as the suffixes of their names say: .gz, .zst, or not at all."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

import zstandard

from ticketlog.errors import Damaged, Usage

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_BUFFER = 1 << 20


@contextmanager
def writing(path: Path, suffix: str) -> Iterator[IO[bytes]]:
    """A new file, compressed as the suffix says. Raises OSError."""
    with open(path, "wb") as file:
        if suffix == ".gz":
            with gzip.open(file, "wb") as compressed:
                yield compressed  # type: ignore[misc]
        elif suffix == ".zst":
            raw = cast(io.RawIOBase, zstandard.ZstdCompressor().stream_writer(file, closefd=False))
            with io.BufferedWriter(raw, _BUFFER) as buffered:
                yield buffered
        else:
            yield file


class Lines:
    """The lines of a file, on every iteration anew; its first bytes say whether it is compressed.

    Raises Usage where it can't be read, Damaged where it can't be decompressed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[bytes]:
        try:
            with open(self._path, "rb", buffering=_BUFFER) as file, _decompressed(file) as lines:
                yield from lines
        except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
            raise Damaged(f"{self._path} is cut off or damaged; take another copy of it") from error
        except OSError as error:
            raise Usage(f"{self._path} can't be read: {error.strerror}") from error


def _decompressed(file: BinaryIO) -> IO[bytes]:
    start = file.read(len(_ZSTD))
    file.seek(0)
    if start.startswith(_GZIP):
        return gzip.open(file)  # type: ignore[return-value]
    if start == _ZSTD:
        decompressed = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return io.BufferedReader(decompressed, _BUFFER)
    return file

"""The bytes of a file that is imported: plain, gzipped or the one file of a ZIP, as a stream, with
how far it was read."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

from ticketlog.errors import Usage

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0"
_WORKBOOK = "xl/workbook.xml"
_START = 4096

BROKEN = (EOFError, OSError, zlib.error, zipfile.BadZipFile)
"""Errors of reading a file that is cut off or damaged; rows that came before are good."""


class Source:
    """An open file; `stream` gives its content, unpacked where it is gzip or ZIP (whatever its
    name). `workbook`: it is one of Excel's, which is a ZIP of its own and stays packed."""

    def __init__(self, path: Path) -> None:
        """Raises Usage where it can't be read."""
        self.path = path
        self.workbook = False
        try:
            self._raw: io.BufferedReader = open(path, "rb")  # noqa: SIM115 (close() closes it)
            self.size = os.fstat(self._raw.fileno()).st_size
            start = self._raw.read(4)
            self._raw.seek(0)
        except OSError as error:
            raise Usage(f"{path} can't be read: {error.strerror}") from error
        self.stream: io.BufferedReader = self._raw
        if start.startswith(_GZIP):
            self.stream = io.BufferedReader(_Unpacked(gzip.GzipFile(fileobj=self._raw)))
        elif start == _ZIP:
            try:
                self._unzip()
            except BaseException:
                self._raw.close()
                raise

    def _unzip(self) -> None:
        try:
            packed = zipfile.ZipFile(self._raw)
            files = [
                each
                for each in packed.infolist()
                if not each.is_dir() and not each.filename.startswith("__MACOSX/")
            ]
            if any(each.filename == _WORKBOOK for each in files):
                self.workbook = True
                self._raw.seek(0)
                return
            if len(files) != 1:
                names = ", ".join(each.filename for each in files[:5]) or "none"
                raise Usage(
                    f"{self.path} is a ZIP of {len(files)} files ({names}): only one of one file "
                    "can be read; unpack it and import each file"
                )
            self.stream = io.BufferedReader(_Unpacked(packed.open(files[0])))
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise Usage(f"{self.path} is a ZIP that can't be unpacked: {error}") from error

    def start(self) -> bytes:
        """The first bytes of its content. Raises what is in `BROKEN`."""
        return self.stream.peek(_START)[:_START]

    @property
    def done(self) -> int:
        """The number of bytes of the file that were read so far, of `size`."""
        return self.size if self._raw.closed else self._raw.tell()

    def close(self) -> None:
        self.stream.close()
        self._raw.close()


class _Unpacked(io.RawIOBase):
    """The content of a gzip or ZIP, as far as it goes: what comes before a fault is given before
    the fault is raised, which neither library does when it is asked for more than that."""

    def __init__(self, packed: Any) -> None:
        self._packed = packed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        data = self._packed.read1(len(view))
        view[: len(data)] = data
        return len(data)


def broken(error: BaseException) -> str:
    """The reason why a file could not be read to its end."""
    if isinstance(error, EOFError):
        return "the file is cut off"
    if isinstance(error, OSError) and error.strerror:
        return f"the file can't be read on: {error.strerror}"
    return f"the file is damaged: {error}"


def format_of(source: Source) -> str | None:
    """The format of a file by its first bytes: one of those of a mapping, 'xls', or None for what
    may be CSV."""
    if source.workbook:
        return "xlsx"
    try:
        start = source.start()
    except BROKEN:
        return None
    if start.startswith(_OLE):
        return "xls"
    text = _decoded(start).lstrip("\ufeff \t\r\n")
    if text.startswith("<"):
        return "xes" if "<log" in text or "<xes:log" in text else "xml"
    if text.startswith(('{"', "{ ", "{\n", "{\r", "{}")):
        first, more, rest = text.partition("\n")
        return "jsonl" if more and first.rstrip().endswith("}") and rest.strip() else "json"
    return "json" if text.startswith("[") and text[1:].lstrip()[:1] in ("{", "[", "]") else None


def _decoded(start: bytes) -> str:
    for encoding in ("utf-8-sig", "utf-16"):
        try:
            text = start.decode(encoding, "ignore")
        except UnicodeError:
            continue
        if "\0" not in text:
            return text
    return ""


def recognised(source: Source, wanted: str) -> str:
    """A hint at what to write in the mapping, where the file isn't of the format that it names."""
    found = format_of(source)
    if found == "xls":
        return " It is a workbook of an old Excel: save it as .xlsx or as CSV."
    if found is None or found == wanted:
        return ""
    names = {"xlsx": "an Excel workbook", "xml": "XML", "jsonl": "JSON Lines"}
    return f' It looks like {names.get(found, found.upper())}: set format = "{found}".'

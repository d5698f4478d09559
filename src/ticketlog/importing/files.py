"""Files that rows name: kept with the desk, as attachments are."""

from __future__ import annotations

import hashlib
from mimetypes import guess_type
from pathlib import Path

from ticketlog.domain.ticket.imported import FileKept
from ticketlog.errors import Usage
from ticketlog.log.attachments import CHUNK, Attachments, Stored


class Files:
    """Files below the folder of an imported file; `attachments` None: they are read, not kept."""

    def __init__(self, folder: Path, attachments: Attachments | None) -> None:
        self._folder = folder.resolve()
        self._attachments = attachments
        self._known: dict[str, FileKept] = {}

    def kept(self, path: str) -> FileKept:
        """The file's facts, when its bytes are kept. Raises Usage where it can't be read, or lies
        elsewhere: what a foreign file names must not fetch any file of this machine."""
        if path not in self._known:
            self._known[path] = self._kept(path)
        return self._known[path]

    def _kept(self, path: str) -> FileKept:
        try:
            file = (self._folder / path).resolve()
            inside = file.is_relative_to(self._folder) and file.is_file()
        except (OSError, ValueError) as error:
            raise Usage(f"{path[:100]!r} is no file: {error}") from error
        if not inside:
            raise Usage(f"there is no file {path[:100]!r} in {self._folder}, where the import is")
        stored = self._attachments.add(file) if self._attachments else _digested(file)
        name = " ".join(file.name.encode("utf-8", "replace").decode().split()) or "attachment"
        return FileKept(
            name=name,
            media_type=guess_type(name)[0] or "application/octet-stream",
            size=stored.size,
            sha256=stored.sha256,
        )


def _digested(file: Path) -> Stored:
    found, size = hashlib.sha256(), 0
    try:
        with file.open("rb") as source:
            while chunk := source.read(CHUNK):
                found.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise Usage(f"{file} can't be read: {error.strerror}") from error
    return Stored(found.hexdigest(), size)

"""Makes the logs of a desk from an export, at the desk's URL, and the desk's file when they are
complete. Whatever interrupts it, it can be done again."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import chain, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from ticketlog import config as configuration
from ticketlog.application.logs import ACCESS, WRITTEN, address_of, files_of, open_logs
from ticketlog.config import Config
from ticketlog.errors import Unreachable, Usage
from ticketlog.log.backup import export_lines, import_lines
from ticketlog.log.codec import RecordCodec

_LACKING = (ACCESS,)
"""The logs that exports of earlier releases don't hold; they begin when the desk is opened."""
_LEFT = ".import-"
"""Begins the name of the folder in which the files of an embedded log are made."""


def restore(
    config: Config,
    lines: Iterable[bytes],
    codec: RecordCodec,
    on_progress: Callable[[int, int], None],
) -> Config:
    """Returns when the desk's logs hold exactly the records of the export, and the desk's file
    names them: what that file says. `codec`: that of the desk's records.

    Raises Usage where the folder is another desk already, or another process imports into it;
    Damaged, Unfit, Unreachable.
    """
    try:
        config.folder.mkdir(parents=True, exist_ok=True)
        with _alone(config.folder):
            _restore(config, lines, codec, on_progress)
        return configuration.read(config.folder)
    except OSError as error:
        raise Unreachable(f"{config.folder} can't be written: {error.strerror}") from error


def _restore(
    config: Config,
    lines: Iterable[bytes],
    codec: RecordCodec,
    on_progress: Callable[[int, int], None],
) -> None:
    is_desk = (config.folder / configuration.FILE).exists()
    if is_desk and configuration.read(config.folder).log_url != config.log_url:
        raise Usage(f"{config.folder} is a desk already: import into another folder")
    head, lines = _head(lines)
    config = config._replace(simulation=head.get("simulation") is True)
    address = address_of(config)
    if address is not None:
        from ticketlog.log.kafka.restore import restore_topics

        restore_topics(address, lines, WRITTEN, on_progress, _LACKING)
        if not is_desk:
            configuration.write(config)
    elif is_desk:
        _clear(config.folder, ())
        _compare(config, head, lines, codec)
    else:
        _make_files(config, lines)


def _head(lines: Iterable[bytes]) -> tuple[dict[str, Any], Iterable[bytes]]:
    """An export's first line, which tells of its desk and its logs, and all of its lines."""
    reader = iter(lines)
    first = next(reader, b"")
    try:
        head = orjson.loads(first)
    except orjson.JSONDecodeError:
        head = None  # whoever reads the lines says what is wrong with them
    if reader is lines:
        lines = chain((first,), reader) if first else ()
    return head if isinstance(head, dict) else {}, lines


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Usage(f"another import into {folder} is running: wait for it") from None
    finally:
        os.close(opened)


def _compare(
    config: Config, head: Mapping[str, Any], lines: Iterable[bytes], codec: RecordCodec
) -> None:
    """Raises Usage where a desk holds anything but the export. An export without a log of access
    is compared without the desk's, which every opening makes."""
    listed = head.get("logs")
    names = [each.get("name") for each in listed] if isinstance(listed, list) else []
    with closing(open_logs(config, codec)) as logs:
        compared = [log for log in logs.written() if log.name not in _LACKING or log.name in names]
        kept = export_lines(compared, simulation=config.simulation)
        if any(own != exported for own, exported in zip_longest(kept, lines)):
            raise Usage(
                f"{config.folder} is a desk already, and its logs hold other records than the "
                "export: import into another folder"
            )


def _make_files(config: Config, lines: Iterable[bytes]) -> None:
    """The files appear when they are complete, and before the desk's own."""
    places = files_of(config)
    _clear(config.folder, places.values())
    for file in places.values():
        if file.exists():
            raise Usage(f"{file} exists already: import into a new folder")
    with TemporaryDirectory(dir=config.folder, prefix=_LEFT) as folder:
        made = {name: Path(folder) / file.name for name, file in places.items()}
        import_lines(lines, made, _LACKING)
        try:
            for name, file in places.items():
                if made[name].exists():
                    os.link(made[name], file)
            configuration.write(config)
        except BaseException:
            _unlink(Path(folder), places.values())
            raise


def _clear(folder: Path, places: Collection[Path]) -> None:
    """Takes away what an import left that was killed: files are its own that are linked in the
    folder in which they were made."""
    for left in folder.glob(f"{_LEFT}*"):
        _unlink(left, places)
        shutil.rmtree(left)


def _unlink(folder: Path, places: Collection[Path]) -> None:
    for file in places:
        made = folder / file.name
        if made.exists() and file.exists() and made.samefile(file):
            file.unlink()

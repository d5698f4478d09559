"""The two logs of a desk, made and opened by their URL: `sqlite:///FILE` for the embedded log.

The settings have a log of their own, with one partition, in a file beside that of the tickets.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ticketlog.config import Config
from ticketlog.errors import Damaged, Unreachable, Usage
from ticketlog.execution import new_id
from ticketlog.log.embedded import DEFAULT_PARTITIONS, EmbeddedLog
from ticketlog.log.transfer import imported

_SCHEME = "sqlite:///"
TICKETS, SETTINGS = "tickets", "settings"


class Logs(NamedTuple):
    tickets: EmbeddedLog
    settings: EmbeddedLog

    def close(self) -> None:
        self.tickets.close()
        self.settings.close()


def make_logs(config: Config) -> Logs:
    """Makes the logs of a new desk. What an interrupted attempt has made already is kept.

    Raises Usage, Unreachable, Damaged.
    """
    tickets_file, settings_file = _files(config)
    if tickets_file.exists():
        tickets = EmbeddedLog.open(tickets_file)
    else:
        tickets = EmbeddedLog.create(
            tickets_file, name=TICKETS, desk=new_id(), partitions=DEFAULT_PARTITIONS
        )
    try:
        if not settings_file.exists():
            EmbeddedLog.create(
                settings_file, name=SETTINGS, desk=tickets.desk, partitions=1
            ).close()
    finally:
        tickets.close()
    return open_logs(config)


def restore_logs(config: Config, lines: Iterable[bytes]) -> int:
    """Makes the logs of a desk from an export, whole or not at all; returns their records.

    Raises Usage where a log exists, Damaged, Unreachable.
    """
    places = dict(zip((TICKETS, SETTINGS), _files(config), strict=True))
    for file in places.values():
        if file.exists():
            raise Usage(f"{file} exists already: import into a new folder")
    try:
        with TemporaryDirectory(dir=config.folder, prefix=".import-") as folder:
            made = {name: Path(folder) / file.name for name, file in places.items()}
            count = imported(lines, lambda name: _named(made, name))
            for name, file in places.items():
                if not made[name].exists():
                    raise Damaged(f"the export lacks the log of the {name}")
                os.link(made[name], file)
    except OSError as error:
        raise Unreachable(f"{config.folder} can't be written: {error.strerror}") from error
    return count


def _named(files: dict[str, Path], name: str) -> Path:
    if name not in files:
        raise Damaged(f"the export holds a log that no desk has: {name}")
    return files[name]


def open_logs(config: Config) -> Logs:
    """Raises Usage, Unreachable, Damaged."""
    tickets_file, settings_file = _files(config)
    tickets = EmbeddedLog.open(tickets_file)
    try:
        settings = EmbeddedLog.open(settings_file)
    except BaseException:
        tickets.close()
        raise
    logs = Logs(tickets, settings)
    if (tickets.name, settings.name, settings.desk) != (TICKETS, SETTINGS, tickets.desk):
        logs.close()
        raise Damaged(
            f"{tickets_file} and {settings_file} are not the two logs of one desk: "
            "restore both from the same backup"
        )
    return logs


def _files(config: Config) -> tuple[Path, Path]:
    """Raises Usage for a URL that this release doesn't know."""
    name = config.log_url.removeprefix(_SCHEME)
    if name == config.log_url or not name:
        raise Usage(f"[log] url is {config.log_url!r}: this release knows {_SCHEME}FILE")
    tickets = config.folder / name
    return tickets, tickets.with_name(f"{tickets.stem}.settings{tickets.suffix}")

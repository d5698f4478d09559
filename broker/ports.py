"""Ports of this machine that stay reserved for a broker while it is down."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO

# Below what Linux hands to outgoing connections, which could take the port of a killed broker.
_RANGE = range(20_000, 32_000)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def reserve(number: int, until: ExitStack) -> list[int]:
    """Free ports, `number` of them; no other process is given them before `until` is closed."""
    folder = Path(tempfile.gettempdir(), f"ticketlog-ports-{os.getuid()}")
    folder.mkdir(exist_ok=True)
    found: list[int] = []
    for port in random.SystemRandom().sample(_RANGE, len(_RANGE)):
        if len(found) == number:
            return found
        lock = (folder / str(port)).open("w")
        if _locked(lock) and is_free(port):
            until.enter_context(lock)
            found.append(port)
        else:
            lock.close()
    raise OSError(f"no {number} free ports between {_RANGE.start} and {_RANGE.stop}")


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

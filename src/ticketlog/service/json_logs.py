"""Logs as JSON lines, for programs that gather them.

No line holds personal data: of a record it has the words of the program, and numbers. Texts that
were filled in, and the words of exceptions, are left out.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

import orjson

from ticketlog.application.supervisor import Worker
from ticketlog.domain.base import iso
from ticketlog.errors import TicketlogError

REQUESTS = "ticketlog.requests"
"""The name of the logger of requests."""
SAID = "said"
"""The key of a record's `extra` whose mapping a line has as it is."""
_KNOWN = ("ticketlog", "uvicorn")
"""The programs whose texts, without what is filled in, are known to be words of their own."""


def log_as_json(stream: TextIO | None = None) -> Callable[[], None]:
    """Has everything that is logged from now on written as JSON lines (to standard error, by
    default), requests too. Returns what ends that."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LogLines())
    root, requests = logging.getLogger(), logging.getLogger(REQUESTS)
    before = root.handlers[:], root.level, requests.level
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    requests.setLevel(logging.INFO)

    def stop() -> None:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        requests.setLevel(before[2])

    return stop


def log_failure(worker: Worker, error: Exception, pause: float) -> None:
    """Logs that a worker failed, and is tried again after so many seconds."""
    why = str(error) if isinstance(error, TicketlogError) else type(error).__name__
    said = {"worker": worker.name, "error": why, "pause_s": pause}
    logging.getLogger("ticketlog.workers").error("a worker fails", extra={SAID: said})


class LogLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": iso(int(record.created * 1_000_000)),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if record.name.split(".")[0] in _KNOWN:
            line["message"] = str(record.msg)
            line |= _filled_in(record)
        said = getattr(record, SAID, None)
        if isinstance(said, Mapping):
            line |= said
        if record.exc_info and record.exc_info[1] is not None:
            line |= _failure(record.exc_info[1])
        return orjson.dumps(line, default=str).decode()


def _filled_in(record: logging.LogRecord) -> dict[str, Any]:
    """The numbers that a text is filled in with, and failures of the desk, which name files and
    brokers; of all else the kind."""
    if not isinstance(record.args, tuple) or not record.args:
        return {}
    return {"with": [_fit(each) for each in record.args]}


def _fit(value: object) -> Any:
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, TicketlogError):
        return str(value)
    return type(value).__name__


def _failure(error: BaseException) -> dict[str, Any]:
    """The kind of an exception, and where it came from: not its words."""
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{Path(each.filename).name}:{each.lineno} {each.name}" for each in frames]
    return {"error": type(error).__name__, "where": where}

"""A program that makes a log or opens it, and appends; a line of JSON says what came of each.

python -m tests.crash.appender FOLDER RUN
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.log.commits import a_commit
from ticketlog.errors import TicketlogError
from ticketlog.log.codec import RecordCodec
from ticketlog.log.embedded import EmbeddedLog

APPENDS = 4


def main(folder: Path, run: str) -> None:
    path = folder / "log.db"
    log = told("open", lambda: EmbeddedLog.open(path, RecordCodec()))
    if log is None:
        return
    for number in range(APPENDS):
        stream = f"ticket/{number % 2}"
        id = f"{run}-{number}"
        told(id, lambda s=stream, i=id: log.append(a_commit(s, log.head(s).version, id=i)))
    told("close", log.close)


def told(what: str, act: Callable[[], Any]) -> Any:
    """Does it and says so."""
    try:
        result = act()
    except TicketlogError as error:
        print(json.dumps({"what": what, "error": type(error).__name__, "text": str(error)}))
        return None
    place = list(result[:3]) if isinstance(result, tuple) else None
    print(json.dumps({"what": what, "place": place}), flush=True)
    return result


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

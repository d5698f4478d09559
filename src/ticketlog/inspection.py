"""What a desk's logs hold and whether they are sound."""

from __future__ import annotations

from typing import Any

import orjson

from ticketlog.log.embedded import EmbeddedLog
from ticketlog.log.replay import problems
from ticketlog.opening import Logs


def stat(logs: Logs) -> dict[str, Any]:
    """How much each partition holds; keys are stable."""
    return {
        "desk": logs.tickets.desk,
        **{
            name: {
                "void": {verdict.name.lower(): n for verdict, n in log.voids().items()},
                "partitions": [
                    {
                        "partition": partition,
                        "end": end,
                        "events": log.ordinals(partition),
                        "last_recorded_at": _last(log, partition, end),
                    }
                    for partition, end in enumerate(log.ends())
                ],
            }
            for name, log in logs._asdict().items()
        },
    }


def _last(log: EmbeddedLog, partition: int, end: int) -> str | None:
    """When the partition's last record was written, as it says itself."""
    records = log.records(partition, end - 1, 1)
    said = orjson.loads(records[0].data).get("recorded_at") if records else None
    return said if isinstance(said, str) else None


def log_problems(logs: Logs) -> list[str]:
    """What is wrong with the records of both logs, from reading them all again."""
    return [problem for log in logs for problem in problems(log)]

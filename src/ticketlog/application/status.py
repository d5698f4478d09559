"""What a desk's logs hold, how far what follows from them is, and whether they are sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from ticketlog.application.logs import Logs
from ticketlog.errors import TicketlogError
from ticketlog.log.index.indexed_log import IndexedLog
from ticketlog.log.index.verify import find_problems


def standing(logs: Logs, views: Callable[[Sequence[int]], list[dict[str, Any]]]) -> dict[str, Any]:
    """How far log, index and views are, a partition each, and what is wrong. Views that can't be
    used are a trouble; `views` is asked with the log's ends."""
    log = logs.tickets
    for each in logs:
        each.skip_sync()
    index, reach = log.ends(), log.latest_ends()
    ends = index if reach is None else reach
    troubles = [trouble for each in logs for trouble in each.troubles()]
    try:
        found = views(ends)
    except TicketlogError as error:
        found = []
        troubles.append(str(error))
    partitions = [_partition(log, p, end, index[p], found) for p, end in enumerate(ends)]
    void = sum((Counter(part["void"]) for part in partitions), Counter[str]())
    return {
        "log": {
            "ends": list(ends),
            "reachable": reach is not None,
            "records": sum(ends),
            "void": dict(void),
        },
        "index": {"ends": list(index), "behind": sum(ends) - sum(index)},
        "partitions": partitions,
        "views": found,
        "troubles": troubles,
    }


def _partition(
    log: IndexedLog, partition: int, end: int, index: int, views: list[dict[str, Any]]
) -> dict[str, Any]:
    at = {view["view"]: (view["positions"] or [0] * log.partitions)[partition] for view in views}
    return {
        "partition": partition,
        "end": end,
        "index": index,
        "events": log.ordinals(partition),
        "void": _void(log, partition),
        "views": {
            name: {
                "position": next,
                "lag": max(end - next, 0),
                "events": log.ordinals(partition, next),
            }
            for name, next in at.items()
        },
    }


def _void(log: IndexedLog, partition: int | None = None) -> dict[str, int]:
    return {verdict.name.lower(): n for verdict, n in log.voids(partition).items()}


def stat(logs: Logs) -> dict[str, Any]:
    """How much each partition holds; keys are stable."""
    return {
        "desk": logs.tickets.desk,
        **{
            name: {
                "void": _void(log),
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


def _last(log: IndexedLog, partition: int, end: int) -> str | None:
    """When the partition's last record was written, as it says itself."""
    records = log.records(partition, end - 1, 1)
    said = orjson.loads(records[0].data).get("recorded_at") if records else None
    return said if isinstance(said, str) else None


def log_problems(logs: Logs) -> list[str]:
    """What is wrong with the records of both logs, from reading them all again."""
    found = []
    for log in logs:
        log.skip_sync()
        found += [*log.troubles(), *find_problems(log), *log.differences()]
    return found

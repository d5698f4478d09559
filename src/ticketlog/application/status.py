"""The status of a desk's logs: sizes, positions of index and views, soundness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson

from ticketlog.application.as_of import Cuts
from ticketlog.application.logs import Logs
from ticketlog.application.views import Views
from ticketlog.config import Config
from ticketlog.documents import desks as documents
from ticketlog.documents.base import Document
from ticketlog.domain.settings.model import Settings
from ticketlog.errors import TicketlogError
from ticketlog.log.index.indexed_log import IndexedLog
from ticketlog.log.index.verify import find_problems
from ticketlog.projections.engine.query import Query
from ticketlog.projections.views import persons, tickets


def status(
    logs: Logs,
    config: Config,
    views: Callable[[], Views],
    settings: Callable[[], Settings],
    now: int,
) -> documents.DeskStatus:
    """The positions of log, index and views by partition, and troubles. Views that can't be
    used are a trouble."""
    log = logs.tickets
    for each in logs:
        each.skip_sync()
    index, reach = log.ends(), log.latest_ends()
    ends = index if reach is None else reach
    troubles = [trouble for each in logs for trouble in each.troubles()]
    found: list[documents.View] = []
    try:
        found = views().status(ends)
    except TicketlogError as error:
        troubles.append(str(error))
    partitions = [_partition(log, p, end, index[p], found) for p, end in enumerate(ends)]
    void = sum((Counter(part.void) for part in partitions), Counter[str]())
    return documents.DeskStatus(
        desk=log.desk,
        folder=str(config.folder),
        log=documents.LogState(
            url=config.log_url,
            ends=list(ends),
            reachable=reach is not None,
            records=sum(ends),
            void=dict(void),
        ),
        index=documents.IndexState(ends=list(index), behind=sum(ends) - sum(index)),
        partitions=partitions,
        settings=documents.InForce(position=settings().position),
        access=documents.AccessLogState(
            end=logs.access.ends()[0],
            reachable=reach is not None and logs.access.latest_ends() is not None,
        ),
        cut=str(Cuts(logs).now()),
        views=found,
        **_doubtful(views() if found else None, now),
        troubles=troubles,
        keyring="none: personal values are not encrypted, and no person can be erased",
    )


def _doubtful(views: Views | None, now: int) -> dict[str, Any]:
    """Troubles in the data, as far as the views have come: streams whose clock is ahead of
    now, links that lead back, addresses of several persons."""

    def asked(query: Query[tuple[int, list[dict[str, Any]]]]) -> Document:
        return query.document((views and views.peek(query)) or (0, []))

    return {
        "ahead": asked(tickets.ClocksAhead(now=now)),
        "circles": asked(tickets.LinkCircles()),
        "shared_addresses": asked(persons.SharedAddresses()),
    }


def _partition(
    log: IndexedLog, partition: int, end: int, index: int, views: list[documents.View]
) -> documents.Partition:
    at = {view.view: (view.positions or [0] * log.partitions)[partition] for view in views}
    return documents.Partition(
        partition=partition,
        end=end,
        index=index,
        events=log.ordinals(partition),
        void=_void(log, partition),
        views={
            name: documents.ViewAt(
                position=next, lag=max(end - next, 0), events=log.ordinals(partition, next)
            )
            for name, next in at.items()
        },
    )


def _void(log: IndexedLog, partition: int | None = None) -> dict[str, int]:
    return {verdict.name.lower(): n for verdict, n in log.voids(partition).items()}


def log_stat(logs: Logs) -> documents.LogStat:
    """The sizes of each partition of every log."""
    return documents.LogStat(
        desk=logs.tickets.desk,
        tickets=_counted(logs.tickets),
        settings=_counted(logs.settings),
        access=_counted(logs.access),
        cut=str(Cuts(logs).now()),
    )


def _counted(log: IndexedLog) -> documents.LogCounted:
    parts = [
        documents.LogPart.filled(
            partition=partition,
            end=end,
            events=log.ordinals(partition),
            last_recorded_at=_last(log, partition, end),
        )
        for partition, end in enumerate(log.ends())
    ]
    return documents.LogCounted(void=_void(log), partitions=parts)


def _last(log: IndexedLog, partition: int, end: int) -> str | None:
    """When the partition's last record was written, as it says itself."""
    records = log.records(partition, end - 1, 1)
    said = orjson.loads(records[0].data).get("recorded_at") if records else None
    return said if isinstance(said, str) else None


def log_verified(logs: Logs, views: Views) -> documents.LogVerified:
    """Whether the records of the logs are sound, from reading them all again, and whether each
    place where a view stands is the record that it was made from."""
    found: list[str] = []
    for log in logs:
        log.skip_sync()
        found += [*log.troubles(), *find_problems(log), *log.differences()]
    found += views.problems()
    return documents.LogVerified(ok=not found, problems=found, cut=str(Cuts(logs).now()))

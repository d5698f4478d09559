"""The metrics of a service for Prometheus: read from the desk's status when they are scraped."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import version

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry

from ticketlog.documents.desks import DeskStatus
from ticketlog.log.commit import Verdict
from ticketlog.service.service import DeskService

_REASONS = (Verdict.STALE, Verdict.DUPLICATE, Verdict.MALFORMED)


def registry(service: DeskService) -> CollectorRegistry:
    """The metrics of a service and of its process."""
    made = CollectorRegistry()
    made.register(_Collector(service))
    ProcessCollector(registry=made)
    return made


class _Collector(Collector):
    def __init__(self, service: DeskService) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        found = self._service.condition()
        about = {"version": version("ticketlog"), "python": platform.python_version()}
        yield InfoMetricFamily("ticketlog_build", "The release that runs.", about)
        yield _gauge("ready", "Whether it is ready.", not found.reasons)
        yield from _of_workers(self._service, found.status)
        if found.status is not None:
            yield from _of_log(found.status)
            yield from _of_views(found.status)


def _of_workers(service: DeskService, status: DeskStatus | None) -> Iterator[Metric]:
    up = _gauge("worker_up", "Whether a worker is not failing.", labels=["worker"])
    failures = _counter("worker_failures", "Attempts that failed.", ["worker"])
    last_pass_at = _gauge(
        "worker_last_pass_timestamp_seconds",
        "When a worker had last done all there was to do; 0: not yet.",
        labels=["worker"],
    )
    offset = _gauge("worker_offset", "The next record of a worker.", labels=["worker", "partition"])
    lag = _gauge("worker_lag_records", "Records left for a worker.", labels=["worker", "partition"])
    for each in service.supervisor.workers:
        name = [each.worker.name]
        up.add_metric(name, each.error is None)
        failures.add_metric(name, each.failures)
        last_pass_at.add_metric(name, each.worker.last_pass_at())
        if each.worker.positions is None or status is None:
            continue
        for part, at in enumerate(each.worker.positions()):
            offset.add_metric([*name, str(part)], at)
            lag.add_metric([*name, str(part)], max(status.log.ends[part] - at, 0))
    yield from (up, failures, last_pass_at, offset, lag)


def _of_log(status: DeskStatus) -> Iterator[Metric]:
    yield _gauge("log_reachable", "Whether the log answers.", status.log.reachable)
    yield _gauge("settings_offset", "The settings in force.", status.settings.position)
    end = _gauge("log_end_offset", "The log's next record.", labels=["partition"])
    index = _gauge("index_end_offset", "The index's next record.", labels=["partition"])
    lag = _gauge("index_lag_records", "Records left for the index.", labels=["partition"])
    events = _counter("log_events", "Accepted events in the index.", ["partition"])
    void = _counter("log_void_records", "Void records.", ["partition", "reason"])
    for part in status.partitions:
        labels = [str(part.partition)]
        end.add_metric(labels, part.end)
        index.add_metric(labels, part.index)
        lag.add_metric(labels, max(part.end - part.index, 0))
        events.add_metric(labels, part.events)
        for reason in _REASONS:
            name = reason.name.lower()
            void.add_metric([*labels, name], part.void.get(name, 0))
    yield from (end, index, lag, events, void)


def _of_views(status: DeskStatus) -> Iterator[Metric]:
    labels = ["view", "partition"]
    offset = _gauge("view_offset", "A view's next record.", labels=labels)
    lag = _gauge("view_lag_records", "Records left for a view.", labels=labels)
    events = _counter("view_events", "Accepted events that a view has applied.", labels)
    for part in status.partitions:
        for name, view in part.views.items():
            offset.add_metric([name, str(part.partition)], view.position)
            lag.add_metric([name, str(part.partition)], view.lag)
            events.add_metric([name, str(part.partition)], view.events)
    parked = _gauge("view_parked_streams", "Streams that a view has parked.", labels=["view"])
    for each in status.views:
        parked.add_metric([each.view], len(each.parked))
    yield from (offset, lag, events, parked)


def _gauge(
    name: str, help: str, value: float | None = None, labels: list[str] | None = None
) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"ticketlog_{name}", help, value=value, labels=labels)


def _counter(name: str, help: str, labels: list[str]) -> CounterMetricFamily:
    return CounterMetricFamily(f"ticketlog_{name}", help, labels=labels)

"""The metrics of a service for Prometheus: read from the desk's status when they are scraped, and
those of a server over HTTP, which its parts fill (`ServerMetrics`)."""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry

from ticketlog.documents.desks import DeskStatus
from ticketlog.log.commit import Verdict
from ticketlog.service.service import DeskService

_REASONS = (Verdict.STALE, Verdict.DUPLICATE, Verdict.MALFORMED)


Numbers = float | Mapping[tuple[str, ...], float]
"""A number, or one for the values of labels each."""
_SLOWEST_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class ServerMetrics(Collector):
    """The metrics of a server: its routes, and numbers that its parts give when they are asked.
    Thread-safe.

        metrics.gauge("feed_clients", "Open streams.", lambda: len(hub.clients))
        metrics.counter("sign_ins", "Attempts to sign in.", counts, labels=("way", "outcome"))
    """

    def __init__(self) -> None:
        names = ("method", "route", "status")
        self._requests = Counter(
            "ticketlog_http_requests", "Requests that were answered.", names, registry=None
        )
        self._seconds = Histogram(
            "ticketlog_http_request_duration_seconds",
            "Seconds until the end of an answer; of streams, until their beginning.",
            names[:2],
            buckets=_SLOWEST_S,
            registry=None,
        )
        self._under_way = Gauge(
            "ticketlog_http_requests_under_way", "Requests that aren't answered.", registry=None
        )
        self._given: dict[str, Callable[[], Metric]] = {}
        self._lock = threading.Lock()

    def began(self) -> None:
        """A request came in."""
        self._under_way.inc()

    def ended(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered. `route`: the template of its path."""
        self._under_way.dec()
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def gauge(
        self, name: str, help: str, read: Callable[[], Numbers], labels: tuple[str, ...] = ()
    ) -> None:
        """Adds a number that goes up and down, `ticketlog_NAME`; one of that name is replaced.
        Labels hold words of the settings or of the program, never a person."""
        self._give(name, lambda: _filled(_gauge(name, help, labels=[*labels]), read))

    def counter(
        self, name: str, help: str, read: Callable[[], Numbers], labels: tuple[str, ...] = ()
    ) -> None:
        """Adds a number that only goes up; as `gauge`."""
        self._give(name, lambda: _filled(_counter(name, help, [*labels]), read))

    def _give(self, name: str, made: Callable[[], Metric]) -> None:
        with self._lock:
            self._given[name] = made

    def collect(self) -> Iterator[Metric]:
        for own in (self._requests, self._seconds, self._under_way):
            yield from own.collect()
        with self._lock:
            given = list(self._given.values())
        for make in given:
            yield make()


def _filled(family: GaugeMetricFamily | CounterMetricFamily, read: Callable[[], Numbers]) -> Metric:
    """A family with the numbers that are read now."""
    found = read()
    each = found.items() if isinstance(found, Mapping) else [((), found)]
    for values, number in each:
        family.add_metric([*values], number)
    return family


def registry(service: DeskService | None, server: ServerMetrics | None = None) -> CollectorRegistry:
    """The metrics of a service, of a server, and of the process."""
    made = CollectorRegistry()
    if service is not None:
        made.register(_Collector(service))
    if server is not None:
        made.register(server)
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
        appends = self._service.desk.appends_under_way
        yield _gauge("appends_under_way", "Commits that the log hasn't acknowledged.", appends)
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
    deliveries = _counter(
        "webhook_deliveries", "Attempts to deliver an event.", ["endpoint", "outcome"]
    )
    for each in service.supervisor.workers:
        name = [each.worker.name]
        for endpoint, (taken, refused) in each.worker.deliveries().items():
            deliveries.add_metric([endpoint, "taken"], taken)
            deliveries.add_metric([endpoint, "failed"], refused)
        up.add_metric(name, each.error is None)
        failures.add_metric(name, each.failures)
        last_pass_at.add_metric(name, each.worker.last_pass_at())
        if each.worker.positions is None or status is None:
            continue
        for part, at in enumerate(each.worker.positions()):
            offset.add_metric([*name, str(part)], at)
            lag.add_metric([*name, str(part)], max(status.log.ends[part] - at, 0))
    yield from (up, failures, last_pass_at, offset, lag, deliveries)


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

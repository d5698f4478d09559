"""Traces for OpenTelemetry: the spans of `support/tracing.py`, sent to a collector.

Where to, and how often, say OpenTelemetry's own variables (`OTEL_EXPORTER_OTLP_ENDPOINT`, ...). It
needs the extra `telemetry`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
)
from opentelemetry.trace import Span, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ticketlog.support.tracing import ActiveSpan, Said, trace_by

_NAME = "ticketlog"
_PROPAGATOR = TraceContextTextMapPropagator()


def start_tracing(exporter: SpanExporter | None = None) -> Callable[[], None]:
    """Traces from now on, and returns what ends that. `exporter`: takes each span at once, instead
    of the one that OpenTelemetry's variables describe."""
    about = {SERVICE_NAME: _NAME, SERVICE_VERSION: version(_NAME)}
    provider = TracerProvider(resource=Resource.create(about))
    if exporter is None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    else:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace_by(_OpenTelemetry(provider))

    def stop() -> None:
        trace_by(None)
        provider.shutdown()

    return stop


class _OpenTelemetry:
    """The tracer that makes OpenTelemetry's spans. What an exception says is never in one, since it
    may hold anything; its kind is."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer(_NAME, version(_NAME))

    @contextmanager
    def span(self, name: str, said: Mapping[str, Said], parent: str | None) -> Iterator[ActiveSpan]:
        context = _PROPAGATOR.extract({"traceparent": parent}) if parent else None
        attributes = {f"{_NAME}.{key}": value for key, value in said.items()}
        with self._tracer.start_as_current_span(
            name,
            context,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as made:
            try:
                yield _Active(made)
            except BaseException as error:
                made.set_attribute("error.type", type(error).__name__)
                made.set_status(Status(StatusCode.ERROR))
                raise


class _Active:
    def __init__(self, span: Span) -> None:
        self._span = span

    def say(self, name: str, value: Said) -> None:
        self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        self._span.update_name(name)

"""Traces and metrics to an OpenTelemetry collector, where `OTEL_EXPORTER_OTLP_ENDPOINT` names one.

Spans and metrics name routes, operations, hosts and numbers: no address as it was called, no
person, no text of an error.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.trace import SpanKind, StatusCode

from ui.request_id import request_id

if TYPE_CHECKING:
    from portal.ops.metrics import Gauge

_UNSTARTED: Final = threading.Lock()
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SERVER_ERROR: Final = 500
_TRACER: Final = trace.get_tracer("portal")
_DURATION: Final = metrics.get_meter("portal").create_histogram(
    "http.server.request.duration", "s", "How long requests took until their answer began."
)


def start(process: str) -> None:
    """Export what this process does from now on; does nothing without a collector, or again.

    Args:
        process: `web` or `worker`. The worker also exports the gauges of `/metrics`.
    """
    endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip("/")
    # Only one thread gets the lock, and nobody gives it back.
    if endpoint and _UNSTARTED.acquire(blocking=False):
        _start(process, endpoint)


def _start(process: str, endpoint: str) -> None:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": f"auth0-ata-{process}"})
    tracing = TracerProvider(resource=resource)
    tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces")))
    trace.set_tracer_provider(tracing)
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{endpoint}/v1/metrics"))
    metrics.set_meter_provider(MeterProvider([reader], resource))
    if process == "worker":
        observe_gauges(metrics.get_meter("portal"))


class TracedRequests:
    """A span for each request. It begins a trace: a caller's `traceparent` is not taken over."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        method = request.method if request.method in _METHODS else "_OTHER"
        began = time.monotonic()
        with _TRACER.start_as_current_span(
            str(method),
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            response = self.get_response(request)
            route = f"/{request.resolver_match.route}" if request.resolver_match else ""
            said: dict[str, str | int] = {
                "http.request.method": str(method),
                "http.route": route,
                "http.response.status_code": response.status_code,
            }
            span.update_name(f"{method} {route}".strip())
            span.set_attributes(said | {"request_id": request_id(request)})
            if response.status_code >= _SERVER_ERROR:
                span.set_status(StatusCode.ERROR)
        _DURATION.record(time.monotonic() - began, said)
        return response


def observe_gauges(meter: Meter) -> None:
    """Have the numbers of `/metrics` exported, each by its name; read once for each export."""
    from portal.ops.metrics import GAUGES

    reading = _Reading()
    for name, text in GAUGES.items():

        def observe(_: CallbackOptions, name: str = name) -> Iterable[Observation]:
            return [
                Observation(float(one.value), one.labels)
                for one in reading.now()
                if one.name == name
            ]

        meter.create_observable_gauge(name, [observe], description=text)


class _Reading:
    """All gauges, read from the database at most once in five seconds."""

    _FRESH_S: Final = 5.0

    def __init__(self) -> None:
        self._read_at = -math.inf
        self._gauges: list[Gauge] = []

    def now(self) -> list[Gauge]:
        from approvals import clock
        from audit.erasure import idle_database_connections
        from portal.ops.metrics import gauges

        if time.monotonic() - self._read_at >= self._FRESH_S:
            self._read_at = time.monotonic()
            self._gauges = []
            with idle_database_connections.working():
                try:
                    self._gauges = list(gauges(clock.now()))
                finally:
                    close_old_connections()
        return self._gauges

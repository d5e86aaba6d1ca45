"""A stand-in OpenTelemetry collector (OTLP over HTTP, protobuf), and any other peer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Collector:
    """What arrived; `calls` are all others, as path and headers."""

    url: str = ""
    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def spans(self) -> list[Span]:
        requests = [
            ExportTraceServiceRequest.FromString(body)
            for path, body in self.bodies
            if path == "/v1/traces"
        ]
        scopes = [
            one for request in requests for of in request.resource_spans for one in of.scope_spans
        ]
        return [span for scope in scopes for span in scope.spans]

    @property
    def metrics(self) -> set[str]:
        requests = [
            ExportMetricsServiceRequest.FromString(body)
            for path, body in self.bodies
            if path == "/v1/metrics"
        ]
        scopes = [
            one
            for request in requests
            for of in request.resource_metrics
            for one in of.scope_metrics
        ]
        return {metric.name for scope in scopes for metric in scope.metrics}


def attributes(span: Span) -> dict[str, str | int]:
    """Of a span, by name."""
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """Listens on loopback."""
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            found.bodies.append((self.path, body))
            self._answer(200)

        def do_GET(self) -> None:
            found.calls.append((self.path, dict(self.headers.items())))
            self._answer(500 if "broken" in self.path else 200)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()

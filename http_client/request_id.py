"""What joins a call to the work in hand at the other side: the request id and, where the process
exports traces, a span whose `traceparent` goes along. Without an exporter the span is empty."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

HEADER: Final = "X-Request-Id"
STATUS: Final = "http.response.status_code"
_TRACER: Final = trace.get_tracer("http_client")
_PROPAGATOR: Final = TraceContextTextMapPropagator()
_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_current: ContextVar[str | None] = ContextVar("outbound_request_id", default=None)


def current_request_id() -> str | None:
    """The id bound to this thread or task, or None outside of any."""
    return _current.get()


@contextmanager
def bind_request_id(request_id: str) -> Iterator[None]:
    """Send ``request_id`` along with every call made inside the block.

    An id that is not 1 to 128 of ``A-Z a-z 0-9 . _ -`` is ignored: it came from outside and would
    otherwise be copied into a header.
    """
    if not _WELL_FORMED.fullmatch(request_id):
        yield
        return
    token = _current.set(request_id)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def call_span(operation: str, method: str, host: str) -> Iterator[tuple[Span, dict[str, str]]]:
    """The span of one call, named by its operation, and the headers that go with it. It has no
    address, and of an error only its type: either may hold what no log may."""
    said = {"http.request.method": method, "server.address": host}
    with _TRACER.start_as_current_span(
        operation,
        kind=SpanKind.CLIENT,
        attributes=said,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        headers: dict[str, str] = {}
        _PROPAGATOR.inject(headers)
        try:
            yield span, headers
        except Exception as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise

"""Exceptions of httpx and httpcore in our words, and what a caller must know: was it delivered?"""

from __future__ import annotations

import httpcore
import httpx

from http_client.errors import BadAnswer, HostUnreachable, HttpClientError, RequestTimedOut
from http_client.redaction import printable, redact_text


def translate(failure: Exception, operation: str, host: str) -> HttpClientError:
    """The typed error for ``failure``; its text is redacted and never quotes the request."""
    match failure:
        case httpx.ConnectTimeout() | httpcore.ConnectTimeout():
            return RequestTimedOut(operation, host, "no connection in time")
        case httpx.PoolTimeout() | httpcore.PoolTimeout():
            return RequestTimedOut(operation, host, "all connections are busy")
        case httpx.TimeoutException() | httpcore.TimeoutException():
            return RequestTimedOut(operation, host, "no answer in time", maybe_delivered=True)
        case httpx.ConnectError() | httpcore.ConnectError():
            return HostUnreachable(operation, host, _words(failure))
        case httpx.DecodingError():
            return BadAnswer(operation, host, "has a content encoding that does not decode")
        case (
            httpx.LocalProtocolError()
            | httpcore.LocalProtocolError()
            | httpx.UnsupportedProtocol()
            | httpx.InvalidURL()
        ):
            return HostUnreachable(operation, host, "the request could not be written")
    name = type(failure).__name__
    return HostUnreachable(operation, host, f"the connection broke ({name})", maybe_delivered=True)


def _words(failure: Exception) -> str:
    return printable(redact_text(str(failure))) or "no connection"

"""The HTTP client that every app uses: one pool, explicit limits, no surprises.

Nothing is read from the environment; what the settings add is in
`http_client.proxies_and_authorities`. No redirect is followed, no cookie is kept, every answer has
a size limit and a deadline, and no log line or exception carries a secret.
"""

from __future__ import annotations

import json
import logging
import os
import ssl
import threading
import time
from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlencode, urlsplit

import httpcore
import httpx

from http_client import proxies_and_authorities
from http_client.address_guard import Forbidden, Guard
from http_client.connection_pool import Headers, Lines, TooLarge
from http_client.deadline import ends_at, remaining
from http_client.errors import AddressRefused, BadAnswer, RequestTimedOut
from http_client.guarded_tcp_connection import GuardedBackend
from http_client.request_id import HEADER as REQUEST_ID_HEADER
from http_client.request_id import STATUS, call_span, current_request_id
from http_client.response import Answer
from http_client.time_budget_for_all_calls import spending
from http_client.timeouts_and_retries import Retries, Timeouts, with_retries
from http_client.transport_error_mapping import translate

log = logging.getLogger("outbound")

USER_AGENT: Final = "auth0-ata/0.1"
_ALWAYS: Final = ((b"User-Agent", USER_AGENT.encode()), (b"Accept-Encoding", b"identity"))
_MOST_KNOWN: Final = 256
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_LIMITS: Final = httpx.Limits(
    max_connections=128, max_keepalive_connections=64, keepalive_expiry=20
)
_FAILURES: Final = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
)


class _OwnLogOnly(logging.Filter):
    """httpx logs each whole URL at INFO; our own line says the same without the query."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.INFO


logging.getLogger("httpx").addFilter(_OwnLogOnly())


class HttpClient:
    """A thread-safe HTTP client with one connection pool and one address policy.

    Make one per policy and keep it: pools are per process and survive a fork.
    ``transport`` replaces the network in tests; the guard's URL rules still apply.
    """

    def __init__(
        self,
        *,
        guard: Guard,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        max_bytes: int = 4_000_000,
        ssl_context: ssl.SSLContext | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._guard = guard
        self._timeouts = timeouts or Timeouts()
        self._retries = retries or Retries()
        self._max_bytes = max_bytes
        self._ssl_context = ssl_context
        self._transport = transport
        self._lock = threading.Lock()
        self._pool: tuple[int, Lines] | None = None
        self._known: dict[str, tuple[httpx.URL, httpcore.URL]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every pooled connection; the client may be used again afterwards."""
        with self._lock:
            if self._pool is not None:
                self._pool[1].close()
                self._pool = None

    def get(
        self,
        url: str,
        *,
        operation: str,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
    ) -> Answer:
        """GET ``url``; see ``request``."""
        return self.request(
            "GET", url, operation=operation, headers=headers, params=params, max_bytes=max_bytes
        )

    def delete(
        self, url: str, *, operation: str, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """DELETE ``url``; see ``request``."""
        return self.request("DELETE", url, operation=operation, headers=headers)

    def post_form(
        self,
        url: str,
        fields: Mapping[str, str],
        *,
        operation: str,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """POST ``fields`` as application/x-www-form-urlencoded; see ``request``."""
        sent = {**(headers or {}), "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(fields).encode()
        return self.request("POST", url, operation=operation, headers=sent, content=body)

    def post_json(
        self,
        url: str,
        body: object,
        *,
        operation: str,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """POST ``body`` as application/json; see ``request``."""
        sent = {**(headers or {}), "Content-Type": "application/json"}
        content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        return self.request("POST", url, operation=operation, headers=sent, content=content)

    def request(
        self,
        method: str,
        url: str,
        *,
        operation: str,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        content: bytes = b"",
        max_bytes: int | None = None,
        timeouts: Timeouts | None = None,
    ) -> Answer:
        """Send one call and return its answer, whatever the status.

        ``operation`` names the call in logs and errors (``ciba.poll``); URLs are never logged.
        A redirect is returned as it is, never followed.

        Raises:
            AddressRefused: the guard does not allow the address. Nothing was sent.
            RequestTimedOut, HostUnreachable: no complete answer; see ``maybe_delivered``.
            BadAnswer: the answer is larger than ``max_bytes`` or not decodable.
            ValueError: a header of ours holds a control character; the value is not repeated.
        """
        once = partial(
            self._once,
            method=method,
            url=url if not params else f"{url}{'&' if '?' in url else '?'}{urlencode(params)}",
            operation=operation,
            headers=_clean_headers(headers or {}),
            content=content,
            max_bytes=self._max_bytes if max_bytes is None else max_bytes,
            timeouts=timeouts or self._timeouts,
        )
        with spending():
            return with_retries(self._retries, method, once)

    def _once(
        self,
        *,
        method: str,
        url: str,
        operation: str,
        headers: dict[str, str],
        content: bytes,
        max_bytes: int,
        timeouts: Timeouts,
    ) -> Answer:
        host = _host(url)
        with call_span(operation, method, host) as (span, traced):
            answer = self._answer(
                method, url, operation, host, headers | traced, content, max_bytes, timeouts
            )
            span.set_attribute(STATUS, answer.status)
        return answer

    def _answer(
        self,
        method: str,
        url: str,
        operation: str,
        host: str,
        headers: dict[str, str],
        content: bytes,
        max_bytes: int,
        timeouts: Timeouts,
    ) -> Answer:
        started = time.monotonic()
        if remaining() <= 0:
            raise RequestTimedOut(operation, host, "its request has no time left for it")
        try:
            checked = self._checked(url)
            with ends_at(started + timeouts.total) as deadline:
                status, said, body = self._say(
                    method, checked, headers, content, timeouts, max_bytes, deadline
                )
            answer = _read(operation, host, status, said, body, max_bytes)
        except TooLarge:
            raise BadAnswer(operation, host, f"is larger than {max_bytes} bytes") from None
        except Forbidden as no:
            raise AddressRefused(operation, host, str(no)) from None
        except _FAILURES as failure:
            error = translate(failure, operation, host)
            log.warning("outbound.failed operation=%s host=%s reason=%s", operation, host, error)
            # The cause may quote a header or a body, so it does not travel with the error.
            raise error from None
        log.log(
            logging.WARNING if answer.status >= 500 else logging.DEBUG,
            "outbound.call operation=%s host=%s method=%s status=%d ms=%d",
            *(operation, host, method, answer.status, (time.monotonic() - started) * 1000),
        )
        return answer

    def _checked(self, url: str) -> tuple[httpx.URL, httpcore.URL]:
        """The URL as httpx understands it, so that no two parsers can disagree about the host.

        Raises:
            Forbidden, httpx.InvalidURL: it is not called.
        """
        known = self._known.get(url)
        if known is None:
            parsed = httpx.URL(url)
            self._guard.check_url(str(parsed))
            wire = httpcore.URL(
                scheme=parsed.raw_scheme,
                host=parsed.raw_host,
                port=parsed.port,
                target=parsed.raw_path,
            )
            known = parsed, wire
            if "?" not in url and len(self._known) < _MOST_KNOWN:  # a query may name somebody
                self._known[url] = known
        return known

    def _say(
        self,
        method: str,
        url: tuple[httpx.URL, httpcore.URL],
        headers: Mapping[str, str],
        content: bytes,
        timeouts: Timeouts,
        most: int,
        deadline: float,
    ) -> tuple[int, Headers, bytes]:
        sent = [(b"Host", url[0].netloc), *_ALWAYS]
        sent += [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
        if content or method in _WITH_BODY:
            sent.append((b"Content-Length", b"%d" % len(content)))
        if self._transport is not None:
            answer = self._transport.handle_request(
                httpx.Request(method, url[0], headers=sent, content=content)
            )
            assert isinstance(answer.stream, httpx.SyncByteStream)
            return answer.status_code, answer.headers.raw, b"".join(answer.stream)
        extensions = {"timeouts": timeouts, "most": most, "deadline": deadline}
        request = httpcore.Request(
            method, url[1], headers=sent, content=content, extensions=extensions
        )
        response = self._lines().handle_request(request)
        return response.status, response.headers, response.read()

    def _lines(self) -> Lines:
        # Connections made before a fork share their sockets with the parent; start afresh.
        pool = self._pool
        if pool is None or pool[0] != os.getpid():
            with self._lock:
                pool = self._pool
                if pool is None or pool[0] != os.getpid():
                    context = self._ssl_context or proxies_and_authorities.shared_context()
                    lines = Lines(GuardedBackend(self._guard), context, _LIMITS)
                    pool = self._pool = (os.getpid(), lines)
        return pool[1]


def _read(operation: str, host: str, status: int, said: Headers, body: bytes, most: int) -> Answer:
    """The answer; packed ones, which nobody asked for, are unpacked as far as they are taken.

    Raises:
        TooLarge, httpx.DecodingError: as they say.
    """
    headers = httpx.Headers(said)
    if len(body) > most:
        raise TooLarge
    if headers.get("content-encoding", "identity") != "identity":
        packed = httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))
        unpacked = bytearray()
        for chunk in packed.iter_bytes():
            unpacked += chunk
            if len(unpacked) > most:
                raise TooLarge
        body = bytes(unpacked)
    return Answer(operation, host, status, headers, body)


def _clean_headers(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not value.isascii() or not value.isprintable():
            raise ValueError(f"header {name} holds a character that no header may hold")
    clean = {"Accept": "*/*", **headers}
    request_id = current_request_id()
    if request_id is not None:
        clean.setdefault(REQUEST_ID_HEADER, request_id)
    return clean


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "?"
    except ValueError:
        return "?"

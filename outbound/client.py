"""The HTTP client that every room is given: one pool, explicit limits, no surprises.

Nothing is read from the environment (no proxies, no netrc), no redirect is followed, no cookie is
kept, every answer has a size limit and a deadline, and no log line or exception carries a secret.
"""

from __future__ import annotations

import json
import logging
import os
import ssl
import threading
import time
from collections.abc import Mapping
from functools import cache, partial
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlencode, urlsplit

import httpx

from outbound.answer import Answer
from outbound.deadline import ends_at
from outbound.errors import BadAnswer, OutboundRefused
from outbound.failures import translate
from outbound.guard import Forbidden, Guard
from outbound.patience import Retries, Timeouts, with_retries
from outbound.request_id import HEADER as REQUEST_ID_HEADER
from outbound.request_id import current_request_id
from outbound.transport import GuardedTransport

log = logging.getLogger("outbound")

USER_AGENT: Final = "auth0-ata/0.1"
_ALWAYS: Final = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
_MOST_KNOWN: Final = 256


class _OwnLogOnly(logging.Filter):
    """httpx logs each whole URL at INFO; our own line says the same without the query."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.INFO


logging.getLogger("httpx").addFilter(_OwnLogOnly())


class Outbound:
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
        self._pool: tuple[int, httpx.BaseTransport] | None = None
        self._known: dict[str, httpx.URL] = {}

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
            OutboundRefused: the guard does not allow the address. Nothing was sent.
            OutboundTimeout, OutboundUnreachable: no complete answer; see ``maybe_delivered``.
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
        started = time.monotonic()
        try:
            request = httpx.Request(
                method,
                self._checked(url),
                headers={**_ALWAYS, **headers},
                content=content,
                extensions={"timeout": timeouts.for_httpx().as_dict()},
            )
            answer = self._exchange(request, operation, host, max_bytes, started + timeouts.total)
        except Forbidden as no:
            raise OutboundRefused(operation, host, str(no)) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as failure:
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

    def _checked(self, url: str) -> httpx.URL:
        """The URL as httpx understands it, so that no two parsers can disagree about the host.

        Raises:
            Forbidden, httpx.InvalidURL: it is not called.
        """
        known = self._known.get(url)
        if known is None:
            known = httpx.URL(url)
            self._guard.check_url(str(known))
            if "?" not in url and len(self._known) < _MOST_KNOWN:  # a query may name somebody
                self._known[url] = known
        return known

    def _exchange(
        self, request: httpx.Request, operation: str, host: str, max_bytes: int, deadline: float
    ) -> Answer:
        with ends_at(deadline):
            return self._received(request, operation, host, max_bytes, deadline)

    def _received(
        self, request: httpx.Request, operation: str, host: str, max_bytes: int, deadline: float
    ) -> Answer:
        # Past httpx's client: what it adds (sign-in, redirects, cookies, hooks) is not wanted.
        response = self._wire().handle_request(request)
        try:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > max_bytes:
                    raise BadAnswer(operation, host, f"is larger than {max_bytes} bytes")
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer arrived too slowly")
        finally:
            response.close()
        return Answer(operation, host, response.status_code, response.headers, bytes(body))

    def _wire(self) -> httpx.BaseTransport:
        # A pool made before a fork shares its sockets with the parent; start a fresh one.
        pool = self._pool
        if pool is None or pool[0] != os.getpid():
            with self._lock:
                pool = self._pool
                if pool is None or pool[0] != os.getpid():
                    pool = self._pool = (os.getpid(), self._build())
        return pool[1]

    def _build(self) -> httpx.BaseTransport:
        if self._transport is not None:
            return self._transport
        limits = httpx.Limits(
            max_connections=128, max_keepalive_connections=64, keepalive_expiry=20
        )
        context = self._ssl_context or _public_authorities()
        return GuardedTransport(self._guard, context, limits)


@cache
def _public_authorities() -> ssl.SSLContext:
    """The authorities that everybody trusts. Reading them takes longer than many a request."""
    return httpx.create_ssl_context(trust_env=False)


def _clean_headers(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not value.isascii() or not value.isprintable():
            raise ValueError(f"header {name} holds a character that no header may hold")
    clean = dict(headers)
    request_id = current_request_id()
    if request_id is not None:
        clean.setdefault(REQUEST_ID_HEADER, request_id)
    return clean


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "?"
    except ValueError:
        return "?"

"""The HTTP side: one loopback listener per gateway, all in one process."""

from __future__ import annotations

import re
import sys
import uuid
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, cast
from urllib.parse import urlsplit

from demo.defenseclaw.authentication import Headers, Refusal, refusal
from demo.defenseclaw.endpoints import answer
from demo.defenseclaw.instance import Cause
from demo.defenseclaw.wire import Call, Gateway, Reply, error
from demo.store.families import auth_failure_entry
from demo.store.instant import now_ns

_BODY_LIMIT: Final = 1 << 20
_DRAIN_LIMIT: Final = 16 << 20
_REQUEST_ID_LIMIT: Final = 128
_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_LOCAL: Final = ("127.0.0.1", "localhost", "[::1]")


class GatewayServer(ThreadingHTTPServer):
    """Listens on loopback for one gateway. Port 0 picks a free one."""

    daemon_threads = True

    def __init__(self, gateway: Gateway, port: int, token: str, *, quiet: bool = False) -> None:
        self.gateway = gateway
        self.token = token
        self.quiet = quiet
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True  # headers and body leave in two parts (RFC 896)
    protocol_version = "HTTP/1.1"
    server_version = "defenseclaw-gateway-DEMO"
    sys_version = ""
    timeout = 30

    def _serve(self) -> None:
        server = cast(GatewayServer, self.server)
        self._request_id = _request_id(self.headers)
        url = urlsplit(self.path)
        refused = refusal(self.command, url.path, self.headers, server.token)
        body = self._read_body()
        if refused is not None:
            self._audit(server.gateway, refused)
            self._send(error(refused.status, refused.error))
        elif url.path == "/" and not self._is_local_page():
            self._send(error(HTTPStatus.FORBIDDEN, "this page answers on localhost only"))
        else:
            call = Call(self.command, url.path, url.query, body, self._cause())
            self._send(answer(server.gateway, call))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = _serve

    def _read_body(self) -> bytes:
        """Return the body; one that is too long or chunked is left unread and counts as empty.

        DefenseClaw's own reader stops at 1 MiB, and the cut text then is no JSON either.
        """
        length = self.headers.get("Content-Length", "0")
        if "chunked" in self.headers.get("Transfer-Encoding", "") or not length.isdecimal():
            self.close_connection = True
            return b""
        if int(length) > _BODY_LIMIT:
            self.close_connection = True
            self._drain(min(int(length), _DRAIN_LIMIT))
            return b""
        return self.rfile.read(int(length))

    def _drain(self, length: int) -> None:
        """Take a refused body off the wire, so that its sender gets to read the answer."""
        while length > 0 and self.rfile.read(min(_BODY_LIMIT, length)):
            length -= _BODY_LIMIT

    def _is_local_page(self) -> bool:
        host = self.headers.get("Host", "").rpartition(":")
        return (host[0] or host[2]) in _LOCAL

    def _cause(self) -> Cause:
        trace = _TRACEPARENT.fullmatch(self.headers.get("traceparent", ""))
        return Cause(
            request_id=self._request_id,
            session_id=self.headers.get("X-DefenseClaw-Session-Id", "")[:_REQUEST_ID_LIMIT],
            trace_id=trace[1] if trace else "",
        )

    def _audit(self, gateway: Gateway, refused: Refusal) -> None:
        instance = gateway.instance
        instance.record(
            auth_failure_entry(
                str(uuid.uuid4()), now_ns(), refused.reason, self._request_id, instance.run_id
            )
        )

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("X-DefenseClaw-Request-Id", self._request_id)
        if reply.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
        if reply.location:
            self.send_header("Location", reply.location)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.send_header(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
        )
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log method, path and status; never the query, a header or a body.

        Reads that worked are left out: a client that watches a gateway polls it.
        """
        server = cast(GatewayServer, self.server)
        status = code.value if isinstance(code, HTTPStatus) else code
        if server.quiet or (self.command == "GET" and status == HTTPStatus.OK):
            return
        path = urlsplit(self.path).path
        name = server.gateway.instance.name
        print(f"DEMO {name} {self.command} {path} {status}", file=sys.stderr)


def _request_id(headers: Headers) -> str:
    """Return the caller's request id, cleaned and cut as DefenseClaw does, or a new one."""
    for name in ("X-DefenseClaw-Request-Id", "X-Request-Id", "X-Correlation-Id"):
        given = "".join(char for char in headers.get(name, "").strip() if char.isprintable())
        if given:
            return given[:_REQUEST_ID_LIMIT]
    return str(uuid.uuid4())

"""The HTTP side on loopback: authentication, request checks, sending answers."""

from __future__ import annotations

import hmac
import json
import re
import uuid
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, cast
from urllib.parse import parse_qs, urlsplit

from local.gateway.audit.event_families import authentication_failed
from local.gateway.audit.log import AuditRow
from local.gateway.gateway import Gateway
from local.gateway.openclaw_connection import ConnectionDropped, NotConnected
from local.gateway.rest.calls_and_replies import BadRequest, Call, Reply
from local.gateway.rest.routes import answer

_LOCAL_ORIGIN: Final = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?")
_PREFIX_ORIGIN: Final = re.compile(r"https?://(?:localhost|127\.0\.0\.1)")


class GatewayServer(ThreadingHTTPServer):
    """Listens on loopback for one gateway."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        super().__init__(("127.0.0.1", gateway.settings.port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_version = "defenseclaw-gateway-stand-in"
    sys_version = ""

    def _serve(self) -> None:
        gateway = cast(GatewayServer, self.server).gateway
        self._request_id = self.headers.get("X-DefenseClaw-Request-Id", "").strip() or str(
            uuid.uuid4()
        )
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        refused = self._refusal(gateway, url.path)
        if refused is not None:
            self._send(refused)
            return
        try:
            call = Call(
                self.command, url.path, parse_qs(url.query, keep_blank_values=True),
                _json_of(raw), raw, self._request_id,
            )  # fmt: skip
            self._send(self._answer(gateway, call))
        except ConnectionDropped:
            self.close_connection = True
            self.connection.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _answer(self, gateway: Gateway, call: Call) -> Reply:
        try:
            return answer(gateway, call)
        except BadRequest as problem:
            return Reply(HTTPStatus.BAD_REQUEST, {"error": str(problem)})
        except NotConnected as problem:
            return Reply(problem.status, {"error": problem.text})

    def _refusal(self, gateway: Gateway, path: str) -> Reply | None:
        """Return the answer to a caller without token or with a foreign page's request."""
        if gateway.generation.needs_token and path != "/health" and not self._knows_token(gateway):
            self._record_refusal(gateway)
            return _plain(HTTPStatus.UNAUTHORIZED, "unauthorized")
        if self.command == "GET":
            return None
        if not self.headers.get("X-DefenseClaw-Client"):
            return _plain(HTTPStatus.FORBIDDEN, "missing X-DefenseClaw-Client header")
        origin = self.headers.get("Origin", "")
        strict = gateway.generation.needs_token
        # 0.2.0 compares the beginning only: localhost.evil.example passes.
        local = _LOCAL_ORIGIN.fullmatch(origin) if strict else _PREFIX_ORIGIN.match(origin)
        if origin and not local:
            return _plain(HTTPStatus.FORBIDDEN, "non-localhost Origin rejected")
        if self.headers.get("Sec-Fetch-Site", "") == "cross-site":
            return _plain(HTTPStatus.FORBIDDEN, "cross-site request rejected")
        if not self.headers.get("Content-Type", "").startswith("application/json"):
            return _plain(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json"
            )
        return None

    def _record_refusal(self, gateway: Gateway) -> None:
        """Write the row of a caller without the token; only HEAD does."""
        if gateway.generation.seals_rows:
            row = AuditRow(
                "api-auth-failure",
                "sidecar-api",
                "reason=invalid_token",
                "MEDIUM",
                request_id=self._request_id,
                family=authentication_failed("invalid_token"),
            )
            gateway.log.write(row)

    def _knows_token(self, gateway: Gateway) -> bool:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        given = given or self.headers.get("X-DefenseClaw-Token", "")
        given = given or self.headers.get("X-DC-Auth", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.strip().encode(), gateway.token.encode())

    def _send(self, reply: Reply) -> None:
        plain = reply.text is not None
        body = (reply.text or "").encode() if plain else _dump(reply)
        self.send_response(reply.status)
        self.send_header("X-DefenseClaw-Request-Id", self._request_id)
        if reply.status != HTTPStatus.NO_CONTENT:
            kind = "text/plain; charset=utf-8" if plain else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if reply.status != HTTPStatus.NO_CONTENT:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: requests are in the audit rows."""


def _plain(status: int, error: str) -> Reply:
    return Reply(status, text=json.dumps({"error": error}) + "\n")


def _dump(reply: Reply) -> bytes:
    return json.dumps(reply.body).encode() + b"\n" if reply.body is not None else b""


def _json_of(raw: bytes) -> Any:
    """Return the body's JSON, or None where there is none that can be read."""
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None

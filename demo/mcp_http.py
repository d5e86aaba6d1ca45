"""A DEMO MCP server over HTTP, for ``ata mcp proxy``: the token comes with each request.

    python -m demo.mcp_http --port 18990 [--kind github|slack|google]

Speaks the Streamable HTTP transport with plain JSON answers at ``/mcp``, on loopback only. A
request without a Bearer token is refused with 401.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, cast
from urllib.parse import urlsplit

from demo.mcp.protocol import respond
from demo.mcp.tools import KINDS, Kind
from demo.mcp_server import provider_from

_BODY_LIMIT: Final = 1 << 20
_LOCAL: Final = ("127.0.0.1", "localhost", "::1")


class McpHttpServer(ThreadingHTTPServer):
    """Listens on loopback; port 0 picks a free one."""

    daemon_threads = True

    def __init__(self, kind: Kind, port: int) -> None:
        self.kind = kind
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """Where it listens; the ``url`` of its manifest."""
        return f"http://127.0.0.1:{self.server_port}/mcp"


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True  # headers and body leave in two parts (RFC 896)
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _BODY_LIMIT:
            self.close_connection = True
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": "a body of at most 1 MiB"})
            return
        body = self.rfile.read(int(length))
        refused = self._refusal()
        if refused is not None:
            self._answer(refused, {"error": refused.phrase})
            return
        kind = cast(McpHttpServer, self.server).kind
        token = self.headers["Authorization"].removeprefix("Bearer ")
        answer = respond(kind, provider_from(kind, os.environ, token), body)
        self._answer(HTTPStatus.ACCEPTED if answer is None else HTTPStatus.OK, answer)

    def do_GET(self) -> None:
        """No stream from the server is offered (MCP, Streamable HTTP: 405)."""
        self._answer(HTTPStatus.METHOD_NOT_ALLOWED, {"error": "POST only"})

    do_DELETE = do_GET

    def _refusal(self) -> HTTPStatus | None:
        if urlsplit(self.path).path != "/mcp":
            return HTTPStatus.NOT_FOUND
        origin = self.headers.get("Origin")
        if origin is not None and urlsplit(origin).hostname not in _LOCAL:
            return HTTPStatus.FORBIDDEN
        given = self.headers.get("Authorization", "")
        bearer = given.startswith("Bearer ") and given.removeprefix("Bearer ").strip()
        return None if bearer else HTTPStatus.UNAUTHORIZED

    def _answer(self, status: HTTPStatus, value: object) -> None:
        body = b"" if value is None else json.dumps(value, ensure_ascii=False).encode()
        self.send_response(status)
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "POST")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the interesting trail is the provider's and the broker's."""


def main(argv: list[str] | None = None) -> int:
    """Serve until interrupted; returns 2 if it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m demo.mcp_http", description=__doc__)
    parser.add_argument("--kind", choices=tuple(KINDS), default="github")
    parser.add_argument("--port", type=int, default=18990)
    options = parser.parse_args(argv)
    kind = KINDS[options.kind]
    try:
        provider_from(kind, os.environ, "")
        server = McpHttpServer(kind, options.port)
    except (OSError, ValueError) as error:
        print(f"demo.mcp_http: {error}", file=sys.stderr)
        return 2
    print(f"DEMO {kind.server} at {server.url}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

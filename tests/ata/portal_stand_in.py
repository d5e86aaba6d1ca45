"""A real HTTP server that plays the portal and its issuer, by the contract, for the CLI's tests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass(frozen=True)
class Reply:
    status: int
    body: object = None
    raw: bytes | None = None
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


type Answer = Reply | Callable[[Request], Reply]


@dataclass
class StandIn:
    """Answers by method and path; of several answers each is used once, the last for ever."""

    answers: dict[tuple[str, str], list[Answer]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self.answers[method, path] = list(answers)

    def seen(self, method: str, path: str) -> list[Request]:
        with self._lock:
            return [r for r in self.requests if (r.method, r.path) == (method, path)]

    def reply_to(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            answers = self.answers.get((request.method, request.path))
            if not answers:
                problem = {"title": "Not found", "status": 404, "code": "not_found"}
                return Reply(404, problem)
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return answer(request) if callable(answer) else answer

    def serve_issuer(self) -> None:
        self.on(
            "GET",
            "/v1/client-config",
            Reply(
                200,
                {
                    "issuer": self.url + "/",
                    "client_id": "ata-cli",
                    "audience": "https://ata.local/api",
                },
            ),
        )
        self.on(
            "GET",
            "/.well-known/openid-configuration",
            Reply(
                200,
                {
                    "issuer": self.url + "/",
                    "device_authorization_endpoint": self.url + "/oauth/device/code",
                    "token_endpoint": self.url + "/oauth/token",
                    "revocation_endpoint": self.url + "/oauth/revoke",
                },
            ),
        )
        self.on(
            "POST",
            "/oauth/device/code",
            Reply(
                200,
                {
                    "device_code": "device-code-secret",
                    "user_code": "QWRT-ZXCB",
                    "verification_uri": self.url + "/activate",
                    "verification_uri_complete": self.url + "/activate?user_code=QWRT-ZXCB",
                    "expires_in": 900,
                    "interval": 1,
                },
            ),
        )
        self.on("POST", "/oauth/revoke", Reply(200))
        self.on("POST", "/v1/session", Reply(200, {}))
        self.on(
            "GET",
            "/v1/whoami",
            Reply(
                200,
                {
                    "sub": "auth0|65f0c0ffee00000000000001",
                    "name": "Olu Operator",
                    "email": "operator@acme.example",
                    "roles": ["operator"],
                },
            ),
        )


def start(stand_in: StandIn) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True  # headers and body leave in two parts (RFC 896)

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            request = Request(
                self.command,
                parts.path,
                parse_qs(parts.query, keep_blank_values=True),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length),
            )
            reply = stand_in.reply_to(request)
            body = reply.raw
            if body is None:
                body = b"" if reply.body is None else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _handle

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server

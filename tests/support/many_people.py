"""An Auth0-shaped Management API with many people, as its own process, that can be made to fail.

    python -m tests.support.many_people PORT PEOPLE ACCOUNTS

Answers what a comparison asks: discovery, a machine token, connections, users (by the time of their
creation, a thousand at most for one question, as Auth0's search gives them), roles, enrolments,
connected accounts by checkpoint, and an empty tenant log.
`POST /__control` takes `{"limit": N, "per_s": R}` (a bucket; beyond it 429 with Retry-After),
`{"refuse": N, "retry_after": S}` (429 for the next ones), `{"people": N}`,
`{"together": N}` (created in one millisecond), `{"gives": N}` (instead of a thousand),
`{"faults": [..]}` of `500`, `malformed`, `slow`, `cut`, one each for the next ones (`cut` loses
the answer), `{"hold": N}` (what comes after so many requests is kept waiting until told otherwise),
`{"gone": [numbers]}`, `{"scopes": {number: [..]}}` and `{"delay_ms": D}`;
`GET /__control` tells counts.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

from tests.support.ports import free_port
from tests.support.tenant import CHECKOUT

CONNECTIONS = ("github", "slack", "google-oauth2", "jira", "dropbox")
SCOPES = ("read", "write")


def sub_of(number: int) -> str:
    """The subject of a person."""
    return f"auth0|{number:024x}"


_INSTEAD: dict[str, tuple[int, Any]] = {
    "500": (500, {"statusCode": 500, "error": "Internal Server Error"}),
    "malformed": (200, {"users": [{"user_id": 5}], "connected_accounts": "none"}),
}


@dataclass
class Town:
    """Everybody, and how the server behaves."""

    issuer: str
    people: int
    accounts: int
    limit: int = 0
    per_s: float = 0.0
    delay_ms: float = 0.0
    refuse: int = 0
    retry_after: int = 7
    together: int = 3
    gives: int = 1000
    hold: int = 0
    faults: list[str] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    scopes: dict[int, list[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    _left: float = 0.0
    _at: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _told: threading.Condition = field(default_factory=threading.Condition)

    def take(self) -> tuple[bool, int]:
        """Whether one more call is within the limit, and how many are left."""
        with self._lock:
            if self.refuse:
                self.refuse -= 1
                return False, 0
            if not self.limit:
                return True, 1000
            now = time.monotonic()
            self._left = min(self.limit, self._left + (now - self._at) * self.per_s)
            self._at = now
            if self._left < 1:
                return False, 0
            self._left -= 1
            return True, int(self._left)

    def control(self, given: dict[str, Any]) -> None:
        """Change how it behaves."""
        if "limit" in given:
            self.limit, self.per_s = given["limit"], given["per_s"]
            self._left, self._at = float(self.limit), time.monotonic()
        self.refuse = given.get("refuse", self.refuse)
        self.retry_after = given.get("retry_after", self.retry_after)
        self.together = given.get("together", self.together)
        self.faults = list(given.get("faults", self.faults))
        self.delay_ms = given.get("delay_ms", self.delay_ms)
        self.people = given.get("people", self.people)
        self.gives = given.get("gives", self.gives)
        with self._told:
            self.hold, self.counts["held"] = given.get("hold", self.hold), 0
            self._told.notify_all()
        self.gone = set(given.get("gone", self.gone))
        self.scopes |= {int(n): s for n, s in given.get("scopes", {}).items()}

    def said(self, path: str, query: dict[str, list[str]]) -> tuple[tuple[Any, ...], bool]:
        """The answer with the next fault in it, and whether it is lost."""
        fault = self.faults.pop(0) if self.faults else ""
        if fault in _INSTEAD:
            return _INSTEAD[fault], False
        time.sleep(1.5 if fault == "slow" else 0)
        return self.managed(path, query), fault == "cut"

    def managed(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any, dict[str, str]]:
        """One Management call, within the limit or not."""
        allowed, left = self.take()
        with self._told:
            self.counts["requests"] += 1
            number = self.counts["requests"]
            self.counts["held"] += bool(self.hold and number > self.hold)
            self._told.wait_for(lambda: not self.hold or number <= self.hold)
        limits = {
            "X-RateLimit-Limit": str(self.limit or 1000),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(int(time.time()) + 1),
        }
        if not allowed:
            self.counts["refused"] += 1
            body = {"statusCode": 429, "error": "Too Many Requests", "message": "limit",
                    "errorCode": "too_many_requests"}  # fmt: skip
            return 429, body, {**limits, "Retry-After": str(self.retry_after)}
        time.sleep(self.delay_ms / 1000)
        self.counts["accounts" if path.endswith("connected-accounts") else "other"] += 1
        return *self.answer(path, query), limits

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        """Status and body of a Management call."""
        parts = path.removeprefix("/api/v2/").split("/")
        if parts == ["connections"]:
            return 200, [
                {"id": f"con_{name}", "name": name, "strategy": name,
                 "connected_accounts": {"active": True}}
                for name in CONNECTIONS[: self.accounts]
            ]  # fmt: skip
        if parts == ["logs"]:
            return 200, []
        if parts == ["users"]:
            return self._users(query)
        if parts == ["roles"]:
            return 200, [{"id": "rol_admin", "name": "admin"}]
        if parts == ["roles", "rol_admin", "users"]:
            return 200, [{"user_id": sub_of(0)}]
        number = int(unquote(parts[1]).removeprefix("auth0|"), 16)
        if number >= self.people or number in self.gone:
            body = {"statusCode": 404, "error": "Not Found", "message": "no such user",
                    "errorCode": "inexistent_user"}  # fmt: skip
            return 404, body
        if parts[2:] == ["roles"] and number == 0:
            return 200, [{"id": "rol_admin", "name": "admin"}]
        if parts[2:] == ["connected-accounts"]:
            return 200, {"connected_accounts": self._accounts(number)}
        return 200, []

    def _users(self, query: dict[str, list[str]]) -> tuple[int, Any]:
        page, size = int(query.get("page", ["0"])[0]), int(query.get("per_page", ["50"])[0])
        self.counts["pages"] += 1
        if size > 100 or (page + 1) * size > self.gives:
            message = f"You can only page through the first {self.gives} records."
            return 400, {"statusCode": 400, "error": "Bad Request", "message": message,
                         "errorCode": "invalid_paging"}  # fmt: skip
        since = re.fullmatch(r"created_at:\[(\S+) TO \*\]", query.get("q", [""])[0])
        numbers: list[int] = list(range(self.people))
        if since:
            assert query["sort"] == ["created_at:1"]
            numbers = [n for n in numbers if self.created(n) >= since[1]]
        users = [
            {"user_id": sub_of(n), "name": f"Person {n}", "created_at": self.created(n)}
            for n in numbers[page * size : (page + 1) * size]
        ]
        if query.get("include_totals") != ["true"]:
            return 200, users
        return 200, {"start": page * size, "limit": size, "length": len(users),
                     "total": len(numbers), "users": users}  # fmt: skip

    def created(self, number: int) -> str:
        """When a person was created: `together` of them in the same millisecond."""
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number // self.together)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _accounts(self, number: int) -> list[dict[str, Any]]:
        return [
            {"id": f"cac_{number}x{n}", "connection": name, "access_type": "offline",
             "scopes": self.scopes.get(number, SCOPES), "created_at": "2026-01-01T00:00:00.000Z"}
            for n, name in enumerate(CONNECTIONS[: self.accounts])
        ]  # fmt: skip


def _lose(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def handler_of(town: Town) -> type[BaseHTTPRequestHandler]:
    """The HTTP side."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path == "/__control":
                self.send(200, dict(town.counts))
            elif url.path.endswith("openid-configuration"):
                self.send(200, _document(town.issuer))
            else:
                self.managed(url.path, parse_qs(url.query))

        def managed(self, path: str, query: dict[str, list[str]]) -> None:
            said, cut = town.said(path, query)
            _lose(self) if cut else self.send(*said)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == "/__control":
                town.control(json.loads(body))
                self.send(200, {})
            else:
                self.send(200, {"access_token": "machine", "token_type": "Bearer",
                                "expires_in": 86400})  # fmt: skip

        def send(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            for name, text in (headers or {}).items():
                self.send_header(name, text)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler


def _document(issuer: str) -> dict[str, Any]:
    base = issuer.rstrip("/")
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/oauth/token",
        "jwks_uri": f"{base}/.well-known/jwks.json",
    }


def main() -> None:
    """Serve until killed; says `up` when it listens."""
    port, people, accounts = map(int, sys.argv[1:4])
    town = Town(f"http://localhost:{port}/", people, accounts)
    server = ThreadingHTTPServer(("127.0.0.1", port), handler_of(town))
    print("up", flush=True)
    server.serve_forever()


class ManyPeople:
    """The server in a process of its own."""

    def __init__(self, people: int, accounts: int) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", __name__, str(self.port), str(people), str(accounts)]
        self._process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "up\n"

    @property
    def issuer(self) -> str:
        """Issuer identifier, with its trailing slash."""
        return f"http://localhost:{self.port}/"

    def control(self, **given: Any) -> None:
        """Change how it behaves."""
        httpx.post(f"{self.issuer}__control", json=given).raise_for_status()

    def counts(self) -> dict[str, int]:
        """What was asked so far: `requests`, of them `refused`, `accounts`, `other`; `held` now."""
        found: dict[str, int] = httpx.get(f"{self.issuer}__control").json()
        return found

    def held(self, patience_s: float = 120) -> dict[str, int]:
        """The counts once it keeps somebody waiting (`hold`)."""
        until = time.monotonic() + patience_s
        while not (counts := self.counts()).get("held"):
            assert time.monotonic() < until, f"nobody asked that much: {counts}"
            time.sleep(0.02)
        return counts

    def stop(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.communicate()


if __name__ == "__main__":
    main()

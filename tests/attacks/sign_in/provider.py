"""A hostile OpenID provider on a free loopback port: right until it is told to lie."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from tests.attacks.sign_in.forging import KEY, SECOND, Bend, Forge, public

CLIENT, SECRET = "ata-web", "the-secret-of-the-web-client"
ROLES = "https://ata.example/roles"
SUB = "auth0|65f0a1d17e5c3b9a40c1b001"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass(frozen=True)
class Page:
    """One answer of the provider; `slowly` seconds pass before it begins."""

    body: bytes = b""
    status: int = 200
    type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    slowly: float = 0.0


def says(value: Any, status: int = 200) -> Page:
    """A JSON answer."""
    return Page(json.dumps(value).encode(), status)


@dataclass
class Provider:
    """`bend` bends the next ID tokens; `lies` replaces the answers of paths, given the good one."""

    bend: Bend | None = None
    sub: str = SUB
    extra: dict[str, Any] = field(default_factory=dict)
    published: list[dict[str, Any]] = field(default_factory=list)
    lies: dict[str, Callable[[Page], Page]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    checks_pkce: bool = True
    key: Any = None
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _server: ThreadingHTTPServer | None = None

    def start(self) -> Provider:
        """Listen."""
        provider = self

        class Handler(BaseHTTPRequestHandler):
            disable_nagle_algorithm = True  # headers and body leave in two parts (RFC 896)
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                provider.serve(self, b"")

            def do_POST(self) -> None:
                provider.serve(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Clients that give up are part of the play."""

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.reset()
        return self

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def reset(self) -> None:
        """Honest again."""
        self.bend, self.sub, self.key = None, SUB, KEY
        self.checks_pkce = True
        self.extra, self.lies, self.asked, self._codes = {}, {}, [], {}
        self.published = [public(KEY), public(SECOND)]

    @property
    def issuer(self) -> str:
        """Issuer identifier, with its trailing slash."""
        assert self._server is not None
        return f"http://localhost:{self._server.server_address[1]}/"

    def serve(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer one request, truthfully or not."""
        path = urlsplit(handler.path).path
        self.asked.append((handler.command, path))
        ways = self.ways(handler, body)
        page = ways[path]() if path in ways else says({"error": "not_found"}, 404)
        if path in self.lies:
            page = self.lies[path](page)
        time.sleep(page.slowly)
        handler.send_response(page.status)
        for name, value in page.headers:
            handler.send_header(name, value)
        handler.send_header("Content-Type", page.type)
        handler.send_header("Content-Length", str(len(page.body)))
        handler.end_headers()
        handler.wfile.write(page.body)

    def ways(self, handler: BaseHTTPRequestHandler, body: bytes) -> dict[str, Callable[[], Page]]:
        """What answers at each path."""
        return {
            "/.well-known/openid-configuration": lambda: says(self.discovery()),
            "/.well-known/jwks.json": lambda: says({"keys": self.published}),
            "/authorize": lambda: self.authorize(handler.path),
            "/oauth/token": lambda: self.token(handler, body),
            "/userinfo": lambda: says(
                {"sub": self.sub, "name": "Olu Operator", "email": "operator@acme.example"}
            ),
        }

    def discovery(self) -> dict[str, Any]:
        """The discovery document."""
        base = self.issuer.rstrip("/")
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/oauth/token",
            "jwks_uri": f"{base}/.well-known/jwks.json",
            "userinfo_endpoint": f"{base}/userinfo",
            "end_session_endpoint": f"{base}/oidc/logout",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }

    def authorize(self, url: str) -> Page:
        """Sign `sub` in without asking and redirect back with a code."""
        query = dict(parse_qsl(urlsplit(url).query))
        code = secrets.token_urlsafe(12)
        self._codes[code] = query | {"sub": self.sub}
        back = urlencode({"code": code, "state": query["state"]})
        return Page(b"", 302, headers=(("Location", f"{query['redirect_uri']}?{back}"),))

    def token(self, handler: BaseHTTPRequestHandler, body: bytes) -> Page:
        """Redeem a code as RFC 6749 and RFC 7636 say."""
        form = dict(parse_qsl(body.decode()))
        pair = base64.b64decode(handler.headers.get("Authorization", "").removeprefix("Basic "))
        if [unquote_plus(part) for part in pair.decode().split(":")] != [CLIENT, SECRET]:
            return says({"error": "invalid_client"}, 401)
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None or form.get("redirect_uri") != asked["redirect_uri"]:
            return says({"error": "invalid_grant"}, 403)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        expected = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if self.checks_pkce and expected != asked["code_challenge"]:
            return says({"error": "invalid_grant"}, 403)
        forge = Forge(self.good(asked), key=self.key, access_token=f"at-{secrets.token_hex(8)}")
        forge.header["kid"] = self.key.kid
        if self.bend:
            self.bend(forge)
        return says(
            {
                "access_token": forge.access_token,
                "id_token": forge.token(),
                "token_type": "Bearer",
                "expires_in": 600,
            }
        )

    def good(self, asked: dict[str, str]) -> dict[str, Any]:
        """The claims of a good ID token for an authorization request."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": asked["sub"],
            "aud": asked["client_id"],
            "iat": now,
            "exp": now + 600,
            "nonce": asked["nonce"],
            "sid": f"sid-{secrets.token_hex(6)}",
            "amr": ["mfa"],
            "name": "Olu Operator",
            "email": "operator@acme.example",
            ROLES: ["operator"],
        }
        return claims | ({"auth_time": now} if "max_age" in asked else {}) | self.extra

"""An Auth0-shaped provider in a process of its own: a vault, its machine API and a GitHub.

    python -m tests.support.vault_provider        (prints its port; ends with its input)

It shares no code with the local tenant, nor with the portal. `POST /control` tells it what to do:

    {"delay_s": 0.15}                       how long an exchange takes
    {"accounts": {sub: [{"id", "connection", "user", "scopes"}]}}
    {"faults": [{"status", "headers", "body" | "raw", "wait_s", "cut"}]}
                                            one each for the next exchanges; `cut` does the work
                                            and loses the answer
    {"rotate_tokens": true}                 the provider's tokens so far are worthless
    {"rotate_secret": "new"}                what the vault client has to show from now on
    {"rotate_keys": "kid"}                  a new signing key; the old one is published no more
    {"mint": {claims}}                      a token signed by the key in use -> {"token"}

and answers with what it was asked so far: `{"exchanges", "listed", "generation"}`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

VAULT = "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"
TYPE = "http://auth0.com/oauth/token-type/federated-connection-access-token"
CLIENT, SECRET = "ata-vault", "the-secret-of-the-vault-client"
API = "https://ata.local/api"
LIFE_S = 3600

type Headers = dict[str, str]


@dataclass
class Reply:
    """One answer; `cut` ends the connection instead of sending it."""

    value: Any
    status: int = 200
    headers: Headers = field(default_factory=dict)
    wait_s: float = 0.0
    cut: bool = False

    def encoded(self) -> bytes:
        """The bytes on the wire."""
        body = self.value if isinstance(self.value, bytes) else json.dumps(self.value).encode()
        lines = {"Content-Type": "application/json", "Content-Length": len(body), **self.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"HTTP/1.1 {self.status} Said\r\n{head}\r\n".encode() + body


class Town:
    """Who has which accounts, and what goes wrong next."""

    def __init__(self) -> None:
        self.port = 0
        self.delay_s = 0.0
        self.secret = SECRET
        self.accounts: dict[str, list[dict[str, Any]]] = {}
        self.faults: list[dict[str, Any]] = []
        self.exchanges: list[dict[str, Any]] = []
        self.listed = 0
        self.generation = 1
        self.given: dict[str, dict[str, Any]] = {}  # provider token -> whose it is
        self.judged: dict[str, str] = {}  # subject token -> sub
        self.key = self.new_key("key-1")

    def new_key(self, kid: str) -> RSAKey:
        """Sign with a fresh key from now on; subject tokens of the old one are judged anew."""
        self.judged.clear()
        self.key = RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})
        return self.key

    @property
    def issuer(self) -> str:
        """Issuer identifier, with its trailing slash."""
        return f"http://127.0.0.1:{self.port}/"

    def answer(self, method: str, target: str, headers: Headers, body: bytes) -> Reply:
        """Answer one request."""
        path = urlsplit(target).path
        ways: dict[str, Callable[[], Reply]] = {
            "/.well-known/openid-configuration": self.discovery,
            "/.well-known/jwks.json": lambda: Reply({"keys": [self.key.as_dict(private=False)]}),
            "/oauth/token": lambda: self.token(dict(parse_qsl(body.decode())), headers),
            "/api/v2/logs": lambda: self.log(unquote_plus(urlsplit(target).query)),
            "/github/user": lambda: self.user(headers),
            "/control": lambda: self.control(json.loads(body or b"{}")),
        }
        if path.startswith("/api/v2/users/") and path.endswith("/connected-accounts"):
            return self.list_of(unquote(path.split("/")[4]))
        return ways[path]() if path in ways else Reply({"error": "not_found"}, 404)

    def discovery(self) -> Reply:
        """The discovery document."""
        base = self.issuer.rstrip("/")
        return Reply(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{base}/authorize",
                "token_endpoint": f"{base}/oauth/token",
                "jwks_uri": f"{base}/.well-known/jwks.json",
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }
        )

    def token(self, form: dict[str, str], headers: Headers) -> Reply:
        """The machine's own token, or an exchange."""
        if form.get("grant_type") == "client_credentials":
            return Reply({"access_token": "machine", "token_type": "Bearer", "expires_in": 600})
        if form.get("grant_type") != VAULT:
            return Reply({"error": "unsupported_grant_type"}, 403)
        asked = {"connection": form.get("connection"), "login_hint": form.get("login_hint")}
        self.exchanges.append(asked)
        fault = self.faults.pop(0) if self.faults else {}
        reply = self.exchange(form, headers)
        reply.wait_s = fault.get("wait_s", self.delay_s)
        reply.cut = bool(fault.get("cut"))
        if "status" in fault:
            reply.status = fault["status"]
            reply.value = fault["raw"].encode() if "raw" in fault else fault.get("body", {})
            reply.headers = fault.get("headers", {})
        return reply

    def exchange(self, form: dict[str, str], headers: Headers) -> Reply:
        """A subject's token against the token of one of their accounts (facts of Auth0's vault)."""
        if basic(headers) != [CLIENT, self.secret]:
            return Reply({"error": "invalid_client"}, 401)
        sub = self.subject(form.get("subject_token", ""))
        if sub is None:
            return Reply({"error": "invalid_grant"}, 401)
        held = [a for a in self.accounts.get(sub, []) if a["connection"] == form.get("connection")]
        if hint := form.get("login_hint"):
            held = [account for account in held if account["user"] == hint]
        if not held:
            words = "Federated connection Refresh Token not found."
            code = "federated_connection_refresh_token_not_found"
            return Reply({"error": code, "error_description": words}, 401)
        account = held[-1]
        if account.get("dead"):
            return Reply({"error": "federated_connection_refresh_token_flow_failed"}, 401)
        return Reply(
            {
                "access_token": self.provider_token(sub, account),
                "scope": " ".join(account["scopes"]),
                "expires_in": LIFE_S,
                "issued_token_type": TYPE,
                "token_type": "Bearer",
            }
        )

    def provider_token(self, sub: str, account: dict[str, Any]) -> str:
        """The same one until it is rotated, as a vault gives it."""
        seed = f"{self.generation}/{sub}/{account['id']}"
        token = "ghu_" + base64.urlsafe_b64encode(hashlib.sha256(seed.encode()).digest()).decode()
        token = token.rstrip("=")
        self.given[token] = {"login": account["user"], "generation": self.generation}
        return token

    def subject(self, token: str) -> str | None:
        """Whose access token for our API this is; None where it is not good."""
        known = self.judged.get(token)
        if known is not None:
            return known
        try:
            claims = jwt.decode(token, self.key, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            return None
        if claims.get("aud") != API or claims["exp"] < time.time():
            return None
        self.judged[token] = str(claims["sub"])
        return self.judged[token]

    def user(self, headers: Headers) -> Reply:
        """The provider's own API: whose token is this?"""
        found = self.given.get(headers.get("authorization", "").removeprefix("Bearer "))
        if found is None or found["generation"] != self.generation:
            return Reply({"message": "Bad credentials"}, 401)
        return Reply(found)

    def list_of(self, sub: str) -> Reply:
        """`GET /api/v2/users/{id}/connected-accounts`."""
        self.listed += 1
        held = [
            {"id": a["id"], "connection": a["connection"], "strategy": a["connection"],
             "access_type": "offline", "scopes": a["scopes"],
             "created_at": "2026-01-02T03:04:05.000Z"}
            for a in self.accounts.get(sub, [])
        ]  # fmt: skip
        return Reply({"connected_accounts": held})

    def log(self, query: str) -> Reply:
        """The entries that tell the provider's own user ids, of the people the query names."""
        kind = "connected_accounts_connection_succeeded"
        return Reply(
            [
                {"log_id": f"log_{a['id']}", "type": kind, "user_id": sub,
                 "date": "2026-01-02T03:04:05.000Z",
                 "details": {"connected_account": {"id": a["id"], "idp_user_id": a["user"]}}}
                for sub, held in self.accounts.items()
                for a in held
                if sub in query
            ]
        )  # fmt: skip

    def signed(self, claims: dict[str, Any]) -> str:
        """A token by the key in use."""
        header = {"alg": "RS256", "typ": "JWT", "kid": self.key.kid}
        return jwt.encode(header, claims, self.key)

    def control(self, told: dict[str, Any]) -> Reply:
        """What a test wants."""
        if "mint" in told:
            now = int(time.time())
            claims = {"iss": self.issuer, "aud": API, "iat": now, "exp": now + 7200} | told["mint"]
            return Reply({"token": self.signed(claims)})
        self.delay_s = told.get("delay_s", self.delay_s)
        self.accounts.update(told.get("accounts", {}))
        self.faults = told.get("faults", self.faults)
        self.secret = told.get("rotate_secret", self.secret)
        self.generation += bool(told.get("rotate_tokens"))
        if kid := told.get("rotate_keys"):
            self.new_key(kid)
        if told.get("forget"):
            self.exchanges, self.listed = [], 0
        told_so_far = {"exchanges": self.exchanges, "listed": self.listed}
        return Reply(told_so_far | {"generation": self.generation})


class Line(asyncio.Protocol):
    """One connection: one request after the other."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.buffer = b""
        self.wire: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self.wire = transport

    def data_received(self, data: bytes) -> None:
        """Answer when a request is whole."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            first, *rest = self.buffer[:end].decode("latin-1").split("\r\n")
            pairs = (line.partition(":") for line in rest)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            whole = end + 4 + int(headers.get("content-length", 0))
            if len(self.buffer) < whole:
                return
            body, self.buffer = self.buffer[end + 4 : whole], self.buffer[whole:]
            method, target, _ = first.split(" ")
            reply = self.town.answer(method, target, headers, body)
            if reply.wait_s:
                asyncio.get_running_loop().call_later(reply.wait_s, self.say, reply)
            else:
                self.say(reply)

    def say(self, reply: Reply) -> None:
        """Send it, or end as a broken line does."""
        if reply.cut:
            self.wire.abort()
        else:
            self.wire.write(reply.encoded())


def basic(headers: Headers) -> list[str]:
    """Client and secret (RFC 6749 section 2.3.1)."""
    pair = base64.b64decode(headers.get("authorization", "").removeprefix("Basic "))
    return [unquote_plus(part) for part in pair.decode().split(":")]


async def serve(town: Town) -> None:
    """Answer on a free port, which is printed, until the input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Line(town), "127.0.0.1", 0, backlog=512)
    town.port = server.sockets[0].getsockname()[1]
    print(town.port, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(Town()))

"""An Auth0-shaped provider whose phones the tests hold: CIBA, RAR and a tenant log over HTTP.

Honest until it is told to lie: the tokens of an answer, the details beside them, how often it gives
an answer, and what its log says can each be bent. Statuses and errors are Auth0's.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl

from tests.attacks.sign_in.forging import Bend, Forge
from tests.attacks.sign_in.provider import CLIENT, Page, Provider, says

APPROVALS = "https://ata.local/approvals"
CIBA = "urn:openid:params:grant-type:ciba"
LOG_TYPES = {"approve": "gd_auth_succeed", "deny": "gd_auth_rejected"}

type Details = list[dict[str, Any]]


@dataclass
class Push:
    """One request on a phone."""

    id: str
    sub: str
    code: str
    audience: str
    details: Details
    expires: float
    answer: str = ""
    collected: int = 0


@dataclass
class PhoneProvider(Provider):
    """`bend_id` and `bend_token` bend the tokens of the next answers, `echo` the details beside
    them; `gives` is how often an answer is given; `log` is what the tenant log says."""

    pushes: dict[str, Push] = field(default_factory=dict)
    bend_id: Bend | None = None
    bend_token: Bend | None = None
    echo: Callable[[Details], Any] | None = None
    lifetime_s: int = 600
    gives: int = 1
    limit_pushes: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)
    given: list[dict[str, Any]] = field(default_factory=list)

    def reset(self) -> None:
        """Honest again, with every phone empty."""
        super().reset()
        self.bend_id = self.bend_token = self.echo = None
        self.gives, self.limit_pushes, self.lifetime_s = 1, 0, 600
        self.pushes, self.log, self.given = {}, [], []

    def ways(self, handler: BaseHTTPRequestHandler, body: bytes) -> dict[str, Callable[[], Page]]:
        """CIBA and the tenant log beside what every provider has."""
        return super().ways(handler, body) | {
            "/bc-authorize": lambda: self.push(dict(parse_qsl(body.decode()))),
            "/api/v2/logs": lambda: says(sorted(self.log, key=lambda e: e["date"], reverse=True)),
        }

    def discovery(self) -> dict[str, Any]:
        """Names the CIBA endpoint too."""
        named = {"backchannel_authentication_endpoint": f"{self.issuer}bc-authorize"}
        return super().discovery() | named

    def push(self, form: dict[str, str]) -> Page:
        """`POST /bc-authorize`."""
        if self.limit_pushes and len(self.pushes) >= self.limit_pushes:
            limited = says({"error": "too_many_requests"}, 429)
            return Page(limited.body, 429, headers=(("Retry-After", "30"),))
        seconds = int(form["requested_expiry"])
        push = Push(
            id=secrets.token_urlsafe(24),
            sub=json.loads(form["login_hint"])["sub"],
            code=form["binding_message"],
            audience=form.get("audience", ""),
            details=json.loads(form.get("authorization_details", "[]")),
            expires=time.time() + seconds,
        )
        self.pushes[push.id] = push
        return says({"auth_req_id": push.id, "expires_in": seconds, "interval": 1})

    def answer(self, code: str, word: str) -> Push:
        """The person who holds the phone that shows `code` says `approve` or `deny`."""
        push = self.showing(code)
        push.answer = word
        self.log_entry(LOG_TYPES[word], push.sub, {"binding_message": code})
        return push

    def showing(self, code: str) -> Push:
        """The push that shows `code`."""
        return next(p for p in self.pushes.values() if p.code == code)

    def log_entry(
        self, kind: str, sub: str, details: dict[str, Any] | None = None, ago_s: float = 0.0
    ) -> None:
        """Write a line of the tenant log."""
        when = datetime.fromtimestamp(time.time() - ago_s, UTC)
        self.log.append(
            {
                "log_id": f"log-{len(self.log) + 1}",
                "type": kind,
                "user_id": sub,
                "date": when.isoformat().replace("+00:00", "Z"),
                **({} if details is None else {"details": details}),
            }
        )

    def token(self, handler: BaseHTTPRequestHandler, body: bytes) -> Page:
        """The CIBA grant and the machine's own token; anything else as every provider."""
        form = dict(parse_qsl(body.decode()))
        match form.get("grant_type"):
            case "client_credentials":
                return says({"access_token": "machine", "token_type": "Bearer", "expires_in": 600})
            case str(grant) if grant == CIBA:
                return self.poll(form.get("auth_req_id", ""))
        return super().token(handler, body)

    def poll(self, auth_req_id: str) -> Page:
        """What the person said, `gives` times; denied and expired are one error."""
        push = self.pushes.get(auth_req_id)
        if push is None or push.collected >= self.gives:
            return says({"error": "invalid_grant"}, 401)
        if push.answer == "deny" or (not push.answer and time.time() >= push.expires):
            push.collected += 1
            return says({"error": "access_denied"}, 400)
        if not push.answer:
            return says({"error": "authorization_pending"}, 400)
        push.collected += 1
        return says(self.tokens(push))

    def tokens(self, push: Push) -> dict[str, Any]:
        """What an approval is answered with."""
        token = self._forge(self.approval_claims(push), self.bend_token)
        identity = self._forge(self.identity_claims(push), self.bend_id)
        answer = {
            "access_token": token.token(),
            "id_token": identity.token(),
            "token_type": "Bearer",
            "expires_in": 600,
            "scope": "openid",
        }
        said = self.echo(push.details) if self.echo else push.details
        if said:
            answer["authorization_details"] = said
        self.given.append(answer)
        return answer

    def identity_claims(self, push: Push) -> dict[str, Any]:
        """A good ID token; the answer to CIBA carries no nonce."""
        now = int(time.time())
        return {
            "iss": self.issuer,
            "sub": push.sub,
            "aud": CLIENT,
            "iat": now,
            "exp": now + self.lifetime_s,
        }

    def approval_claims(self, push: Push) -> dict[str, Any]:
        """A good approval token: for our audience, to us, with the details."""
        now = int(time.time())
        return {
            "iss": self.issuer,
            "sub": push.sub,
            "aud": push.audience,
            "azp": CLIENT,
            "iat": now,
            "exp": now + self.lifetime_s,
            "jti": secrets.token_hex(8),
            "scope": "openid",
            "authorization_details": push.details,
        }

    def _forge(self, claims: dict[str, Any], bend: Bend | None) -> Forge:
        forge = Forge(claims, key=self.key)
        forge.header["kid"] = self.key.kid
        if bend:
            bend(forge)
        return forge

"""People of the provider: sign-in in a browser, code and PKCE, and what a code is redeemed for."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from tests.support.vault_provider import Headers, Reply, Town, basic

WEB, WEB_SECRET = "ata-web", "the-secret-of-the-web-client"
ROLES = "https://ata.example/roles"
_SESSION = "elsewhere_session"


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: Headers
    body: bytes

    @classmethod
    def of(cls, method: str, target: str, headers: Headers, body: bytes) -> Asked:
        """The parts of it."""
        parts = urlsplit(target)
        return cls(method, unquote(parts.path), dict(parse_qsl(parts.query)), headers, body)

    @property
    def form(self) -> dict[str, str]:
        """The fields of a form."""
        return dict(parse_qsl(self.body.decode()))


class SignIn(Town):
    """`people` are `{sub: {"name", "roles", "phone"}}`; each browser is somebody by a cookie."""

    def __init__(self) -> None:
        super().__init__()
        self.people: dict[str, dict[str, Any]] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.sessions: dict[str, tuple[str, float]] = {}  # id -> whose, since when

    def become(self, asked: Asked) -> Reply:
        """`GET /become?sub=…`: the sign-in page, clicked through."""
        sid = f"ses_{secrets.token_hex(8)}"
        self.sessions[sid] = (asked.query["sub"], time.time())
        cookie = f"{_SESSION}={sid}; Path=/; HttpOnly; SameSite=Lax"
        return Reply(b"you are signed in", headers={"Set-Cookie": cookie})

    def whose(self, asked: Asked) -> tuple[str, str]:
        """Session and subject of a browser; empty where it is nobody's."""
        cookies = asked.headers.get("cookie", "").split("; ")
        for name, _, sid in (cookie.partition("=") for cookie in cookies):
            if name == _SESSION and sid in self.sessions:
                return sid, self.sessions[sid][0]
        return "", ""

    def authorize(self, asked: Asked) -> Reply:
        """Back with a code, or with `login_required`."""
        query = asked.query
        sid, sub = self.whose(asked)
        if not sub:
            if query.get("prompt") != "none":
                return Reply(b"sign in first", 401)
            answer = {"error": "login_required", "error_description": "Login required"}
        else:
            code = secrets.token_urlsafe(12)
            self.codes[code] = query | {"sub": sub, "sid": sid}
            answer = {"code": code}
        return redirect(query["redirect_uri"], answer | {"state": query["state"]})

    def redeem(self, form: dict[str, str], headers: Headers) -> Reply:
        """RFC 6749 section 4.1.3 with RFC 7636."""
        if basic(headers) != [WEB, WEB_SECRET]:
            return Reply({"error": "invalid_client"}, 401)
        begun = self.codes.pop(form.get("code", ""), None)
        if begun is None or form.get("redirect_uri") != begun["redirect_uri"]:
            return Reply({"error": "invalid_grant"}, 403)
        if s256(form.get("code_verifier", "")) != begun["code_challenge"]:
            return Reply({"error": "invalid_grant"}, 403)
        access = self.access_token(begun["sub"], begun.get("audience", ""), begun["scope"])
        return Reply(
            {
                "access_token": access,
                "id_token": self.signed(self.identity(begun)),
                "token_type": "Bearer",
                "expires_in": 600,
                "scope": begun["scope"],
            }
        )

    def access_token(self, sub: str, audience: str, scope: str, **more: Any) -> str:
        """For an API and, as `openid` was asked for, for userinfo beside it."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": sub,
            "aud": [audience or f"{self.issuer}userinfo", f"{self.issuer}userinfo"],
            "azp": WEB,
            "scope": scope,
            "iat": now,
            "exp": now + 600,
            "jti": secrets.token_hex(8),
        }
        return self.signed(claims | more)

    def identity(self, begun: dict[str, str]) -> dict[str, Any]:
        """The claims of an ID token."""
        now = int(time.time())
        person = self.people[begun["sub"]]
        claims = {
            "iss": self.issuer,
            "sub": begun["sub"],
            "aud": WEB,
            "iat": now,
            "exp": now + 600,
            "name": person["name"],
            ROLES: person["roles"],
        }
        if "nonce" not in begun:  # asked on a phone
            return claims
        return claims | {"nonce": begun["nonce"], "sid": begun["sid"], "auth_time": now}

    def control(self, told: dict[str, Any]) -> Reply:
        """Also `{"people": {…}}`."""
        self.people |= told.get("people", {})
        return super().control(told)


def redirect(address: str, answer: dict[str, str]) -> Reply:
    """302 with an answer in the query."""
    return Reply(b"", 302, {"Location": f"{address}?{urlencode(answer)}"})


def s256(verifier: str) -> str:
    """RFC 7636 section 4.2."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

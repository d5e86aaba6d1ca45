"""Phones of the provider: CIBA in poll mode with details (OpenID CIBA Core 1.0, RFC 9396).

Its spellings differ from the local tenant's where Auth0 leaves freedom: what is pending or refused
has status 403, and the details beside the tokens are JSON in a string.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from tests.support.provider_sign_in import WEB, WEB_SECRET, SignIn
from tests.support.vault_provider import Headers, Reply, basic

CIBA = "urn:openid:params:grant-type:ciba"
_LOGGED = {"approve": "gd_auth_succeed", "deny": "gd_auth_rejected"}


@dataclass
class Push:
    """One request on a phone; `said` is approve, deny or nothing yet."""

    id: str
    sub: str
    code: str
    audience: str
    details: list[dict[str, Any]]
    begun: float
    expires: float
    said: str = ""
    given: int = 0


class Phones(SignIn):
    """Everybody's phone; `pushes` are in the order in which they came."""

    def __init__(self) -> None:
        super().__init__()
        self.pushes: list[Push] = []
        self.entries: list[dict[str, Any]] = []

    def push(self, form: dict[str, str], headers: Headers) -> Reply:
        """`POST /bc-authorize`."""
        if basic(headers) != [WEB, WEB_SECRET]:
            return Reply({"error": "invalid_client"}, 401)
        hint = json.loads(form["login_hint"])
        person = self.people.get(hint["sub"], {})
        if hint["format"] != "iss_sub" or hint["iss"] != self.issuer or not person.get("phone"):
            words = "User does not have push notifications enrolled"
            return Reply({"error": "invalid_request", "error_description": words}, 400)
        now, seconds = time.time(), int(form["requested_expiry"])
        push = Push(
            id=f"{secrets.token_urlsafe(12)}.{secrets.token_urlsafe(24)}",
            sub=hint["sub"],
            code=form["binding_message"],
            audience=form.get("audience", ""),
            details=json.loads(form.get("authorization_details", "[]")),
            begun=now,
            expires=now + seconds,
        )
        self.pushes.append(push)
        return Reply({"auth_req_id": push.id, "expires_in": seconds, "interval": 1})

    def poll(self, form: dict[str, str], headers: Headers) -> Reply:
        """What the person said, once; a denial and an expiry are one error."""
        if basic(headers) != [WEB, WEB_SECRET]:
            return Reply({"error": "invalid_client"}, 401)
        push = next((p for p in self.pushes if p.id == form.get("auth_req_id")), None)
        if push is None or push.given:
            words = "Invalid or expired auth_req_id"
            return Reply({"error": "invalid_grant", "error_description": words}, 401)
        if push.said == "deny" or (not push.said and time.time() >= push.expires):
            push.given += 1
            words = "The end-user denied the authorization request or it has been expired"
            return Reply({"error": "access_denied", "error_description": words}, 403)
        if not push.said:
            words = "The end-user authorization is pending"
            return Reply({"error": "authorization_pending", "error_description": words}, 403)
        push.given += 1
        access = self.access_token(
            push.sub, push.audience, "openid", authorization_details=push.details
        )
        return Reply(
            {
                "access_token": access,
                "id_token": self.signed(self.identity({"sub": push.sub})),
                "token_type": "Bearer",
                "expires_in": 600,
                "scope": "openid",
                "authorization_details": json.dumps(push.details),
            }
        )

    def answered(self, code: str, said: str) -> None:
        """The person taps a button on the push with this code."""
        push = next(p for p in self.pushes if p.code == code)
        push.said = said
        self.logged(_LOGGED[said], push.sub, {})

    def logged(self, kind: str, sub: str, details: dict[str, Any]) -> None:
        """A line of the tenant log."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.entries.append(
            {"log_id": f"9002026{len(self.entries):040}", "type": kind, "user_id": sub,
             "date": now, "details": details}
        )  # fmt: skip

    def control(self, told: dict[str, Any]) -> Reply:
        """Also `{"answer": {code: "approve" | "deny"}}`; tells the `pushes`."""
        for code, said in told.get("answer", {}).items():
            self.answered(code, said)
        reply = super().control(told)
        if "token" not in reply.value:
            reply.value["pushes"] = [asdict(push) for push in self.pushes]
        return reply

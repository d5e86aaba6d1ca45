"""One decided grant becomes one token answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from allauth.idp.oidc.models import Client

from local.tenant import clock
from local.tenant.applications.clients import settings_of
from local.tenant.directory import people_and_claims
from local.tenant.models import LoginSession, Person, RefreshToken
from local.tenant.oauth import token_formats

MFA_ACR = "http://schemas.openid.net/pape/policies/2007/06/multi-factor"


@dataclass(frozen=True, slots=True)
class Decision:
    """Who gets which token: the outcome of validating any grant of the engine."""

    client: Client
    person: Person | None
    audience: str
    scope: str
    session: LoginSession | None = None
    nonce: str = ""
    auth_time: int | None = None
    amr: tuple[str, ...] = ()
    refreshed: RefreshToken | None = None

    def scopes(self) -> list[str]:
        """The granted scope as a list."""
        return self.scope.split()


def answer(decision: Decision) -> dict[str, Any]:
    """The token endpoint's success body (facts auth0-wire sections 1.4 and 2)."""
    access_token = token_formats.mint_access_token(
        decision.client,
        decision.person,
        audience=decision.audience,
        scope=decision.scope,
        # Of a refresh nobody can say when the person was there.
        extra_claims={}
        if decision.refreshed
        else people_and_claims.freshness_claims(decision.session),
    )
    body: dict[str, Any] = {
        "access_token": access_token,
        "expires_in": token_formats.lifetime_of(decision.audience),
        "token_type": "Bearer",
    }
    if decision.scope:
        body["scope"] = decision.scope
    if decision.person is not None:
        body |= _personal(decision, decision.person, access_token)
    return body


def _personal(decision: Decision, person: Person, access_token: str) -> dict[str, str]:
    body = {}
    refresh_token = _refresh_token(decision, person)
    if refresh_token:
        body["refresh_token"] = refresh_token
    if "openid" in decision.scopes():
        body["id_token"] = token_formats.mint_id_token(
            decision.client,
            person,
            nonce=decision.nonce or None,
            sid=decision.session.sid if decision.session else None,
            auth_time=decision.auth_time,
            amr=decision.amr,
            extra={"acr": MFA_ACR} if "mfa" in decision.amr else None,
            scope=decision.scope,
            access_token=access_token,
        )
    return body


def _refresh_token(decision: Decision, person: Person) -> str:
    old = decision.refreshed
    if old is None:
        grants = decision.client.get_grant_types()
        if "offline_access" not in decision.scopes() or "refresh_token" not in grants:
            return ""
        return token_formats.mint_refresh_token(
            decision.client,
            person,
            decision.audience,
            decision.scope,
            session=decision.session,
        )
    now = clock.now()
    old.last_exchanged_at = now
    rotating = settings_of(decision.client).rotating
    if rotating:
        old.rotated_at = old.rotated_at or now
    old.save(update_fields=["last_exchanged_at", "rotated_at"])
    if not rotating:
        return ""
    return token_formats.mint_refresh_token(
        decision.client, person, old.audience, old.scope, session=old.session, family=old.family
    )

"""Access tokens: an Auth0 JWT for AUTH0_API_AUDIENCE by an allowed client (RFC 6750, RFC 9068).

One that is bound to a key (RFC 9449) is accepted with a proof by that key, and only so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest

from accounts.models import CommandLineSignIn
from accounts.oidc_backend import known_roles
from accounts.recent_sign_in.requirement import what_a_token_lacks
from accounts.verified_caller_queue_priority import vouch_for
from api.problems import Problem
from approvals import auth0_clients, clock, people_and_roles
from audit.recording.actors import Actor, EvidenceRef
from auth0_client.errors import Auth0Error, TokenRefused
from auth0_client.tokens import dpop_proof_verification
from auth0_client.tokens.access_and_approval_tokens import AccessClaims
from enforcement.outposts import request_proofs
from http_client.errors import HttpClientError
from ui.request_id import request_id

_INVALID = {"WWW-Authenticate": 'Bearer realm="auth0-ata", error="invalid_token"'}
_ALGORITHMS = f'algs="{" ".join(dpop_proof_verification.ALGORITHMS)}"'


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified token and the actor it stands for. The token itself is for the exchange only."""

    claims: AccessClaims
    actor: Actor
    token: str

    def __repr__(self) -> str:
        return f"Caller({self.claims.client_id})"


def bearer(request: HttpRequest) -> Caller | None:
    """The caller of a `/v1` request; None when it sent no token at all.

    Raises:
        Problem: 401 with the code of the first check that failed, 503 when keys are unreachable.
    """
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    token = rest.strip()
    if not token or scheme.lower() not in {"bearer", "dpop"}:
        return None
    caller = check(request, token)
    _check_key(request, scheme.lower(), caller)
    request.META["ATA_CALLER"] = caller
    vouch_for(request)
    return caller


def check(request: HttpRequest, token: str) -> Caller:
    """Verify a token for our API, all but the proof of a key that it is bound to.

    Raises:
        Problem: see `bearer`.
    """
    try:
        claims = auth0_clients.auth0().verify_access_token(
            token, allowed_azp=settings.ENV.api_clients | settings.ENV.broker_clients
        )
    except TokenRefused as refused:
        expired = refused.code == "expired"
        raise Problem(
            401,
            "token_expired" if expired else "token_refused",
            f"The access token was not accepted: {refused.detail}. Sign in again with `ata login`.",
            headers=_INVALID,
            reason=refused.code,
        ) from None
    except (Auth0Error, HttpClientError):
        raise Problem(
            503,
            "issuer_unreachable",
            "The issuer's keys cannot be read right now. Try again shortly.",
            headers={"Retry-After": "5"},
        ) from None
    return Caller(claims, _actor(request, claims), token)


def _check_key(request: HttpRequest, scheme: str, caller: Caller) -> None:
    """A bound token comes with a proof by its key, as `DPoP`; any other one as `Bearer`."""
    thumbprint = caller.claims.dpop_thumbprint
    if thumbprint is None:
        if scheme == "bearer":
            return
        raise _not_proven("token_refused", "not_bound", "The token is bound to no key.", "token")
    if scheme == "bearer":
        words = "The token is bound to a key: send it as DPoP, with a proof."
        raise _not_proven("dpop_required", "", words, "token")
    now = clock.now()
    try:
        jti = dpop_proof_verification.verify_dpop_proof(
            request.headers.get("DPoP", ""),
            token=caller.token,
            thumbprint=thumbprint,
            method=request.method or "",
            url=settings.ENV.portal_url + quote(request.path),
            now=now.timestamp(),
        )
    except TokenRefused as refused:
        words = f"The DPoP proof was not accepted: {refused.detail}."
        raise _not_proven("proof_refused", refused.code, words, "dpop_proof") from None
    if not request_proofs.is_first_use(thumbprint, jti, now):
        words = "This DPoP proof was used before; make one for each try."
        raise _not_proven("proof_refused", "replayed", words, "dpop_proof")


def _not_proven(code: str, reason: str, words: str, invalid: str) -> Problem:
    """401 with the challenge of RFC 9449 section 7.1."""
    challenge = f'DPoP realm="auth0-ata", error="invalid_{invalid}", {_ALGORITHMS}'
    members = {"reason": reason} if reason else {}
    return Problem(401, code, words, headers={"WWW-Authenticate": challenge}, **members)


def _actor(request: HttpRequest, claims: AccessClaims) -> Actor:
    person = people_and_roles.find_with_end(claims.issuer, claims.subject)
    claimed = Actor(
        iss=claims.issuer,
        sub=claims.subject,
        name=person.name if person else "",
        email=person.email if person else "",
        roles=frozenset(known_roles(claims.roles)),
        roles_issued_at=datetime.fromtimestamp(claims.issued_at, UTC),
        fresh=not what_a_token_lacks(claims),
        via="cli" if claims.client_id == settings.ENV.AUTH0_CLI_CLIENT_ID else "api",
        request=request_id(request),
        ip=request.META.get("REMOTE_ADDR", ""),
        evidence=_evidence(claims),
    )
    return replace(claimed, roles=people_and_roles.roles_in_force(claimed, person))


def _evidence(claims: AccessClaims) -> tuple[EvidenceRef, ...]:
    kept = CommandLineSignIn.objects.filter(iss=claims.issuer, sub=claims.subject)
    return tuple(EvidenceRef("id_token", one.id_token_digest) for one in kept)


def caller(request: HttpRequest) -> Caller:
    """The caller that `bearer` verified for this request."""
    found: Caller = request.META["ATA_CALLER"]
    return found

"""Access tokens: presented to our API, issued for an approval, or used at My Account.

RFC 9068 and Auth0's own profile of it, which names the client in ``azp`` instead of ``client_id``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from auth0_client.errors import TokenRefused
from auth0_client.grants.authorization_details_parsing import read_authorization_details
from auth0_client.tokens.id_token import LEEWAY_S
from auth0_client.tokens.jwt import Claims, KeySource, Opened, open_token

_TYPES: Final = frozenset({"", "jwt", "at+jwt"})


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """The checked claims of a token presented to our API. Times are epoch seconds.

    ``auth_time`` and ``amr`` say how fresh the sign-in behind it is, where the token says so: under
    these names (RFC 9068 section 2.2.1) or in the namespace of the roles claim, which is where an
    Auth0 Action may put them. What cannot be read proves nothing.

    ``dpop_thumbprint`` is ``cnf.jkt`` (RFC 9449): where it is set, the caller must also hold a
    DPoP proof by that key, and a plain Bearer presentation is to be refused.
    """

    issuer: str
    subject: str
    client_id: str
    scope: frozenset[str]
    permissions: frozenset[str]
    roles: tuple[str, ...]
    issued_at: float
    expires_at: float
    jti: str | None
    dpop_thumbprint: str | None
    auth_time: float | None = None
    amr: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApprovalClaims:
    """What a person approved, signed by the issuer. Times are epoch seconds."""

    issuer: str
    subject: str
    client_id: str
    authorization_details: tuple[Mapping[str, object], ...] = field(repr=False)
    issued_at: float
    expires_at: float
    jti: str | None
    kid: str | None


def verify_access_token(
    token: str,
    keys: KeySource,
    *,
    issuer: str,
    audience: str,
    allowed_azp: Collection[str],
    now: float,
    roles_claim: str = "",
    leeway: float = LEEWAY_S,
    opened: Opened | None = None,
) -> AccessClaims:
    """Verify ``token`` for our API ``audience``, issued to one of the clients ``allowed_azp``.

    A token that carries ``authorization_details`` proves one approval and opens no API. ``opened``
    remembers whose signature was checked.

    Raises:
        TokenRefused: with the code of the first check that failed.
    """
    claims = _open(token, keys, issuer, audience, now, leeway, opened)
    if "authorization_details" in claims.values:
        raise TokenRefused("authorization_details", "an approval token opens no API")
    client_id = _client(claims)
    if client_id not in allowed_azp:
        raise TokenRefused("client_not_allowed", "this application may not call this API")
    return AccessClaims(
        issuer=issuer,
        subject=claims.text("sub", limit=255),
        client_id=client_id,
        scope=claims.words("scope"),
        permissions=frozenset(claims.texts("permissions")),
        roles=claims.texts(roles_claim) if roles_claim else (),
        issued_at=claims.time("iat"),
        expires_at=claims.time("exp"),
        jti=claims.optional_text("jti", limit=512),
        dpop_thumbprint=_confirmation(claims),
        auth_time=_said(claims, roles_claim, "auth_time", claims.optional_time, None),
        amr=_said(claims, roles_claim, "amr", claims.texts, ()),
    )


def _said[T](
    claims: Claims, roles_claim: str, name: str, read: Callable[[str], T], nothing: T
) -> T:
    """A claim about the sign-in; `nothing` where the token says nothing that can be read."""
    namespace = roles_claim.rpartition("/")[0]
    for full in (name, f"{namespace}/{name}" if namespace else name):
        if full in claims.values:
            try:
                return read(full)
            except TokenRefused:
                return nothing
    return nothing


def verify_approval_token(
    token: str,
    keys: KeySource,
    *,
    issuer: str,
    audience: str,
    client_id: str,
    expected_sub: str,
    now: float,
    issued_after: float | None = None,
    leeway: float = LEEWAY_S,
) -> ApprovalClaims:
    """Verify a token issued for one approval: by ``issuer``, to us, for ``expected_sub``.

    ``issued_after`` (epoch seconds) is when we asked; an older token answers something else.
    Whether the details say what was asked is for the caller to compare.

    Raises:
        TokenRefused: with the code of the first check that failed.
    """
    claims = _open(token, keys, issuer, audience, now, leeway)
    if _client(claims) != client_id:
        raise TokenRefused("client_not_allowed", "the token was issued to another application")
    _check_subject(claims, expected_sub)
    issued_at = claims.time("iat")
    if issued_after is not None and issued_at < issued_after - leeway:
        raise TokenRefused("too_old", "the token is older than the question")
    details = read_authorization_details(claims.values.get("authorization_details"))
    if not details:
        raise TokenRefused("authorization_details", "the token does not say what was approved")
    return ApprovalClaims(
        issuer=issuer,
        subject=expected_sub,
        client_id=client_id,
        authorization_details=details,
        issued_at=issued_at,
        expires_at=claims.time("exp"),
        jti=claims.optional_text("jti", limit=512),
        kid=claims.kid,
    )


def verify_my_account_token(
    token: str,
    keys: KeySource,
    *,
    issuer: str,
    audience: str,
    expected_sub: str,
    required_scopes: Collection[str],
    now: float,
    leeway: float = LEEWAY_S,
) -> frozenset[str]:
    """Check that ``token`` really is for My Account, for this person, with these scopes.

    Auth0 silently ignores an audience or scope it does not grant and issues a token for something
    else, so this is checked each time. Returns the scopes granted.

    Raises:
        TokenRefused: ``scope`` names the first missing one; other codes as elsewhere.
    """
    claims = _open(token, keys, issuer, audience, now, leeway)
    _check_subject(claims, expected_sub)
    granted = claims.words("scope")
    for scope in required_scopes:
        if scope not in granted:
            raise TokenRefused("scope", f"the tenant did not grant {scope}")
    return granted


def _open(
    token: str,
    keys: KeySource,
    issuer: str,
    audience: str,
    now: float,
    leeway: float,
    opened: Opened | None = None,
) -> Claims:
    opener = open_token if opened is None else opened.open
    claims = opener(token, keys, types=_TYPES)
    claims.check_issuer(issuer)
    if audience not in claims.audience():
        raise TokenRefused("audience", "the token is for another API")
    claims.check_times(now, leeway)
    if "events" in claims.values:
        raise TokenRefused("logout_token", "a logout token opens no API")
    return claims


def _check_subject(claims: Claims, expected: str) -> None:
    if claims.text("sub", limit=255) != expected:
        raise TokenRefused("subject", "the token is about someone else")


def _client(claims: Claims) -> str:
    named = {claims.optional_text("azp"), claims.optional_text("client_id")} - {None, ""}
    if len(named) != 1:
        raise TokenRefused("client_not_allowed", "azp and client_id name no single application")
    return str(named.pop())


def _confirmation(claims: Claims) -> str | None:
    confirmation = claims.values.get("cnf")
    if confirmation is None:
        return None
    thumbprint = confirmation.get("jkt") if isinstance(confirmation, dict) else None
    if not isinstance(thumbprint, str) or not thumbprint:
        raise TokenRefused("confirmation", "bound to a key in a way this API cannot check")
    return thumbprint

"""The few OAuth requests of a public client: discovery, refresh, revocation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ata.clock import now
from ata.errors import AtaError
from ata.portal.http_connection import answering, check_url, open_client

if TYPE_CHECKING:
    import httpx

    from ata.session.session_file import Session, SessionStore

_ISSUER_FIX = "Check the network; for the local tenant, start it with `make up`."
_DEFAULT_LIFETIME_S = 300


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The issuer's addresses, from its discovery document."""

    issuer: str
    device_authorization: str
    token: str
    revocation: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """A successful answer of the token endpoint; `expires_at` in seconds since the epoch.

    The ID token is evidence of the sign-in for the portal; it is never kept here.
    """

    expires_at: float
    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    id_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An OAuth error answer (RFC 6749 section 5.2); `error` decides, the status never does."""

    error: str
    description: str


def discover(issuer: str) -> Endpoints:
    """Read the issuer's discovery document (OpenID Connect Discovery 1.0 section 4).

    Raises:
        AtaError: `unreachable`, `insecure_url`, or `discovery_failed` when the document is
            missing, names another issuer, or lacks the device flow.
    """
    url = check_url(issuer, "The issuer").rstrip("/") + "/.well-known/openid-configuration"
    with open_client(url) as client, answering("The issuer", issuer, _ISSUER_FIX):
        document = _json_object(client.get(url))
    if document.get("issuer") != issuer:
        raise _discovery_failed(issuer, f"its document names {document.get('issuer')!r}")
    found = {
        name: str(document.get(name) or "")
        for name in ("device_authorization_endpoint", "token_endpoint", "revocation_endpoint")
    }
    for name in ("device_authorization_endpoint", "token_endpoint"):
        if not found[name]:
            raise _discovery_failed(issuer, f"its document has no {name}")
    for name, address in found.items():
        if address:
            check_url(address, f"The issuer's {name}")
    return Endpoints(
        issuer,
        found["device_authorization_endpoint"],
        found["token_endpoint"],
        found["revocation_endpoint"],
    )


def request_tokens(
    client: httpx.Client, token_endpoint: str, form: Mapping[str, str]
) -> Tokens | Refusal:
    """One request to the token endpoint.

    Raises:
        AtaError: `unreachable`, or `unexpected_answer` when neither tokens nor an error came.
    """
    with answering("The issuer", token_endpoint, _ISSUER_FIX):
        response = client.post(token_endpoint, data=dict(form))
    body = _json_object(response)
    access_token, error = body.get("access_token"), body.get("error")
    if isinstance(access_token, str) and access_token:
        lifetime = body.get("expires_in")
        seconds = lifetime if isinstance(lifetime, int | float) else _DEFAULT_LIFETIME_S
        return Tokens(
            now() + seconds,
            access_token,
            str(body.get("refresh_token") or ""),
            str(body.get("id_token") or ""),
        )
    if isinstance(error, str) and error:
        return Refusal(error, str(body.get("error_description") or ""))
    raise AtaError(
        f"The issuer answered {response.status_code} without tokens or an OAuth error.",
        code="unexpected_answer",
        fix="Try again; if it persists, check the issuer's status page.",
    )


def fresh_session(store: SessionStore, *, rejected: str = "") -> Session:
    """The session with a usable access token, refreshed silently when needed.

    Args:
        store: where the session lives.
        rejected: an access token that a server just refused; a session that still holds it
            is refreshed however much time it seems to have left.

    Raises:
        AtaError: `not_signed_in`, `session_ended` when the issuer will not refresh, or
            `unreachable` when it cannot be asked and the token has expired.
    """
    session = store.require()
    if _usable(session, rejected):
        return session
    with store.locked():
        session = store.require()
        if _usable(session, rejected):
            return session
        return _refresh(store, session)


def revoke(session: Session) -> bool:
    """Revoke the refresh token (RFC 7009); False when the issuer offers no way to.

    Raises:
        AtaError: `unreachable` or `revocation_failed`.
    """
    if not (session.refresh_token and session.revocation_endpoint):
        return False
    url = check_url(session.revocation_endpoint, "The revocation endpoint")
    form = {
        "client_id": session.client_id,
        "token": session.refresh_token,
        "token_type_hint": "refresh_token",
    }
    with open_client(url) as client, answering("The issuer", url, _ISSUER_FIX):
        response = client.post(url, data=form)
    if response.status_code >= 400:
        raise AtaError(
            f"The issuer refused to revoke the refresh token ({response.status_code}).",
            code="revocation_failed",
            fix="End the session on your account page at the issuer.",
        )
    return True


def _usable(session: Session, rejected: str) -> bool:
    return session.is_fresh(now()) and session.access_token != rejected


def _refresh(store: SessionStore, session: Session) -> Session:
    if not session.refresh_token:
        raise _session_ended("it has expired and holds no refresh token")
    form = {
        "grant_type": "refresh_token",
        "client_id": session.client_id,
        "refresh_token": session.refresh_token,
    }
    url = check_url(session.token_endpoint, "The token endpoint")
    try:
        with open_client(url) as client:
            answer = request_tokens(client, url, form)
    except AtaError:
        if session.expires_at > now():
            return session
        raise
    if isinstance(answer, Refusal):
        raise _session_ended(answer.description or answer.error)
    renewed = replace(
        session,
        access_token=answer.access_token,
        expires_at=answer.expires_at,
        refresh_token=answer.refresh_token or session.refresh_token,
    )
    store.save(renewed)
    return renewed


def _session_ended(reason: str) -> AtaError:
    return AtaError(
        f"Your session has ended: {reason.rstrip('.')}.",
        code="session_ended",
        fix="Run `ata login`.",
    )


def _discovery_failed(issuer: str, reason: str) -> AtaError:
    return AtaError(
        f"The issuer {issuer} cannot be used: {reason}.",
        code="discovery_failed",
        fix="Check AUTH0_ISSUER of the portal.",
    )


def _json_object(response: httpx.Response) -> dict[str, object]:
    try:
        body = response.json()
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {}

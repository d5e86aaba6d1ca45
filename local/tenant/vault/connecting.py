"""The connect flow: session and ticket, the provider's consent, completion.

Source: Auth0 My Account API reference, "Connected accounts"; PKCE by RFC 7636 section 4.6.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from local.tenant.ids import digest, new_id
from local.tenant.vault import accounts
from local.tenant.vault.models import ConnectAttempt, ConnectedAccount
from local.tenant.vault.providers import token_issuing
from local.tenant.vault.providers.catalog import PROVIDERS
from local.tenant.vault.providers.token_issuing import Granted, Issued
from local.tenant.vault.sealing import seal, unseal

TICKET_LIFETIME_S: Final = 300


class BadAttemptError(Exception):
    """The attempt cannot be completed; the message says which part is wrong."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a connect request asks for. `scopes` replace the provider's defaults."""

    connection: str
    redirect_uri: str
    scopes: Sequence[str] = ()
    state: str = ""
    code_challenge: str = ""
    login_hint: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """The two secrets of a fresh attempt: one for the client, one for the browser."""

    auth_session: str
    ticket: str


def begin(sub: str, client_id: str, wanted: Wanted, now: datetime) -> Started:
    """Open an attempt; it lives for `TICKET_LIFETIME_S` seconds."""
    started = Started(new_id("as_", 43), new_id("", 43))
    ConnectAttempt.objects.filter(expires_at__lte=now - timedelta(days=1)).delete()
    ConnectAttempt.objects.create(
        session_digest=digest(started.auth_session),
        ticket_digest=digest(started.ticket),
        sub=sub,
        client_id=client_id,
        connection=wanted.connection,
        scopes=list(wanted.scopes or PROVIDERS[wanted.connection].default_scopes),
        redirect_uri=wanted.redirect_uri,
        state=wanted.state,
        code_challenge=wanted.code_challenge,
        login_hint=wanted.login_hint,
        expires_at=now + timedelta(seconds=TICKET_LIFETIME_S),
    )
    return started


def by_ticket(ticket: str, now: datetime) -> ConnectAttempt | None:
    """The unanswered attempt a browser brings this ticket for."""
    return (
        ConnectAttempt.objects.live(now)
        .filter(ticket_digest=digest(ticket), answered_at__isnull=True)
        .first()
    )


def allow(attempt: ConnectAttempt, login: str, now: datetime) -> str:
    """The person allowed it at the provider, as `login`.

    Returns:
        Where the browser goes next, carrying `connect_code`.

    Raises:
        BadAttemptError: it was answered before.
    """
    _answer_once(attempt, now)
    granted = token_issuing.allow(PROVIDERS[attempt.connection], login, attempt.scopes, now)
    code = new_id("", 43)
    attempt.code_digest = digest(code)
    attempt.idp_user_id = granted.user_id
    attempt.sealed_grant = seal(_dump(granted), attempt.session_digest)
    attempt.save()
    return _back(attempt, connect_code=code)


def cancel(attempt: ConnectAttempt, now: datetime) -> str:
    """The person refused at the provider: the attempt is over.

    Returns:
        Where the browser goes next, carrying `error`.

    Raises:
        BadAttemptError: it was answered before.
    """
    _answer_once(attempt, now)
    ConnectAttempt.objects.filter(pk=attempt.pk).update(finished_at=now)
    title = PROVIDERS[attempt.connection].title
    return _back(attempt, error="access_denied", error_description=f"The user cancelled at {title}")


def complete(
    auth_session: str,
    *,
    sub: str,
    client_id: str,
    connect_code: str,
    redirect_uri: str,
    code_verifier: str,
    now: datetime,
) -> ConnectedAccount:
    """Redeem a connect code. It is spent by the first try, right or wrong.

    Raises:
        BadAttemptError: unknown, another person's, expired, used, or a mismatch.
        AlreadyConnectedError: the account is in the vault already.
    """
    attempt = (
        ConnectAttempt.objects.live(now)
        .filter(session_digest=digest(auth_session), sub=sub, client_id=client_id)
        .first()
    )
    if attempt is None:
        raise BadAttemptError("auth_session is unknown, expired, used, or was started by another")
    if not attempt.code_digest:
        raise BadAttemptError("the person has not answered at the provider yet")
    spent = ConnectAttempt.objects.live(now).filter(pk=attempt.pk).update(finished_at=now)
    if not spent:
        raise BadAttemptError("connect_code was used before")
    if not hmac.compare_digest(attempt.code_digest, digest(connect_code)):
        raise BadAttemptError("connect_code is wrong")
    if attempt.redirect_uri != redirect_uri:
        raise BadAttemptError("redirect_uri differs from the one the flow was started with")
    if attempt.code_challenge and not _proves(code_verifier, attempt.code_challenge):
        raise BadAttemptError("code_verifier does not match the code_challenge")
    granted = _load(unseal(bytes(attempt.sealed_grant or b""), attempt.session_digest))
    ConnectAttempt.objects.filter(pk=attempt.pk).update(sealed_grant=None)
    return accounts.store(sub, attempt.connection, granted, now)


def _answer_once(attempt: ConnectAttempt, now: datetime) -> None:
    answered = (
        ConnectAttempt.objects.live(now)
        .filter(pk=attempt.pk, answered_at__isnull=True)
        .update(answered_at=now)
    )
    if not answered:
        raise BadAttemptError("this consent was already answered or has expired")
    attempt.answered_at = now


def _back(attempt: ConnectAttempt, **answer: str) -> str:
    if attempt.state:
        answer["state"] = attempt.state
    parts = urlsplit(attempt.redirect_uri)
    query = "&".join(filter(None, [parts.query, urlencode(answer)]))
    return urlunsplit(parts._replace(query=query))


def _proves(verifier: str, challenge: str) -> bool:
    hashed = hashlib.sha256(verifier.encode()).digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(hashed).rstrip(b"=").decode(), challenge)


def _dump(granted: Granted) -> str:
    issued = granted.issued
    return json.dumps(
        [
            granted.user_id,
            granted.refresh_token,
            issued.access_token,
            issued.scopes,
            issued.expires_at.isoformat(),
        ]
    )


def _load(text: str) -> Granted:
    user_id, refresh_token, access_token, scopes, expires_at = json.loads(text)
    issued = Issued(access_token, tuple(scopes), datetime.fromisoformat(expires_at))
    return Granted(user_id, refresh_token, issued)

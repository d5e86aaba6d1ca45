"""The device authorization grant (RFC 8628) with Auth0's answers (facts auth0-wire section 2)."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from allauth.idp.oidc.models import Client

from local.tenant import clock
from local.tenant.env import env
from local.tenant.ids import digest, new_secret
from local.tenant.models import DeviceCode, DeviceState, Person

LIFETIME_S = 900
INTERVAL_S = 5
CONSONANTS = "BCDFGHJKLMNPQRSTVWXZ"


def start(client: Client, audience: str, scope: str) -> dict[str, Any]:
    """Open a device authorization and return the start answer."""
    device_code = new_secret()
    user_code = _user_code()
    DeviceCode.objects.create(
        digest=digest(device_code),
        user_code=user_code,
        client=client,
        scope=scope,
        audience=audience,
        expires_at=clock.now() + timedelta(seconds=LIFETIME_S),
    )
    verification = f"{env().issuer}activate"
    return {
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": verification,
        "verification_uri_complete": f"{verification}?user_code={user_code}",
        "expires_in": LIFETIME_S,
        "interval": INTERVAL_S,
    }


def waiting(user_code: str) -> DeviceCode | None:
    """The unanswered, unexpired authorization behind what a person typed (any case, any dash)."""
    letters = "".join(c for c in user_code.upper() if c in CONSONANTS)
    row = DeviceCode.objects.select_related("client").filter(
        user_code=f"{letters[:4]}-{letters[4:]}", state=DeviceState.PENDING
    )
    return row.filter(expires_at__gt=clock.now()).first()


def answer(row: DeviceCode, person: Person, *, approve: bool) -> bool:
    """Store the person's answer; False when it was answered or expired meanwhile."""
    changed = DeviceCode.objects.filter(
        pk=row.pk, state=DeviceState.PENDING, expires_at__gt=clock.now()
    ).update(state=DeviceState.APPROVED if approve else DeviceState.DENIED, person=person)
    return changed == 1


def poll(client: Client, device_code: str) -> tuple[str, DeviceCode | None]:
    """Where the authorization stands, as an RFC 8628 error code or ``authorized``.

    ``expired_token``, ``access_denied`` and ``authorized`` are given once, then the code answers
    ``invalid_grant``. Polling early answers ``slow_down`` and does not move the interval.
    """
    row = DeviceCode.objects.filter(digest=digest(device_code), client=client).first()
    if row is None or row.state == DeviceState.GONE:
        return "invalid_grant", None
    now = clock.now()
    if row.state == DeviceState.PENDING and row.expires_at <= now:
        return "expired_token", _spend(row)
    if row.polled_at and now < row.polled_at + timedelta(seconds=INTERVAL_S):
        return "slow_down", row
    row.polled_at = now
    row.save(update_fields=["polled_at"])
    if row.state == DeviceState.PENDING:
        return "authorization_pending", row
    state = DeviceState(row.state)
    return ("authorized" if state == DeviceState.APPROVED else "access_denied"), _spend(row)


def _spend(row: DeviceCode) -> DeviceCode:
    row.state = DeviceState.GONE
    row.save(update_fields=["state"])
    return row


def _user_code() -> str:
    letters = "".join(secrets.choice(CONSONANTS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"

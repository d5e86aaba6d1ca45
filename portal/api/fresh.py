"""A fresh sign-in over the API: what an access token says of it (RFC 9470, RFC 9068 section 2.2.1).

Pages ask for a sign-in of the last ten minutes with a second factor, by the issuer's own word. A
token proves that where it carries `auth_time` and `amr`. Auth0's carry neither, and an Action may
not set those names; it can set them in the namespace of the roles claim. A refreshed token has them
no more, as it should be. Whoever has none opens the page in a browser, which asks by itself.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings
from django.http import HttpRequest

from approvals import clock
from auth0_client.id_token import LEEWAY_S
from portal.api.auth import caller
from portal.api.problems import Problem
from portal.identity.fresh import WITHIN_S

_MFA: Final = "http://schemas.openid.net/pape/policies/2007/06/multi-factor"


def needs_fresh_sign_in(request: HttpRequest, page: str) -> None:
    """Refuse a token whose sign-in is older than ten minutes, or had no second factor.

    Args:
        page: path of the page that shows the same, after a sign-in of its own.

    Raises:
        Problem: 401 `fresh_sign_in_required`.
    """
    why = _what_is_missing(request)
    if not why:
        return
    challenge = (
        'Bearer realm="auth0-ata", error="insufficient_user_authentication", '
        f'error_description="A fresh sign-in is needed", acr_values="{_MFA}", max_age="{WITHIN_S}"'
    )
    raise Problem(
        401,
        "fresh_sign_in_required",
        f"{why} Sign in again with `ata login` and a second factor, or open "
        f"{settings.PORTAL_URL}{page} in a browser.",
        headers={"WWW-Authenticate": challenge},
        max_age=WITHIN_S,
    )


def _what_is_missing(request: HttpRequest) -> str:
    claims = caller(request).claims
    if claims.auth_time is None:
        return "This token does not say when you signed in."
    age = clock.now() - datetime.fromtimestamp(claims.auth_time, UTC)
    if age > timedelta(seconds=WITHIN_S):
        return f"You signed in more than {WITHIN_S // 60} minutes ago."
    if age < -timedelta(seconds=LEEWAY_S):
        return "Your sign-in lies in the future: a clock is wrong."
    return "" if "mfa" in claims.amr else "You signed in without a second factor."

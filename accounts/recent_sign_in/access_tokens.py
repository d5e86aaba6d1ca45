"""A fresh sign-in over the API: what an access token says of it (RFC 9470, RFC 9068 section 2.2.1).

Pages ask for a sign-in of the last ten minutes with a second factor, by the issuer's own word. A
token proves that where it carries `auth_time` and `amr`. Auth0's carry neither, and an Action may
not set those names; it can set them in the namespace of the roles claim. A refreshed token has them
no more, as it should be. A caller without one opens the page in a browser, which asks for it.
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from accounts.bearer import caller
from accounts.recent_sign_in.requirement import what_a_token_lacks
from api.problems import not_fresh


def needs_fresh_sign_in(request: HttpRequest, page: str) -> None:
    """Refuse a token whose sign-in is older than ten minutes, or had no second factor.

    Args:
        page: path of the page that shows the same, after a separate sign-in.

    Raises:
        Problem: 401 `fresh_sign_in_required`.
    """
    if why := what_a_token_lacks(caller(request).claims):
        raise not_fresh(why, f", or open {settings.PORTAL_URL}{page} in a browser")

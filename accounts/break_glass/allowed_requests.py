"""What a browser may send during a break-glass session; everything else is refused."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from accounts.models import SignedInSession
from ui.refused_request_audit_flag import mark

ALLOWED = {
    "oidc_logout": "whoever is in may leave",
    "break-glass": "a colleague takes over",
    "enforcement-asset": "a hold; the pipeline refuses what is not tightening",
    "export-new": "what may be read may be taken along, and is recorded",
    "exports": "the same",
    "ledger-verify": "checking changes nothing",
}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# Reached by GET, and yet the beginning of something that needs the issuer's word.
_NEED_THE_ISSUER = frozenset(
    {"connections:connect", "connections:finish", "connections:token-callback"}
)


def hold_to_limits(request: HttpRequest, session: SignedInSession) -> None:
    """Raise PermissionDenied (403) for what a break-glass session may not ask for."""
    if session.ends_at is None:
        return
    name = request.resolver_match.view_name if request.resolver_match else ""
    refused = name in _NEED_THE_ISSUER if request.method in _SAFE else name not in ALLOWED
    if refused:
        mark(request, "break_glass")
        raise PermissionDenied(
            "This waits until the issuer answers again. During a break-glass sign-in things can "
            "be held, suspended and read, and nothing else."
        )

"""What every page of the tenant shows: the LOCAL TENANT band."""

from __future__ import annotations

from django.http import HttpRequest

from local.tenant.directory import sign_in_sessions
from local.tenant.env import env


def band(request: HttpRequest) -> dict[str, object]:
    """Who is signed in here, and where the portal is."""
    session = sign_in_sessions.current(request) if hasattr(request, "session") else None
    return {
        "signed_in": session.person if session else None,
        "portal_url": env().portal,
        "issuer": env().issuer,
    }

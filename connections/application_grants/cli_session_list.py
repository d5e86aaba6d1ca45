"""The command-line sessions of a person: the refresh tokens that `ata login` got, at Auth0.

Each ends with the decision `access.revoke` on its row, which its owner takes at once; Auth0 then
renews nothing, and the access token issued last works until it expires (24 hours at most).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.core.cache import cache

from approvals.pipeline.intent import digest
from connections.application_grants import consent_and_token_sync
from connections.models import AccessKind, AccessState, AppAccess

_ASKED_AGAIN_S: Final = 15
"""Seconds until Auth0 is asked again: listing must not use up its rate limit."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """What is known of a person's command-line sessions.

    Attributes:
        rows: those in force, or with a revocation under way; newest first.
        read_now: whether Auth0 was asked within the last 15 seconds; else the rows are of the last
            sync, and a session that began since is missing.
        read_at: when the rows were read last; None where there is no row.
    """

    rows: tuple[AppAccess, ...]
    read_now: bool
    read_at: datetime | None


def sessions_of(iss: str, sub: str) -> Sessions:
    """Ask Auth0 for a person's command-line sessions, and fall back on the last sync."""
    key = f"command-line-sessions:{digest([iss, sub])}"
    read_now = cache.get(key)
    if read_now is None:
        read_now = consent_and_token_sync.one_person(iss, sub)
        cache.set(key, read_now, _ASKED_AGAIN_S)
    rows = tuple(
        AppAccess.objects.filter(
            iss=iss,
            sub=sub,
            kind=AccessKind.REFRESH_TOKEN,
            client_id=settings.ENV.AUTH0_CLI_CLIENT_ID,
        )
        .exclude(state=AccessState.GONE)
        .order_by("-created_at", "-id")
    )
    return Sessions(rows, read_now, max((row.seen_at for row in rows), default=None))

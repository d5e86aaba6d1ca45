"""Which consents and refresh tokens are asked for: one answer for the page, the API and exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.db.models import Q, QuerySet

from approvals.models import Person
from approvals.pipeline.intent import digest
from audit.recording.actors import Actor
from connections.application_grants import consent_and_token_sync
from connections.models import AccessKind, AccessState, AppAccess

WHAT: Final = "applications"
_LONGEST: Final = 100  # characters


def words_of(given: Mapping[str, Sequence[str]]) -> str:
    """What `q` looks for, of parameters that may hold nothing else.

    Raises:
        KeyError: the name of another parameter.
    """
    for name in given:
        if name != "q":
            raise KeyError(name)
    values = given.get("q") or [""]
    return values[-1].replace("\0", "").strip()[:_LONGEST]


def found(actor: Actor, words: str, *, everybody: bool) -> QuerySet[AppAccess]:
    """One's own, or everybody's by words; what is gone is left out.

    Args:
        words: in the name of a person or application, or a whole e-mail, subject or client id.
    """
    rows = AppAccess.objects.exclude(state=AccessState.GONE)
    if not everybody:
        rows = rows.filter(iss=actor.iss, sub=actor.sub)
    if not words:
        return rows
    people = Person.objects.filter(Q(name__icontains=words) | Q(email__icontains=words))
    about = Q(sub__in=people.values("sub")) | Q(sub=words) | Q(client_id=words)
    return rows.filter(about | Q(client_name__icontains=words))


def in_words(words: str) -> str:
    """What was asked for, as manifests say it."""
    return f"applications; “{words}”" if words else "every application that is not cut off"


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
    read = partial(consent_and_token_sync.one_person, iss, sub)
    read_now = bool(cache.get_or_set(key, read, _ASKED_AGAIN_S))
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

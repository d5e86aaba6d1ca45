"""Which consents and refresh tokens are asked for: one answer for the page, the API and exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from django.db.models import Q, QuerySet

from approvals.models import Person
from audit.recording.actors import Actor
from connections.models import AccessState, AppAccess

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

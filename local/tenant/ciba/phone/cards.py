"""What the phone shows: open questions as cards, answered ones as history."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from django.urls import reverse

from local.tenant.ciba import rar
from local.tenant.ciba.models import Consent, State
from local.tenant.models import Person

HISTORY: Final = 20
_LONG_CODE: Final = 12
_OUTCOMES: Final = {
    State.APPROVED: ("approved", "✓", "Approved"),
    State.DENIED: ("denied", "✕", "Denied"),
    State.PENDING: ("expired", "◌", "Expired"),
    State.TAKEN_BACK: ("expired", "◌", "Ended before an answer"),
}


@dataclass(frozen=True, slots=True)
class Card:
    """A question, ready to read and, while it is open, to answer. Durations are in seconds."""

    id: str
    client_name: str
    code: str
    long: bool
    asks: tuple[rar.Ask, ...]
    expires_at: datetime
    left_s: int
    window_s: int
    left: str
    approve_url: str
    deny_url: str
    by_mail: bool
    mail_url: str


@dataclass(frozen=True, slots=True)
class Past:
    """A question that is over."""

    outcome: str
    mark: str
    word: str
    at: datetime
    sentence: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Screen:
    """Everything on one phone at one moment; `version` changes when the content does.

    `ended` are questions that the application took back, until their time is over.
    """

    waiting: tuple[Card, ...]
    ended: tuple[Card, ...]
    past: tuple[Past, ...]
    version: str


def screen(person: Person, now: datetime) -> Screen:
    """The phone of `person` at `now`: the newest first, of open questions and of history."""
    consents = Consent.objects.of(person.sub)
    waiting = tuple(card(consent, now) for consent in consents.open(now).order_by("-created_at"))
    back = consents.filter(state=State.TAKEN_BACK, expires_at__gt=now)
    ended = tuple(card(consent, now) for consent in back)
    shown = [*waiting, *ended]
    over = consents.exclude(pk__in=[one.id for one in shown])[:HISTORY]
    past = tuple(_past(consent) for consent in over)
    states = [*(f"{one.id} {one in ended}" for one in shown), *(f"{p.code} {p.word}" for p in past)]
    mark = "\n".join(states)
    return Screen(waiting, ended, past, hashlib.sha256(mark.encode()).hexdigest()[:16])


def card(consent: Consent, now: datetime) -> Card:
    """One open question as shown at `now`."""
    left_s = consent.seconds_left(now)
    place = {"person": consent.sub, "consent_id": consent.id}
    return Card(
        id=consent.id,
        client_name=consent.client_name,
        code=consent.binding_message,
        long=len(consent.binding_message) > _LONG_CODE,
        asks=_asks(consent),
        expires_at=consent.expires_at,
        left_s=left_s,
        window_s=round((consent.expires_at - consent.created_at).total_seconds()),
        left=f"{left_s // 60}:{left_s % 60:02d}",
        approve_url=reverse("phone-approve", kwargs=place),
        deny_url=reverse("phone-deny", kwargs=place),
        by_mail=not consent.by_push,
        mail_url=f"{reverse('bc-verify')}?{urlencode({'consent': consent.id})}",
    )


def sentence(consent: Consent) -> str:
    """What was asked, in one line."""
    return " · ".join(ask.instruction for ask in _asks(consent))


def _asks(consent: Consent) -> tuple[rar.Ask, ...]:
    if consent.authorization_details:
        return rar.asks(consent.authorization_details)
    scopes = [name for name in consent.scope.split() if name != "openid"]
    rows = [rar.Row("Access", ", ".join(scopes))] if scopes else []
    if consent.audience:
        rows.append(rar.Row("API", consent.audience))
    return (rar.Ask(f"Let {consent.client_name} act for you?", tuple(rows)),)


def _past(consent: Consent) -> Past:
    outcome, mark, word = _OUTCOMES[State(consent.state)]
    return Past(
        outcome,
        mark,
        word,
        consent.answered_at or consent.expires_at,
        sentence(consent),
        consent.binding_message,
        consent.reason,
    )

"""Record a person's answer to a question."""

from __future__ import annotations

from datetime import datetime

from local.tenant.ciba import tenant_log_events
from local.tenant.ciba.models import Consent, State


def approve(consent: Consent, now: datetime) -> bool:
    """The person approves. False if it was answered before or has expired."""
    if not consent.answer(State.APPROVED, reason="", now=now):
        return False
    tenant_log_events.answered(consent)
    return True


def deny(consent: Consent, reason: str, now: datetime) -> bool:
    """The person denies, with an optional reason. False if answered before or expired."""
    if not consent.answer(State.DENIED, reason=reason.strip()[:200], now=now):
        return False
    tenant_log_events.answered(consent)
    return True

"""Remote steps at gateways that wait for their next try."""

from __future__ import annotations

from datetime import datetime

from approvals.models import Effect, EffectState


def try_now(instance: str, now: datetime) -> None:
    """Have a gateway sent at once what it missed, by the way in which it is reached now."""
    Effect.objects.filter(
        instance=instance,
        kind__startswith="gateway.",
        state__in=[EffectState.PENDING, EffectState.UNKNOWN],
        due__gt=now,
    ).update(due=now)

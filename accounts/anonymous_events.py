"""Events that anonymous callers cause: at most MOST a minute for all of them together.

Beyond these are only failures at break-glass accounts, each of which its account counts and bounds.

A caller who proves no identity could otherwise fill an append-only log. The last event of a full
minute is `access.refused` with the code `many`; what is left out is counted, and the next event
that is recorded has the number as `left_out`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.cache import cache
from django.db import transaction

from accounts.models import SeenRefusal
from approvals import clock
from audit.recording.actors import Actor, Target
from audit.recording.record import record

MOST: Final = 20
WITHIN: Final = timedelta(minutes=1)
MANY: Final = "many"

_LEFT_OUT: Final = "strangers.left_out"
_KEPT_S: Final = 86_400
_SHARE: Final = "strangers"


def record_anonymous(
    actor: Actor,
    action: str,
    *,
    data: Mapping[str, Any],
    private: Mapping[str, Any] | None = None,
    outcome: str = "failure",
    severity: str = "",
    target: Target | None = None,
    always: bool | None = None,
) -> bool:
    """Record an event of somebody who proved no identity; False when it was only counted.

    `private` is for what `audit.recording.record.record` says; the other arguments too. `always` is
    for what its caller bounds elsewhere: True records it beyond the share too. False does not, and
    costs as much as if it did, so that the time that it takes does not say which of both it was.
    """
    now = clock.now()
    full = _are_all_taken(now)  # a look, so that a crowd waits for no lock
    if full and always is None:
        leave_out()
        return False
    with transaction.atomic():
        recorded = (not full and _take(now, range(MOST - 1))) or bool(always)
        if not recorded and not full and _take(now, range(MOST - 1, MOST)):
            within = int(WITHIN.total_seconds())
            data = {"code": MANY, "status": 429, "at_least": 1, "within_s": within, **_left_out()}
            record(actor, "access.refused", outcome="denied", data=data, private=private)
        elif recorded or always is not None:
            with transaction.atomic():
                record(
                    actor,
                    action,
                    outcome=outcome,
                    severity=severity,
                    target=target,
                    data={**data, **(_left_out() if recorded else {})},
                    private=private,
                )
                transaction.set_rollback(not recorded)
    if not recorded:
        leave_out()
    return recorded


def leave_out() -> None:
    """Count an event that is not recorded; a cache that forgets counts from the start."""
    if not cache.add(_LEFT_OUT, 1, _KEPT_S):
        try:
            cache.incr(_LEFT_OUT)
        except ValueError:  # it ran out in between
            cache.add(_LEFT_OUT, 1, _KEPT_S)


def _left_out() -> dict[str, int]:
    count = int(cache.get(_LEFT_OUT) or 0)
    if not count:
        return {}
    cache.delete(_LEFT_OUT)
    return {"left_out": count}


def _are_all_taken(now: datetime) -> bool:
    taken = SeenRefusal.objects.filter(bucket=_SHARE, at__gt=now - WITHIN)
    return taken.count() >= MOST


def _take(now: datetime, slots: range) -> bool:
    """Whether one of some slots was free, which is then taken for a minute; safe among workers."""
    names = [f"{_SHARE}:{slot}" for slot in slots]
    taken = dict(SeenRefusal.objects.filter(what__in=names).values_list("what", "at"))
    for name in names:
        if name not in taken:
            _, made = SeenRefusal.objects.get_or_create(
                what=name, defaults={"bucket": _SHARE, "at": now}
            )
            if made:
                return True
        elif taken[name] <= now - WITHIN:
            free = SeenRefusal.objects.filter(what=name, at__lte=now - WITHIN)
            if free.update(at=now) == 1:
                return True
    return False

"""Fenced leases of due rows: until when one runs is also whose it is.

A worker claims a row by writing when its lease ends. A worker that was too slow finds another time
there: it neither renews nor releases what somebody else has taken over.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet


def unheld(now: datetime) -> Q:
    """Rows that nobody holds."""
    return Q(lease=None) | Q(lease__lt=now)


def free(now: datetime) -> Q:
    """Rows that are due and that nobody holds."""
    return Q(due__lte=now) & unheld(now)


def claim(free: QuerySet[Any], until: datetime, **changes: Any) -> bool:
    """Take the one row of `free` until then, with further changes; whether it was there."""
    return free.update(lease=until, **changes) == 1


def renew(row: QuerySet[Any], held: datetime | None, until: datetime, **changes: Any) -> bool:
    """Hold it until `until`; whether it was still held."""
    return row.filter(lease=held, lease__isnull=False).update(lease=until, **changes) == 1


def release(row: QuerySet[Any], held: datetime | None, **changes: Any) -> bool:
    """Give it back, with further changes; whether it was still held."""
    return row.filter(lease=held, lease__isnull=False).update(lease=None, **changes) == 1

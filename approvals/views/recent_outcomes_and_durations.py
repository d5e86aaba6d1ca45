"""How the requests of the last thirty days ended, and how long each took from request to end."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import F

from approvals.models import Approval, Outcome, Status
from ui import times

DAYS: Final = 30
NEWEST: Final = 2_000
"""The most requests that are read; the page says so where there are more."""


@dataclass(frozen=True, slots=True)
class Row:
    """One outcome, its requests, and the time within which half and 9 of 10 ended, such as `38 s`
    or `5 min`."""

    outcome: str
    count: int
    half: str
    most: str


@dataclass(frozen=True, slots=True)
class RequestOutcomes:
    """The outcomes that occurred, as `Outcome` orders them; `cut` if only `NEWEST` were read."""

    rows: list[Row]
    total: int
    cut: bool


def ended(now: datetime) -> RequestOutcomes:
    """Of requests made in the thirty days before `now` and closed since; one query."""
    found = Approval.objects.filter(
        status=Status.CLOSED, created__gte=now - timedelta(days=DAYS), closed__gte=F("created")
    ).order_by("-created")
    read = list(found.values_list("outcome", F("closed") - F("created"))[: NEWEST + 1])
    took_by: defaultdict[str, list[float]] = defaultdict(list)
    for outcome, took in read[:NEWEST]:
        took_by[outcome].append(took.total_seconds())
    rows = [
        Row(outcome, len(took), _within(took, 0.5), _within(took, 0.9))
        for outcome in Outcome.values
        if (took := took_by[outcome])
    ]
    return RequestOutcomes(rows, len(read[:NEWEST]), len(read) > NEWEST)


def _within(seconds: list[float], share: float) -> str:
    """The least of these times within which at least this share of them lies, rounded up."""
    at = sorted(seconds)[math.ceil(share * len(seconds)) - 1]
    unit = next(size for size in (86_400, 60, 1) if at > size or size == 1)
    return times.duration(math.ceil(at / unit) * unit)

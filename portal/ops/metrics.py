"""`/metrics` in the Prometheus text format: a handful of numbers, never a person or a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from approvals import clock
from approvals.models import Approval, Effect, Status
from audit import witnesses
from audit.models import EventRow
from audit.sequencing import sequencer
from audit.sequencing.signed_state import newest_checkpoint
from audit.verification import continuous

GAUGES: Final = {
    "ata_ledger_size": "Entries in the signed tree.",
    "ata_ledger_checkpoint_age_seconds": "Age of the newest signature.",
    "ata_ledger_unsequenced": "Events that wait for a leaf.",
    "ata_ledger_alarm": "1 while signing is stopped or the log does not hold.",
    "ata_ledger_verified_age_seconds": "Since the last whole round ended.",
    "ata_ledger_witnessed_size": "Entries of the largest tree that a quorum of witnesses cosigned.",
    "ata_approvals_pending": "Approvals that wait for an answer.",
    "ata_holds": "Holds that stand because of an approval.",
    "ata_remote_steps": "Remote steps by state.",
    "ata_remote_step_lateness_seconds": "How overdue the oldest due step is.",
}
"""What each number is, by its name."""


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Gauges of this moment; put the path behind the proxy's allow list in production."""
    body = "".join(_text(clock.now()))
    return HttpResponse(body, content_type="text/plain; version=0.0.4; charset=utf-8")


@dataclass(frozen=True, slots=True)
class Gauge:
    """A number of this moment by its name in `GAUGES`; with labels where there are several."""

    name: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)


def gauges(now: datetime) -> Iterator[Gauge]:
    """What is known now; those of one name follow each other."""
    checkpoint = newest_checkpoint()
    yield Gauge("ata_ledger_size", checkpoint.size if checkpoint else 0)
    if checkpoint:
        age = (now - checkpoint.created).total_seconds()
        yield Gauge("ata_ledger_checkpoint_age_seconds", age)
    yield Gauge("ata_ledger_unsequenced", EventRow.objects.filter(seq=None).count())
    verified = continuous.Progress.read()
    yield Gauge("ata_ledger_alarm", bool(sequencer.stopped_reason() or verified.alarm))
    if verified.done and verified.done_size:
        age = (now - verified.done).total_seconds()
        yield Gauge("ata_ledger_verified_age_seconds", age)
    yield Gauge("ata_ledger_witnessed_size", witnesses.witnessed_size())
    pending = Approval.objects.filter(status=Status.PENDING)
    yield Gauge("ata_approvals_pending", pending.count())
    yield Gauge("ata_holds", Approval.objects.filter(held=True).count())
    for row in Effect.objects.values("state").annotate(n=Count("pk")).order_by("state"):
        yield Gauge("ata_remote_steps", row["n"], {"state": row["state"]})
    due = Effect.objects.filter(due__lte=now).aggregate(oldest=Min("due"))["oldest"]
    late = (now - due).total_seconds() if due else 0
    yield Gauge("ata_remote_step_lateness_seconds", late)


def _text(now: datetime) -> Iterator[str]:
    """As Prometheus reads it."""
    for name, same in groupby(gauges(now), key=lambda one: one.name):
        yield f"# HELP {name} {GAUGES[name]}\n# TYPE {name} gauge\n"
        for one in same:
            labels = ",".join(f'{label}="{value}"' for label, value in one.labels.items())
            yield f"{name}{f'{{{labels}}}' if labels else ''} {float(one.value):g}\n"

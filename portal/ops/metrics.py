"""`/metrics` in the Prometheus text format: a handful of numbers, never a person or a name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

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


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Gauges of this moment; put the path behind the proxy's allow list in production."""
    body = "".join(_lines(clock.now()))
    return HttpResponse(body, content_type="text/plain; version=0.0.4; charset=utf-8")


def _lines(now: datetime) -> Iterator[str]:
    checkpoint = newest_checkpoint()
    yield _gauge(
        "ata_ledger_size", "Entries in the signed tree.", checkpoint.size if checkpoint else 0
    )
    if checkpoint:
        age = (now - checkpoint.created).total_seconds()
        yield _gauge("ata_ledger_checkpoint_age_seconds", "Age of the newest signature.", age)
    waiting = EventRow.objects.filter(seq=None).count()
    yield _gauge("ata_ledger_unsequenced", "Events that wait for a leaf.", waiting)
    verified = continuous.Progress.read()
    alarm = bool(sequencer.stopped_reason() or verified.alarm)
    yield _gauge("ata_ledger_alarm", "1 while signing is stopped or the log does not hold.", alarm)
    if verified.done and verified.done_size:
        age = (now - verified.done).total_seconds()
        yield _gauge("ata_ledger_verified_age_seconds", "Since the last whole round ended.", age)
    yield _gauge(
        "ata_ledger_witnessed_size",
        "Entries of the largest tree that a quorum of witnesses cosigned.",
        witnesses.witnessed_size(),
    )
    pending = Approval.objects.filter(status=Status.PENDING)
    yield _gauge("ata_approvals_pending", "Approvals that wait for an answer.", pending.count())
    held = Approval.objects.filter(held=True).count()
    yield _gauge("ata_holds", "Holds that stand because of an approval.", held)
    yield "# HELP ata_remote_steps Remote steps by state.\n# TYPE ata_remote_steps gauge\n"
    for row in Effect.objects.values("state").annotate(n=Count("pk")).order_by("state"):
        yield f'ata_remote_steps{{state="{row["state"]}"}} {row["n"]}\n'
    due = Effect.objects.filter(due__lte=now).aggregate(oldest=Min("due"))["oldest"]
    late = (now - due).total_seconds() if due else 0
    yield _gauge("ata_remote_step_lateness_seconds", "How overdue the oldest due step is.", late)


def _gauge(name: str, text: str, value: float) -> str:
    return f"# HELP {name} {text}\n# TYPE {name} gauge\n{name} {float(value):g}\n"

"""The fleet: each registered gateway, whether it answers, and what still has to be sent to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count

from approvals import clock
from approvals.models import Effect, EffectState
from enforcement.decisions.superseded_steps import STEPS
from enforcement.gateways import gateway_problems, instances, scan_polling
from enforcement.gateways.instances import Instance
from enforcement.models import Finding, FindingStatus, Watch


@dataclass(frozen=True, slots=True)
class Line:
    """One gateway on the page."""

    instance: Instance
    watch: Watch | None
    waiting: int
    findings: int

    @property
    def state(self) -> str:
        """`online`, `offline`, or empty before it was asked."""
        if self.watch is None or self.watch.reachable is None:
            return ""
        return "online" if self.watch.reachable else "offline"

    @property
    def reads(self) -> str:
        """How its scanner's findings reach us, in words."""
        if why := self.not_read:
            return f"Not read: {why}."
        if self.watch is None or self.watch.read_at is None:
            return "About to be read."
        return f"Set to be read every {int(scan_polling.EVERY.total_seconds())} seconds."

    @property
    def last_read(self) -> datetime | None:
        """When its findings were last read, give or take ten seconds."""
        return self.watch.read_at if self.watch else None

    @property
    def read_since(self) -> datetime | None:
        """Since when its findings are read without a break; None while they are not."""
        return None if self.watch is None or self.not_read else self.watch.read_since

    @property
    def not_read(self) -> str:
        """Why its findings are not read now; empty where they are, or will be soon."""
        return gateway_problems.why_not_read(self.instance, self.watch, clock.now())


def context() -> dict[str, Any]:
    """Everything the page shows."""
    fleet = instances.fleet()
    watches = {w.name: w for w in Watch.objects.exclude(name="")}
    unfinished = Effect.objects.filter(
        kind__in=STEPS, state__in=[EffectState.PENDING, EffectState.UNKNOWN]
    )
    waiting = dict(unfinished.values_list("instance").annotate(n=Count("pk")).order_by())
    still_open = Finding.objects.filter(status=FindingStatus.OPEN)
    found = dict(still_open.values_list("instance").annotate(n=Count("pk")).order_by())
    lines = [
        Line(i, watches.get(i.name), waiting.get(i.name, 0), found.get(i.name, 0))
        for i in fleet.instances
    ]
    return {
        "lines": lines,
        "problem": fleet.problem,
        "configured": fleet.path is not None,
        "offline": sum(line.state == "offline" for line in lines),
        "crumbs": [{"text": "Findings and holds", "url": "/enforcement/"}, {"text": "Gateways"}],
    }

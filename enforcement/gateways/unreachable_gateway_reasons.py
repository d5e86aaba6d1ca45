"""Which gateways are not read or do not answer, and why, in words."""

from __future__ import annotations

from datetime import datetime, timedelta

from approvals import clock
from enforcement.gateways import instances
from enforcement.gateways.instances import Instance
from enforcement.models import Watch

STALE = timedelta(seconds=60)
"""A database that is read every two seconds and was not for so long is not read."""


def why_not_read(instance: Instance, watch: Watch | None, now: datetime) -> str:
    """Why the gateway's audit database is not read now; empty where it is, or will be soon."""
    if instance.audit_db is None:
        return "no audit_db is configured"
    if watch is None:
        return ""
    if watch.source:
        return watch.source
    if watch.read_at is not None and now - watch.read_at > STALE:
        return "no worker reads it now"
    return ""


def troubles() -> dict[str, str]:
    """Per gateway what keeps us from reading or asking it; those without trouble are left out."""
    fleet, now = instances.fleet(), clock.now()
    watches = {watch.name: watch for watch in Watch.objects.exclude(name="")}
    found = {"instances file": fleet.problem} if fleet.problem else {}
    for instance in fleet.instances:
        watch, said = watches.get(instance.name), []
        if instance.audit_db and (why := why_not_read(instance, watch, now)):
            said.append(f"not read: {why}")
        if watch is not None and watch.reachable is False:
            said.append(watch.detail or "does not answer")
        if said:
            found[instance.name] = "; ".join(said)
    return found

"""Asking the gateways every ten seconds how they are and what they enforce.

One failed look makes a gateway `reachable=False`; the first good one makes it reachable again.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from approvals import clock
from approvals.models import Effect, EffectState
from enforcement.decisions import hold_and_release_at_gateway
from enforcement.gateways.client import Gateway, GatewayError, Health, Listed
from enforcement.gateways.instances import Instance
from enforcement.models import Watch

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Probe:
    """What a gateway answered, or why it did not. `at` is when it was asked, not when it said."""

    at: datetime
    health: Health | None = None
    blocked: tuple[Listed, ...] = ()
    allowed: tuple[Listed, ...] = ()
    trouble: str = ""


def probe(instance: Instance) -> Probe:
    """Ask one gateway how it is and what it enforces; never raises, touches no table."""
    gateway, at = Gateway(instance), clock.now()
    try:
        gateway.note_start_where_refused()
        return Probe(at, gateway.health(), gateway.blocked(), gateway.allowed())
    except GatewayError as trouble:
        return Probe(at, trouble=trouble.detail)
    except Exception as error:
        log.exception("asking %s how it is failed", instance.name)
        return Probe(at, trouble=f"asking it failed ({type(error).__name__})")


def ask_due(registered: tuple[Instance, ...], now: datetime) -> None:
    """Ask each gateway that is due, several at once, and keep what they answered."""
    free = Watch.objects.filter(Q(probe_due=None) | Q(probe_due__lte=now))
    until = now + EVERY
    due = [i for i in registered if free.filter(name=i.name).update(probe_due=until)]
    if not due:
        return
    with ThreadPoolExecutor(min(8, len(due)), thread_name_prefix="probe") as pool:
        for instance, said in zip(due, pool.map(probe, due), strict=True):
            try:
                note(instance, said, clock.now())
            except Exception:
                log.exception("what %s answered cannot be kept", instance.name)


def note(instance: Instance, said: Probe, now: datetime) -> None:
    """Keep what a gateway answered; one that came back is sent at once what it missed."""
    watch = Watch.objects.get(name=instance.name)
    came_back = watch.reachable is False and said.health is not None
    watch.reachable, watch.checked, watch.detail = said.health is not None, now, said.trouble[:300]
    fields = ["reachable", "checked", "detail"]
    if said.health is not None:
        # A step that was acknowledged while we asked may be missing from these lists.
        watch.last_seen, watch.listed_at = now, said.at
        watch.version, watch.connectors = said.health.version, list(said.health.connectors)
        watch.blocked = [asdict(item) for item in said.blocked]
        watch.allowed = [asdict(item) for item in said.allowed]
        fields += ["last_seen", "listed_at", "version", "connectors", "blocked", "allowed"]
    watch.save(update_fields=fields)
    if came_back:
        _try_again_now(instance.name, now)
    if said.health is not None:
        hold_and_release_at_gateway.send_waiting(instance.name, said.blocked)


def _try_again_now(name: str, now: datetime) -> None:
    """A gateway that answers again is sent at once what it missed."""
    Effect.objects.filter(
        instance=name,
        kind__startswith="gateway.",
        state__in=[EffectState.PENDING, EffectState.UNKNOWN],
        due__gt=now,
    ).update(due=now)

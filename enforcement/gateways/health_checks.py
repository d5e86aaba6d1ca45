"""Asking the gateways every ten seconds how they are and what they enforce.

One failed look makes a gateway `reachable=False`; the first good one makes it reachable again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from django.db.models import Q

from approvals import clock
from enforcement import waiting_steps
from enforcement.decisions import hold_and_release_at_gateway
from enforcement.decisions.steps import remote_steps
from enforcement.gateways import effect_change_events
from enforcement.gateways.client import Gateway, GatewayError, Health, Listed, TokenRefused
from enforcement.gateways.instances import Instance
from enforcement.gateways.reported_settings import ReportedSettings
from enforcement.models import Watch
from enforcement.posture import drift

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=10)
_PATIENCE_S: Final = 2.0
"""A gateway that answers takes milliseconds: one that takes longer is not waited for."""
_AT_ONCE: Final = 64
_asked: dict[Instance, Future[Probe]] = {}
"""Gateways that were asked and whose answers were not kept yet."""


@cache
def _pool() -> ThreadPoolExecutor:
    """Threads that ask; started by the process that asks first, not by those that it comes from."""
    return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="probe")


@dataclass(frozen=True, slots=True)
class Probe:
    """What a gateway answered, or why it did not. `at` is when it was asked, not when it said."""

    at: datetime
    health: Health | None = None
    blocked: tuple[Listed, ...] = ()
    allowed: tuple[Listed, ...] = ()
    trouble: str = ""
    token_refused: bool = False  # it answered, and nothing but that


def probe(instance: Instance) -> Probe:
    """Ask one gateway how it is and what it enforces; never raises, touches no table."""
    gateway, at = Gateway(instance), clock.now()
    try:
        gateway.note_start_where_refused()
        return Probe(at, gateway.health(), gateway.blocked(), gateway.allowed())
    except GatewayError as trouble:
        refused = isinstance(trouble, TokenRefused)
        return Probe(at, trouble=trouble.detail, token_refused=refused)
    except Exception as error:
        log.exception("asking %s how it is failed", instance.name)
        return Probe(at, trouble=f"asking it failed ({type(error).__name__})")


def ask_due(registered: tuple[Instance, ...], now: datetime) -> None:
    """Ask each gateway that is due, all at once, and keep what they answered.

    One that hangs is left to its time limit: its answer is kept at a later call, and neither the
    other gateways nor the reading of their databases wait for it.
    """
    free = Watch.objects.filter(Q(probe_due=None) | Q(probe_due__lte=now))
    until = now + EVERY
    idle = [i for i in registered if i not in _asked]
    due = [i for i in idle if free.filter(name=i.name).update(probe_due=until)]
    fresh = {i: _pool().submit(probe, i) for i in due}
    _asked.update(fresh)
    wait(fresh.values(), timeout=_PATIENCE_S)
    current = set(registered)
    for instance, answer in list(_asked.items()):
        if not answer.done() or _asked.pop(instance, None) is None or instance not in current:
            continue
        try:
            note(instance, answer.result(), clock.now())
        except Exception:
            log.exception("what %s answered cannot be kept", instance.name)


def note(instance: Instance, said: Probe, now: datetime) -> None:
    """Keep what a gateway answered; one that came back is sent at once what it missed."""
    watch = Watch.objects.get(name=instance.name)
    came_back = watch.reachable is False and said.health is not None
    watch.reachable, watch.checked, watch.detail = said.health is not None, now, said.trouble[:300]
    watch.token_refused = said.token_refused
    fields = ["reachable", "checked", "detail", "token_refused"]
    if said.health is not None:
        # A step that was acknowledged while we asked may be missing from these lists.
        watch.last_seen, watch.listed_at = now, said.at
        watch.version, watch.connectors = said.health.version, list(said.health.connectors)
        watch.blocked = [asdict(item) for item in said.blocked]
        watch.allowed = [asdict(item) for item in said.allowed]
        before = ReportedSettings.from_json(watch.settings)
        watch.settings = said.health.settings.after(before).as_json()
        watch.posture = dict(said.health.posture)
        fields += ["last_seen", "listed_at", "version", "connectors", "blocked", "allowed"]
        fields += ["settings", "posture"]
    watch.save(update_fields=fields)
    if came_back:
        waiting_steps.try_now(instance.name, now)
    if said.health is not None:
        hold_and_release_at_gateway.send_waiting(instance.name, said.blocked)
        if ReportedSettings.from_json(watch.settings).met_openclaw:
            remote_steps.send_what_waited_for_openclaw(instance.name)
        drift.update(instance.name, now)
        effect_change_events.look(instance, watch, said.at)


def forget(names: Iterable[str]) -> None:
    """Drop what gateways answered the portal before it stopped asking them itself."""
    answered = Watch.objects.filter(name__in=list(names), reachable__isnull=False)
    if answered.exists():
        answered.update(
            reachable=None,
            token_refused=False,
            detail="",
            last_seen=None,
            listed_at=None,
            blocked=[],
            allowed=[],
            settings={},
            posture={},
        )

"""Events of what fell asleep, or woke because its setting changed, once each.

Nothing is decided here: whether an account sleeps is derived whenever somebody asks. The mark on a
row only says that the event was recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from approvals import clock
from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record
from connections import account_names
from connections.idle_access.idle_and_hours_setting_types import Setting, span
from connections.models import ConnectedAccount, State
from connections.status import account_status, state_filters

_BATCH = 200


def run(now: datetime | None = None) -> int:
    """Record a batch of events; returns how many. Any number of workers may call it."""
    moment, settings = now or clock.now(), state_filters.settings()
    asleep = Q(pk__in=[])
    for name, setting in settings.items():
        if (unused := state_filters.asleep_since(name, setting, moment)) is not None:
            asleep |= unused
    live = ConnectedAccount.objects.filter(state=State.CONNECTED)
    fallen = live.filter(asleep, sleep_recorded_at=None)
    awake = live.exclude(sleep_recorded_at=None).exclude(asleep)
    found = [pk for rows in (fallen, awake) for pk in rows.values_list("pk", flat=True)[:_BATCH]]
    return sum(_tell(pk, settings, moment) for pk in found)


def _tell(pk: UUID, settings: Mapping[str, Setting], moment: datetime) -> int:
    """Tell of one account, unless somebody else did or it changed meanwhile."""
    with transaction.atomic():
        row = ConnectedAccount.objects.select_for_update().get(pk=pk)
        setting = settings.get(row.connection, Setting())
        since = account_status.idle_since(row, setting)
        sleeps = since is not None and since <= moment
        if row.state != State.CONNECTED or sleeps == (row.sleep_recorded_at is not None):
            return 0
        row.sleep_recorded_at = moment if sleeps else None
        row.save(update_fields=["sleep_recorded_at"])
        if since is not None and sleeps:
            last = row.last_used_at
            data: dict[str, object] = {
                "why": f"not used for {span(setting.idle_h or 0)}",
                "asleep_since": clock.stamp(since),
                "last_used_at": clock.stamp(last) if last else None,
                "elsewhere_on": row.elsewhere_on.isoformat() if row.elsewhere_on else None,
            }
            record(SYSTEM, "connection.fell_asleep", **_about(row, data))
        else:
            data = {"why": "its setting changed, it began anew, or Auth0 told of a use"}
            record(SYSTEM, "connection.awake", **_about(row, data))
    return 1


def _about(row: ConnectedAccount, data: Mapping[str, object]) -> dict[str, Any]:
    return {
        "target": Target("connection", str(row.id)),
        "connection": row.connection,
        "on_behalf_of": account_names.owner(row),
        "data": {**account_names.facts_of(row), **data},
        "private": account_names.private_of(row),
    }

"""Records `bypass.found` for each administrative act of a gateway that is part of no decision.

Called with the rows that just became entries, in their transaction, whichever way they came: an
import, a push or a report of an outpost. A row becomes an entry once, so an act is found once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from django.db.models import Exists, OuterRef

from audit.importing.source_row_identity import bypass_id
from audit.recording.actors import Actor, Target
from audit.recording.record import Draft, record
from enforcement.bypasses import administrative_acts, decision_of_act
from enforcement.bypasses.administrative_acts import CONFIGURATION, Act
from enforcement.component_kinds import KINDS
from enforcement.gateways import instances
from enforcement.models import AdministrativeAct, Outpost, Watch

_SAME_ACT: Final = timedelta(seconds=5)
_FAMILY: Final = "defenseclaw."


def record_acts(instance: str, drafts: Sequence[Draft], reporter: Actor) -> None:
    """Take in the administrative acts among new rows of one gateway.

    Args:
        drafts: the events that its rows became, in the order of the rows.
        reporter: who reports them.
    """
    found = [(draft, act) for draft in drafts if (act := _act_of(draft)) is not None]
    since = _watched_since(instance) if found else None
    if since is None:
        return
    generation = decision_of_act.generation_of(instance)
    for draft, act in found:
        if draft.time is not None and draft.time >= since:
            _take(instance, generation, draft, act, reporter)


def _act_of(draft: Draft) -> Act | None:
    data, private = draft.data or {}, draft.private or {}
    if data.get("table") != "audit_events" or draft.outcome in {"denied", "failure"}:
        return None
    details = private.get("details")
    action = draft.action.removeprefix(_FAMILY)
    return administrative_acts.of_row(action, details if isinstance(details, str) else "")


def _watched_since(instance: str) -> datetime | None:
    """Since when this portal watches a gateway; None where it does not."""
    watched = Watch.objects.filter(name=instance).values_list("watched_since", flat=True)
    enrolled = Outpost.objects.filter(instance=instance).values_list("enrolled_at", flat=True)
    return min([*watched, *enrolled], default=None)


def _take(instance: str, generation: str, draft: Draft, act: Act, reporter: Actor) -> None:
    assert draft.id is not None and draft.time is not None
    named = draft.target or Target("", "", instance)
    target = named if named.kind in KINDS else Target("gateway", instance, instance)
    row = AdministrativeAct(
        event=draft.id,
        instance=instance,
        action=draft.action.removeprefix(_FAMILY)[:100],
        connector=str((draft.data or {}).get("connector", ""))[:60],
        act=act.act,
        kind=named.kind[:30],
        name=named.name[:300],
        at=draft.time,
        relaxes=act.relaxes,
        operation=draft.operation,
    )
    too_late = bool(row.operation) and decision_of_act.is_too_late(row)
    if too_late:
        row.operation = ""
    if row.operation:
        row.part_of = _first_of_decision(row)
    elif (same := _same_act(row)) is not None:
        row.operation, row.part_of = same.operation, same.event
    elif not too_late and (step := decision_of_act.step_of(row, generation)) is not None:
        row.operation, row.part_of = step.operation, _first_of_decision(row, step.operation)
    else:
        row.bypass = _record_bypass(row, target, draft, reporter)
    row.save(force_insert=True)


def _first_of_decision(row: AdministrativeAct, operation: str = "") -> UUID | None:
    """The row of the same act that came first, where a decision left several."""
    same = AdministrativeAct.objects.filter(
        operation=operation or row.operation, instance=row.instance, act=row.act, part_of=None
    )
    first = same.first()
    return first.event if first else None


def _same_act(row: AdministrativeAct) -> AdministrativeAct | None:
    """An act that left several rows is one: the same way, the same moment, for another agent or
    under the other name that DefenseClaw logs it by.
    """
    written = {"action": row.action, "connector": row.connector}
    near = AdministrativeAct.objects.filter(
        instance=row.instance,
        act=row.act,
        relaxes=row.relaxes,
        part_of=None,
        at__range=(row.at - _SAME_ACT, row.at + _SAME_ACT),
    ).exclude(**written)
    if row.act != CONFIGURATION:
        bare = row.action.removeprefix("api-")
        near = near.filter(kind=row.kind, name=row.name, action__in=[bare, f"api-{bare}"])
    has_it = AdministrativeAct.objects.filter(part_of=OuterRef("event"), **written)
    return near.exclude(Exists(has_it)).order_by("-at").first()


def _record_bypass(row: AdministrativeAct, target: Target, draft: Draft, reporter: Actor) -> UUID:
    registered = instances.fleet().named(row.instance)
    host = urlsplit(registered.base_url).hostname if registered else ""
    record(
        reporter,
        "bypass.found",
        severity="HIGH" if row.relaxes else "MEDIUM",
        instance=row.instance,
        target=target,
        data={
            "act": row.act,
            "reported_action": row.action,
            "relaxes": row.relaxes,
            "row_event": str(row.event),
            **({"host": host} if host else {}),
        },
        private={"about": row.name} if row.name and target.kind not in KINDS else {},
        time=draft.time,
        id=bypass_id(row.event),
    )
    return bypass_id(row.event)

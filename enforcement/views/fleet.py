"""The gateways: whether each answers and is read, what is wrong there, and what still waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from django.db.models import Count

from approvals import clock
from approvals.models import Effect, EffectState
from audit.ingest.pushes import spool
from audit.recording.actors import Actor
from enforcement.audit_database import periodic_scan_import
from enforcement.decisions import fleet_codes
from enforcement.decisions.steps.later_decision_wins import STEPS
from enforcement.findings import decision_queue
from enforcement.gateways import (
    effects_at_gateways,
    instances,
    last_contact,
    unmonitored_gateways,
    unreachable_gateway_reasons,
)
from enforcement.gateways.instances import Fleet, Instance
from enforcement.gateways.last_contact import LastHeard
from enforcement.models import Finding, FindingStatus, Watch
from enforcement.outposts import reported_facts
from enforcement.views import gateway_rows, outpost_lines
from enforcement.views.baseline_comparison_rows import posture_of
from enforcement.views.gateway_rows import GatewayRow

_LATE: Final = timedelta(seconds=60)
"""What a gateway pushed waits no longer for the worker where all is well."""


def rows(only: str | None = None) -> list[GatewayRow]:
    """Every gateway, in the order of the instances file, then those known by their outposts; or
    the one that `only` names."""
    fleet, now = instances.fleet(), clock.now()
    watches = {w.name: w for w in Watch.objects.exclude(name="")}
    heard = last_contact.everywhere(fleet, watches)
    outposts = outpost_lines.by_instance(fleet.outposts, now)
    reports = reported_facts.last_reports(fleet.outposts)
    reached = {one.name: one for one in fleet.with_outposts}
    unfinished = Effect.objects.filter(
        kind__in=STEPS, state__in=[EffectState.PENDING, EffectState.UNKNOWN]
    )
    waiting = dict(unfinished.values_list("instance").annotate(n=Count("pk")).order_by())
    still_open = Finding.objects.filter(decision_queue.with_status(FindingStatus.OPEN))
    findings = dict(still_open.values_list("instance").annotate(n=Count("pk")).order_by())
    found = []
    for name in dict.fromkeys([*reached, *outposts]):
        if only not in {None, name}:
            continue
        instance, watch = reached.get(name), watches.get(name)
        heard_of = heard.get(name, LastHeard())
        line: dict[str, Any] = {"state": "", "deaf": []}
        if instance is not None:
            line = gateway_line(instance, watch, heard_of)
        found.append(
            GatewayRow(
                name=name,
                instance=instance,
                state=line["state"],
                heard=heard_of,
                deaf=line["deaf"],
                reading=line,
                watch=watch,
                posture=posture_of(name, now),
                outpost=outposts.get(name),
                pushes=pushes_of(instance) if instance and instance.base_url else {},
                waiting=waiting.get(name, 0),
                findings=findings.get(name, 0),
                settings=effects_at_gateways.settings_by_outpost(able, reports[name], watch)
                if (able := fleet.outposts.get(name))
                else effects_at_gateways.settings_of(watch),
            )
        )
    return found


def gateway_line(instance: Instance, found: Watch | None, heard: LastHeard) -> dict[str, Any]:
    """How one gateway is: `state` is empty before it was asked, `reads` how its scanner's findings
    reach us, `last_read` when they last did, give or take ten seconds."""
    now = clock.now()
    why = unreachable_gateway_reasons.why_not_read(instance, found, now)
    deaf = unmonitored_gateways.of_gateway(instance, found, heard, now)
    reads = f"Set to be read every {int(periodic_scan_import.EVERY.total_seconds())} s."
    if found is None or found.read_at is None:
        reads = "About to be read."
    state = "deaf" if heard.answers and deaf else heard.state
    if any(one.silent for one in deaf):
        state = "offline"
    return {
        "instance": instance,
        "watch": found,
        "heard": heard,
        "state": state,
        "deaf": deaf,
        "reads": _reads(instance, heard, why) or reads,
        "last_read": found.read_at if found else None,
        "read_since": found.read_since if found and not why else None,
        "longest_gap": int(unreachable_gateway_reasons.STALE.total_seconds()),
    }


def _reads(instance: Instance, heard: LastHeard, why: str) -> str:
    if heard.outpost is not None and instance.audit_db is None:
        return "Its outpost reports those from HIGH; CRITICAL ones are asked about."
    return f"Not read: {why}." if why else ""


def pushes_of(instance: Instance) -> dict[str, Any]:
    """How what a gateway pushes arrives: `bad` where it is refused or waits for long."""
    usage, refused = spool.usage(instance.name), spool.refused(instance.name)
    late = usage.oldest is not None and clock.now() - usage.oldest > _LATE
    return {
        "set_up": instance.ingest_token_file is not None,
        "waiting": usage.files,
        "oldest": usage.oldest,
        "full": usage.full,
        "refused": refused,
        "set_aside": usage.set_aside,
        "bad": usage.full or refused is not None or late or usage.set_aside > 0,
    }


def context(person: Actor) -> dict[str, Any]:
    """Everything the page shows to this person; gateways with trouble come first."""
    fleet, found = instances.fleet(), rows()
    may_enrol = "admin" in person.roles
    return {
        "rows": sorted(found, key=gateway_rows.rank),
        "title": gateway_rows.title_of(found) if found else _no_gateway(fleet),
        "states": gateway_rows.states_of(found),
        "may_enrol": may_enrol,
        "to_approve": _to_approve(found) if may_enrol else "",
        "fleet_codes": fleet_codes.list_open() if may_enrol else [],
        "problem": fleet.problem,
        "configured": fleet.path is not None,
    }


def _to_approve(found: Sequence[GatewayRow]) -> str:
    """The first gateway whose settings nobody approved; empty where another matter is graver."""
    without = [row.name for row in found if not row.posture.baseline]
    well = all(row.verdict == gateway_rows.ONLINE and not row.posture.differing for row in found)
    return without[0] if without and well else ""


def _no_gateway(fleet: Fleet) -> str:
    if fleet.problem:
        return "The instances file has a problem"
    named = "The instances file names no gateway"
    return named if fleet.path is not None else "No gateway is registered"

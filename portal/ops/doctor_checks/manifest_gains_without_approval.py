"""Manifests that gained something without a second person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from audit.models import EventRow
from audit.search import event_search
from connections.component_manifests import manifest_store
from connections.component_manifests.manifest_store import Declaration
from connections.models import Manifest
from portal.ops.doctor_checks.leftover_type import Leftover


def check() -> Iterator[Leftover]:
    """Manifests in force that have more than the last one that was shipped, approved or first."""
    for manifest in Manifest.objects.all():
        before = _baseline(manifest)
        gained = _gained(before, manifest_store.content(manifest)) if before else []
        if before is None or not gained:
            continue
        yield Leftover(
            "widened manifests",
            f"{manifest.kind} {manifest.name} gained without an approval: {', '.join(gained)}.",
            "Put the manifest before it in force again; declare it again to have it approved.",
            partial(_restore, manifest.kind, manifest.name, before),
        )


def _baseline(manifest: Manifest) -> Mapping[str, Any] | None:
    """What was declared before the first of the newest changes that nobody approved."""
    found: Mapping[str, Any] | None = None
    rows = EventRow.objects.filter(
        action="manifest.declared",
        target_kind=manifest.kind,
        target_name=manifest.name,
        outcome="success",
    )
    for row in rows.order_by("-recorded_at", "-event"):
        if row.approval or not row.actor_sub:
            break
        before = (event_search.public(row)["changes"] or {}).get("before")
        if not isinstance(before, dict):  # its first declaration, or one that was erased
            break
        found = before
    return found


def _gained(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    had = {(one["connection"], scope) for one in before["connections"] for scope in one["scopes"]}
    has = {(one["connection"], scope) for one in after["connections"] for scope in one["scopes"]}
    gained = [f"{connection} {scope}" for connection, scope in sorted(has - had)]
    if after["url"] and after["url"] != before["url"]:
        gained.append(f"the address {after['url']}")
    return gained + [
        f"the variable {name}" for name in sorted(_variables(after) - _variables(before))
    ]


def _variables(declared: Mapping[str, Any]) -> set[str]:
    return {str(variable) for variable in declared["env"].values()}


def _restore(kind: str, name: str, before: Mapping[str, Any]) -> str:
    declared = {key: before[key] for key in ("connections", "env", "url")}
    manifest_store.put_in_force(kind, name, Declaration.model_validate(declared), {"repair": True})
    return "the manifest before it is in force again"

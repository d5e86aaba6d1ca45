"""`POST /api/v1/observability/cli`: rows that HEAD's command line hands to its gateway."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from local.gateway.audit.event_families import control_change, subsystem_degraded
from local.gateway.audit.log import AuditRow
from local.gateway.audit.scan_rows import Finding, ScanReport

_KINDS: Final = ("action", "activity", "alert", "scan", "llm_bridge", "webhook_delivery")
_RUN_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,255}")
_IDENTITY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*")
_CONTROL: Final = ("config-", "policy-", "setup-", "guardrail-")
_REGISTERED: Final = re.compile(
    r"(?:skill|plugin|tool|mcp|block|allow|config|policy|setup|guardrail|install|registry|init)"
    r"-[a-z-]+|scan|doctor|upgrade|bootstrap|quarantine"
)
_ACTIVITY_KEYS: Final = frozenset(
    {
        "actor", "action", "target_type", "target_id", "before", "after", "diff",
        "version_from", "version_to", "severity",
    }
)  # fmt: skip


def read(body: object, request_id: str) -> list[AuditRow]:
    """Return the rows of one hand-over; raises ValueError for what HEAD answers 400 to."""
    if not isinstance(body, dict) or set(body) - {"kind", "run_id", *_KINDS}:
        raise ValueError("invalid request")
    kind = body.get("kind")
    if kind not in _KINDS or [name for name in _KINDS if name in body] != [kind]:
        raise ValueError("exactly one payload that matches kind is required")
    run_id = body.get("run_id") or ""
    if run_id and not (isinstance(run_id, str) and _RUN_ID.fullmatch(run_id)):
        raise ValueError("run_id")
    payload = body[kind]
    if not isinstance(payload, dict):
        raise ValueError(kind)
    return _READERS[kind](payload, {"request_id": request_id, "run_id": run_id})


def _keys(payload: Mapping[str, Any], allowed: frozenset[str]) -> None:
    if set(payload) - allowed:
        raise ValueError("unknown key")


def _registered(action: object) -> str:
    known = isinstance(action, str) and action != "plugin-unblock"
    if not known or not _REGISTERED.fullmatch(str(action)):
        raise ValueError(f"unknown action {action!r}")
    return str(action)


def _action(payload: Mapping[str, Any], ids: dict[str, Any]) -> list[AuditRow]:
    _keys(payload, frozenset({"name", "target", "details"}))
    name = _registered(payload.get("name"))
    target, details = str(payload.get("target") or ""), str(payload.get("details") or "")
    return [AuditRow(name, target, details, actor="cli", source="cli", **ids)]


def _activity(payload: Mapping[str, Any], ids: dict[str, Any]) -> list[AuditRow]:
    _keys(payload, _ACTIVITY_KEYS)
    action = _registered(payload.get("action"))
    actor = str(payload.get("actor") or "defenseclaw")
    kind, name = payload.get("target_type") or "unknown", payload.get("target_id") or "unknown"
    target = f"{kind}:{name}"
    severity = str(payload.get("severity") or "INFO")
    if action.startswith(_CONTROL):
        # Actors of another alphabet, such as a subject with `|`, disappear without a word.
        actor_ref = actor if _IDENTITY.fullmatch(actor) else ""
        family = control_change(action, actor_ref, target)
        return [AuditRow(action, severity=severity, family=family, **ids)]
    details = json.dumps({**payload, "activity_id": str(uuid.uuid4())}, sort_keys=True)
    return [AuditRow(action, target, details, severity, actor, **ids)]


def _alert(payload: Mapping[str, Any], ids: dict[str, Any]) -> list[AuditRow]:
    _keys(payload, frozenset({"source", "severity", "summary", "details"}))
    family = subsystem_degraded(str(payload.get("source")), str(payload.get("summary")))
    severity = str(payload.get("severity") or "HIGH")
    return [AuditRow("alert", severity=severity, source="cli", family=family, **ids)]


def read_scan(body: object) -> ScanReport | None:
    """Return the scan of a hand-over that is one; `read` has checked it before."""
    payload = body.get("scan") if isinstance(body, dict) else None
    if not isinstance(payload, dict):
        return None
    findings = tuple(
        Finding(
            str(item.get("rule_id") or item.get("id") or ""),
            str(item.get("severity") or "INFO"),
            str(item.get("title") or ""),
            str(item.get("location") or ""),
            str(item.get("remediation") or ""),
        )
        for item in payload.get("findings") or []
        if isinstance(item, dict)
    )
    took = payload.get("duration")
    return ScanReport(
        str(payload.get("scanner")),
        str(payload.get("target")),
        findings,
        duration=took if isinstance(took, int) else 0,
    )


def _nothing(payload: Mapping[str, Any], ids: dict[str, Any]) -> list[AuditRow]:
    """A measurement leaves no audit row; a scan leaves its own (`read_scan`)."""
    del payload, ids
    return []


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any], dict[str, Any]], list[AuditRow]]]] = {
    "action": _action,
    "activity": _activity,
    "alert": _alert,
    "scan": _nothing,
    "llm_bridge": _nothing,
    "webhook_delivery": _nothing,
}

"""``POST /api/v1/observability/cli``: what the Python command line hands to a v8 gateway.

Exactly one payload that matches ``kind``; unknown or repeated keys and unregistered actions
are refused. Source: DefenseClaw ``internal/gateway/cli_observability_v8.go``.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from demo.actions import bucket_of, is_registered
from demo.defenseclaw import scans, strict
from demo.defenseclaw.instance import Cause, Instance
from demo.defenseclaw.strict import Fields
from demo.history.facts import Fact
from demo.store.record import Json, LogEntry, Typed

_KINDS: Final = ("action", "activity", "alert", "scan", "llm_bridge", "webhook_delivery")
_IDENTITY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*")
_PRINCIPAL: Final = ("operator:", "principal:", "cli:")
_CONTROL: Final = ("config-", "policy-", "setup-", "guardrail-")
_ACTIVITY_KEYS: Final = (
    "actor",
    "action",
    "target_type",
    "target_id",
    "before",
    "after",
    "diff",
    "version_from",
    "version_to",
    "severity",
)
_METRIC_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "llm_bridge": (
        "model",
        "provider",
        "status",
        "duration_ms",
        "input_tokens",
        "output_tokens",
        "response_model",
        "response_id",
        "finish_reasons",
    ),
    "webhook_delivery": ("webhook_kind", "target_url", "status_code", "duration_ms", "succeeded"),
}


def read(instance: Instance, raw: bytes, cause: Cause) -> list[Fact]:
    """Return the facts of one hand-over; raises ValueError for anything DefenseClaw refuses."""
    body = Fields(strict.parse(raw), ("kind", "run_id", *_KINDS))
    kind = body.text("kind", required=True)
    arms = [name for name in _KINDS if body.has(name)]
    if kind not in _KINDS or arms != [kind]:
        raise ValueError("exactly one payload that matches kind is required")
    run_id = body.text("run_id")
    if run_id and (len(run_id) > 256 or not _IDENTITY.fullmatch(run_id)):
        raise ValueError("run_id")
    cause = replace(cause, run_id=run_id or cause.run_id)
    return _READERS[kind](instance, body.raw(kind), cause)


def _action(instance: Instance, value: object, cause: Cause) -> list[Fact]:
    body = Fields(value, ("name", "target", "details"))
    name = _registered(body.text("name"))
    entry = instance.entry(name, body.text("target"), body.text("details"), cause)
    return [replace(entry, actor="cli", source="cli")]


def _activity(instance: Instance, value: object, cause: Cause) -> list[Fact]:
    body = Fields(value, _ACTIVITY_KEYS)
    action = _registered(body.text("action"))
    target = f"{body.text('target_type') or 'unknown'}:{body.text('target_id') or 'unknown'}"
    actor = body.text("actor") or "defenseclaw"
    summary = {
        "activity_id": str(uuid.uuid4()),
        "actor": actor,
        "action": action,
        "target_type": body.text("target_type"),
        "target_id": body.text("target_id"),
        "reason": "",
        "before": body.mapping("before"),
        "after": body.mapping("after"),
        "diff": body.items("diff"),
        "version_from": body.text("version_from"),
        "version_to": body.text("version_to"),
    }
    entry = instance.entry(action, target, json.dumps(summary, sort_keys=True), cause)
    entry = replace(entry, actor=actor, severity=body.text("severity") or "INFO")
    return [_control_plane(entry) if _is_control(action) else entry]


def _is_control(action: str) -> bool:
    return bucket_of(action) == "compliance.activity" and action.startswith(_CONTROL)


def _control_plane(entry: LogEntry) -> LogEntry:
    """Store a configuration or policy change as its own family.

    Here DefenseClaw keeps only actors of a strict alphabet: another one, such as a subject
    with ``|``, silently disappears from the record.
    """
    body: dict[str, Json] = {
        "defenseclaw.admin.operation": entry.action,
        "defenseclaw.admin.origin": "api",
        "defenseclaw.admin.target_ref": entry.target,
    }
    if _IDENTITY.fullmatch(entry.actor):
        body["defenseclaw.admin.actor_ref"] = entry.actor
        if entry.actor.startswith(_PRINCIPAL):
            body["defenseclaw.admin.principal_ref"] = entry.actor
    family = "policy.updated" if entry.action.startswith("policy-") else "config.change.applied"
    typed = Typed(family, body, "apply", "applied", mandatory=True)
    return replace(entry, target="", typed=typed)


def _alert(instance: Instance, value: object, cause: Cause) -> list[Fact]:
    body = Fields(value, ("source", "severity", "summary", "details"))
    origin = body.text("source", required=True)
    details = {
        "source": origin,
        "summary": body.text("summary", required=True),
        "details": body.mapping("details"),
    }
    entry = instance.entry("alert", origin, json.dumps(details, sort_keys=True), cause)
    return [replace(entry, severity=body.text("severity") or "WARN")]


def _scan(instance: Instance, value: object, cause: Cause) -> list[Fact]:
    body = scans.scan_fields(value)
    body.text("timestamp", required=True)
    return [scans.reported(body, cause)]


def _metric(kind: str) -> Callable[[Instance, object, Cause], list[Fact]]:
    def read_metric(instance: Instance, value: object, cause: Cause) -> list[Fact]:
        """A measurement leaves no audit row; only its keys are checked."""
        Fields(value, _METRIC_KEYS[kind])
        return []

    return read_metric


def _registered(action: str) -> str:
    if not is_registered(action):
        raise ValueError(f"unknown action {action!r}")
    return action


_READERS: Final[Mapping[str, Callable[[Instance, object, Cause], list[Fact]]]] = {
    "action": _action,
    "activity": _activity,
    "alert": _alert,
    "scan": _scan,
    "llm_bridge": _metric("llm_bridge"),
    "webhook_delivery": _metric("webhook_delivery"),
}

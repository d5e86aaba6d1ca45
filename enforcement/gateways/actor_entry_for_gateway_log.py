"""The entry about who acted for a gateway's own audit log (facts/defenseclaw §9.6)."""

from __future__ import annotations

import re
from typing import Any, Final

from approvals.registry import CommitContext

_KEPT = re.compile(r"[^A-Za-z0-9._:/-]")


def actor_ref(sub: str) -> str:
    """`operator:auth0/65f0…` for `auth0|65f0…`; `cli:auth0-ata` where nobody acted."""
    if not sub:
        return "cli:auth0-ata"
    return "operator:" + _KEPT.sub("_", sub.replace("|", "/"))[:190]


# DefenseClaw's registered names; any other is refused. A plugin cannot be unblocked by its CLI.
_ACTIONS: Final = {
    ("skill", "block"): "skill-block",
    ("skill", "unblock"): "skill-unblock",
    ("skill", "allow"): "skill-allow",
    ("mcp", "block"): "block-mcp",
    ("mcp", "unblock"): "mcp-unblock",
    ("mcp", "allow"): "allow-mcp",
    ("plugin", "block"): "plugin-block",
    ("plugin", "unblock"): "api-enforce-unblock",
    ("plugin", "allow"): "plugin-allow",
    ("tool", "block"): "tool-block",
    ("tool", "unblock"): "tool-unblock",
    ("tool", "allow"): "tool-allow",
}
_AFTER: Final = {"block": "block", "allow": "allow", "unblock": ""}
_BEFORE: Final = {"block": "block", "allow": "allow", "none": ""}


def payload(ctx: CommitContext, act: str, before: str) -> dict[str, Any]:
    """The same fact in both forms: `activity` for v8, `note` for older gateways."""
    action, after = _ACTIONS[ctx.target.kind, act], _AFTER[act]
    was = _BEFORE.get(before, "")
    approval = {"id": ctx.approval, "method": "ciba"} if ctx.approval else {}
    details = {
        "install": after,
        "reason": ctx.reason[:500],
        "operation": ctx.operation,
        "intent_hash": ctx.intent_hash,
        **({"approval": approval} if approval else {}),
    }
    if ctx.approver is not None and ctx.approver.sub != ctx.actor.sub:
        details["approver"] = actor_ref(ctx.approver.sub)
    return {
        "activity": {
            "actor": actor_ref(ctx.actor.sub),
            "action": action,
            "target_type": ctx.target.kind,
            "target_id": ctx.target.name,
            "before": {"install": was},
            "after": details,
            "diff": [{"path": "/install", "op": "replace", "before": was, "after": after}],
            "severity": ctx.severity,
        },
        "note": {
            "action": action,
            "actor": ctx.actor.sub or "auth0-ata",
            "target": ctx.target.name,
            "severity": ctx.severity,
            "details": " ".join(
                f"{key}={value}"
                for key, value in (
                    ("reason", ctx.reason[:500]),
                    ("approval", ctx.approval),
                    ("operation", ctx.operation),
                )
                if value
            ),
        },
    }

"""Whom an approval waits for, how many approved already, and why it was requested: in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ata.output.safe_text import safe

_OPEN = frozenset({"starting", "waiting"})


def waits_for(approval: Mapping[str, object]) -> str:
    """`Waiting for Oona Operator (1 of 2 approved: Olu Operator)`; empty where nobody is named."""
    asks = approval.get("asks")
    each = [one for one in asks if isinstance(one, dict)] if isinstance(asks, list) else []
    waiting = _names(each, _OPEN) or [safe(approval.get("asked"))]
    if not waiting[0]:
        return ""
    said = f"Waiting for {' and '.join(waiting)}"
    needed = approval.get("needed")
    if not isinstance(needed, int) or needed < 2:
        return said
    approved = _names(each, {"approved"})
    names = f": {', '.join(approved)}" if approved else ""
    return f"{said} ({len(approved)} of {needed} approved{names})"


def severity_and_reason(approval: Mapping[str, object]) -> str:
    """`Severity: CRITICAL. Reason: reads ~/.ssh`; empty where the portal gives no severity."""
    severity, reason = safe(approval.get("severity")), safe(approval.get("reason"))
    if not severity:
        return ""
    return f"Severity: {severity}. {f'Reason: {reason}' if reason else 'No reason was given.'}"


def _names(asks: Sequence[Mapping[str, object]], states: set[str] | frozenset[str]) -> list[str]:
    found = [safe(one.get("asked")) for one in asks if one.get("state") in states]
    return list(dict.fromkeys(name for name in found if name))

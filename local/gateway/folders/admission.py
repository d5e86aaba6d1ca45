"""Whether a skill, plugin or server may be installed: lists of all agents, block first."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from local.gateway.entries import Entries

_REJECTED: Final = ("CRITICAL", "HIGH")


def admit(entries: Entries, kind: str, name: str, path: Path | None = None) -> str:
    """Return blocked, allowed, path-mismatch or scan; whose entry it is does not matter.

    An allow that names another path than `path` does not cover it.
    """
    found = [entry for entry in entries.of_name(kind, name) if entry.install]
    if any(entry.install == "block" for entry in found):
        return "blocked"
    allows = [entry for entry in found if entry.install == "allow"]
    if not allows:
        return "scan"
    pinned = [entry.source_path for entry in allows if entry.source_path]
    if path is not None and len(pinned) == len(allows) and str(path) not in pinned:
        return "path-mismatch"
    return "allowed"


def verdict_of_findings(severity: str, count: int) -> str:
    """Return clean, warning or rejected for a scan's result."""
    if count == 0:
        return "clean"
    return "rejected" if severity in _REJECTED else "warning"


def evaluate(
    entries: Entries, kind: str, name: str, scan: dict[str, object] | None, *, by_policy: bool
) -> dict[str, str]:
    """Return the answer of `/policy/evaluate`; it never says what happens at run time.

    Without `by_policy` (0.2.0 after a plain init) the built-in logic answers.
    """
    listed = admit(entries, kind, name)
    if listed in ("blocked", "allowed"):
        verdict, reason = listed, _list_reason(entries, kind, name, listed, by_policy)
    elif scan is None:
        verdict, reason = "scan", "awaiting scan"
    else:
        verdict, reason = _scan_verdict(kind, scan, by_policy=by_policy)
    if not by_policy:
        return {"verdict": verdict, "reason": reason, "file_action": "", "install_action": ""}
    severity = str(scan.get("max_severity")) if scan else ""
    rejected = verdict == "rejected"
    acted = rejected and severity != "LOW"
    return {
        "verdict": verdict,
        "reason": reason,
        "file_action": "quarantine" if acted else "none",
        "install_action": "block" if acted else "none",
        "runtime_action": "block" if rejected else "allow",
    }


def _list_reason(entries: Entries, kind: str, name: str, listed: str, by_policy: bool) -> str:
    if by_policy:
        words = "block list" if listed == "blocked" else "allow list — scan skipped"
        return f"{kind} '{name}' is on the {words}"
    install = "block" if listed == "blocked" else "allow"
    found = entries.of_name(kind, name)
    return next((entry.reason for entry in found if entry.install == install), "")


def _scan_verdict(kind: str, scan: dict[str, object], *, by_policy: bool) -> tuple[str, str]:
    severity, total = str(scan.get("max_severity", "INFO")), scan.get("total_findings", 0)
    if not total:
        return "clean", "scan clean"
    # The policies reject any finding in an MCP server.
    if severity in _REJECTED or (by_policy and kind == "mcp"):
        return "rejected", f"max severity {severity} triggers block" + (
            " per policy" if by_policy else ""
        )
    shown = f" (max {severity})" if by_policy else ""
    return "warning", f"findings present{shown} — allowed with warning"

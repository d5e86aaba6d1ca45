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
    entries: Entries, kind: str, name: str, scan: dict[str, object] | None
) -> dict[str, str]:
    """Return the answer of `/policy/evaluate`; it never says what happens at run time."""
    listed = admit(entries, kind, name)
    if listed == "blocked":
        verdict, reason = "blocked", f"{kind} '{name}' is on the block list"
    elif listed == "allowed":
        verdict, reason = "allowed", f"{kind} '{name}' is on the allow list — scan skipped"
    elif scan is None:
        verdict, reason = "scan", "awaiting scan"
    else:
        severity = str(scan.get("max_severity", "INFO"))
        total = scan.get("total_findings", 0)
        verdict = verdict_of_findings(severity, total if isinstance(total, int) else 0)
        reason = f"max severity {severity}"
    rejected = verdict == "rejected"
    return {
        "verdict": verdict,
        "reason": reason,
        "file_action": "quarantine" if rejected else "none",
        "install_action": "block" if rejected else "none",
        "runtime_action": "disable" if rejected else "allow",
    }

"""The admission preview: what the default policy says about an asset and a scan result.

Source: DefenseClaw ``policies/rego/admission.rego`` with the default ``data.json``: block
list before allow list before scan, then the severity matrix with its overrides by kind.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Final

type Target = tuple[str, str]
type Cell = tuple[str, str, str]

_BLOCK: Final[Cell] = ("quarantine", "block", "block")
_PASS: Final[Cell] = ("none", "none", "allow")
_MATRIX: Final[Mapping[str, Cell]] = {
    "CRITICAL": _BLOCK,
    "HIGH": _BLOCK,
    "MEDIUM": _PASS,
    "LOW": _PASS,
    "INFO": _PASS,
}
_OVERRIDES: Final[Mapping[Target, Cell]] = {
    ("mcp", "MEDIUM"): _BLOCK,
    ("mcp", "LOW"): ("none", "none", "block"),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The policy's answer, in the field names of DefenseClaw's own reply."""

    verdict: str
    reason: str
    file_action: str = "none"
    install_action: str = "none"
    runtime_action: str = "allow"

    def as_json(self) -> dict[str, object]:
        """Return the reply's ``data`` object."""
        return asdict(self)


def preview(
    target: Target,
    scan: tuple[str, int] | None,
    *,
    blocked: Collection[Target],
    allowed: Collection[Target],
) -> Verdict:
    """Say what admission would decide; ``scan`` is (worst severity, number of findings)."""
    kind, name = target
    if target in blocked:
        return Verdict("blocked", f"{kind} '{name}' is on the block list", "none", "block", "block")
    if target in allowed:
        return Verdict("allowed", f"{kind} '{name}' is on the allow list — scan skipped")
    if scan is None:
        return Verdict("scan", "awaiting scan")
    severity, findings = scan
    if findings == 0:
        return Verdict("clean", "scan clean")
    cell = _OVERRIDES.get((kind, severity), _MATRIX.get(severity, _PASS))
    if "block" in cell[1:]:
        return Verdict("rejected", f"max severity {severity} triggers block per policy", *cell)
    return Verdict("warning", f"findings present (max {severity}) — allowed with warning", *cell)

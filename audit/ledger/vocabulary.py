"""Closed sets that an event's plain fields draw from."""

from __future__ import annotations

from typing import Final

OUTCOMES: Final = ("success", "failure", "denied", "expired", "cancelled", "pending", "unknown")
"""How an act ended."""

SEVERITIES: Final = ("INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL")
"""From the mildest to the gravest; the position is the rank."""

SOURCES: Final = ("portal", "defenseclaw", "auth0", "broker", "external")
"""Which system told us."""

VIAS: Final = ("web", "api", "cli", "task", "import", "tenant", "broker")
"""Through which door the act came."""

ROLES: Final = ("member", "auditor", "operator", "admin")
"""`member` is a signed-in person without any other role."""

HUMAN_LEVELS: Final = ("H0", "H1", "H2", "H3")
LOG_LEVELS: Final = ("L0", "L1", "L2", "L3")

_RANK: Final = {name: rank for rank, name in enumerate(SEVERITIES)}


def severity_rank(severity: str) -> int:
    """Return 0 (INFO) to 4 (CRITICAL).

    Raises:
        ValueError: not one of SEVERITIES.
    """
    try:
        return _RANK[severity]
    except KeyError:
        raise ValueError(f"severity {severity!r} is not one of {', '.join(SEVERITIES)}") from None


def gravest(*severities: str) -> str:
    """Return the gravest of the given severities; INFO when there is none."""
    return max(severities, key=severity_rank, default=SEVERITIES[0])

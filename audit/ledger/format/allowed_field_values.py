"""Closed sets that an event's plain fields draw from."""

from __future__ import annotations

from typing import Final

OUTCOMES: Final = ("success", "failure", "denied", "expired", "cancelled", "pending", "unknown")
"""How an act ended."""

SEVERITIES: Final = ("INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL")
"""From the mildest to the gravest; the position is the rank."""

SOURCES: Final = ("portal", "defenseclaw", "auth0", "broker", "external")
"""Which system told us."""

IMPORTED: Final = ("defenseclaw", "external")
"""Sources whose events another system wrote: whoever holds its token chose what they say."""

VIAS: Final = ("web", "api", "cli", "task", "import", "tenant", "broker", "phone")
"""Through which door the act came."""

ROLES: Final = ("member", "auditor", "operator", "admin")
"""`member` is a signed-in person without any other role."""

HUMAN_WORDS: Final = {
    "H0": "asserted",
    "H1": "signed in",
    "H2": "signed for this act",
    "H3": "signed twice for this act",
}
"""How well a person's part in an act is proven, in words."""

LOG_WORDS: Final = {
    "L0": "recorded",
    "L1": "in the signed log",
    "L2": "witnessed by others",
    "L3": "witnessed and timed by others",
}
"""How well the record itself is anchored, in words."""

HUMAN_LEVELS: Final = tuple(HUMAN_WORDS)
LOG_LEVELS: Final = tuple(LOG_WORDS)

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

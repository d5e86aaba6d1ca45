"""How strongly a person is tied to an event: the human scale H0 … H3 (DESIGN 1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def level(event: Mapping[str, Any]) -> str:
    """Level code of a public event, from the bodies in the evidence store.

    Never from mere presence: `audit.ledger.levels` verifies each body, as `ata verify` does.
    """
    if not event["evidence"]:
        return "H0"
    from audit import evidence
    from audit.ledger import levels

    bodies = evidence.bodies(ref["digest"] for ref in event["evidence"])
    return levels.human(dict(event), bodies, evidence.IssuerKeys()).code

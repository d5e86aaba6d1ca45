"""Which actions of the trail are decisions."""

from __future__ import annotations

from approvals import registry
from enforcement.gateways import gateway_made_decision_actions


def decision_actions() -> list[str]:
    """Actions that are the result of a decision: by our verbs, or at a gateway itself."""
    return sorted(
        {registry.get(name).event for name in registry.names()}
        | set(gateway_made_decision_actions.decisions())
    )

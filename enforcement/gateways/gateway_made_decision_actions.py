"""What DefenseClaw records when somebody decides there, past the portal.

Its rows name a program or a bare word as the actor, so such a decision names no verified human: the
gap that auditors look for (facts of DefenseClaw's audit log: names of actions).
"""

from __future__ import annotations

_KINDS = {
    "skill": ("skill-block", "skill-unblock", "skill-allow", "skill-quarantine", "skill-restore"),
    "plugin": ("plugin-block", "plugin-allow", "plugin-quarantine", "plugin-restore"),
    "mcp": ("block-mcp", "allow-mcp", "mcp-unblock"),
    "tool": ("tool-block", "tool-allow", "tool-unblock"),
    "alert": ("alert-acknowledged", "alert-dismissed"),
}


def decisions() -> list[str]:
    """Actions of imported events that are decisions somebody took at a gateway."""
    return [f"defenseclaw.{action}" for actions in _KINDS.values() for action in actions]

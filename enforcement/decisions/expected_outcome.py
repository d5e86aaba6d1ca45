"""What a block or an allow would come to at gateways, in words for the person who approves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from audit.recording.actors import Target
from enforcement.gateways import effects_at_gateways, instances
from enforcement.outposts import command_recipients

_DISABLES: Final = "The outpost there disables it."
_RUNS_ON: Final = (
    "It runs on where it is installed now. The gateway is asked to quarantine it when its folder "
    "is next created again or renamed."
)
_BLOCKS_FILES: Final = (
    "Where a gateway has an outpost, that disables it. Elsewhere it runs on where it is installed, "
    "and the gateway is asked to quarantine it when its folder is next created again or renamed."
)
BLOCKS: Final = {
    "skill": _BLOCKS_FILES,
    "plugin": _BLOCKS_FILES,
    "mcp": "Each gateway is asked to stop calls of this exact name; some agents name no server.",
    "tool": "Each gateway is asked to stop calls of this exact name, for agents in action mode.",
}
"""What a block does at a gateway, for a phone; the page says it for each agent."""
ALLOWS: Final = dict.fromkeys(
    ("skill", "plugin", "mcp"),
    "Each gateway named is asked to admit it without a scan until it is blocked.",
) | {
    "tool": "Each gateway is asked to allow it; from DefenseClaw 0.8.4 on this turns off every "
    "rule for the tool."
}


def expects(act: str) -> Callable[[Target, Mapping[str, Any]], str]:
    """What the act would come to at each gateway, as `BLOCKS` says it in general."""

    def words(target: Target, _params: Mapping[str, Any]) -> str:
        known = effects_at_gateways.expected(act, target.kind, target.name, target.instance)
        return known or (_block_of_files(target) if act == "block" else "")

    return words


def _block_of_files(target: Target) -> str:
    """What a block does at the gateways that it covers, where a component is files; empty where it
    is not, or where some have an outpost and others have none."""
    if BLOCKS[target.kind] != _BLOCKS_FILES:
        return ""
    covered = instances.fleet().scope(target.instance)
    with_outpost = [bool(command_recipients.outpost_of(one.name)) for one in covered]
    if not covered or len(set(with_outpost)) > 1:
        return ""
    return _DISABLES if with_outpost[0] else _RUNS_ON

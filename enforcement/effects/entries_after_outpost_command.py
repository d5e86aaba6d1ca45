"""What a command makes of the entries at a gateway with an outpost (`ata.outpost.commands`).

It disables and enables skills and plugins too, and ends only what this portal added.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from enforcement.effects.gateway_facts import Entry, GatewayFacts

_INSTALLED: Final = frozenset({"skill", "plugin"})
_RELAXES: Final = frozenset({"release", "unblock", "allow"})


def after(facts: GatewayFacts, act: str) -> GatewayFacts:
    """The same once the outpost carried out `act`."""
    if facts.entries is None:
        return facts
    if act in _RELAXES:
        kept = tuple(_ended(one) if _is_ended(one, act) else one for one in facts.entries)
        facts = replace(facts, entries=kept)
        return facts.with_install("allow") if act == "allow" else facts
    disabled = facts.with_runtime("disable") if facts.kind in _INSTALLED else facts
    is_listed = act == "block" or facts.kind not in _INSTALLED
    return disabled.with_install("block") if is_listed else disabled


def is_disabled_by_others(facts: GatewayFacts) -> bool:
    """Whether somebody else disabled it for all agents, so that no allow would be taken."""
    return bool(facts.for_all and facts.for_all.runtime == "disable" and not facts.for_all.ours)


def only_copies(facts: GatewayFacts, act: str) -> bool:
    """Whether the act counts for the agents alone in whose folders the thing lies."""
    return act in {"hold", "block"} and facts.kind in _INSTALLED and len(facts.agents) > 1


def _is_ended(entry: Entry, act: str) -> bool:
    return entry.ours == "hold" or (entry.ours == "block" and act != "release")


def _ended(entry: Entry) -> Entry:
    return replace(entry, install="", file="", runtime="")

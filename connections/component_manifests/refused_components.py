"""Which of many components the broker refuses by what was decided about them."""

from __future__ import annotations

from collections.abc import Iterable

from connections.component_manifests import allow_required_before_credentials
from connections.component_manifests import enforcement_decision_hook as hook


def among(components: Iterable[str]) -> set[str]:
    """Those, as `kind:name`, that are blocked, on hold, or not allowed where they have to be; two
    queries for all of them. What names no component is never refused so."""
    named = {one: _kind_and_name(one) for one in components if one}
    if not named:
        return set()
    decided = hook.decisions_of(set(named.values()))
    takes = {hook.ALLOW, hook.NONE} if allow_required_before_credentials.is_open() else {hook.ALLOW}
    return {one for one, component in named.items() if decided[component] not in takes}


def _kind_and_name(component: str) -> tuple[str, str]:
    """Of a bare name, which is a skill's."""
    kind, colon, name = component.partition(":")
    return (kind, name) if colon else ("skill", component)

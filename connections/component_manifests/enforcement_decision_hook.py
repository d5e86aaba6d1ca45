"""What enforcement decided about a component, through a hook: neither app imports the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

NONE: Final = "none"
ALLOW: Final = "allow"
BLOCK: Final = "block"
HOLD: Final = "hold"

_source: Callable[[str, str], str] = lambda _kind, _name: NONE  # noqa: E731 - a default, replaced


def answer_with(source: Callable[[str, str], str]) -> None:
    """Wire who knows: `source(kind, name)` answers none, allow, block or hold."""
    global _source
    _source = source


def decision_of(kind: str, name: str) -> str:
    """The decision in force about a component."""
    return _source(kind, name)

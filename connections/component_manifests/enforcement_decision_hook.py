"""What enforcement decided about a component, through a hook: neither app imports the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

NONE: Final = "none"
ALLOW: Final = "allow"
BLOCK: Final = "block"
HOLD: Final = "hold"

type Component = tuple[str, str]
"""Kind and name."""
type Source = Callable[[Collection[Component]], Mapping[Component, str]]


def _nothing_decided(components: Collection[Component]) -> Mapping[Component, str]:
    return dict.fromkeys(components, NONE)


_source: Source = _nothing_decided


def answer_with(source: Source) -> None:
    """Wire who knows the decisions about many components at once, those about none included."""
    global _source
    _source = source


def decision_of(kind: str, name: str) -> str:
    """The decision in force about a component."""
    return _source([(kind, name)])[kind, name]


def decisions_of(components: Collection[Component]) -> Mapping[Component, str]:
    """The decision in force about each of them."""
    return _source(components)

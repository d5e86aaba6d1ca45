"""Filters as people write them: the language of DESIGN 2.4 with the actions that are registered."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from audit import clock
from audit.ledger.query import EventQuery
from audit.recording import action_registry


class _Actions(Collection[str]):
    """Every action an event can have; the open families take any name."""

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        return (
            name in action_registry.names()
            or name.partition(".")[0] in action_registry.OPEN_FAMILIES
        )

    def __iter__(self) -> Iterator[str]:
        yield from action_registry.names()
        for family in action_registry.families():
            yield f"{family}.*"

    def __len__(self) -> int:
        return len(action_registry.names())


class _Categories(Collection[str]):
    """Every family of actions, the open ones included."""

    def __contains__(self, name: object) -> bool:
        return name in action_registry.families()

    def __iter__(self) -> Iterator[str]:
        yield from action_registry.families()

    def __len__(self) -> int:
        return len(action_registry.families())


VOCABULARY: Mapping[str, Collection[str]] = {"action": _Actions(), "category": _Categories()}


def from_dict(filter: Mapping[str, Any]) -> EventQuery:
    """Read the API's filter object; mistakes land in `errors`, an unknown action is one."""
    return EventQuery.from_dict(filter, VOCABULARY, clock.now())


def from_bar(text: str) -> EventQuery:
    """Read the text of a query bar; mistakes as in `from_dict`."""
    return EventQuery.from_bar(text, VOCABULARY, clock.now())

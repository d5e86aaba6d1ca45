"""Reading rows that somebody may have bent: one that cannot be read spoils no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.db import DataError

# What converters raise for a value that no writer of ours puts into its column.
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, DataError)


def each[K, V](
    keys: Sequence[K], load: Callable[[Sequence[K]], dict[K, V]]
) -> tuple[dict[K, V], dict[K, str]]:
    """Load many at once, or one by one where that fails; what was found, and what is unreadable."""
    try:
        return load(keys), {}
    except UNREADABLE:
        pass
    found: dict[K, V] = {}
    broken: dict[K, str] = {}
    for key in keys:
        try:
            found |= load([key])
        except UNREADABLE as error:
            broken[key] = f"{type(error).__name__}: {error}"
    return found, broken

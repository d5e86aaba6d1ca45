"""A filter said in words."""

from __future__ import annotations

from collections.abc import Iterable

from audit.ledger.query.filter_keys import KEYS, ORDERS

_QUOTED = frozenset(("q",))


def in_words(clauses: Iterable[tuple[str, tuple[str, ...], bool]], order: str) -> str:
    """Return one sentence, such as `Events by Ada with outcome denied, newest first`."""
    included: list[str] = []
    excluded: list[str] = []
    for name, values, negative in clauses:
        (excluded if negative else included).append(_phrase(name, values))
    parts = [" ".join(["Events" if included or excluded else "All events", *included])]
    parts += [f"not {phrase}" for phrase in excluded]
    parts.append(ORDERS[order])
    return ", ".join(parts)


def _phrase(name: str, values: tuple[str, ...]) -> str:
    key = KEYS[name]
    said = [f"“{value}”" if name in _QUOTED or " " in value else key.say(value) for value in values]
    if len(said) > 1:
        said = [", ".join(said[:-1]), said[-1]]
    return key.phrase.format(" or ".join(said))

"""The query bar: `key:value`, `-key:value`, quotes for spaces, bare words are free text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from audit.ledger.query.errors import QueryError

type Pair = tuple[str, bool, str]
"""(key, excluded, value), nothing checked yet."""

_TOKEN: Final = re.compile(
    r"""\s*(?P<minus>-?)(?:(?P<key>[A-Za-z_]+):)?
        (?:"(?P<quoted>(?:\\.|[^"\\])*)"(?=\s|\Z)|(?P<open>")|(?P<bare>\S*))""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN: Final = re.compile(r'(?![-"])(?![A-Za-z_]+:)\S+')
_VALUE: Final = re.compile(r'(?!")\S+')
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def read(text: str) -> tuple[list[Pair], list[QueryError]]:
    """Split a query bar into pairs. Bare words make one `q` value; `-word` excludes that word."""
    pairs: list[Pair] = []
    loose: list[str] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None or found["open"]:
            key = (found["key"] if found else "") or "q"
            message = f'a quote after {key} is not closed: write " at its end, or \\" inside it'
            return pairs, [QueryError(key, message)]
        position = found.end()
        value = _ESCAPED.sub(r"\1", found["quoted"]) if found["quoted"] is not None else ""
        value = value or found["bare"] or ""
        excluded, key = bool(found["minus"]), found["key"]
        if key is not None:
            pairs.append((key, excluded, value))
        elif excluded:
            pairs.append(("q", True, value))
        elif value:
            loose.append(value)
    if loose:
        pairs.insert(0, ("q", False, " ".join(loose)))
    return pairs, []


def write(pairs: Iterable[Pair]) -> str:
    """Return a query bar that `read` turns into the same pairs."""
    listed = list(pairs)
    free = [value for key, excluded, value in listed if key == "q" and not excluded]
    bare = len(free) == 1 and all(_PLAIN.fullmatch(word) for word in free[0].split(" "))
    parts: list[str] = []
    for key, excluded, value in listed:
        if bare and key == "q" and not excluded:
            parts.append(value)
        else:
            parts.append(f"{'-' if excluded else ''}{key}:{_quoted(value)}")
    return " ".join(parts)


def _quoted(value: str) -> str:
    if _VALUE.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

"""Free-text search, defined once.

A text is put into NFKC, case-folded (and NFKC again, because folding can undo it) and cut into
words: runs of letters and digits, that is of characters for which `str.isalnum` is true. A term
matches an event that has that word, or with a trailing `*` a word that starts so. No stemming.
A database index that stores `search_words(event)` searches the same thing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from unicodedata import normalize

TEXT_FIELDS: Final = (
    "action",
    "actor.sub",
    "actor.name",
    "actor.email",
    "on_behalf_of.sub",
    "on_behalf_of.name",
    "on_behalf_of.email",
    "target.kind",
    "target.name",
    "instance",
    "connection",
    "agent",
    "skill",
    "reason",
    "changes",
    "data",
)
"""Fields of the public event JSON that `q` searches: all strings and numbers in them, at any depth.

Names of members, booleans and erased values are not searched; opaque ids have keys of their own.
Nor is `data.raw`, the verbatim copy of another system's row: what it says stands in other fields,
and the technical words in it would be found in every event.
"""

_VERBATIM: Final = "raw"

_WORD: Final = re.compile(r"[^\W_]+")
_TERM: Final = re.compile(r"([^\W_]+)(\*?)")


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a free-text filter; `prefix` when it ended in `*`."""

    word: str
    prefix: bool = False


def normalise(text: str) -> str:
    """Return the text in the form in which texts are compared."""
    if text.isascii():
        return text.lower()
    return normalize("NFKC", normalize("NFKC", text).casefold())


def words(text: str) -> list[str]:
    """Return the words of a text, in order."""
    return _WORD.findall(normalise(text))


def terms(text: str) -> tuple[Term, ...]:
    """Return the terms of a free-text filter, each once; an event must have them all."""
    found = dict.fromkeys(_TERM.findall(normalise(text)))
    return tuple(Term(word, bool(star)) for word, star in found)


def search_words(event: dict[str, Any]) -> frozenset[str]:
    """Return all words of the event that `q` searches."""
    return frozenset(words(searched(event)))


def searched(event: dict[str, Any], fields: tuple[str, ...] = TEXT_FIELDS) -> str:
    """Return what `q` searches in fields as one text, whose words are those of its parts."""
    # One normalisation of everything: a line break belongs to no word and composes with nothing.
    found: list[str] = []
    for field, member in _paths(fields):
        value: Any = event.get(field)
        if member:
            value = value.get(member) if isinstance(value, dict) else None
        elif field == "data":
            value = _spoken(value)
        if type(value) is str:
            found.append(value)
        elif value is not None:
            _leaves(value, found)
    return "\n".join(found)


@cache
def _paths(fields: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Each field as its name and that of a member, which may be empty."""
    parts = (field.partition(".") for field in fields)
    return tuple((name, member) for name, _, member in parts)


def _spoken(data: Any) -> Any:
    if isinstance(data, dict) and _VERBATIM in data:
        return {key: member for key, member in data.items() if key != _VERBATIM}
    return data


def _leaves(value: Any, found: list[str]) -> None:
    kind = type(value)
    if kind is str:
        found.append(value)
    elif kind is dict:
        for member in value.values():
            if type(member) is str:
                found.append(member)
            else:
                _leaves(member, found)
    elif isinstance(value, list | tuple):
        for member in value:
            _leaves(member, found)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found.append(str(value))
    elif isinstance(value, str):
        found.append(value)
    elif isinstance(value, dict):
        _leaves(dict(value), found)

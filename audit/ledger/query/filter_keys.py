"""The keys of the filter language: which values each takes and what it says in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Final

from audit.ledger.format.allowed_field_values import (
    HUMAN_LEVELS,
    HUMAN_WORDS,
    LOG_LEVELS,
    LOG_WORDS,
    OUTCOMES,
    ROLES,
    SEVERITIES,
    SOURCES,
    VIAS,
)
from audit.ledger.query.text_search import terms

ORDERS: Final[Mapping[str, str]] = {
    "newest": "newest first",
    "oldest": "oldest first",
    "happened": "by when they happened, latest first",
    "happened-oldest": "by when they happened, earliest first",
}
"""Orders in words. The first two are by index, which is the order in which events were recorded;
the others are by event time."""
MAX_VALUE: Final = 1000

_ACTION: Final = re.compile(r"[a-z][a-z0-9_]*(?:\.[A-Za-z0-9_:-]+)*(?:\.\*)?")
_CATEGORY: Final = re.compile(r"[a-z][a-z0-9_]*")
_CURSOR: Final = re.compile(r"[A-Za-z0-9_.~=-]{1,512}")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_TIME_EXAMPLE: Final = "2026-01-31 or 2026-01-31T09:30:00Z"


class BadValue(ValueError):
    """A value that its key does not take; `nearest` is one it does take, or ""."""

    def __init__(self, message: str, nearest: str = "") -> None:
        super().__init__(message)
        self.nearest = nearest


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the language.

    Attributes:
        name: as written.
        read: returns the canonical spelling of a value, or raises BadValue.
        phrase: sentence part with `{}` for the values; the negative one is made from it.
        choices: the closed set of values, or ().
        labels: words for those values whose code says nothing.
        paging: true for `order` and `cursor`, which neither repeat nor exclude.
    """

    name: str
    read: Callable[[str], str]
    phrase: str
    choices: tuple[str, ...] = ()
    labels: Mapping[str, str] | None = None
    paging: bool = False

    def say(self, value: str) -> str:
        """Return the value in words."""
        return f"{self.labels[value]} ({value})" if self.labels else value


def nearest_of(value: str, allowed: Iterable[str], likeness: float = 0.4) -> str:
    """Return the most similar allowed value, ignoring case; "" when none is much like it."""
    folded = {candidate.casefold(): candidate for candidate in allowed}
    found = get_close_matches(value.casefold(), folded, n=1, cutoff=likeness)
    return folded[found[0]] if found else ""


def nearest_key(name: str) -> str:
    """Return the key that was probably meant: one that means the same, or is spelled alike."""
    return _OTHER_NAMES.get(name.casefold()) or nearest_of(name, KEYS, 0.6)


def instant(value: str) -> datetime:
    """Return the moment that `after` or `before` names: a date is its 00:00 UTC.

    Raises:
        ValueError: neither an ISO date nor RFC 3339.
    """
    if _DATE.fullmatch(value):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    if not _RFC3339.fullmatch(value):
        raise ValueError(f"{value!r} is neither a date nor RFC 3339")
    return datetime.fromisoformat(value.upper()).astimezone(UTC)


def _any(value: str) -> str:
    return value


def _text(value: str) -> str:
    if not terms(value):
        raise BadValue("needs at least one letter or digit")
    return " ".join(value.split())


def _action(value: str) -> str:
    if _ACTION.fullmatch(value):
        return value
    nearest = re.sub(r"[^a-z0-9_.:*-]+", "_", value.lower().replace(" ", "."))
    nearest = re.sub(r"(?<!\.)\.*+\*+.*$", ".*", nearest).lstrip("0123456789._:*-")
    raise BadValue("is an action such as skill.blocked or a family such as skill.*", nearest)


def _category(value: str) -> str:
    if _CATEGORY.fullmatch(value):
        return value
    nearest = value.lower().partition(".")[0]
    raise BadValue(
        "is the first part of an action, such as skill",
        nearest if _CATEGORY.fullmatch(nearest) else "",
    )


def _time(value: str) -> str:
    try:
        instant(value)
    except (ValueError, OverflowError):
        raise BadValue(
            "is a date or RFC 3339 time, or such as 7d or yesterday",
            _TIME_EXAMPLE,
        ) from None
    return value


def _cursor(value: str) -> str:
    if not _CURSOR.fullmatch(value):
        raise BadValue("is a cursor from an earlier answer")
    return value


def _order(value: str) -> str:
    return "newest" if value.casefold() == "recorded" else _one_of(tuple(ORDERS))(value)


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    spelling = {choice.casefold(): choice for choice in choices}

    def read(value: str) -> str:
        try:
            return spelling[value.casefold()]
        except KeyError:
            raise BadValue(f"is one of {', '.join(choices)}", nearest_of(value, choices)) from None

    return read


def _closed(
    name: str,
    choices: tuple[str, ...],
    phrase: str,
    labels: Mapping[str, str] | None = None,
    paging: bool = False,
) -> Key:
    return Key(name, _one_of(choices), phrase, choices, labels, paging)


KEYS: Final[Mapping[str, Key]] = {
    key.name: key
    for key in (
        Key("q", _text, "mentioning {}"),
        Key("action", _action, "with action {}"),
        Key("actor", _any, "by {}"),
        Key("target", _any, "on {}"),
        _closed("outcome", OUTCOMES, "with outcome {}"),
        _closed("severity", SEVERITIES, "of severity {}"),
        _closed("source", SOURCES, "reported by {}"),
        Key("instance", _any, "at instance {}"),
        Key("connection", _any, "using connection {}"),
        Key("agent", _any, "with agent {}"),
        Key("approval", _any, "of approval {}"),
        Key("operation", _any, "of operation {}"),
        Key("category", _category, "of category {}"),
        Key("session", _any, "in session {}"),
        Key("request", _any, "of request {}"),
        _closed("via", VIAS, "through {}"),
        _closed("role", ROLES, "by someone who is {}"),
        _closed("human", HUMAN_LEVELS, "with human evidence {}", HUMAN_WORDS),
        _closed("log", LOG_LEVELS, "with log evidence {}", LOG_WORDS),
        Key("after", _time, "from {} on"),
        Key("before", _time, "before {}"),
        Key("order", _order, "{}", tuple(ORDERS), paging=True),
        Key("cursor", _cursor, "after {}", paging=True),
    )
}
"""All keys, in the order in which a filter is written out."""

_OTHER_NAMES: Final = {
    **dict.fromkeys(
        ("person", "user", "who", "by", "email", "name", "approver", "requester", "subject"),
        "actor",
    ),
    **dict.fromkeys(("component", "skill", "mcp", "plugin", "tool"), "target"),
    **dict.fromkeys(("since", "from", "date", "time"), "after"),
    "until": "before",
    "to": "before",
    "gateway": "instance",
    "channel": "via",
    "family": "category",
    "status": "outcome",
    "result": "outcome",
}
"""Keys that people try which are none, and the key for what they look for."""

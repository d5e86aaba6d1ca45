"""Every word and every filter value of an event, as index tokens.

One inverted index answers the whole filter language (DESIGN 2.4). A word of `q` is indexed as it
is. A filter value becomes `_<key>_<digest>`: it starts with an underscore, which no word contains,
so that a free-text prefix such as `act*` can never reach it. Times become one token per hour, day,
month, year and decade, so that any range is a short list of tokens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from audit.ledger.format.commitment import subject_key
from audit.ledger.query import normalise, words
from audit.ledger.query.text_search import searched

ALL = "_all"  # in every row, so that a query of exclusions alone has something to exclude from
PLAIN_KEYS = (
    "outcome",
    "severity",
    "source",
    "instance",
    "connection",
    "agent",
    "approval",
    "operation",
    "session",
    "request",
    "via",
)
# Fields that `q` searches: of people, and others.
_NAMES = ("sub", "email", "name")
_OTHERS = ("target.name", "reason", "changes", "data")
_NAMED = ("instance", "connection", "agent", "skill")
_OPAQUE = ("approval", "operation", "session", "request")  # searched by their keys alone
# PostgreSQL refuses lexemes over 2,046 bytes; longer words are told apart by a digest.
MAX_WORD = 480
_FIRST_YEAR, _END_YEAR = 1970, 2200
_OUTSIDE = "_tx"


@lru_cache(maxsize=65536)
def value_token(key: str, value: str) -> str:
    """Token of one filter value, 80 bits of SHA-256 long."""
    return f"_{key}_{hashlib.sha256(value.encode()).hexdigest()[:20]}"


def word_token(word: str) -> str:
    """Token of one word of free text."""
    if len(word) <= MAX_WORD:
        return word
    return word[:MAX_WORD] + hashlib.sha256(word.encode()).hexdigest()[:20]


def terms_of(event: dict[str, Any], human: str) -> str:
    """All tokens of a public event, each once, separated and surrounded by one space."""
    tokens = set(_words(searched(event, _OTHERS)))
    tokens.update(
        _of_kind(event["action"], event["outcome"], event["severity"], event["source"]),
        _of_way(event["via"], human),
        _time_tokens(event["time"][:13]),
    )
    for key in _NAMED:
        if value := event[key]:
            tokens.update(_of_name(key, value))
    for key in _OPAQUE:
        if value := event[key]:
            tokens.add(value_token(key, value))
    if target := event["target"]:
        if kind := target["kind"]:
            tokens.update(_of_name("", kind))
        if isinstance(name := target["name"], str):
            tokens.add(value_token("target", normalise(name)))
    for someone in (event["actor"], event["on_behalf_of"]):
        if someone:
            tokens.update(_of_person(someone))
    return f" {' '.join(sorted(tokens))} "


def _words(text: str) -> Iterable[str]:
    found = words(text)
    return map(word_token, found) if len(text) > MAX_WORD else found


@lru_cache(maxsize=4096)
def _of_kind(action: str, outcome: str, severity: str, source: str) -> tuple[str, ...]:
    """Tokens of what happened: words and name of the action, and the families that it is of."""
    parts = action.split(".")
    families = (".".join(parts[:depth]) + ".*" for depth in range(1, len(parts)))
    return (
        ALL,
        *_words(action),
        *(value_token("action", name) for name in (action, *families)),
        value_token("outcome", outcome),
        value_token("severity", severity),
        value_token("source", source),
    )


@lru_cache(maxsize=64)
def _of_way(via: str, human: str) -> tuple[str, ...]:
    return value_token("via", via), value_token("human", human)


def _of_name(key: str, value: str) -> tuple[str, ...]:
    """Words of a name, and its token under a key that is filtered by."""
    return (*_words(value), value_token(key, value)) if key in PLAIN_KEYS else tuple(_words(value))


def _of_person(person: Mapping[str, Any]) -> list[str]:
    """Tokens of an actor, who has roles, or of a principal; what is erased has none."""
    texts = [text for field in _NAMES if isinstance(text := person[field], str)]
    tokens = [word for text in texts for word in _words(text)]
    if key := person_key(person):
        tokens.append(value_token("person", key))
    if "roles" in person:
        tokens += [value_token("actor", normalise(text)) for text in texts if text]
        roles = person["roles"] or (("member",) if person["iss"] else ())
        tokens += [value_token("role", role) for role in roles]
    return tokens


def forget() -> None:
    """Keep no word of anybody."""
    for kept in (value_token, _of_kind):
        kept.cache_clear()


def person_key(someone: Mapping[str, Any] | None) -> str:
    """`subject_key` of a person of a public event; empty for nobody, and once erased."""
    sub = someone["sub"] if someone else ""
    return subject_key(someone["iss"], sub) if someone and isinstance(sub, str) else ""


@lru_cache(maxsize=4096)
def _time_tokens(hour: str) -> tuple[str, ...]:
    """Tokens of an hour as an event writes it: `2026-11-25T19`, UTC."""
    if not _FIRST_YEAR <= int(hour[:4]) < _END_YEAR:
        return (_OUTSIDE,)
    hour = f"_t{hour[:4]}{hour[5:7]}{hour[8:10]}{hour[11:13]}"
    return hour, hour[:10], hour[:8], hour[:6], hour[:5]


_LENGTHS = {"hour": 12, "day": 10, "month": 8, "year": 6, "decade": 5}


def range_tokens(start: datetime | None, end: datetime | None) -> tuple[str, ...]:
    """Tokens of which an event has at least one whenever `start <= time < end`.

    The hours at both edges are covered whole, so the exact times are still to be compared. An
    empty range gives no token.
    """
    outside = (start is None or start.year < _FIRST_YEAR) or (end is None or end.year >= _END_YEAR)
    low = datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC)
    high = datetime(_END_YEAR, 1, 1, tzinfo=UTC)
    at = min(max(start, low), high) if start else low
    at = at.replace(minute=0, second=0, microsecond=0)
    stop = min(max(end, low), high) if end else high
    tokens = [_OUTSIDE] if outside else []
    while at < stop:
        unit, after = next(_units(at, stop))
        tokens.append(f"_t{at:%Y%m%d%H}"[: _LENGTHS[unit]])
        at = after
    return tuple(tokens)


def _units(at: datetime, stop: datetime) -> Iterator[tuple[str, datetime]]:
    """Units that begin exactly at `at` and end by `stop`, largest first; an hour always does."""
    midnight = at.hour == 0
    first = midnight and at.day == 1
    january = first and at.month == 1
    if january and at.year % 10 == 0 and (after := at.replace(year=at.year + 10)) <= stop:
        yield "decade", after
    if january and (after := at.replace(year=at.year + 1)) <= stop:
        yield "year", after
    if first and (after := (at + timedelta(days=32)).replace(day=1)) <= stop:
        yield "month", after
    if midnight and (after := at + timedelta(days=1)) <= stop:
        yield "day", after
    yield "hour", at + timedelta(hours=1)

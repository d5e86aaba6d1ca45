"""What is looked for in the inventory: one value that a URL, the API and an export share.

Each filter may be repeated: its values are alternatives, but `show`, whose conditions all hold.
Without `state` what is revoked is left out.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Final
from uuid import UUID

from connections.status.account_status import Code

_PLAIN: Final = re.compile(r"[\w@.:|/+-]+")
LONGEST: Final = 255  # characters of one value
MOST: Final = 50  # values of one filter
SHOWS: Final = {
    "idle": "not seen in use for 90 days",
    "unseen": "not seen in use through our broker since tracking began",
    "excess": "more scope than manifests need",
    "missing": "less scope than manifests need",
}
SOURCES: Final = {
    "management": "Auth0’s Management API",
    "my_account": "My Account API",
}
GROUPS: Final = {
    "service": "service",
    "connection": "connection",
    "person": "person",
    "agent": "agent",
}
UNNAMED: Final = "unnamed"
"""Stands for an agent or a component that gave no name."""
FILTERS: Final[Mapping[str, Mapping[str, str] | None]] = {
    "state": {code.value: code.label for code in reversed(Code)},
    "connection": None,
    "owner": None,
    "agent": None,
    "skill": None,
    "source": SOURCES,
    "show": SHOWS,
}
"""Each filter with the values it takes, None for any text."""
KEYS_OF_PAGES: Final = ("group", "after")
KEYS: Final = (*FILTERS, "q", *KEYS_OF_PAGES)


@dataclass(frozen=True, slots=True)
class Mistake:
    """A part that cannot be read. `nearest` is a key or value that could be meant, or empty."""

    key: str
    value: str
    message: str
    nearest: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: behind an account of a group. `sort` is the group's sort key."""

    sort: tuple[str, ...]
    account: str

    def __str__(self) -> str:
        parts = json.dumps([*self.sort, self.account], separators=(",", ":"))
        return urlsafe_b64encode(parts.encode()).rstrip(b"=").decode()

    @classmethod
    def parse(cls, text: str) -> Place | None:
        """None for what is no place of ours."""
        try:
            parts = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            if isinstance(parts, list) and 1 < len(parts) < 6 and all(map(_is_text, parts)):
                return cls(tuple(parts[:-1]), str(UUID(parts[-1])))
        except (ValueError, UnicodeError):
            pass
        return None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value and value.encode() is not None


@dataclass(frozen=True, slots=True)
class Query:
    """A filter, a grouping and a place in it."""

    on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    q: str = ""
    group: str = "service"
    after: Place | None = None

    def values(self, key: str) -> tuple[str, ...]:
        """What a filter is set to."""
        return self.on.get(key, ())

    @property
    def narrowed(self) -> int:
        """How many filters are on."""
        return sum(map(len, self.on.values())) + bool(self.q)

    def toggled(self, key: str, value: str) -> Query:
        """With one value more, or without it; from the first page."""
        had = self.values(key)
        now = tuple(v for v in had if v != value) if value in had else (*had, value)
        return replace(self, on={**self.on, key: now}, after=None).tidy()

    def grouped(self, group: str) -> Query:
        """The same accounts, put together by something else."""
        return replace(self, group=group, after=None)

    def at(self, place: Place | None) -> Query:
        """The page that begins behind a place; None is the first."""
        return replace(self, after=place)

    def tidy(self) -> Query:
        """Without filters that are set to nothing."""
        return replace(self, on={key: values for key, values in self.on.items() if values})

    def params(self) -> list[tuple[str, str]]:
        """As a query string has it, in the order of FILTERS."""
        found = [(key, value) for key in FILTERS for value in self.values(key)]
        if self.q:
            found.append(("q", self.q))
        if self.group != "service":
            found.append(("group", self.group))
        if self.after is not None:
            found.append(("after", str(self.after)))
        return found

    def as_json(self) -> dict[str, object]:
        """The filter alone, for events and manifests."""
        parts: dict[str, object] = {key: list(values) for key, values in self.on.items()}
        return parts | ({"q": self.q} if self.q else {})

    def naming(self, me: str) -> Query:
        """The same with the subject that `owner=me` means, for whom others read it."""
        owners = tuple(me if value == "me" else value for value in self.values("owner"))
        return replace(self, on={**self.on, "owner": owners}).tidy()

    def in_words(self) -> str:
        """`connection github; more scope than manifests need; not revoked`."""
        parts = []
        for key, known in FILTERS.items():
            if values := self.values(key):
                words = [known[value] if known else _quoted(value) for value in values]
                parts.append(", ".join(words) if key == "show" else f"{key} {' or '.join(words)}")
        if self.q:
            parts.append(f"“{self.q}”")
        if parts and not self.values("state"):
            parts.append("not revoked")
        return "; ".join(parts) or "every account that is not revoked"


def parse(given: Mapping[str, Sequence[str]]) -> tuple[Query, tuple[Mistake, ...]]:
    """Read parameters; what cannot be read is a mistake that names the nearest, and is left out."""
    on: dict[str, tuple[str, ...]] = {}
    mistakes: list[Mistake] = []
    single = {"q": "", "group": "service", "after": ""}
    for key, values in given.items():
        kept = tuple(dict.fromkeys(value.strip() for value in values if value.strip()))
        if key in single:
            single[key] = kept[0] if kept else single[key]
        elif key not in FILTERS:
            mistakes.append(_unknown(key, kept[0] if kept else ""))
        else:
            good, bad = _judged(key, kept)
            mistakes += bad
            on[key] = good
    after = Place.parse(single["after"]) if single["after"] else None
    if single["after"] and after is None:
        mistakes.append(Mistake("after", single["after"], "this page is not one of ours"))
    if single["group"] not in GROUPS:
        mistakes.append(_bad("group", single["group"], GROUPS))
        single["group"] = "service"
    return Query(on, single["q"][:100], single["group"], after).tidy(), tuple(mistakes)


def _quoted(value: str) -> str:
    """A text of somebody's choice, apart from the words around it."""
    return value if _PLAIN.fullmatch(value) else f"“{value}”"


def _judged(key: str, values: tuple[str, ...]) -> tuple[tuple[str, ...], list[Mistake]]:
    known = FILTERS[key]
    if len(values) > MOST:
        return values[:MOST], [Mistake(key, "", f"at most {MOST} values of {key}")]
    if known is None:
        good = tuple(value for value in values if len(value) <= LONGEST and "\0" not in value)
    else:
        good = tuple(value for value in values if value in known)
    bad = [_bad(key, value, known or {}) for value in values if value not in good]
    return good, bad


def _unknown(key: str, value: str) -> Mistake:
    near = (get_close_matches(key, KEYS, 1, 0.5) or [""])[0]
    return Mistake(key, value, f"there is no filter {key[:60]!r}", near)


def _bad(key: str, value: str, known: Mapping[str, str]) -> Mistake:
    near = (get_close_matches(value, known, 1, 0.5) or [""])[0]
    said = f"{value[:60]!r} is no {key}"
    return Mistake(key, value, f"{said}; one of {', '.join(known)}" if known else said, near)

"""The navigation: what each role has to do, in the order in which it matters to it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from django.urls import Resolver404, resolve

_ANY: frozenset[str] = frozenset()
_STAFF = frozenset({"auditor", "operator", "admin"})
_OVERSEERS = frozenset({"auditor", "admin"})
_DECIDERS = frozenset({"operator", "admin"})


class Waiting(Protocol):
    """Counts that the navigation shows."""

    @property
    def mine(self) -> int: ...
    @property
    def pending(self) -> int: ...
    @property
    def held(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Place:
    """One entry. `roles` empty = everybody; `bar` = in the bar at the foot of a phone."""

    url: str
    label: str
    icon: str
    roles: frozenset[str] = _ANY
    short: str = ""
    bar: frozenset[str] | None = None
    count: str = ""


_GROUPS: tuple[tuple[str, tuple[Place, ...]], ...] = (
    (
        "",
        (
            Place("/", "Home", "home", bar=_ANY),
            Place("/approvals/", "Approvals", "stamp", bar=_ANY, count="mine"),
        ),
    ),
    (
        "Enforcement",
        (
            Place(
                "/enforcement/", "Findings and holds", "bug", _STAFF, "Findings", _DECIDERS, "held"
            ),
            Place("/enforcement/fleet/", "Gateways", "server", _STAFF),
        ),
    ),
    (
        "Connections",
        (
            Place("/connections/", "My connections", "plug", short="Connections", bar=_ANY),
            Place("/connections/access/", "Applications", "key"),
            Place("/connections/inventory/", "Inventory", "workflow", _OVERSEERS),
            Place("/connections/reviews/", "Access reviews", "clipboard-check", _OVERSEERS),
            Place("/connections/remediations/", "Unfinished", "hourglass", _OVERSEERS),
            Place("/connections/settings/", "Just-in-time", "moon", _OVERSEERS),
            Place("/connections/scopes/", "Scope watch", "scan-eye", _STAFF),
            Place("/connections/freeze/", "Freeze", "snowflake", frozenset({"admin"})),
        ),
    ),
    (
        "Evidence",
        (
            Place("/audit/", "Audit trail", "scroll", _STAFF, "Audit", frozenset({"auditor"})),
            Place("/audit/views/", "Saved views", "bookmark", _STAFF),
            Place("/audit/exports/", "Exports", "download", _STAFF),
            Place("/audit/coverage/", "Coverage", "scale", _OVERSEERS),
            Place("/audit/ledger/", "Ledger", "shield-check", _STAFF),
            Place("/audit/erasures/", "Erasures and holds", "lock", _OVERSEERS, "Erasures"),
        ),
    ),
    ("You", (Place("/account/", "Account", "user", bar=_ANY),)),
)


def groups(roles: Collection[str], waiting: Waiting, path: str) -> list[dict[str, Any]]:
    """Groups and entries for a person with `roles` who looks at `path`."""
    held = frozenset(roles)
    here = _current(path)
    found = []
    for label, places in _GROUPS:
        items = [_item(p, held, waiting, here) for p in places if _offered(p, held)]
        if items:
            found.append({"label": label, "items": items})
    return found


def _offered(place: Place, roles: frozenset[str]) -> bool:
    return (not place.roles or bool(place.roles & roles)) and exists(place.url)


def _item(place: Place, roles: frozenset[str], waiting: Waiting, here: str) -> dict[str, Any]:
    count = int(getattr(waiting, place.count)) if place.count else 0
    return {
        "url": place.url,
        "label": place.label,
        "short": place.short or place.label,
        "icon": place.icon,
        "current": place.url == here,
        "count": count,
        "counts": place.count,
        "calm": place.count == "held",
        "bar": place.bar is not None and (not place.bar or bool(place.bar & roles)),
    }


def _current(path: str) -> str:
    """The entry with the longest address that `path` is at or below."""
    urls = [place.url for _, places in _GROUPS for place in places]
    below = [url for url in urls if path == url or (url != "/" and path.startswith(url))]
    return max(below, key=len, default="")


@lru_cache(maxsize=64)
def exists(url: str) -> bool:
    """Whether the portal has a page at this address."""
    try:
        resolve(url)
    except Resolver404:
        return False
    return True

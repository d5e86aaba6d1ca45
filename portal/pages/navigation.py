"""The navigation: one entry for each job, with the pages that a role may open as its tabs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from django.urls import Resolver404, resolve

_ANY: frozenset[str] = frozenset()
_STAFF = frozenset({"auditor", "operator", "admin"})
_OVERSEERS = frozenset({"auditor", "admin"})
_ADMIN = frozenset({"admin"})


_WORDS = {"mine": "waiting for you", "undecided": "need a decision", "silent": "not answering"}
_NEEDS_ME = {"mine": _ANY, "undecided": frozenset({"operator"})}
"""Counts of what waits for this person, given these roles; others are there to know."""


class Waiting(Protocol):
    """Counts that the navigation shows."""

    @property
    def mine(self) -> int: ...
    @property
    def undecided(self) -> int: ...
    @property
    def silent(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a section, shown as a tab. `roles` empty = everybody."""

    url: str
    label: str
    roles: frozenset[str] = _ANY


@dataclass(frozen=True, slots=True)
class Section:
    """One entry; it leads to the first of its pages that the person may open.

    `count` names what waits, `bar` = in the bar at the foot of a phone.
    """

    label: str
    icon: str
    pages: tuple[Page, ...]
    count: str = ""
    bar: bool = False


_FOR_STAFF: tuple[Section, ...] = (
    Section("Home", "home", (Page("/", "Home"),), bar=True),
    Section("Approvals", "stamp", (Page("/approvals/", "Approvals"),), "mine", bar=True),
    Section("Findings", "bug", (Page("/enforcement/", "Findings", _STAFF),), "undecided", bar=True),
    Section("Gateways", "server", (Page("/enforcement/fleet/", "Gateways", _STAFF),), "silent"),
    Section(
        "Access",
        "workflow",
        (
            Page("/connections/inventory/", "Accounts", _OVERSEERS),
            Page("/connections/map/", "Map", _OVERSEERS),
            Page("/connections/reviews/", "Reviews", _OVERSEERS),
            Page("/connections/scopes/", "Excess requests", _STAFF),
            Page("/connections/access/", "Applications"),
            Page("/connections/remediations/", "Pending steps", _OVERSEERS),
            Page("/connections/freeze/", "Frozen access", _ADMIN),
            Page("/connections/", "My connected accounts"),
            Page("/connections/agents/", "Connect an agent"),
        ),
    ),
    Section(
        "Activity",
        "scroll",
        (Page("/audit/", "Audit trail", _STAFF), Page("/audit/views/", "Saved views", _STAFF)),
        bar=True,
    ),
    Section(
        "Evidence",
        "shield-check",
        (
            Page("/audit/ledger/", "Signed log", _STAFF),
            Page("/audit/coverage/", "Compliance", _OVERSEERS),
            Page("/audit/file/", "Audit file", _OVERSEERS),
            Page("/audit/exports/", "Exports", _STAFF),
            Page("/audit/erasures/", "Erasures and legal holds", _OVERSEERS),
            Page("/audit/quarantine/", "Quarantine", _OVERSEERS),
        ),
    ),
    Section(
        "Settings",
        "settings",
        (
            Page("/approvals/policy/", "Policy"),
            Page("/connections/settings/", "Idle access", _OVERSEERS),
            Page("/account/passkeys/", "Passkeys", _STAFF),
            Page("/account/", "Profile and sign-in"),
        ),
    ),
)

_FOR_MEMBERS: tuple[Section, ...] = (
    Section("Home", "home", (Page("/", "Home"),), bar=True),
    Section(
        "Connected accounts",
        "plug",
        (
            Page("/connections/", "Accounts"),
            Page("/connections/access/", "Applications"),
            Page("/connections/agents/", "Connect an agent"),
        ),
        bar=True,
    ),
    Section(
        "Requests",
        "stamp",
        (Page("/approvals/", "Requests"), Page("/approvals/policy/", "Policy")),
        "mine",
        bar=True,
    ),
    Section("Profile", "user", (Page("/account/", "Profile and sign-in"),), bar=True),
)


def entries(roles: Collection[str], waiting: Waiting, path: str) -> list[dict[str, Any]]:
    """The entries for a person with `roles` who is at `path`, each with its tabs."""
    held = frozenset(roles)
    sections = _FOR_STAFF if held & _STAFF else _FOR_MEMBERS
    here = _current(sections, path)
    offered = ((one, [p for p in one.pages if _offered(p, held)]) for one in sections)
    return [_entry(section, pages, waiting, held, here) for section, pages in offered if pages]


def tabs(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pages of the current entry; none where it has only one."""
    shown: list[dict[str, Any]] = next((one["tabs"] for one in found if one["current"]), [])
    return shown if len(shown) > 1 else []


def _offered(page: Page, roles: frozenset[str]) -> bool:
    return (not page.roles or bool(page.roles & roles)) and exists(page.url)


def _entry(
    section: Section, pages: list[Page], waiting: Waiting, held: frozenset[str], here: str
) -> dict[str, Any]:
    return {
        "url": pages[0].url,
        "label": section.label,
        "icon": section.icon,
        "current": any(page.url == here for page in pages),
        "here": here,
        "count": int(getattr(waiting, section.count)) if section.count else 0,
        "counts": section.count,
        "words": _WORDS.get(section.count, ""),
        "calm": section.count not in _NEEDS_ME or not _NEEDS_ME[section.count] <= held,
        "bar": section.bar,
        "tabs": [
            {"url": page.url, "label": page.label, "current": page.url == here} for page in pages
        ],
    }


def _current(sections: tuple[Section, ...], path: str) -> str:
    """The page with the longest address that `path` is at or below."""
    urls = [page.url for section in sections for page in section.pages]
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

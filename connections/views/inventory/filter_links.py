"""What narrows the inventory: tiles, facets, chips and groupings. Each is a link."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from audit.ledger.format import safe_display
from connections.inventory import FILTERS, GROUPS, SHOWN, SHOWS, SOURCES, UNNAMED, Inventory, Query
from connections.inventory.declared_fit import tracking_began
from connections.models import NOT_HELD
from connections.scopes import catalogue
from connections.status.account_status import Code

PATH = "/connections/inventory/"
_LABELS = {
    "state": "State",
    "show": "Show",
    "connection": "Connection",
    "owner": "Person",
    "agent": "Agent",
    "skill": "Component",
    "source": "Source",
}
_OF_TILES = frozenset({"state", "show", "connection", "source"})
"""Filters that the numbers of the tiles leave aside."""
_SHOWS = {
    "idle": "idle for 90 days",
    "unseen": "no use seen",
    "excess": "scopes in excess",
    "missing": "scopes missing",
}
_WHOLE = {"state": tuple(reversed(Code)), "show": tuple(SHOWS), "source": tuple(SOURCES)}
"""Facets whose values are all shown, in this order."""


def url_of(query: Query) -> str:
    """Address of the inventory for a query."""
    params = urlencode(query.params())
    return f"{PATH}?{params}" if params else PATH


def text_of(found: Inventory, key: str, value: str) -> str:
    """What a value is called; what cannot be seen in a name from elsewhere is written out."""
    if key == "show":
        return _SHOWS[value]
    if key == "agent" and value in found.frozen_agents:
        return f"{safe_display.visible(value)} (frozen)"
    called = {"connection": catalogue.title(value), "owner": found.titles.get(value, value)}
    return safe_display.visible(called.get(key, (FILTERS[key] or {}).get(value, value)))


def facets(found: Inventory, query: Query) -> list[dict[str, Any]]:
    """Facets with counts; a value toggles, and stays while it is on even at zero."""
    facets = (_facet(found, query, key, label) for key, label in _LABELS.items())
    return [facet for facet in facets if facet["values"]]


def _facet(found: Inventory, query: Query, key: str, label: str) -> dict[str, Any]:
    counts, on = found.facets[key], query.values(key)
    if key in _WHOLE:
        names = [n for n in _WHOLE[key] if counts[n] or n in on or (key, n) not in _SELDOM]
    else:
        names = [name for name, _ in counts.most_common(SHOWN)]
    names += [name for name in on if (name or UNNAMED) not in names]
    rows = [(name or UNNAMED, counts[name] or counts[_bare(name)]) for name in names]
    if len(counts) > len(rows):
        label = f"{label} · {len(counts):,}"
    return {
        "label": f"{label}, of all accounts" if key in found.loose else label,
        "values": [
            {
                "text": text_of(found, key, name),
                "count": count,
                "on": name in on,
                "url": url_of(query.toggled(key, name)),
            }
            for name, count in rows
        ],
    }


_SELDOM = {
    *(("state", code) for code in Code if code not in {Code.CONNECTED, Code.NEEDS_RECONNECT}),
    *(("source", source) for source in SOURCES),
}
"""Values that are left out where there are none."""


def _bare(name: str) -> str:
    return "" if name == UNNAMED else name


def chips(found: Inventory, query: Query) -> Iterator[dict[str, str]]:
    """The filters that are on, each with a way to take it off."""
    for key in FILTERS:
        for value in query.values(key):
            text = text_of(found, key, value)
            name = _LABELS[key].lower()
            yield {
                "text": text if key == "show" else f"{name}: {text}",
                "remove_url": url_of(query.toggled(key, value)),
            }


def groupings(query: Query) -> list[dict[str, Any]]:
    """What accounts can be put together by."""
    return [
        {"text": label, "url": url_of(query.grouped(name)), "on": query.group == name}
        for name, label in GROUPS.items()
    ]


def states(found: Inventory, query: Query) -> list[tuple[str, int]]:
    """The accounts on the list by state, which add up to its total; the states it is narrowed to,
    else all of accounts that are held."""
    counts, wanted = found.facets["state"], query.values("state")
    listed = wanted or [code.value for code in Code if code.value not in NOT_HELD]
    return [(c.label, counts[c]) for c in reversed(Code) if c in listed and counts[c]]


def tiles(found: Inventory, query: Query, now: datetime) -> list[dict[str, Any]]:
    """The tiles above the list of accounts, without those of nothing. The link of each keeps the
    filters that its number was counted under."""
    kept = {key: values for key, values in query.on.items() if key not in _OF_TILES}
    base = replace(query, on=kept, after=None)
    return [
        {"value": value, "label": label, "url": _narrowed(base, *on), "tone": tone}
        for value, label, on, tone, _ in _figures(found, now)
        if value
    ]


def _narrowed(base: Query, key: str, *values: str) -> str:
    return f"?{urlencode(replace(base, on={**base.on, key: values}).params())}"


def main_action(found: Inventory, query: Query) -> dict[str, str] | None:
    """The way to the accounts that worry most; None where none does or a filter is on already."""
    counts = found.counts
    for count, what, where, on in (
        (counts.excess, "over-privileged account", "", ("show", "excess")),
        (counts.reconnect, "account", " to reconnect", ("state", "needs_reconnect")),
        (counts.idle, "idle account", "", ("show", "idle")),
    ):
        if count and not query.narrowed:
            text = f"View {count:,} {what}{'' if count == 1 else 's'}{where}"
            return {"text": text, "url": _narrowed(replace(query, after=None), *on)}
    return None


def zeros(found: Inventory, now: datetime) -> str:
    """One sentence for what no account is; empty where there is no account."""
    parts = [none for value, *_, none in _figures(found, now) if not value and none]
    if not found.total or not parts:
        return ""
    said = f"{', '.join(parts[:-1])} and {parts[-1]}" if parts[1:] else parts[0]
    return f"{said[:1].upper()}{said[1:]}."


def _figures(
    found: Inventory, now: datetime
) -> tuple[tuple[int, str, tuple[str, ...], str, str], ...]:
    """Number, label, filter, tone and, for a number of zero, what to say instead.

    None can be unused for 90 days where the portal watches for less: the label says since when.
    """
    counts, none = found.counts, "no account is known to be unused for 90 days"
    unused = (counts.idle, "no use seen for 90 days", ("show", "idle"), "", none)
    if not counts.idle and (began := tracking_began(now)):
        since = f"no use seen since tracking began on {began.day} {began:%b %Y}"
        unused = (counts.unseen, since, ("show", "unseen"), "", "a use of every account was seen")
    return (
        (counts.live, "usable by agents", ("state", "connected", "expiring"), "", ""),
        unused,
        (
            counts.excess,
            "over-privileged",
            ("show", "excess"),
            "warn",
            "no account is over-privileged",
        ),
        (
            counts.reconnect,
            "need reconnecting",
            ("state", "needs_reconnect"),
            "bad",
            "no account needs reconnecting",
        ),
        (
            counts.finishing,
            "revocations in progress",
            ("state", "revocation_pending"),
            "warn",
            "no revocation is in progress",
        ),
    )

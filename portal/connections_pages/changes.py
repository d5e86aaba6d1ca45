"""What changed in the inventory between two instants, each change with the entry that tells it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from approvals import clock
from connections import scopes
from connections.ibom import facts
from connections.ibom.difference import WORDS, Change
from connections.ibom.shape import ERASED
from connections.standing import Code
from portal.identity.current import needs_role

SHOWN = 500
"""Changes on one page; more of them are told over the API, and by a narrower range."""
_TONES = {"appeared": "info", "vanished": "bad", "state": "warn", "frozen": "hold"}


@never_cache
@needs_role("admin", "auditor")
@require_safe
def changes(request: HttpRequest) -> HttpResponseBase:
    """Between `from` and `to`: numbers of entries, dates, or times. The last week by default."""
    week = (clock.now() - timedelta(days=7)).date().isoformat()
    start = request.GET.get("from", week)[:40].strip() or week
    end = request.GET.get("to", "")[:40].strip()
    context: dict[str, Any] = {
        "from": start,
        "to": end,
        "today": clock.now().date().isoformat(),
        "crumbs": [
            {"text": "Inventory", "url": "/connections/inventory/"},
            {"text": "What changed"},
        ],
    }
    try:
        found = facts.between(start, end)
    except facts.BadMoment as bad:
        problem = str(bad)
        return render(
            request, "connections/changes.html", context | {"problem": problem}, status=422
        )
    only = request.GET.get("what", "")
    shown = [change for change in found.changes if only in {"", change.what}]
    counts = Counter(change.what for change in found.changes)
    context |= {
        "found": found,
        "total": len(found.changes),
        "kinds": [
            {
                "text": words,
                "count": counts[what],
                "on": only == what,
                "what": "" if only == what else what,
            }
            for what, words in WORDS.items()
            if counts[what]
        ],
        "only": only if only in WORDS else "",
        "groups": list(_groups(shown[:SHOWN])),
        "left": max(len(shown) - SHOWN, 0),
    }
    return render(request, "connections/changes.html", context)


def _groups(changes: Sequence[Change]) -> Iterator[dict[str, Any]]:
    """Changes of the same account or thing together."""
    for (_, name), some in groupby(changes, key=lambda one: (one.account is None, one.name)):
        told = list(some)
        account = told[0].account
        yield {
            "title": scopes.title(account.connection) if account else name,
            "url": f"/connections/{account.id}/" if account else "",
            "owner": (account.email or account.sub) if account else "",
            "named": account.named if account else "",
            "erased": account is not None and account.sub == ERASED,
            "items": [_item(change) for change in told],
        }


def _item(change: Change) -> dict[str, Any]:
    return {
        "text": sentence(change),
        "tone": _TONES.get(change.what, ""),
        "gained": _scopes(change, change.gained),
        "lost": _scopes(change, change.lost),
        "index": change.index,
        "url": f"/audit/events/{change.event}/" if change.event else "",
    }


def _scopes(change: Change, names: Sequence[str]) -> list[scopes.Scope]:
    return scopes.in_words(change.account.connection, names) if change.account else []


def sentence(change: Change) -> str:
    """A change in words, without its scopes."""
    before, after = _state(change.before), _state(change.after)
    told = {
        "appeared": f"Appeared, {after}",
        "vanished": f"Ended: was {before}, is revoked",
        "state": f"Was {before}, is {after}",
        "scopes": "Its scopes changed",
        "first_use": f"First used by {change.after}",
        "manifest": f"Manifest: {change.after or 'needs nothing'}"
        + (f" (before: {change.before})" if change.before else ""),
        "frozen": "Frozen",
        "unfrozen": "Unfrozen",
        "setting": change.after,
    }
    return told[change.what]


def _state(code: str) -> str:
    return Code(code).label if code in Code else code

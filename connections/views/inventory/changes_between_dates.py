"""What changed in the inventory between two instants, each change with the entry that tells it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import needs_role
from approvals import clock
from connections import account_names
from connections.auth_ibom import consents_and_tokens, fact_collection
from connections.auth_ibom.changes_between import WORDS, Change
from connections.auth_ibom.inventory_records import ERASED, Access, Account
from connections.lifecycle import freezes
from connections.models import AccessState
from connections.scopes import catalogue, permissions_in_third_person
from connections.status.account_status import ENDED, Code

SHOWN = 500
"""Changes on one page; more of them are returned by the API, and by a narrower range."""
_APPLICATIONS = "/connections/access/?all=1"
_ENDED = {*ENDED, AccessState.GONE, AccessState.REVOKING}
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
            {"text": "Accounts", "url": "/connections/inventory/"},
            {"text": "What changed"},
        ],
    }
    try:
        found = fact_collection.between(start, end)
    except fact_collection.BadMoment as bad:
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
        "groups": list(
            _groups(shown[:SHOWN], freeze_titles(shown[:SHOWN]), owner_names(shown[:SHOWN]))
        ),
        "left": max(len(shown) - SHOWN, 0),
    }
    return render(request, "connections/changes.html", context)


def freeze_titles(changes: Iterable[Change]) -> Mapping[str, str]:
    """What was frozen or unfrozen as people read it, by the names of the changes."""
    names = {one.name for one in changes if one.what in {"frozen", "unfrozen"}}
    titles = freezes.titles((kind, name) for kind, _, name in (n.partition(":") for n in names))
    return {
        f"{kind}:{name}": f"{title[:1].upper()}{title[1:]}"
        for (kind, name), title in titles.items()
    }


def owner_names(changes: Iterable[Change]) -> Mapping[tuple[str, str], str]:
    """Names of the owners of what changed, by issuer and subject; one read."""
    return account_names.people_names(
        whose.sub for one in changes if (whose := one.account or one.access)
    )


def _groups(
    changes: Sequence[Change], frozen: Mapping[str, str], names: Mapping[tuple[str, str], str]
) -> Iterator[dict[str, Any]]:
    """Changes of the same account or thing together.

    Args:
        frozen: titles of what was frozen.
        names: of owners.
    """
    for (_, name), some in groupby(changes, key=lambda one: (one.account is None, one.name)):
        items = list(some)
        account, access = items[0].account, items[0].access
        whose = account or access
        yield {
            **title_of(frozen.get(name, name), account, access),
            "owner": names.get((whose.iss, whose.sub), whose.email or whose.sub) if whose else "",
            "erased": whose is not None and whose.sub == ERASED,
            "items": [_item(change) for change in items],
        }


def title_of(name: str, account: Account | None, access: Access | None) -> dict[str, str]:
    """How a changed account, application or thing is called, and its page."""
    if account is not None:
        title, url = catalogue.title(account.connection), f"/connections/{account.id}/"
        return {"title": title, "url": url, "named": account.named}
    if access is not None:
        title = access.client_name or access.client_id
        return {
            "title": title,
            "url": _APPLICATIONS,
            "named": consents_and_tokens.WORDS[access.kind],
        }
    return {"title": name, "url": "", "named": ""}


def _item(change: Change) -> dict[str, Any]:
    return {
        "text": sentence(change),
        "tone": _TONES.get(change.what, ""),
        "opens": _opens(change),
        "gained": scopes_of(change, change.gained),
        "lost": scopes_of(change, change.lost),
        "index": change.index,
        "url": f"/audit/events/{change.event}/" if change.event else "",
    }


def _opens(change: Change) -> str:
    """The APIs of an application that appeared; later they are a change of their own."""
    opened = change.access.audiences if change.access and change.what == "appeared" else ()
    return ", ".join(opened)


def scopes_of(change: Change, names: Sequence[str]) -> list[catalogue.Scope]:
    """Scopes of a change in words."""
    if change.access is not None:
        return catalogue.in_words("auth0", names)
    if change.account is None:
        return []
    return permissions_in_third_person.for_others(
        catalogue.in_words(change.account.connection, names)
    )


def sentence(change: Change) -> str:
    """A change in words, without its scopes."""
    before, after = _state(change.before), _state(change.after)
    items = {
        "appeared": f"Appeared and ended in between: {after}"
        if change.after in _ENDED
        else f"Appeared, {after}",
        "vanished": f"Ended: was {before}, is {after}",
        "state": f"Was {before}, is {after}",
        "scopes": "Its scopes changed",
        "apis": "The APIs that it opens changed",
        "first_use": f"First used by {change.after}",
        "manifest": f"Manifest: {change.after or 'needs nothing'}"
        + (f" (before: {change.before})" if change.before else ""),
        "frozen": "Frozen",
        "unfrozen": "Unfrozen",
        "setting": change.after,
    }
    return items[change.what]


def _state(code: str) -> str:
    if code in AccessState:
        return str(AccessState(code).label)
    return Code(code).label if code in Code else code

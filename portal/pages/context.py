"""What surrounds every page: the trust strip and the navigation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest

from accounts.break_glass import banners as break_glass
from accounts.models import SignedInSession, User
from accounts.permissions import actor
from approvals import clock
from approvals.views import open_work_for_person
from approvals.views.inbox import count_for
from audit.recording.actors import Actor
from connections.lifecycle import freezes
from portal.demo_actions.permissions import MAY_PRESS
from portal.pages import ledger_status, navigation
from ui import local_tenant, outage_banners, person_links
from ui.current_navigation_entry import entry_of
from ui.times import absolute, relative

_FOR_S = 2
_OWN_PAGE_S = 3600
_SEES_ALL = frozenset({"auditor", "operator", "admin"})
_OVERSEERS = frozenset({"auditor", "admin"})


@dataclass(frozen=True, slots=True)
class Counts:
    """What waits: `mine` for this person, what is `undecided`, gateways that are `silent`; and
    whether everything is `frozen`.
    """

    mine: int = 0
    undecided: int = 0
    frozen: bool = False
    silent: int = 0


def shell(request: HttpRequest) -> dict[str, Any]:
    """What base.html shows around a page; a few queries, most kept for two seconds."""
    user = getattr(request, "user", None)
    person = user if isinstance(user, User) else None
    roles = actor(request).roles if person else frozenset[str]()
    counts = counts_of(person, roles) if person else Counts()
    session: SignedInSession | None = request.META.get("ATA_SESSION")
    signed_in = person is not None
    nav = navigation.entries(roles, counts, entry_of(request)) if person else []
    banners = [*_break_glass_banners(roles, session), *_banners(signed_in, roles, counts)]
    return {
        "trust": {
            "tenant_local": local_tenant.is_local(),
            "tenant_url": local_tenant.tenant_url(),
            "phone_url": local_tenant.phone_url(person.sub if person else ""),
            "switch_url": local_tenant.switch_url(),
            "may_remove_demo": "admin" in roles and local_tenant.is_local(),
            "demo_actions": bool(roles & set(MAY_PRESS)) and local_tenant.is_local(),
            "version": version(),
            "ledger": ledger_status.facts(),
            "person": _person(person, roles, session) if person else None,
            "own_page": _own_page(person) if person and not roles else "",
            "may_freeze": "admin" in roles,
            "banners": banners,
            "banners_version": hashlib.sha256(repr(banners).encode()).hexdigest()[:8],
        },
        "nav": nav,
        "nav_tabs": navigation.tabs(nav),
    }


@lru_cache(maxsize=1)
def version() -> str:
    """The installed version; empty where the portal runs from a checkout."""
    try:
        return metadata.version("auth0-ata")
    except metadata.PackageNotFoundError:
        return ""


def counts_of(person: User, roles: frozenset[str]) -> Counts:
    """What waits for this person, and for everybody if their role in force sees that."""
    viewer = Actor(iss=person.iss, sub=person.sub, roles=roles)
    mine = count_for(viewer)
    if not viewer.roles & _SEES_ALL:
        return Counts(mine=mine)
    key, work = "shell.frozen", open_work_for_person.recent_open_work()
    frozen: bool | None = cache.get(key)
    if frozen is None:
        frozen = freezes.everything_is()
        cache.set(key, frozen, _FOR_S)
    silent = len(outage_banners.health().gateways)
    return Counts(mine, work.needs.total, frozen, silent)


def _person(person: User, roles: frozenset[str], session: SignedInSession | None) -> dict[str, Any]:
    return {
        "name": person.name or person.email or person.sub,
        "email": person.email or person.sub,
        "roles": sorted(roles),
        "assurance_words": assurance_words(session) if session else "",
    }


def _own_page(person: User) -> str:
    """The address of the page of what acts for this member; empty where the directory does not have
    them yet. Those with a role have it on their account page, and pages that read more."""
    key = f"shell.own_page.{person.pk}"
    url: str = cache.get(key, "")
    if not url:
        me = Actor(iss=person.iss, sub=person.sub)
        if url := person_links.page_of_subject(me, person.iss, person.sub):
            cache.set(key, url, _OWN_PAGE_S)
    return url


def assurance_words(session: SignedInSession) -> str:
    """`MFA 12 min ago`, or that there was no second factor."""
    if session.ends_at is not None:
        return f"break-glass until {absolute(session.ends_at, clock.now())} UTC"
    factor = "MFA" if "mfa" in session.amr else "one factor"
    return f"{factor} {relative(session.auth_time, clock.now())}"


def _break_glass_banners(
    roles: frozenset[str], session: SignedInSession | None
) -> list[dict[str, str]]:
    """That somebody is in without the issuer, or could be."""
    staff = bool(roles & _SEES_ALL)
    return break_glass.banners(session.ends_at if session else None, staff=staff)


def _banners(signed_in: bool, roles: frozenset[str], counts: Counts) -> list[dict[str, str]]:
    away = outage_banners.health()
    if not signed_in:
        return outage_banners.banners(away, person=False, staff=False)
    found = outage_banners.banners(away, person=True, staff=bool(roles & _SEES_ALL))
    if reason := ledger_status.stopped():
        found.append(
            {
                "level": "bad",
                "text": f"The ledger has stopped signing: {reason}.",
                "url": "/audit/ledger/",
                "action": "What this means",
            }
        )
    if reason := ledger_status.broken():
        found.append(
            {
                "level": "bad",
                "text": f"The ledger does not hold: {reason}.",
                "url": "/audit/ledger/",
                "action": "What this means",
            }
        )
    if counts.frozen:
        found.append(
            {
                "level": "hold",
                "text": "Everything is frozen: no agent gets a token of anyone.",
                "url": "/connections/freeze/" if _OVERSEERS & roles else "",
            }
        )
    return found

"""`/people/<id>/`: everything of one person on a page, in the second person for themselves."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from approvals import clock
from approvals.models import Approval, Person, Status
from approvals.person_access_ends import end_in_words
from approvals.person_access_ends.set_access_end import may_get_end
from audit.recording.actors import Actor, Target
from connections.lifecycle import freezes
from connections.models import FrozenKind
from connections.views.application_grants import newer_sign_in
from connections.views.decide import what_follows
from portal.people import access_end_page, offboarding_history, person_facts, person_lookup


@require_safe
@never_cache
def person(request: HttpRequest, person_id: int) -> HttpResponse:
    """What acts for a person, what they decided, and what waits; their own, or for admins and
    auditors."""
    me, somebody = person_lookup.fetch(request, person_id)
    own = person_lookup.is_own(me, somebody)
    may_offboard = "admin" in me.roles and not own
    accounts, placed = person_facts.accounts_of(somebody), person_facts.freezes_of(somebody)
    applications = person_facts.applications_of(somebody)
    end = end_in_words.shown_of(somebody.iss, somebody.sub)
    context = {
        "person": somebody,
        "own": own,
        "accounts": accounts,
        "usable": sum(one.card.standing.usable for one in accounts),
        "live_until": max((one.until for one in accounts if one.until), default=None),
        "endless": any(one.endless for one in accounts),
        "applications": applications,
        "applications_url": _applications_url(somebody, own=own),
        "newer_sign_in": newer_sign_in(somebody.iss, somebody.sub),
        "may_end": own or "admin" in me.roles,
        "acting": len(accounts) + len(applications),
        "freezes": placed,
        "unfreeze": _unfreeze(me, somebody) if placed and "admin" in me.roles else None,
        "decisions": person_facts.decisions_of(somebody),
        "trail_url": f"/audit/?{urlencode({'actor': somebody.sub})}",
        "reads": bool(me.roles),
        "asked": person_facts.requests_by(somebody, me),
        "waiting": person_facts.requests_to(somebody, me),
        "reviews": person_facts.reviews_of(somebody),
        "roles": person_facts.roles_of(somebody),
        "passkeys": person_facts.passkeys_of(somebody),
        "browsers": person_facts.browsers_of(somebody),
        "may_offboard": may_offboard,
        "offboarded": offboarding_history.last_started(somebody) if may_offboard else None,
        "away": somebody.away_until if somebody.is_away(clock.now()) else None,
        "end": end,
        "end_asked": access_end_page.waiting_for(somebody),
        "may_get_end": somebody.iss == settings.ENV.issuer and (may_get_end(somebody) or end),
    }
    return render(request, "people/person.html", context)


def _unfreeze(me: Actor, person: Person) -> dict[str, Any]:
    """What lifting a freeze of a person needs of this admin, and the request that waits for it."""
    verb, target = freezes.verb_of(FrozenKind.PERSON, "unfreeze"), Target("person", person.sub)
    waits = Approval.objects.filter(
        status=Status.PENDING, verb=verb, target_kind=target.kind, target_name=target.name
    )
    return {"waits": waits.first(), "asks": what_follows(me, verb, target)["asks"]}


def _applications_url(person: Person, *, own: bool) -> str:
    """Where consents and refresh tokens of a person are listed and revoked."""
    query = "" if own else "?" + urlencode({"all": "1", "q": person.sub})
    return reverse("connections:applications") + query

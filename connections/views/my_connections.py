"""My connected accounts: who can act as me, and what I can do about it."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRedirect

from accounts.permissions import actor
from approvals import clock
from audit.recording.actors import Actor
from connections.access_reviews import reviewer_permissions
from connections.component_manifests import manifest_store, refused_components
from connections.consent import connectable_services, prompts_for_missing_connections
from connections.lifecycle import freezes
from connections.notifications import freeze_notices, notices_on_owner_pages
from connections.revocation import deletion_step, pending_steps_list
from connections.scopes import catalogue
from connections.status import member_overview
from connections.status.member_overview import Card
from connections.views.connect import FINISH_TRIED

_AGAIN_AFTER_S = 60


@never_cache
@require_GET
def mine(request: HttpRequest) -> HttpResponse:
    """The person's own connections. A deletion that is due takes the browser along to finish it."""
    me = actor(request)
    if _should_finish(request, me):
        return redirect("connections:finish")
    cards, now = member_overview.cards(me), clock.now()
    summary, needs = member_overview.summary(me), _needs(me)
    asked = {one["need"].connection for one in needs}  # each has its own button
    found = connectable_services.offers(me)
    offers = [one for one in found if not one.connected and one.connection not in asked]
    named = {one.connection for one in offers} | asked
    context = {
        "me": me,
        "title": member_overview.headline(me, summary),
        "frozen": summary.frozen,
        "frozen_parts": [(one, freezes.title(one.kind, one.name)) for one in summary.frozen_parts],
        "cards": cards,
        "stays": {
            one.pk for one in pending_steps_list.stay_suspended(card.account for card in cards)
        },
        "summary": summary,
        "offers": offers,
        "needs": needs,
        "stopped": freezes.stopped_services(me.sub, named),
        "notices": [
            (notice, catalogue.title(notice.account.connection))
            for notice in notices_on_owner_pages.for_person(me.iss, me.sub)
        ],
        "frozen_codes": freeze_notices.CODES,
        "reviews": [
            (review, left, now > review.due)
            for review, left in reviewer_permissions.waiting_for(me, now)
        ],
        **_ending(cards),
    }
    return render(request, "connections/mine.html", context)


def _ending(cards: list[Card]) -> dict[str, Any]:
    ending = [card for card in cards if card.account.state == "revocation_pending"]
    return {"ending": ending, "live": [card for card in cards if card not in ending]}


def _needs(me: Actor) -> list[dict[str, Any]]:
    declared = manifest_store.needs_by_connection()
    asked = prompts_for_missing_connections.open_for(me.iss, me.sub)
    refused = refused_components.among({f"{need.kind}:{need.name}" for need in asked})
    return [
        {
            "need": need,
            "title": catalogue.title(need.connection),
            "scopes": catalogue.in_words(
                need.connection,
                connectable_services.scopes_for(component, declared.get(need.connection, ())),
            ),
            "component": component,
            "refused": component in refused,
        }
        for need in asked
        for component in (f"{need.kind}:{need.name}",)
    ]


def _should_finish(request: HttpRequest, me: Actor) -> bool:
    tried = request.session.get(FINISH_TRIED, 0)
    recent = clock.now().timestamp() - tried < _AGAIN_AFTER_S
    return not recent and deletion_step.has_pending(me.iss, me.sub)


@never_cache
@require_GET
def pending_fragment(request: HttpRequest) -> HttpResponse:
    """What is ending; once its undo window is over, the browser goes and finishes it."""
    me = actor(request)
    if _should_finish(request, me):
        return HttpResponseClientRedirect(reverse("connections:finish"))
    return render(request, "connections/_ending.html", _ending(member_overview.cards(me)))


@require_POST
def dismiss_need(request: HttpRequest, need_id: int) -> HttpResponse:
    """Not now: the member was asked to connect something and does not want to."""
    me = actor(request)
    if not prompts_for_missing_connections.dismiss(me.iss, me.sub, need_id, clock.now()):
        raise Http404
    return redirect("connections:mine")


@require_POST
def put_notices_away(request: HttpRequest) -> HttpResponse:
    """The person has read what others did to their connections."""
    me = actor(request)
    notices_on_owner_pages.put_away(me.iss, me.sub, clock.now())
    return redirect("connections:mine")

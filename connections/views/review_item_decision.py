"""One account of a review: what it could do, who used it, and what is decided about it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals import clock
from approvals.errors import Refused
from approvals.models import Approval
from audit.recording.actors import Actor
from connections import permissions
from connections.access_reviews import remediation, reviewer_permissions
from connections.models import Choice, Review, ReviewItem
from connections.scopes import catalogue, permissions_in_third_person
from connections.status import state_filters
from connections.views.access_review_pages import fetch, rows
from ui.refused_request_audit_flag import tell

_CHOSE = {Choice.KEEP: "keep", Choice.REDUCE: "reduce", Choice.REVOKE: "revoke"}


def _fetch(
    request: HttpRequest, review_id: UUID, item_id: UUID
) -> tuple[Actor, Review, ReviewItem]:
    me, review = fetch(request, review_id)
    found = (
        reviewer_permissions.items(me, review).filter(pk=item_id).select_related("review").first()
    )
    if found is None:
        raise Http404(str(item_id))
    return me, review, found


@never_cache
@require_GET
def following(request: HttpRequest, review_id: UUID) -> HttpResponse:
    """To the first account that waits for this person."""
    me, review = fetch(request, review_id)
    return _on(me, review, 0)


def _on(me: Actor, review: Review, number: int) -> HttpResponse:
    """To the next undecided account after `number`, then from the beginning, then the review."""
    left = reviewer_permissions.undecided(me, review, clock.now())
    found = left.filter(number__gt=number).first() or left.first()
    if found is None:
        return redirect("connections:review", review_id=review.id)
    return redirect("connections:review-item", review_id=review.id, item_id=found.id)


@never_cache
@require_http_methods(["GET", "POST"])
def item(request: HttpRequest, review_id: UUID, item_id: UUID) -> HttpResponse:
    """Show one account; on POST, decide about it and go on to the next."""
    me, review, found = _fetch(request, review_id, item_id)
    if request.method == "GET":
        return _page(request, me, review, found)
    choice, reason = request.POST.get("choice", ""), request.POST.get("reason", "").strip()[:500]
    try:
        done = remediation.decide(me, found, choice, reason)
    except Refused as refused:
        tell(request, refused.code)
        found.refresh_from_db()
        status = 403 if refused.code in {"not_permitted", "not_reviewer"} else 422
        words = "Choose keep, reduce or revoke." if refused.code == "bad_params" else None
        return _page(request, me, review, found, words or refused.detail, status)
    if done.refused is not None:
        tell(request, done.refused.code)
        messages.error(request, f"You chose to revoke {_named(found)}. {done.refused.detail}")
        return redirect("connections:review-item", review_id=review.id, item_id=found.id)
    where = _where(done.revocation.approval if done.revocation else None)
    messages.success(request, f"You chose to {_CHOSE[Choice(choice)]} {_named(found)}.{where}")
    return _on(me, review, found.number)


def _where(asked: Approval | None) -> str:
    """Where the code of a request is; empty where nobody is asked."""
    return " Approvals shows the request and its code." if asked else ""


def _named(found: ReviewItem) -> str:
    """Such as `Mia Member’s GitHub account octo-dev`."""
    row = rows([found])[0]
    return f"{row['owner']}’s {row['title']} account {row['named']}".rstrip()


def _page(
    request: HttpRequest,
    me: Actor,
    review: Review,
    found: ReviewItem,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    now = clock.now()
    everything = reviewer_permissions.items(me, review)
    why_not = reviewer_permissions.why_not(me, found, now)
    own = permissions.is_owner(me, found)
    excess = set(found.excess)
    account = permissions.by_id(str(found.account))
    ended = reviewer_permissions.has_ended(account)
    row, said = rows([found])[0], catalogue.in_words(found.connection, found.scopes)
    context: dict[str, Any] = {
        "review": review,
        **row,
        "account": account,
        "standing": state_filters.of(account) if account else None,
        "scopes": [
            (words, words.name in excess)
            for words in (
                said if own else permissions_in_third_person.for_others(said, row["owner"])
            )
        ],
        "why_not": why_not,
        "ended": ended,
        "may": not (why_not or found.operation or ended),
        "may_revoke": found.choice == Choice.REVOKE and (own or "admin" in me.roles),
        "own": own,
        "own_as_admin": own and "admin" in me.roles,
        "problem": problem,
        "reason": request.POST.get("reason", ""),
        "before": everything.filter(number__lt=found.number).last(),
        "after": everything.filter(number__gt=found.number).first(),
        "total": everything.count(),
        "place": everything.filter(number__lte=found.number).count(),
        "left": reviewer_permissions.undecided(me, review, now).count(),
        "crumbs": [
            {"text": "Reviews", "url": "/connections/reviews/"},
            {"text": review.title, "url": f"/connections/reviews/{review.id}/"},
            {"text": f"Account {found.number}"},
        ],
    }
    return render(request, "connections/review_item.html", context, status=status)


@require_POST
def revoke(request: HttpRequest, review_id: UUID, item_id: UUID) -> HttpResponse:
    """Begin the revocation that was decided, where it did not begin or did not hold."""
    me, review, found = _fetch(request, review_id, item_id)
    try:
        done = remediation.begin(me, found)
    except Refused as refused:
        tell(request, refused.code)
        messages.error(request, refused.detail)
    else:
        messages.success(
            request, f"You asked for the revocation of {_named(found)}.{_where(done.approval)}"
        )
    return redirect("connections:review-item", review_id=review.id, item_id=found.id)

"""Access reviews over the API: the list, its accounts, and the signed result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.db.models import Count, Q
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from ninja import Field, Router

from accounts.bearer import caller
from api import openapi, paging
from api.problems import Problem
from approvals import clock
from audit.recording.actors import Actor
from connections import permissions
from connections.access_reviews import reviewer_permissions, signed_result_download
from connections.access_reviews import signed_result_file as results
from connections.access_reviews.account_filter import words_of
from connections.api import review_schemas
from connections.api.review_schemas import Decision
from connections.models import Choice, Review, ReviewItem
from connections.views import access_review_pages as pages
from connections.views.inventory import download_responses
from ui.refusal_marks import mark

router = Router(tags=["Access reviews"])

_CURSOR = paging.cursor(paging.ID)


@router.get(
    "/reviews",
    operation_id="portal_api_reviews_index",
    summary="Access reviews that you may see",
    response=review_schemas.ReviewList,
    openapi_extra=openapi.may(422),
)
def index(
    request: HttpRequest,
    limit: paging.Limit = paging.MOST,
    after: Annotated[str, Field(pattern=_CURSOR)] = "",
) -> JsonResponse:
    """Newest first: all of them for admins and auditors, else those with an account of yours."""
    actor = caller(request).actor
    found = reviewer_permissions.visible(actor).order_by("-opened_at", "-pk")
    if after:
        opened, (id,) = paging.read(after)
        behind = Q(opened_at=opened, pk__lt=paging.id_of(id))
        found = found.filter(Q(opened_at__lt=opened) | behind)
    rows = list(found[: limit + 1])
    last = rows[limit - 1] if len(rows) > limit else None
    return JsonResponse(
        {
            "items": _reviews(actor, rows[:limit]),
            "next": paging.write(last.opened_at, last.pk.hex) if last else None,
        }
    )


@router.get(
    "/reviews/{review_id}",
    operation_id="portal_api_reviews_one",
    summary="One access review",
    response=review_schemas.ReviewOut,
    openapi_extra=openapi.may(404, 422),
)
def one(request: HttpRequest, review_id: UUID) -> JsonResponse:
    """How far it is, counted over the accounts that you see."""
    review = visible(request, review_id)
    return JsonResponse(_reviews(caller(request).actor, [review])[0])


@router.get(
    "/reviews/{review_id}/accounts",
    operation_id="portal_api_reviews_accounts",
    summary="The accounts of a review that you may see",
    response=review_schemas.ReviewedList,
    openapi_extra=openapi.may(404, 422),
)
def accounts(
    request: HttpRequest,
    review_id: UUID,
    decision: Decision | None = None,
    limit: paging.Limit = paging.MOST,
    after: Annotated[int, Field(ge=0, le=10_000_000, description="`next` of the page before")] = 0,
) -> JsonResponse:
    """All of them for admins and auditors, else your own; `decision` narrows to one answer."""
    review, actor = visible(request, review_id), caller(request).actor
    found = reviewer_permissions.items(actor, review).filter(number__gt=after)
    if decision is not None:
        found = found.filter(choice="" if decision == "undecided" else decision)
    rows = list(found[: limit + 1])
    return JsonResponse(
        {
            "items": reviewed(actor, rows[:limit]),
            "next": rows[limit - 1].number if len(rows) > limit else None,
        }
    )


@router.get(
    "/reviews/{review_id}/result",
    operation_id="portal_api_reviews_result",
    summary="The signed result of a closed review",
    openapi_extra=openapi.may(403, 404, 409, 422, ok=openapi.text("application/x-ndjson")),
)
def result(request: HttpRequest, review_id: UUID) -> HttpResponseBase:
    """For admins and auditors: the very bytes whose SHA-256 `review.closed` names; `ATA-Event` is
    the record of this reading."""
    if not caller(request).actor.roles & permissions.SEES_ALL:
        raise Problem(403, "not_permitted", "Signed results are for admins and auditors.")
    review = visible(request, review_id)
    if not review.result:
        raise Problem(409, "not_closed", "It is signed when it closes, and it is open.")
    return download_responses.as_download(
        signed_result_download.export(caller(request).actor, review)
    )


def visible(request: HttpRequest, review_id: UUID) -> Review:
    """The review of an address.

    Raises:
        Problem: 404 `not_found`, for what is not theirs to see too.
    """
    found = reviewer_permissions.visible(caller(request).actor).filter(pk=review_id).first()
    if found is None:
        raise not_there(request, Review.objects.filter(pk=review_id).exists())
    return found


def not_there(request: HttpRequest, exists: bool) -> Problem:
    """One answer for both, so that nobody learns which ids exist; the trail tells them apart."""
    if exists:
        mark(request, "not_yours", certain=True)
    return Problem(404, "not_found", "There is no such review or account, or it is not yours.")


def _reviews(actor: Actor, rows: list[Review]) -> list[dict[str, Any]]:
    now = clock.now()
    counted = _counts(actor, rows)
    left = {review.pk: number for review, number in reviewer_permissions.waiting_for(actor, now)}
    return [_review(row, counted[row.pk], left.get(row.pk, 0), now) for row in rows]


def _counts(actor: Actor, rows: list[Review]) -> Mapping[UUID, Counter[str]]:
    """Accounts by what was decided, of each review; one query."""
    found: dict[UUID, Counter[str]] = {row.pk: Counter() for row in rows}
    items = ReviewItem.objects.filter(review__in=rows).order_by()
    if not actor.roles & permissions.SEES_ALL:
        items = items.filter(iss=actor.iss, sub=actor.sub)
    for id, choice, number in items.values_list("review", "choice").annotate(Count("pk")):
        found[id][choice] = number
    return found


def _review(row: Review, counted: Counter[str], left: int, now: datetime) -> dict[str, Any]:
    overdue = row.closed_at is None and now > row.due
    return {
        "id": str(row.id),
        "title": row.title,
        "filter": words_of(row.wanted),
        "reviewers": str(row.reviewers),
        "state": "closed" if row.closed_at else "overdue" if overdue else "open",
        "due": clock.stamp(row.due),
        "opened_at": clock.stamp(row.opened_at),
        "opened_event": row.opened_event or None,
        "closed_at": clock.stamp(row.closed_at) if row.closed_at else None,
        "closed_event": row.closed_event or None,
        "counts": asdict(results.count(counted)),
        "waits_for_you": left,
        "scope_sha256": row.digest,
        "result_sha256": row.result_digest or None,
    }


def reviewed(actor: Actor, rows: list[ReviewItem]) -> list[dict[str, Any]]:
    """Accounts of a review as the API shows them; five queries for any number."""
    now = clock.now()
    return [_reviewed(actor, row, now) for row in pages.rows(rows)]


def _reviewed(actor: Actor, row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    item: ReviewItem = row["item"]
    why_not = reviewer_permissions.why_not(actor, item, now)
    if not why_not and item.operation:
        why_not = "The revocation that was decided has begun."
    own = reviewer_permissions.is_owner(actor, item)
    by = {"iss": item.decided_iss, "sub": item.decided_sub, "name": row["by"]}
    return {
        "id": str(item.id),
        "number": item.number,
        "connection_id": str(item.account),
        "connection": item.connection,
        "title": row["title"],
        "account": row["named"] or None,
        "owner": {"iss": item.iss, "sub": item.sub, "name": row["owner"]},
        "state": str(item.state),
        "scopes": item.scopes,
        "excess": item.excess,
        "uses": item.uses,
        "last_used_at": clock.stamp(item.last_used_at) if item.last_used_at else None,
        "elsewhere_on": item.elsewhere_on.isoformat() if item.elsewhere_on else None,
        "watched_since": clock.stamp(item.watched_since),
        "decision": item.choice or "undecided",
        "reason": item.reason,
        "decided_at": clock.stamp(item.decided_at) if item.decided_at else None,
        "decided_by": by if item.decided_sub else None,
        "self_review": item.self_review,
        "event_id": item.event or None,
        "remedy": row["remedy"],
        "can_begin": row["again"]
        and item.choice == Choice.REVOKE
        and (own or "admin" in actor.roles),
        "may_decide": not why_not,
        "why_not": why_not,
    }

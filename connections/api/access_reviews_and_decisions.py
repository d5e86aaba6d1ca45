"""Access reviews over the API: the list, its accounts, and the signed result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import Count, Q
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from ninja import Field, Router, Schema
from pydantic import ConfigDict

from accounts.bearer import caller
from api import openapi, paging, schemas
from api.problems import Problem
from approvals import clock
from approvals.api import idempotency, post_decision_and_requests
from approvals.errors import Refused
from audit.recording.actors import Actor
from connections import permissions
from connections.access_reviews import remediation, reviewer_permissions
from connections.access_reviews import signed_result_file as results
from connections.access_reviews.account_filter import words_of
from connections.access_reviews.remediation import Decided
from connections.api import review_schemas
from connections.api.review_schemas import Decision
from connections.models import Choice, Review, ReviewItem
from connections.views import access_review_pages as pages
from connections.views.inventory import download_responses
from ui.refused_request_audit_flag import mark, tell

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
    return download_responses.as_download(results.export(caller(request).actor, review))


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
    sees_all = bool(actor.roles & permissions.SEES_ALL)
    return [_review(row, counted[row.pk], left.get(row.pk, 0), now, sees_all) for row in rows]


def _counts(actor: Actor, rows: list[Review]) -> Mapping[UUID, Counter[str]]:
    """Accounts by what was decided, of each review; one query."""
    found: dict[UUID, Counter[str]] = {row.pk: Counter() for row in rows}
    items = ReviewItem.objects.filter(review__in=rows).order_by()
    if not actor.roles & permissions.SEES_ALL:
        items = items.filter(iss=actor.iss, sub=actor.sub)
    for id, choice, number in items.values_list("review", "choice").annotate(Count("pk")):
        found[id][choice] = number
    return found


def _review(
    row: Review, counted: Counter[str], left: int, now: datetime, sees_all: bool
) -> dict[str, Any]:
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
        "reassignments": [_reassignment(one) for one in row.reassignments] if sees_all else [],
    }


def _reassignment(one: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: one[name] for name in ("person", "reviewer", "by", "at")}
    return named | {"event_id": one["event"]}


def reviewed(actor: Actor, rows: list[ReviewItem]) -> list[dict[str, Any]]:
    """Accounts of a review as the API shows them; five queries for any number."""
    now = clock.now()
    return [_reviewed(actor, row, now) for row in pages.rows(rows)]


def _reviewed(actor: Actor, row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    item: ReviewItem = row["item"]
    why_not = reviewer_permissions.why_not(actor, item, now)
    if not why_not and item.operation:
        why_not = "The revocation that was decided has begun."
    if not why_not and row["ended"]:
        why_not = reviewer_permissions.NOTHING_LEFT
    own = permissions.is_owner(actor, item)
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


class DecideIn(Schema):
    """The answer for one account; a revocation, and an admin's own account, need a reason."""

    model_config = ConfigDict(extra="forbid", strict=True)

    decision: Literal["keep", "reduce", "revoke"]
    reason: str = Field("", max_length=500)


@router.post(
    "/reviews/{review_id}/accounts/{account_id}/decide",
    operation_id="portal_api_review_decisions_decide",
    summary="Keep, reduce or revoke an account of a review",
    response={201: review_schemas.DecidedOut, 202: review_schemas.DecidedWaitingOut},
    openapi_extra=openapi.may(403, 404, 409) | {"parameters": [idempotency.HEADER]},
)
def decide(request: HttpRequest, review_id: UUID, account_id: UUID, body: DecideIn) -> JsonResponse:
    """For its reviewers. A revocation follows at once: 202 where it has to be approved.

    The decision stands also where its revocation is `refused`. Deciding again replaces the answer
    until a revocation began; a decision that was replaced
    before is refused its revocation: `decided_again`.
    """
    item = _item(request, review_id, account_id)

    def act(keep: idempotency.Keep) -> idempotency.Answer:
        return _decide(request, item, body, keep)

    return idempotency.answered(request, act)


def _decide(
    request: HttpRequest, item: ReviewItem, body: DecideIn, keep: idempotency.Keep
) -> idempotency.Answer:
    kept: list[idempotency.Answer] = []

    def last(done: Decided) -> None:
        kept.append(_answer_of(done))
        keep(*kept[0])

    try:
        done = remediation.decide(
            caller(request).actor, item, body.decision, body.reason.strip(), before_commit=last
        )
    except Refused as no:
        tell(request, no.code)
        raise
    if done.refused is None:
        return kept[0]
    tell(request, done.refused.code)
    found = _answer_of(done)
    keep(*found)
    return found


def _answer_of(done: Decided) -> idempotency.Answer:
    """Of this decision alone: somebody else may have decided by the time that it is returned."""
    status: int = 201
    answer: dict[str, Any] = {"operation": None, "effects": []}
    if done.revocation is not None:
        status, answer = post_decision_and_requests.answer_of(done.revocation)
    answer |= {"event_id": done.event, "decision": str(done.item.choice)}
    if status == 201:
        no = done.refused
        refused = {"code": no.code, "detail": no.detail} if no is not None else None
        answer |= {"remedy": done.remedy, "refused": refused}
    return status, answer


@router.post(
    "/reviews/{review_id}/accounts/{account_id}/revoke",
    operation_id="portal_api_review_decisions_revoke",
    summary="Ask for a revocation that a review decided",
    response={200: schemas.NothingToDoOut, 201: schemas.CommittedOut, 202: schemas.WaitingOut},
    openapi_extra=openapi.may(403, 404, 409, 422) | {"parameters": [idempotency.HEADER]},
)
def revoke(request: HttpRequest, review_id: UUID, account_id: UUID) -> JsonResponse:
    """Where it did not begin, or did not hold; under the rights of `connection.revoke`."""
    item = _item(request, review_id, account_id)

    def act(keep: idempotency.Keep) -> idempotency.Answer:
        begun = remediation.begin(
            caller(request).actor,
            item,
            before_commit=lambda begun: keep(*post_decision_and_requests.answer_of(begun)),
        )
        return post_decision_and_requests.answer_of(begun)

    return idempotency.answered(request, act)


def _item(request: HttpRequest, review_id: UUID, account_id: UUID) -> ReviewItem:
    review = visible(request, review_id)
    seen = reviewer_permissions.items(caller(request).actor, review).select_related("review")
    found = seen.filter(pk=account_id).first()
    if found is None:
        raise not_there(request, review.items.filter(pk=account_id).exists())
    return found

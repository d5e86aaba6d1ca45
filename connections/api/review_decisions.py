"""Deciding on the accounts of an access review over the API, as its page does."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from ninja import Field, Router, Schema
from pydantic import ConfigDict

from accounts.bearer import caller
from api import openapi, schemas
from approvals.api import decisions_and_requests, idempotency
from approvals.errors import Refused
from connections.access_reviews import remediation, reviewer_permissions
from connections.access_reviews.remediation import Decided
from connections.api import review_schemas
from connections.api.review_lists_and_results import not_there, visible
from connections.models import ReviewItem
from ui.refusal_marks import tell

router = Router(tags=["Access reviews"])


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
        status, answer = decisions_and_requests.answer_of(done.revocation)
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
            before_commit=lambda begun: keep(*decisions_and_requests.answer_of(begun)),
        )
        return decisions_and_requests.answer_of(begun)

    return idempotency.answered(request, act)


def _item(request: HttpRequest, review_id: UUID, account_id: UUID) -> ReviewItem:
    review = visible(request, review_id)
    seen = reviewer_permissions.items(caller(request).actor, review).select_related("review")
    found = seen.filter(pk=account_id).first()
    if found is None:
        raise not_there(request, review.items.filter(pk=account_id).exists())
    return found

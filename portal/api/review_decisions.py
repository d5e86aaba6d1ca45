"""Deciding on the accounts of an access review over the API, as its page does."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from ninja import Field, Router, Schema
from pydantic import ConfigDict

from approvals.perform import Performed, Refused
from connections.models import ReviewItem
from connections.reviews import remedy, rights
from portal.api import contract, decisions, review_shapes, shapes
from portal.api.auth import caller
from portal.api.reviews import not_there, visible
from portal.ops.refused import tell

router = Router(tags=["Access reviews"])


class DecideIn(Schema):
    """The answer for one account; a revocation, and an admin's own account, need a reason."""

    model_config = ConfigDict(extra="forbid", strict=True)

    decision: Literal["keep", "reduce", "revoke"]
    reason: str = Field("", max_length=500)


@router.post(
    "/reviews/{review_id}/accounts/{account_id}/decide",
    summary="Keep, reduce or revoke an account of a review",
    response={201: review_shapes.DecidedOut, 202: review_shapes.DecidedWaitingOut},
    openapi_extra=contract.may(403, 404, 409),
)
def decide(request: HttpRequest, review_id: UUID, account_id: UUID, body: DecideIn) -> JsonResponse:
    """For whoever reviews it. A revocation follows at once: 202 where it has to be approved.

    The decision stands also where its revocation is `refused`. Deciding again replaces the answer
    until a revocation began.
    """
    item = _item(request, review_id, account_id)
    before, revocation, refused = item.event, None, None
    try:
        done = remedy.decide(caller(request).actor, item, body.decision, body.reason.strip())
        revocation = done.revocation
    except Refused as no:
        tell(request, no.code)
        item.refresh_from_db()
        if item.event == before:
            raise
        refused = {"code": no.code, "detail": no.detail}
    item.refresh_from_db()
    told = {"event_id": item.event, "decision": str(item.choice)}
    status, answer = _of(revocation)
    if status == 201:
        state = remedy.states([item])[item.id]
        told |= {"remedy": remedy.WORDS[state], "refused": refused}  # type: ignore[dict-item]
    return JsonResponse(answer | told, status=status)


def _of(revocation: Performed | None) -> tuple[int, dict[str, Any]]:
    if revocation is None:
        return 201, {"operation": None, "effects": []}
    return decisions.answer_of(revocation)


@router.post(
    "/reviews/{review_id}/accounts/{account_id}/revoke",
    summary="Ask for a revocation that a review decided",
    response={201: shapes.CommittedOut, 202: shapes.WaitingOut},
    openapi_extra=contract.may(403, 404, 409, 422),
)
def revoke(request: HttpRequest, review_id: UUID, account_id: UUID) -> JsonResponse:
    """Where it did not begin, or did not hold; under the rights of `connection.revoke`."""
    item = _item(request, review_id, account_id)
    status, answer = decisions.answer_of(remedy.begin(caller(request).actor, item))
    return JsonResponse(answer, status=status)


def _item(request: HttpRequest, review_id: UUID, account_id: UUID) -> ReviewItem:
    review = visible(request, review_id)
    seen = rights.items(caller(request).actor, review).select_related("review")
    found = seen.filter(pk=account_id).first()
    if found is None:
        raise not_there(request, review.items.filter(pk=account_id).exists())
    return found

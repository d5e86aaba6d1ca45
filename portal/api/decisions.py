"""`POST /v1/decisions` and the approvals that they wait for (DESIGN 2.5)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from ninja import Field, Router, Schema

from approvals import idempotency
from approvals.closing import as_json
from approvals.models import Approval, Status
from approvals.perform import Performed, perform
from approvals.withdraw import cancel, visible_to
from audit.actor import Actor, Target
from portal.api.auth import caller
from portal.api.problems import Problem

router = Router(tags=["Decisions"])


class TargetIn(Schema):
    """What a decision is about. Without `instance` it is about all registered instances."""

    kind: str = Field(max_length=30)
    name: str = Field(min_length=1, max_length=300)
    instance: str = Field("", max_length=60)


class DecisionIn(Schema):
    """A decision to take or to ask for."""

    verb: str = Field(max_length=60)
    target: TargetIn
    reason: str = Field("", max_length=2000)
    severity: str | None = Field(None, pattern="^(CRITICAL|HIGH|MEDIUM|LOW|INFO)$")
    finding_id: str | None = Field(None, max_length=200)
    params: dict[str, Any] = {}


@router.post("/decisions", summary="Block, allow, dismiss …: commit, or ask for a step-up")
def decide(request: HttpRequest, body: DecisionIn) -> JsonResponse:
    """201 when committed, 202 with a binding code when somebody has to approve."""
    actor = caller(request).actor
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > 200:
        raise Problem(422, "invalid_request", "Idempotency-Key: at most 200 characters.")
    if not key:
        status, answer = _perform(actor, body)
        return JsonResponse(answer, status=status)
    try:
        known = idempotency.begin(actor, key, request.body)
    except idempotency.Mismatch:
        raise Problem(
            422, "idempotency_mismatch", "This Idempotency-Key was used with another body."
        ) from None
    except idempotency.StillRunning:
        raise Problem(
            409,
            "still_running",
            "The first call with this key is not answered yet.",
            headers={"Retry-After": "1"},
        ) from None
    if known is not None:
        return JsonResponse(known.answer, status=known.status)
    try:
        status, answer = _perform(actor, body)
    except BaseException:
        idempotency.abandon(actor, key)
        raise
    idempotency.finish(actor, key, status, answer)
    return JsonResponse(answer, status=status)


def _perform(actor: Actor, body: DecisionIn) -> tuple[int, dict[str, Any]]:
    params = dict(body.params)
    if body.finding_id:
        params["finding_id"] = body.finding_id
    done = perform(
        actor,
        body.verb,
        Target(body.target.kind, body.target.name, body.target.instance),
        params=params,
        reason=body.reason,
        severity=body.severity,
    )
    return _answer(done)


def _answer(done: Performed) -> tuple[int, dict[str, Any]]:
    if done.approval is not None:
        waiting = as_json(done.approval)
        return 202, {
            "approval_id": waiting["id"],
            "binding_message": waiting["binding_message"],
            "expires_at": waiting["expires_at"],
            "poll_url": f"{settings.PORTAL_URL}/v1/approvals/{waiting['id']}",
            "sentence": waiting["sentence"],
            "asked": waiting["asked"],
            "operation": done.operation,
        }
    return 201, {
        "event_id": str(done.event_id),
        "operation": done.operation,
        "effects": [
            {"instance": e.instance, "label": e.label, "state": e.state, "detail": e.detail}
            for e in done.effects
        ],
    }


@router.get("/approvals", summary="Approvals that you may see, newest first")
def list_approvals(request: HttpRequest, status: str = "", limit: int = 50) -> dict[str, Any]:
    """Pending ones with `status=pending`; members see their own."""
    actor = caller(request).actor
    if status and status not in Status.values:
        raise Problem(422, "invalid_request", f"status: one of {', '.join(Status.values)}.")
    found = Approval.objects.order_by("-created")
    if status:
        found = found.filter(status=status)
    if not actor.roles:
        mine = found.filter(requester_iss=actor.iss, requester_sub=actor.sub)
        asked = found.filter(asks__person__iss=actor.iss, asks__person__sub=actor.sub)
        found = (mine | asked).distinct()
    return {"items": [as_json(a) for a in found[: max(1, min(limit, 200))]]}


@router.get("/approvals/{approval_id}", summary="One approval, with its exact intent")
def one_approval(request: HttpRequest, approval_id: str) -> dict[str, Any]:
    """Poll this until `status` is `closed`."""
    return as_json(visible_to(caller(request).actor, approval_id))


@router.post("/approvals/{approval_id}/cancel", summary="Withdraw your own request")
def cancel_approval(request: HttpRequest, approval_id: str) -> dict[str, Any]:
    """A later approval on the phone commits nothing and is recorded."""
    return as_json(cancel(caller(request).actor, approval_id))

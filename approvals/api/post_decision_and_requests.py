"""`POST /v1/decisions` and the approvals that they wait for (DESIGN 2.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, JsonResponse
from ninja import Field, Router, Schema
from pydantic import ConfigDict

from accounts.bearer import caller
from api import openapi, paging, schemas
from api.problems import Problem
from approvals import registry
from approvals.api import idempotency
from approvals.cancel_resend_confirm_denial import cancel, visible_to
from approvals.errors import Refused
from approvals.models import Approval, Effect, Status
from approvals.pipeline.service import Performed, checked, perform
from approvals.serializers import as_json, effect_as_json, list_as_json
from audit.recording.actors import Actor, Target
from connections import connection_and_agent_names as agents
from enforcement import known_component_names

router = Router(tags=["Decisions"])
_CURSOR = paging.cursor(paging.ID)


class TargetIn(Schema):
    """What a decision is about. Without `instance` it is about all registered instances."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: str = Field(max_length=30)
    name: str = Field(min_length=1, max_length=300)
    instance: str = Field("", max_length=60)


class DecisionIn(Schema):
    """A decision to take or to ask for."""

    model_config = ConfigDict(extra="forbid", strict=True)

    verb: str = Field(max_length=60)
    target: TargetIn
    reason: str = Field("", max_length=2000)
    severity: str | None = Field(None, pattern="^(CRITICAL|HIGH|MEDIUM|LOW|INFO)$")
    finding_id: str | None = Field(None, max_length=200)
    params: dict[str, Any] = {}


@router.post(
    "/decisions",
    operation_id="portal_api_decisions_decide",
    summary="Block, allow, dismiss …: commit, or ask for a step-up",
    response={200: schemas.NothingToDoOut, 201: schemas.CommittedOut, 202: schemas.WaitingOut},
    openapi_extra=openapi.may(403, 409) | {"parameters": [idempotency.HEADER]},
)
def decide(request: HttpRequest, body: DecisionIn) -> JsonResponse:
    """201 when committed, 202 with a binding code when somebody has to approve, 200 where it is
    so already."""
    actor = caller(request).actor

    def act(keep: idempotency.Keep) -> idempotency.Answer:
        return answer_of(_perform(actor, body, lambda done: keep(*answer_of(done))))

    return idempotency.answered(request, act)


def _perform(
    actor: Actor, body: DecisionIn, before_commit: Callable[[Performed], None]
) -> Performed:
    target = Target(body.target.kind, body.target.name, body.target.instance)
    params = dict(body.params)
    freezes = body.verb == agents.FREEZE_AGENT
    if freezes or known_component_names.enforces(body.verb, target):
        new = _is_new(params)
        checked(registry.get(body.verb), params)  # a request that is wrong says so first
        check = agents.check_agent if freezes else known_component_names.check
        check(actor, body.verb, target, new=new)
    if body.finding_id:
        params["finding_id"] = body.finding_id
    return perform(
        actor,
        body.verb,
        target,
        params=params,
        reason=body.reason,
        severity=body.severity,
        before_commit=before_commit,
    )


def _is_new(params: dict[str, Any]) -> bool:
    """Take `params.new` out: it confirms a name to us, and is no part of what is decided.

    Raises:
        Refused: `bad_params`.
    """
    new = params.pop("new", False)
    if not isinstance(new, bool):
        raise Refused("bad_params", "new: true or false.", pointer="/params/new")
    return new


def answer_of(done: Performed) -> tuple[int, dict[str, Any]]:
    """Status and body of what was performed: 201 committed, or 202 where somebody is asked."""
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
        "sentence": done.sentence,
        "effects": _as_json(done.effects),
    }


def _as_json(effects: Iterable[Effect]) -> list[dict[str, str]]:
    return [effect_as_json(effect) for effect in effects]


@router.get(
    "/decisions/{operation}",
    operation_id="portal_api_decisions_steps_of_decision",
    summary="The remote steps of a decision, and what each gateway confirmed",
    response=schemas.StepsOut,
    openapi_extra=openapi.may(404, 422),
)
def steps_of_decision(request: HttpRequest, operation: UUID) -> JsonResponse:
    """Poll this until no step is `pending` or `unknown`. Members see their own decisions."""
    actor = caller(request).actor
    effects = list(Effect.objects.filter(operation=str(operation)).order_by("created", "id"))
    if not actor.roles:
        effects = [e for e in effects if _is_by(actor, e)]
    if not effects:
        raise Problem(404, "not_found", "There is no such decision, or it is not yours to see.")
    return JsonResponse({"operation": str(operation), "effects": _as_json(effects)})


def _is_by(actor: Actor, effect: Effect) -> bool:
    return (effect.actor.get("iss"), effect.actor.get("sub")) == (actor.iss, actor.sub)


@router.get(
    "/approvals",
    operation_id="portal_api_decisions_list_approvals",
    summary="Approvals that you may see, newest first",
    response=schemas.ApprovalList,
    openapi_extra=openapi.may(422),
)
def list_approvals(
    request: HttpRequest,
    status: Annotated[str, Field(json_schema_extra={"enum": list(Status.values)})] = "",
    limit: paging.Limit = 50,
    after: Annotated[str, Field(pattern=_CURSOR, description="`next` of the page before")] = "",
) -> JsonResponse:
    """Pending ones with `status=pending`; members see their own."""
    actor = caller(request).actor
    if status and status not in Status.values:
        raise Problem(422, "invalid_request", f"status: one of {', '.join(Status.values)}.")
    found = Approval.objects.order_by("-created", "-id")
    if status:
        found = found.filter(status=status)
    if not actor.roles:
        mine = found.filter(requester_iss=actor.iss, requester_sub=actor.sub)
        asked = found.filter(asks__person__iss=actor.iss, asks__person__sub=actor.sub)
        found = (mine | asked).distinct()
    if after:
        created, (id,) = paging.read(after)
        same = Q(created=created, id__lt=paging.id_of(id))
        found = found.filter(Q(created__lt=created) | same)
    page = list(found[: limit + 1])
    last = page[limit - 1] if len(page) > limit else None
    following = paging.write(last.created, last.pk.hex) if last else None
    return JsonResponse({"items": list_as_json(page[:limit]), "next": following})


@router.get(
    "/approvals/{approval_id}",
    operation_id="portal_api_decisions_one_approval",
    summary="One approval, with its exact intent",
    response=schemas.ApprovalOut,
    openapi_extra=openapi.may(404),
)
def one_approval(request: HttpRequest, approval_id: str) -> JsonResponse:
    """Poll this until `status` is `closed`."""
    return JsonResponse(as_json(visible_to(caller(request).actor, approval_id)))


@router.post(
    "/approvals/{approval_id}/cancel",
    operation_id="portal_api_decisions_cancel_approval",
    summary="Withdraw your own request",
    response=schemas.ApprovalOut,
    openapi_extra=openapi.may(403, 404, 409),
)
def cancel_approval(request: HttpRequest, approval_id: str) -> JsonResponse:
    """A later approval on the phone commits nothing and is recorded."""
    return JsonResponse(as_json(cancel(caller(request).actor, approval_id)))

"""What people allowed beyond manifests, over the API: list it, end it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, JsonResponse
from ninja import Field, Router, Schema
from pydantic import ConfigDict

from accounts.bearer import caller
from api import openapi, paging, schemas
from api.problems import Problem
from approvals.api import idempotency, post_decision_and_requests
from connections.api import connection_schemas
from connections.scope_escalation import allowances_in_force
from ui.refused_request_audit_flag import mark

router = Router(tags=["Connections"])


class EndIn(Schema):
    """Why it ends before its time."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: str = Field("", max_length=2000)


@router.get(
    "/connections/allowances",
    operation_id="portal_api_allowances_index",
    summary="What components may use beyond their manifests",
    response=connection_schemas.AllowanceList,
    openapi_extra=openapi.may(422),
)
def index(
    request: HttpRequest, limit: paging.Limit = paging.MOST, after: UUID | None = None
) -> JsonResponse:
    """What holds now, newest first: everybody's for operators, admins and auditors, else yours."""
    return JsonResponse(allowances_in_force.page(caller(request).actor, after, limit))


@router.post(
    "/connections/allowances/{allowance_id}/end",
    operation_id="portal_api_allowances_end",
    summary="Take back what was allowed beyond a manifest",
    response={200: schemas.NothingToDoOut, 201: schemas.CommittedOut, 202: schemas.WaitingOut},
    openapi_extra=openapi.may(403, 404, 409) | {"parameters": [idempotency.HEADER]},
)
def end(request: HttpRequest, allowance_id: UUID, body: EndIn | None = None) -> JsonResponse:
    """For the account's owner, operators and admins: refused from the next request on."""
    actor = caller(request).actor
    made = allowances_in_force.by_id(str(allowance_id))
    if made is None or not allowances_in_force.sees(actor, made):
        if made is not None:
            mark(request, "not_yours", certain=True)
        # One answer for both, so that nobody learns which ids exist.
        raise Problem(404, "not_found", "There is no such allowance, or it is not yours to see.")
    return post_decision_and_requests.decide(
        request,
        post_decision_and_requests.DecisionIn(
            verb="scope.withdraw",
            target=post_decision_and_requests.TargetIn(
                kind="connection", name=str(made.account_id), instance=""
            ),
            reason=body.reason if body else "",
            severity=None,
            finding_id=None,
            params={"allowance": str(made.id)},
        ),
    )

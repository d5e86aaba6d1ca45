"""The policy in force as everybody may read it, and what it would do (ADR 8, ADR 11)."""

from __future__ import annotations

from typing import Annotated

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from ninja import Router
from pydantic import Field

from api import openapi, schemas
from api.problems import Problem
from approvals import policy, registry
from approvals.policy import sentences
from approvals.policy.single_decision_dry_run import WHO, WHOSE, chosen_situation, what_if
from audit.ledger.format.allowed_field_values import SEVERITIES

router = Router(tags=["Decisions"])


@router.get(
    "/policy",
    operation_id="portal_api_policy_in_force",
    summary="The policy in force, with its sentences",
    response=schemas.PolicyOut,
)
def in_force(request: HttpRequest) -> JsonResponse:
    """`digest` is what every intent and every decision repeats."""
    now = policy.in_force()
    return JsonResponse(
        {
            "digest": now.digest,
            "number": now.document.number,
            "document": now.document.as_json(),
            "sentences": [
                sentences.sentence(rule, now.document, settings.STEP_UP_EXPIRY_S)
                for rule in now.document.rules
            ],
        }
    )


@router.get(
    "/policy/try",
    operation_id="portal_api_policy_try_it",
    summary="What would happen if: nothing is done and no one is asked",
    response=schemas.TrialOut,
    openapi_extra=openapi.may(422),
)
def try_it(
    request: HttpRequest,
    verb: Annotated[str, Field(json_schema_extra={"enum": list(registry.names())})],
    severity: Annotated[str, Field(json_schema_extra={"enum": list(SEVERITIES)})] = "HIGH",
    who: Annotated[str, Field(json_schema_extra={"enum": list(WHO)})] = "operator",
    whose: Annotated[str, Field(json_schema_extra={"enum": list(WHOSE)})] = "nobody",
) -> JsonResponse:
    """`why` names each rule that was passed over, and the one that applies."""
    for name, value, known in (
        ("verb", verb, registry.names()),
        ("severity", severity, SEVERITIES),
        ("who", who, WHO),
        ("whose", whose, WHOSE),
    ):
        if value not in known:
            raise Problem(422, "invalid_request", f"{name}: one of {', '.join(known)}.")
    found = registry.get(verb)
    tried = what_if(policy.current(), found, chosen_situation(found, severity, who, whose))
    decided = tried.decision
    return JsonResponse(
        {
            "kind": decided.kind,
            "sentence": tried.sentence,
            "rule": tried.rule or None,
            "why": list(tried.why),
            "approver": decided.approver or None,
            "channel": decided.channel or None,
            "needed": decided.count if decided.kind == "require" else 0,
            "within_s": decided.within_s or None,
        }
    )

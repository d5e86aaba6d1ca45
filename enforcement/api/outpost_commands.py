"""`GET /v1/outposts/commands`: what an outpost has to carry out, signed, in order; and what shows
that the log has the decision of a command."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from ninja import Query, Router, Schema

from api import openapi
from api.problems import Problem
from approvals.models import Effect
from audit.ledger.merkle import ProofError
from enforcement.api.outpost_request_proof import HEADER, check_admitted, proven_outpost
from enforcement.models import Outpost, OutpostCommand
from enforcement.outposts import (
    approval_evidence,
    command_format,
    issued_commands,
    wait_for_commands,
)
from enforcement.outposts.approval_evidence import LogNow, NoEvidence, NotYet

router = Router(tags=["Outposts"])


class CommandOut(Schema):
    """A command of the schema `ata.outpost.command.v1`, and the command key's signature over it.

    `evidence` proves an approval to the outpost; only commands that relax something have it.
    """

    command: dict[str, Any]
    signature: str
    evidence: dict[str, Any] | None


class CommandsOut(Schema):
    """Commands that the outpost has not reported on, and the number of the last of them."""

    commands: list[CommandOut]
    last: int


class DecisionOut(Schema):
    """What shows that the log has the decision of a command; null while it does not."""

    decision: dict[str, Any] | None


@router.get(
    "/commands",
    auth=None,
    operation_id="portal_api_outposts_commands",
    summary="Commands for an outpost, waiting for one if there is none",
    response=CommandsOut,
    openapi_extra=openapi.PUBLIC | {"parameters": [HEADER]} | openapi.may(401, 403, 409, 422),
)
def commands(
    request: HttpRequest,
    after: Annotated[int, Query(ge=0, le=2**53 - 1)] = 0,
    wait: Annotated[int, Query(ge=0, le=wait_for_commands.LONGEST_S)] = 0,
    log_size: Annotated[int | None, Query(ge=0, le=2**53 - 1)] = None,
) -> JsonResponse:
    """Those with a number beyond `after`; `wait` is in seconds, and ends early where many wait.

    `log_size` is how many entries the newest checkpoint had that the outpost accepted, 0 for none:
    the evidence then proves that the log only grew since.
    """
    outpost = proven_outpost(request)
    _check_not_contested(outpost)
    found = issued_commands.waiting(outpost.id, after)
    if not found and wait:
        lend = request.META.get("serving.waiting", nullcontext)
        wait_for_commands.until_issued(outpost.id, after, wait, lend)
        outpost.refresh_from_db()
        check_admitted(outpost)
        _check_not_contested(outpost)
        found = issued_commands.waiting(outpost.id, after)
    log = approval_evidence.log_now(log_size)
    answer = {
        "commands": [
            {
                "command": json.loads(one.body),
                "signature": one.signature,
                "evidence": _evidence(one, log),
            }
            for one in found
        ],
        "last": found[-1].n if found else after,
    }
    return JsonResponse(answer, headers={"Cache-Control": "no-store"})


@router.get(
    "/commands/{id}/decision",
    auth=None,
    operation_id="portal_api_outposts_decision",
    summary="The entry of the decision of a command, for its outpost",
    response=DecisionOut,
    openapi_extra=openapi.PUBLIC | {"parameters": [HEADER]} | openapi.may(401, 403, 404, 409, 422),
)
def decision(
    request: HttpRequest,
    id: UUID,
    log_size: Annotated[int, Query(ge=0, le=2**53 - 1)] = 0,
) -> JsonResponse:
    """Null while the signed log does not have it. `log_size` as for commands."""
    outpost = proven_outpost(request)
    _check_not_contested(outpost)
    command = OutpostCommand.objects.filter(pk=id, outpost=outpost).first()
    if command is None or not issued_commands.is_sealed(command):
        raise Problem(404, "not_found", "No command of this outpost has that id.")
    try:
        found = approval_evidence.decision_of(command, approval_evidence.log_now(log_size))
    except ProofError:
        found = None
    return JsonResponse({"decision": found}, headers={"Cache-Control": "no-store"})


def _evidence(command: OutpostCommand, log: LogNow) -> dict[str, Any] | None:
    """Under the newest checkpoint; None where nothing is relaxed, or what proved it is gone."""
    if command.act not in command_format.RELAXING:
        return None
    effect = Effect.objects.select_related("approval").filter(pk=command.pk).first()
    try:
        return approval_evidence.of(effect, log) if effect else None
    except (NoEvidence, NotYet, ProofError):
        return None


def _check_not_contested(outpost: Outpost) -> None:
    if outpost.contested_at is not None:
        detail = "This outpost is contested: its key is in two places. It gets no commands."
        raise Problem(409, "outpost_contested", detail)

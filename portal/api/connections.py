"""Connected accounts over the API: list them, revoke one (DESIGN 2.5)."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Field, Router, Schema
from pydantic import ConfigDict

from approvals import clock
from connections import grounds, listing, lookup, manifests
from connections.ibom import document, export, facts
from connections.models import ConnectedAccount, State
from connections.standing import Code
from portal.api import contract, decisions, shapes
from portal.api.auth import caller
from portal.api.problems import Problem

router = Router(tags=["Connections"])

NAME = rf"{manifests.CONNECTION}|^$"


class RevokeIn(Schema):
    """Why, and whether the owner's sessions end too (an admin's extra; off by default)."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: str = Field("", max_length=2000)
    end_sessions: bool = False


@router.get(
    "/connections",
    summary="Connected accounts that you may see",
    response=shapes.ConnectionList,
    openapi_extra=contract.may(422),
)
def list_connections(
    request: HttpRequest,
    owner: Annotated[str, Field(json_schema_extra={"enum": ["me"]})] = "",
    state: Annotated[str, Field(json_schema_extra={"enum": list(Code)})] = "",
    connection: Annotated[str, Field(max_length=128, pattern=NAME)] = "",
) -> JsonResponse:
    """`owner=me` narrows to your own. Without `state`, revoked ones are left out."""
    actor = caller(request).actor
    if state and state not in Code:
        raise Problem(422, "invalid_request", f"state: one of {', '.join(Code)}.")
    if owner not in {"", "me"}:
        raise Problem(422, "invalid_request", "owner: me, or leave it out.")
    found = lookup.mine(actor) if owner == "me" else lookup.visible(actor)
    if state:
        found = grounds.standing_as(found, state, grounds.now(), clock.now())
    else:
        found = found.exclude(state=State.REVOKED)
    if connection:
        found = found.filter(connection=connection)
    return JsonResponse({"items": listing.as_json(found.order_by("connection", "sub", "id"))})


@router.get(
    "/connections/ibom",
    summary="The signed Auth-IBOM (CycloneDX 1.7)",
    openapi_extra=contract.may(
        403, 422, ok={"application/vnd.cyclonedx+json": {"schema": {"type": "object"}}}
    ),
)
def ibom(request: HttpRequest, at: Annotated[str, Field(max_length=40)] = "") -> HttpResponse:
    """Everybody's accounts for admins and auditors, else your own; each export is an event.

    `at` rebuilds it from the log: a number of entries, a date, or an RFC 3339 time.
    """
    actor = caller(request).actor
    if at and not actor.roles & lookup.SEES_ALL:
        raise Problem(403, "not_permitted", "An earlier inventory is for auditors and admins.")
    try:
        size = facts.size_of(at) if at else None
    except facts.BadMoment as bad:
        raise Problem(422, "invalid_request", str(bad), pointer="/at") from None
    made = export.export(actor, size=size, moment=facts.moment_of(at) if at else None)
    return HttpResponse(
        made.body,
        content_type=document.MEDIA_TYPE,
        headers={
            "Content-Disposition": f'attachment; filename="{made.file_name}"',
            "Cache-Control": "no-store",
        },
    )


@router.get(
    "/connections/{connection_id}",
    summary="One connected account",
    response=shapes.ConnectionOut,
    openapi_extra=contract.may(404),
)
def one_connection(request: HttpRequest, connection_id: str) -> JsonResponse:
    """Yours, or anybody's for admin and auditor."""
    account = _visible(request, connection_id)
    return JsonResponse(listing.as_json([account])[0])


@router.post(
    "/connections/{connection_id}/revoke",
    summary="Revoke a connected account",
    response={201: shapes.CommittedOut, 202: shapes.WaitingOut},
    openapi_extra=contract.may(403, 404, 409) | {"parameters": [decisions.IDEMPOTENCY_KEY]},
)
def revoke(request: HttpRequest, connection_id: str, body: RevokeIn | None = None) -> JsonResponse:
    """Answers as `POST /v1/decisions`: 201 for your own, 202 for another person's."""
    account = _visible(request, connection_id)
    given = body or RevokeIn(reason="", end_sessions=False)
    return decisions.decide(
        request,
        decisions.DecisionIn(
            verb="connection.revoke",
            target=decisions.TargetIn(kind="connection", name=str(account.id), instance=""),
            reason=given.reason,
            severity=None,
            finding_id=None,
            params={"end_sessions": True} if given.end_sessions else {},
        ),
    )


def _visible(request: HttpRequest, connection_id: str) -> ConnectedAccount:
    try:
        return lookup.visible_one(caller(request).actor, connection_id)
    except ConnectedAccount.DoesNotExist:
        raise Problem(
            404, "not_found", "There is no such connection, or it is not yours to see."
        ) from None

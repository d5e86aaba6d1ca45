"""Connected accounts over the API: list them, revoke one (DESIGN 2.5)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from ninja import Field, Router, Schema

from connections import listing, lookup
from connections.models import ConnectedAccount, State
from portal.api import decisions
from portal.api.auth import caller
from portal.api.problems import Problem

router = Router(tags=["Connections"])


class RevokeIn(Schema):
    """Why, and whether the owner's sessions end too (an admin's extra; off by default)."""

    reason: str = Field("", max_length=2000)
    end_sessions: bool = False


@router.get("/connections", summary="Connected accounts that you may see")
def list_connections(
    request: HttpRequest, owner: str = "", state: str = "", connection: str = ""
) -> dict[str, Any]:
    """`owner=me` narrows to your own. Without `state`, revoked ones are left out."""
    actor = caller(request).actor
    if state and state not in State.values:
        raise Problem(422, "invalid_request", f"state: one of {', '.join(State.values)}.")
    if owner not in {"", "me"}:
        raise Problem(422, "invalid_request", "owner: me, or leave it out.")
    found = lookup.mine(actor) if owner == "me" else lookup.visible(actor)
    found = found.filter(state=state) if state else found.exclude(state=State.REVOKED)
    if connection:
        found = found.filter(connection=connection)
    return {"items": listing.as_json(found.order_by("connection", "sub", "id"))}


@router.get("/connections/{connection_id}", summary="One connected account")
def one_connection(request: HttpRequest, connection_id: str) -> dict[str, Any]:
    """Yours, or anybody's for admin and auditor."""
    account = _visible(request, connection_id)
    return listing.as_json([account])[0]


@router.post("/connections/{connection_id}/revoke", summary="Revoke a connected account")
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

"""What was decided about connections and is not finished, over the API (`remediations`)."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from ninja import Field, Router

from accounts.bearer import caller
from api import openapi, paging
from api.problems import Problem
from approvals import clock
from connections import permissions
from connections.api import connection_schemas
from connections.revocation import pending_steps_list
from connections.revocation.pending_steps_list import Place, Remediation

router = Router(tags=["Connections"])

CURSOR = paging.cursor(f"({'|'.join(pending_steps_list.KINDS)})", paging.ID)
"""The pattern of a place in the list, or of its beginning."""


@router.get(
    "/connections/unfinished",
    operation_id="portal_api_unfinished_index",
    summary="What was decided about connections and is not finished",
    response=connection_schemas.UnfinishedList,
    openapi_extra=openapi.may(403, 422),
)
def index(
    request: HttpRequest,
    limit: paging.Limit = paging.MOST,
    after: Annotated[str, Field(pattern=CURSOR)] = "",
) -> JsonResponse:
    """Deletions, remote steps, requests and decisions of reviews that wait for somebody.

    The oldest first, for admins and auditors; `step` names what can be tried again.
    """
    if not caller(request).actor.roles & permissions.SEES_ALL:
        raise Problem(403, "not_permitted", "What is not finished is for admins and auditors.")
    found, more = pending_steps_list.page(place_of(after), limit)
    last = found[-1].place if more else None
    return JsonResponse(
        {
            "items": [_one(one) for one in found],
            "next": cursor_of(last) if last else None,
        }
    )


def cursor_of(place: Place) -> str:
    """What goes on behind a place."""
    return paging.write(place.since, place.kind, place.id.hex)


def place_of(after: str) -> Place | None:
    """The place that a text of the form `CURSOR` names; None for the beginning."""
    if not after:
        return None
    since, (kind, id) = paging.read(after)
    return Place(since, kind, paging.id_of(id))


def _one(one: Remediation) -> dict[str, Any]:
    return {
        "kind": one.place.kind,
        "id": str(one.place.id),
        "what": one.what,
        "state": one.state,
        "waits_for": one.waits_for,
        "since": clock.stamp(one.since),
        "detail": one.detail,
        "step": one.step or None,
        "url": f"{settings.PORTAL_URL}{one.url}",
    }


@router.post(
    "/connections/unfinished/{step}/retry",
    operation_id="portal_api_unfinished_retry",
    summary="Try a remote step again",
    response=connection_schemas.RetriedOut,
    openapi_extra=openapi.may(403, 404, 422),
)
def retry(request: HttpRequest, step: UUID) -> JsonResponse:
    """For admins: it is due now, and a worker takes it; what comes of it is on the trail."""
    if "admin" not in caller(request).actor.roles:
        raise Problem(403, "not_permitted", "Steps are tried again by admins.")
    if not pending_steps_list.try_again(str(step)):
        raise Problem(404, "not_found", "No such step is open, or it is being tried just now.")
    return JsonResponse({"step": str(step), "due": clock.stamp(clock.now())})

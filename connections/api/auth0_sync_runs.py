"""Comparisons with Auth0 over the API, and what each found different."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from ninja import Router

from accounts.bearer import caller
from api import openapi, paging
from api.problems import Problem
from approvals import clock
from audit.search import event_search
from connections import permissions
from connections.api import connection_schemas
from connections.models import ReconcileRun
from connections.sync import run_progress

router = Router(tags=["Connections"])


@router.get(
    "/connections/drift",
    operation_id="portal_api_drift_index",
    summary="Comparisons of everyone with Auth0",
    response=connection_schemas.ComparisonList,
    openapi_extra=openapi.may(403),
)
def index(request: HttpRequest) -> JsonResponse:
    """The newest first, with the one that is going on: all that are kept, which are 50."""
    _overseer(request)
    kept = ReconcileRun.objects.all()[: run_progress.KEPT]
    return JsonResponse({"items": [_comparison(run) for run in kept]})


@router.get(
    "/connections/drift/{comparison_id}",
    operation_id="portal_api_drift_one",
    summary="What a comparison found different",
    response=connection_schemas.DriftOut,
    by_alias=True,
    openapi_extra=openapi.may(403, 404, 422),
)
def one(
    request: HttpRequest,
    comparison_id: UUID,
    limit: paging.Limit = paging.MOST,
    after: UUID | None = None,
) -> JsonResponse:
    """Each difference is an event; `data.drift` says which: appeared, vanished, scopes_changed,
    expiry_changed, expired or came_back."""
    _overseer(request)
    run = ReconcileRun.objects.filter(pk=comparison_id).first()
    if run is None:
        raise Problem(404, "not_found", "There is no such comparison; the oldest are not kept.")
    rows, more = run_progress.page(run, after, limit)
    items = [
        event | {"sentence": row.sentence}
        for event, row in zip(event_search.publics(rows), rows, strict=True)
    ]
    answer = {"items": items, "next": str(rows[-1].event) if more else None}
    return JsonResponse(_comparison(run) | answer)


def _overseer(request: HttpRequest) -> None:
    if not caller(request).actor.roles & permissions.SEES_ALL:
        raise Problem(403, "not_permitted", "Differences to Auth0 are for admins and auditors.")


def _comparison(run: ReconcileRun) -> dict[str, Any]:
    return {
        "id": str(run.pk),
        "started": clock.stamp(run.started),
        "finished": clock.stamp(run.finished) if run.finished else None,
        "people": run.total,
        "compared": run.done,
        "unreadable": run.failed,
        "resumed": run.resumed,
        "differences": {
            "appeared": run.appeared,
            "vanished": run.vanished,
            "scopes_changed": run.scopes_changed,
            "other": run.other,
        },
    }

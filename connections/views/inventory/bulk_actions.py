"""Several accounts at once: what a filter of the inventory takes, suspended or revoked together."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.permissions import actor, needs_role
from approvals import clock
from approvals.errors import Refused
from approvals.pipeline.service import perform
from audit.recording.actors import Actor
from connections import inventory, permissions
from connections.inventory import Row
from connections.lifecycle import bulk_decisions
from ui.refused_request_audit_flag import tell

_ACTS = {"suspend": bulk_decisions.SUSPEND, "revoke": bulk_decisions.REVOKE}


@never_cache
@needs_role("admin")
@require_http_methods(["GET", "POST"])
def selected(request: HttpRequest) -> HttpResponseBase:
    """The accounts of a filter with their impact; on POST, one decision about those ticked."""
    return _decide(request) if request.method == "POST" else _page(request, None)


def _rows(request: HttpRequest) -> tuple[list[Row], int]:
    """The accounts of the first page of the filter, and how many it takes in all."""
    given = {key: values for key, values in request.GET.lists() if key not in {"group", "after"}}
    query, _ = inventory.parse(given)
    found = inventory.look(actor(request), query, clock.now(), size=bulk_decisions.MOST)
    rows = [row for group in found.groups for row in group.rows if row.card.can_revoke]
    return rows[: bulk_decisions.MOST], found.total


def _page(
    request: HttpRequest, ticked: set[str] | None, problem: str = "", status: int = 200
) -> HttpResponse:
    rows, total = _rows(request)
    dies = [row.account.last_token_expires_at for row in rows if row.account.last_token_expires_at]
    context: dict[str, Any] = {
        "rows": [(row, str(row.account.id) in (ticked or ())) for row in rows],
        "people": len({row.account.owner for row in rows if row.card.used_by}),
        "agents": sorted({name for row in rows for name in row.card.used_by}),
        "dies": max(dies) if dies and max(dies) > clock.now() else None,
        "total": total,
        "most": bulk_decisions.MOST,
        "problem": problem,
        "reason": request.POST.get("reason", ""),
        "end_sessions": bool(request.POST.get("end_sessions")),
        "query": urlencode(request.GET),
        "crumbs": [
            {"text": "Accounts", "url": f"/connections/inventory/?{urlencode(request.GET)}"},
            {"text": "Bulk actions"},
        ],
    }
    return render(request, "connections/selection.html", context, status=status)


def _decide(request: HttpRequest) -> HttpResponseBase:
    verb = _ACTS.get(request.POST.get("act", ""))
    accounts, reason = request.POST.getlist("account"), request.POST.get("reason", "").strip()
    strange = any(str(permissions.id_of(one)) != one for one in accounts)
    if verb is None or not accounts or not reason or strange:
        problem = "Tick at least one account, and say why."
        return _page(request, set(accounts), problem, status=422)
    params: dict[str, Any] = {"accounts": accounts}
    if verb == bulk_decisions.REVOKE and request.POST.get("end_sessions"):
        params["end_sessions"] = True
    return _perform(request, actor(request), verb, params, reason[:500])


def _perform(
    request: HttpRequest, me: Actor, verb: str, params: dict[str, Any], reason: str
) -> HttpResponseBase:
    accounts = params["accounts"]
    try:
        done = perform(me, verb, bulk_decisions.target_of(accounts), params=params, reason=reason)
    except Refused as refused:
        tell(request, refused.code)
        return _page(request, set(accounts), refused.detail, status=409)
    if done.approval is not None:
        return redirect("approval", approval_id=done.approval.id)
    number = "1 account" if len(accounts) == 1 else f"{len(accounts)} accounts"
    messages.success(request, f"You suspended {number}.")
    return redirect("connections:inventory")

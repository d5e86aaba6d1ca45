"""Scopes beyond manifests: what waits, what is allowed, what was tried, and the rules of each."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import actor, needs_role
from approvals.models import Approval, Status
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from connections import permissions
from connections.component_manifests import allow_required_before_credentials, manifest_store
from connections.models import ConnectedAccount, ConnectionSetting, ManifestNeed
from connections.scope_escalation import allowances_in_force, connection_rules, page_rows
from connections.scopes import catalogue
from connections.views.decide import decide

LASTS = (
    (300, "5 minutes"),
    (900, "15 minutes"),
    (3600, "1 hour"),
    (4 * 3600, "4 hours"),
    (86_400, "1 day"),
    (7 * 86_400, "7 days"),
)
"""How long an approved escalation may last, to choose from."""
_LISTED = 50
"""Waiting requests that the page lists."""


@never_cache
@needs_role("operator", "admin", "auditor")
@require_safe
def watch(request: HttpRequest) -> HttpResponseBase:
    """Everybody's escalations; for admins the form of each connection's rules."""
    me = actor(request)
    waiting = Approval.objects.filter(verb="scope.grant", status=Status.PENDING)
    number, tried = waiting.count(), page_rows.all_tried(me)
    context = {
        "title": _title(number, tried),
        "waiting": waiting.order_by("created")[:_LISTED],
        "number": number,
        "more": max(0, number - _LISTED),
        "allowed": page_rows.all_allowed(me),
        "tried": tried,
        "rules": _rules(),
        "lasts": LASTS,
        "may": "admin" in me.roles,
        "open": allow_required_before_credentials.is_open(),
    }
    return render(request, "connections/watch.html", context)


def _title(waiting: int, tried: list[dict[str, Any]]) -> str:
    """What waits, else how many components asked within the days that the list covers."""
    if waiting:
        return f"{waiting:,} excess request{' waits' if waiting == 1 else 's wait'} for an approval"
    if not tried:
        return "No component asked for more than it declares in 30 days"
    asked = len({(one["row"].kind, one["row"].name) for one in tried})
    if len(tried) == page_rows.MOST:
        return f"{asked:,} or more components asked for more than they declare in 30 days"
    if asked == 1:
        return "1 component asked for more than it declares in 30 days"
    return f"{asked:,} components asked for more than they declare in 30 days"


def _rules() -> list[dict[str, object]]:
    set_, default = connection_rules.of_all(), connection_rules.default_rules()
    asked = {
        one.target_name: one
        for one in Approval.objects.filter(verb="scope.configure", status=Status.PENDING)
    }
    named = {
        *set_,
        *ManifestNeed.objects.values_list("connection", flat=True),
        *ConnectedAccount.objects.values_list("connection", flat=True).distinct(),
        *ConnectionSetting.objects.values_list("name", flat=True),
    }
    return [
        {
            "name": name,
            "title": catalogue.title(name),
            "rules": set_.get(name, default),
            "asked": asked.get(name),
        }
        for name in sorted(named, key=lambda one: (catalogue.title(one).casefold(), one))
    ]


@needs_role("admin")
@require_POST
def configure(request: HttpRequest, connection: str) -> HttpResponseBase:
    """Set the rules of a connection: less passes at once, more waits for an approval."""
    if not manifest_store.is_connection(connection):
        messages.error(request, "Nothing was changed. Name a connection, such as github.")
        return redirect("connections:watch")
    lasts = request.POST.get("allow_for_s", "")
    seconds = lasts.isascii() and lasts.isdigit() and len(lasts) < 10
    params = {
        "excess": request.POST.get("excess", ""),
        "anonymous": bool(request.POST.get("anonymous")),
        "allow_for_s": int(lasts) if seconds else 0,
    }
    target, nothing = Target("service", connection), "Nothing was changed. "
    done = decide(request, "scope.configure", target, params, refused=nothing)
    if done is None:
        return redirect("connections:watch")
    if done.approval is not None:
        return redirect("approval", approval_id=done.approval.id)
    messages.success(request, f"The rules of {catalogue.title(connection)} were saved.")
    return redirect("connections:watch")


@needs_role("admin")
@require_POST
def require_allow(request: HttpRequest) -> HttpResponseBase:
    """Give credentials to allowed components only, from the next request on."""
    everything = Target("service", allow_required_before_credentials.EVERYTHING)
    perform(
        actor(request),
        allow_required_before_credentials.VERB,
        everything,
        params={"undecided": "refuse"},
    )
    messages.success(request, "Credentials were limited to components that someone allowed.")
    return redirect("connections:watch")


@require_POST
def withdraw(request: HttpRequest, account_id: UUID, allowance_id: UUID) -> HttpResponse:
    """Take back what was allowed beyond a manifest: refused from the next request on.

    Raises:
        Http404: not there, or neither one's own nor one's to decide.
    """
    me = actor(request)
    made = allowances_in_force.by_id(str(allowance_id))
    decides = made is not None and (
        permissions.is_owner(me, made.account) or bool(me.roles & {"operator", "admin"})
    )
    if made is None or not decides or made.account_id != account_id:
        raise Http404(str(allowance_id))
    target = Target("connection", str(account_id))
    if decide(request, "scope.withdraw", target, {"allowance": str(made.id)}) is not None:
        messages.success(request, f"You took back what {made.name} was allowed.")
    back = reverse("connections:detail", args=[account_id])
    sees = permissions.is_owner(me, made.account) or bool(me.roles & permissions.SEES_ALL)
    return redirect(back if sees else reverse("connections:watch"))

"""Pages of admins: let outposts enrol, see their code once, revoke one, end a fleet code."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.permissions import actor, needs_role
from approvals import clock
from approvals.errors import Refused
from approvals.models import Approval
from approvals.pipeline.service import Performed, perform
from audit.recording.actors import Target
from enforcement.decisions import enrol_and_revoke_outpost as decisions
from enforcement.decisions import fleet_codes
from enforcement.outposts import enrolment
from ui.current_navigation_entry import mark_entry
from ui.refused_request_audit_flag import tell

_GATEWAYS = "/enforcement/fleet/"
_MOST_DAYS: Final = 9999
_LONGEST_NAME: Final = 200
"""More than a gateway can have: a longer name is refused, not cut to another one."""
_admins = needs_role("admin")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@_admins
def enrol(request: HttpRequest) -> HttpResponse:
    """Ask another admin to let an outpost enrol next to a gateway."""
    mark_entry(request, _GATEWAYS)
    name = request.POST.get("name", request.GET.get("name", "")).strip()[:_LONGEST_NAME]
    uses, days = (request.POST.get(field, "").strip()[:10] for field in ("uses", "days"))
    if request.method == "POST":
        asked = _ask(request, "outpost.enrol", name, _bounds(uses, days))
        if asked is not None:
            return redirect("approval", approval_id=asked.pk)
    context = {"name": name, "uses": uses, "days": days}
    return render(request, "enforcement/outpost_new.html", context)


def _bounds(uses: str, days: str) -> dict[str, Any]:
    """The parameters of a fleet code; what is no number stays, and the decision refuses it."""
    found: dict[str, Any] = {}
    if uses:
        found["uses"] = int(uses) if uses.isascii() and uses.isdecimal() else uses
    if days:
        known = days.isascii() and days.isdecimal() and int(days) <= _MOST_DAYS
        end = clock.now() + timedelta(days=int(days)) if known else None
        found["until"] = clock.stamp(end) if end else days
    return found


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@_admins
def end_fleet_code(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """End a fleet code now: no further outpost enrols by it, and those that did stay."""
    mark_entry(request, _GATEWAYS)
    found = next(
        (one for one in fleet_codes.list_open() if one.right.approval == approval_id), None
    )
    if found is None:
        raise Http404
    pattern = found.right.instance
    if request.method == "POST" and _perform(request, "outpost.suspend", pattern) is not None:
        messages.success(request, f"The fleet code for {pattern} has ended.")
        return redirect("enforcement-fleet")
    return render(request, "enforcement/outpost_fleet_end.html", {"found": found})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@_admins
def revoke(request: HttpRequest, instance: str) -> HttpResponse:
    """Suspend the outpost of a gateway now, and ask another admin to revoke it for good. There is
    nothing to suspend where only the log still has it."""
    mark_entry(request, _GATEWAYS)
    is_in_log_alone = decisions.is_in_log_alone(instance)
    outpost = None if is_in_log_alone else decisions.live(instance)
    if outpost is None and not is_in_log_alone:
        raise Http404
    if request.method == "POST":
        if outpost is not None and outpost.suspended_at is None:
            _ask(request, "outpost.suspend", instance)
        asked = _ask(request, "outpost.revoke", instance)
        if asked is not None:
            return redirect("approval", approval_id=asked.pk)
    context = {"instance": instance, "is_live": outpost is not None}
    return render(request, "enforcement/outpost_revoke.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@_admins
def code(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """Show the code of one's own approved request: once, in the answer to a POST."""
    mark_entry(request, _GATEWAYS)
    me = actor(request)
    right = enrolment.may_be_issued(me, approval_id)
    if request.method != "POST":
        context = {"right": right, "approval_id": approval_id}
        return render(request, "enforcement/outpost_code.html", context)
    try:
        issued = enrolment.issue(me, approval_id)
    except Refused as refused:
        tell(request, refused.code)
        context = {"right": None, "approval_id": approval_id}
        return render(request, "enforcement/outpost_code.html", context, status=409)
    shown = {"issued": issued, "approval_id": approval_id}
    return render(request, "enforcement/outpost_code.html", shown)


def _ask(
    request: HttpRequest, verb: str, name: str, params: Mapping[str, Any] | None = None
) -> Approval | None:
    """Ask for the decision; None, with why on the page, where it is refused."""
    done = _perform(request, verb, name, params)
    return done.approval if done else None


def _perform(
    request: HttpRequest, verb: str, name: str, params: Mapping[str, Any] | None = None
) -> Performed | None:
    """Take the decision, or ask for it; None, with why on the page, where it is refused."""
    reason = request.POST.get("reason", "").strip()[:500]
    target = Target("outpost", name, "" if "*" in name else name)
    try:
        return perform(actor(request), verb, target, params=params, reason=reason)
    except Refused as refused:
        tell(request, refused.code)
        messages.error(request, refused.detail)
        return None

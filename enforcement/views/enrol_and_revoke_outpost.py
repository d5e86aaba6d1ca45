"""Pages of admins: let an outpost enrol, see its code once, revoke it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.permissions import actor, needs_role
from approvals.errors import Refused
from approvals.models import Approval
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from enforcement.decisions import enrol_and_revoke_outpost as decisions
from enforcement.outposts import enrolment
from ui.current_navigation_entry import mark_entry
from ui.refused_request_audit_flag import tell

_GATEWAYS = "/enforcement/fleet/"
_admins = needs_role("admin")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@_admins
def enrol(request: HttpRequest) -> HttpResponse:
    """Ask another admin to let an outpost enrol next to a gateway."""
    mark_entry(request, _GATEWAYS)
    name = request.POST.get("name", request.GET.get("name", "")).strip()[:60]
    if request.method == "POST":
        asked = _ask(request, "outpost.enrol", name)
        if asked is not None:
            return redirect("approval", approval_id=asked.pk)
    return render(request, "enforcement/outpost_new.html", {"name": name})


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


def _ask(request: HttpRequest, verb: str, name: str) -> Approval | None:
    """Ask for the decision; None, with why on the page, where it is refused."""
    reason = request.POST.get("reason", "").strip()[:500]
    try:
        return perform(actor(request), verb, Target("outpost", name, name), reason=reason).approval
    except Refused as refused:
        tell(request, refused.code)
        messages.error(request, refused.detail)
        return None

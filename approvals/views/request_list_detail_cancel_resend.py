"""Views about approvals. `approvals.cancel_resend_confirm_denial` says who may see or do what."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import actor
from approvals import cancel_resend_confirm_denial, clock, registry
from approvals.errors import Refused
from approvals.models import Approval, Status
from approvals.views import (
    gateway_baseline_changes,
    inbox,
    open_work_for_person,
    recent_outcomes_and_durations,
)
from approvals.views.policy import policy_and_version_pages
from approvals.views.request_detail_context import as_context, detail, version_of
from approvals.views.request_list_filter import SEES_ALL, STATUSES, RequestFilter, moment
from audit.recording.actors import Actor
from connections.scope_escalation import page_rows
from ui.refused_request_audit_flag import mark, tell


@require_safe
@never_cache
def index(request: HttpRequest) -> HttpResponse:
    """What waits for me, what I asked for, everything that waits, and what is over."""
    me = actor(request)
    wanted = RequestFilter.read(request.GET, me)
    before = moment(request.GET.get("before", ""))
    rows, older = ([], None) if wanted.mistakes else inbox.closed(me, before, wanted)
    sees_all = bool(me.roles & SEES_ALL)
    whole = sees_all and not wanted.query_string() and not before
    waiting = _waiting(me, wanted, before)
    context = {
        "inbox": waiting,
        **_leading(me, waiting, wanted),
        "wanted": wanted,
        "status": wanted.status,
        "statuses": [(one, wanted.query_string(status=one)) for one in ("", *STATUSES)],
        "older_waiting": _older_waiting(wanted, waiting),
        "closed": rows,
        "older": _page(wanted, older.isoformat()) if older else "",
        "newest": _page(wanted) if before else "",
        "before": before,
        "sees_all": sees_all,
        "shows_waiting": not wanted.mistakes
        and ((not before and not wanted.status) or wanted.status == Status.PENDING),
        "outcomes": recent_outcomes_and_durations.ended(clock.now()) if whole and rows else None,
    }
    return render(request, "approvals/inbox.html", context, status=422 if wanted.mistakes else 200)


def _leading(me: Actor, found: inbox.Inbox, wanted: RequestFilter) -> dict[str, Any]:
    """What the title says: how many requests a filter finds, or what else waits where no request
    needs an answer. `version` changes whenever it or the waiting part would look different."""
    other = open_work_for_person.for_person(me)
    about_waiting = wanted.status in {"", Status.PENDING} and not wanted.narrowed
    counts = not about_waiting and not wanted.mistakes
    number = inbox.matching(me, wanted) if counts else 0
    leads = bool(other) and about_waiting and not found.for_me and not wanted.mistakes
    return {
        "matching": number,
        "leading": other[0] if leads else None,
        "other": other[1:] if leads else other,
        "version": f"{found.version}.{number}.{open_work_for_person.version_of(other)}",
    }


def _waiting(me: Actor, wanted: RequestFilter, before: datetime | None) -> inbox.Inbox:
    """The waiting part; `before` is about it where the filter asks for nothing else."""
    if wanted.mistakes:
        return inbox.inbox(me)
    return inbox.inbox(me, wanted, before if wanted.status == Status.PENDING else None)


def _older_waiting(wanted: RequestFilter, found: inbox.Inbox) -> str:
    """The address of the waiting requests that the list leaves out; empty where it has none."""
    if not found.more or found.older is None:
        return ""
    return "?" + wanted.query_string(status="pending", before=found.older.isoformat())


def _page(wanted: RequestFilter, before: str = "") -> str:
    """The address of a page of what is over: of requests made before this moment, or the first."""
    query = wanted.query_string(before=before)
    return f"?{query}" if query else reverse("approvals")


@require_safe
@never_cache
def index_live(request: HttpRequest) -> HttpResponse:
    """The waiting part of the inbox when it differs from `?seen=`, else 204."""
    me = actor(request)
    wanted = RequestFilter.read(request.GET, me)
    if wanted.mistakes:
        return HttpResponse("the filter has mistakes; reload the page", status=400)
    before = moment(request.GET.get("before", ""))
    found = _waiting(me, wanted, before)
    leading = _leading(me, found, wanted)
    if request.GET.get("seen") == leading["version"]:
        return HttpResponse(status=204)
    sees_all = bool(me.roles & SEES_ALL)
    context: dict[str, Any] = {"inbox": found, "sees_all": sees_all, "wanted": wanted, "live": True}
    context |= leading | {"before": before, "older_waiting": _older_waiting(wanted, found)}
    if "whole" in request.GET:
        rows, older = inbox.closed(me, None)
        context |= {"closed": rows, "moved": True}
        context["older"] = _page(wanted, older.isoformat()) if older else ""
        if context["sees_all"]:
            context["outcomes"] = recent_outcomes_and_durations.ended(clock.now())
    return render(request, "approvals/_waiting.html", context)


@require_safe
@never_cache
def one(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """One request: the code, what it does, how far it is."""
    found = detail(_visible(request, approval_id), actor(request))
    context = as_context(found) | {
        "proposed": policy_and_version_pages.proposed(found.approval)
        or gateway_baseline_changes.proposed(found.approval),
        "beyond": page_rows.asked(found.approval, actor(request)),
    }
    return render(request, "approvals/detail.html", context)


@require_safe
@never_cache
def one_live(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """The changing parts of the page when they differ from `?seen=`, else 204."""
    approval = _visible(request, approval_id)
    if request.GET.get("seen") == version_of(approval):
        return HttpResponse(status=204)
    found = detail(approval, actor(request))
    return render(request, "approvals/_live.html", as_context(found) | {"oob": True})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def cancel(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """Withdraw a request; a GET asks first, for browsers without scripts."""
    approval = _visible(request, approval_id)
    if request.method != "POST":
        found = detail(approval, actor(request))
        proof = registry.get(approval.verb).needs_proof(approval.target)
        context = as_context(found) | {"hold_ends": approval.held and not proof}
        return render(request, "approvals/cancel.html", context)
    try:
        cancel_resend_confirm_denial.cancel(actor(request), str(approval.pk))
        messages.success(request, f"You cancelled “{approval.sentence}”.")
    except Refused as refused:
        tell(request, refused.code)
        messages.error(request, refused.detail)
    return redirect("approval", approval_id=approval_id)


@require_POST
def send_again(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """Send the push again under a fresh code."""
    approval = _visible(request, approval_id)
    try:
        cancel_resend_confirm_denial.send_again(actor(request), str(approval.pk))
        messages.success(request, f"You asked for a new code for “{approval.sentence}”.")
    except Refused as refused:
        tell(request, refused.code)
        messages.error(request, refused.detail)
    return redirect("approval", approval_id=approval_id)


@require_POST
def confirm_denial(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """The asked person says that it was they who denied."""
    approval = _visible(request, approval_id)
    try:
        reason = request.POST.get("reason", "").strip()[:500]
        cancel_resend_confirm_denial.confirm_denial(actor(request), str(approval.pk), reason)
        if approval.inferred:
            messages.success(request, f"You confirmed that you denied “{approval.sentence}”.")
        else:
            messages.success(request, f"You recorded why you denied “{approval.sentence}”.")
    except Refused as refused:
        tell(request, refused.code)
        messages.error(request, refused.detail)
    return redirect("approval", approval_id=approval_id)


def _visible(request: HttpRequest, approval_id: UUID) -> Approval:
    try:
        return cancel_resend_confirm_denial.visible_to(actor(request), str(approval_id))
    except cancel_resend_confirm_denial.NotYours:
        mark(request, "not_yours", certain=True)
        raise Http404 from None
    except Approval.DoesNotExist:
        raise Http404 from None

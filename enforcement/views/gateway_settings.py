"""The settings of one gateway: all of them against the baseline, and asking for another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.permissions import actor, needs_role
from accounts.recent_sign_in.requirement import needs_fresh_sign_in
from approvals import clock
from approvals.errors import Refused
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from enforcement.decisions.configure_gateway import VERB, in_force, is_gateway
from enforcement.models import PostureBaseline
from enforcement.posture import comparison, readings, settings_catalogue
from enforcement.views import fleet
from enforcement.views.baseline_comparison_rows import shown
from ui.current_navigation_entry import mark_entry
from ui.refused_request_audit_flag import tell

_GATEWAYS: Final = "/enforcement/fleet/"
_STATUS: Final = {"stale_baseline": 409, "no_approver": 409, "not_permitted": 403}


@dataclass(frozen=True, slots=True)
class FormRow:
    """One setting in the form: `values` are the choices, empty where any text can be."""

    setting: str
    label: str
    value: str
    approved: str
    seen: str
    values: tuple[str, ...]


@require_safe
@never_cache
@needs_role("operator", "auditor", "admin")
def settings(request: HttpRequest, name: str) -> HttpResponse:
    """The page of a gateway: how it is, every setting that is read or approved, its baselines."""
    mark_entry(request, _GATEWAYS)
    found = fleet.rows(only=name)
    if not found:
        raise Http404
    is_admin = "admin" in actor(request).roles
    context = {
        "name": name,
        "row": found[0],
        "posture": found[0].posture,
        "history": PostureBaseline.objects.filter(instance=name).order_by("-number")[:20],
        "may_configure": is_admin and is_gateway(name),
        "may_enrol": is_admin,
        "crumbs": _crumbs(name),
    }
    return render(request, "enforcement/gateway_settings.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@needs_role("admin")
@needs_fresh_sign_in()
def baseline(request: HttpRequest, name: str) -> HttpResponseBase:
    """Ask another admin to approve other values; a GET with `from=now` fills in what is seen."""
    _check(request, name)
    number, approved = in_force(name)
    if request.method == "POST":
        return _ask(request, name, number, approved)
    rows = comparison.compare(None, readings.current(name, clock.now()))
    seen = {row.setting: row.first_seen for row in rows}
    as_now = not number or request.GET.get("from") == "now"
    values = seen if as_now else dict(approved)
    return _form(request, name, number, approved, values, as_now=as_now)


def _ask(
    request: HttpRequest, name: str, number: int, approved: dict[str, str] | Any
) -> HttpResponse:
    values = _posted(request)
    base = request.POST.get("base", "")
    params = {"settings": values, "base": int(base) if base.isdecimal() else -1}
    reason = request.POST.get("reason", "").strip()[:500]
    try:
        asked = perform(
            actor(request), VERB, Target("gateway", name, name), params=params, reason=reason
        ).approval
    except Refused as refused:
        tell(request, refused.code)
        status = _STATUS.get(refused.code, 422)
        problem = refused.detail
        return _form(request, name, number, approved, values, problem=problem, status=status)
    if asked is None:  # a policy may commit what one admin decides alone
        messages.success(request, f"You approved the settings of {name}.")
        return redirect("enforcement-gateway-settings", name=name)
    return redirect("approval", approval_id=asked.pk)


def _posted(request: HttpRequest) -> dict[str, str]:
    """The settings with a value; without one a setting is not judged."""
    names, values = request.POST.getlist("setting"), request.POST.getlist("value")
    pairs = zip(names, values, strict=False)
    return {name.strip(): value.strip() for name, value in pairs if name.strip() and value.strip()}


def _form(
    request: HttpRequest,
    name: str,
    number: int,
    approved: Any,
    values: dict[str, str],
    *,
    problem: str = "",
    status: int = 200,
    as_now: bool = False,
) -> HttpResponse:
    rows = comparison.compare(approved or None, readings.current(name, clock.now()))
    seen = {row.setting: ", ".join(dict.fromkeys(s.value for s in row.seen)) for row in rows}
    context = {
        "name": name,
        "number": number,
        "rows": [
            FormRow(
                setting,
                settings_catalogue.heading(setting),
                values.get(setting, ""),
                shown(approved.get(setting, "")),
                shown(seen.get(setting, "")),
                found.values if (found := settings_catalogue.family_of(setting)) else (),
            )
            for setting in sorted({*approved, *seen, *values}, key=settings_catalogue.order)
        ],
        "problem": problem,
        "as_now": as_now,
        "reason": request.POST.get("reason", ""),
        "crumbs": [
            *_crumbs(name, f"{_GATEWAYS}{name}/settings/"),
            {"text": "Baseline"},
        ],
    }
    return render(request, "enforcement/gateway_baseline.html", context, status=status)


def _check(request: HttpRequest, name: str) -> None:
    mark_entry(request, _GATEWAYS)
    if not is_gateway(name):
        raise Http404


def _crumbs(name: str, url: str = "") -> list[dict[str, str]]:
    return [
        {"text": "Gateways", "url": _GATEWAYS},
        {"text": name, "url": url},
    ]

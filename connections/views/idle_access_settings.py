"""Idle access settings: when a connection sleeps, who wakes it, at which hours it is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.permissions import actor, needs_role
from approvals import clock
from approvals.errors import Refused
from approvals.models import Approval, Status
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from connections.idle_access import change_setting_and_wake_account
from connections.idle_access.idle_and_hours_setting_types import DAYS, Setting
from connections.models import ConnectedAccount, JustInTime
from connections.scopes import catalogue
from connections.status import state_filters
from connections.status.account_status import Code
from connections.sync import connected_accounts
from ui.refused_request_audit_flag import tell

_UNITS = {"hours": 1, "days": 24}


@never_cache
@needs_role("admin", "auditor")
@require_safe
def settings(request: HttpRequest) -> HttpResponseBase:
    """Every connection with what is set for it, in words."""
    ground, kept = state_filters.now(), {row.name: row for row in JustInTime.objects.all()}
    asleep = state_filters.standing_as(
        ConnectedAccount.objects.all(), Code.ASLEEP, ground, clock.now()
    )
    sleeping = Counter(asleep.values_list("connection", flat=True))
    waiting = _waiting()
    rows = [
        {
            "name": name,
            "title": catalogue.title(name),
            "words": ground.settings.get(name, Setting()).in_short(),
            "kept": kept.get(name),
            "asleep": sleeping[name],
            "asked": waiting.get(name),
        }
        for name in _names(kept)
    ]
    may, paused = "admin" in actor(request).roles, sum(sleeping.values())
    context = {"rows": rows, "may": may, "asleep": paused}
    return render(request, "connections/settings.html", context)


def _names(kept: Mapping[str, JustInTime]) -> list[str]:
    held = ConnectedAccount.objects.order_by().values_list("connection", flat=True).distinct()
    return sorted({*kept, *held, *connected_accounts.connectable()}, key=catalogue.title)


def _waiting() -> dict[str, Approval]:
    """What waits for a phone, by connection."""
    found = Approval.objects.filter(
        status=Status.PENDING, verb=change_setting_and_wake_account.RELAX
    )
    return {approval.target_name: approval for approval in found}


@never_cache
@needs_role("admin")
@require_http_methods(["GET", "POST"])
def setting(request: HttpRequest, connection: str) -> HttpResponseBase:
    """The form of one connection; what was typed stays when it cannot be set."""
    if connection not in _names({row.name: row for row in JustInTime.objects.all()}):
        raise Http404(connection)
    if request.method == "POST":
        return _set(request, connection)
    return _form(request, connection, _typed(state_filters.setting_of(connection)))


def _set(request: HttpRequest, connection: str) -> HttpResponseBase:
    given = request.POST
    typed = {**given.dict(), "days": given.getlist("days")}
    params = _params(typed)
    reason = given.get("reason", "").strip()[:500]
    try:
        verb = change_setting_and_wake_account.verb_for(
            connection, change_setting_and_wake_account.wanted(params)
        )
        target = Target(change_setting_and_wake_account.KIND, connection)
        done = perform(actor(request), verb, target, params=params, reason=reason)
    except Refused as refused:
        tell(request, refused.code)
        return _form(request, connection, typed, problem=refused.detail, status=422)
    if done.approval is not None:
        return redirect("approval", approval_id=done.approval.id)
    messages.success(request, f"The setting of {catalogue.title(connection)} was saved.")
    return redirect("connections:settings")


def _params(typed: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of the decision from what was typed."""
    params: dict[str, Any] = {"wake": typed.get("wake", "use")}
    if typed.get("sleeps"):
        number = str(typed.get("idle", "")).strip()
        unit = _UNITS.get(str(typed.get("unit")), 24)
        params["idle_h"] = int(number) * unit if number.isdecimal() and len(number) < 6 else 0
    if typed.get("limited"):
        params["hours"] = {
            "days": typed["days"],
            "opens": str(typed.get("opens", ""))[:5],
            "closes": str(typed.get("closes", ""))[:5],
            "zone": str(typed.get("zone", "")).strip()[:64],
        }
    return params


def _typed(now: Setting) -> dict[str, Any]:
    """The form as the setting in force fills it."""
    idle = now.idle_h or 168
    days = idle % 24 == 0
    hours = now.hours
    return {
        "sleeps": now.idle_h is not None,
        "idle": idle // 24 if days else idle,
        "unit": "days" if days else "hours",
        "wake": now.wake,
        "limited": hours is not None,
        "days": list(hours.days) if hours else list(DAYS[:5]),
        "opens": hours.opens if hours else "08:00",
        "closes": hours.closes if hours else "18:00",
        "zone": hours.zone if hours else "UTC",
    }


def _form(
    request: HttpRequest,
    connection: str,
    typed: Mapping[str, Any],
    *,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    title = catalogue.title(connection)
    context = {
        "name": connection,
        "title": title,
        "words": state_filters.setting_of(connection).in_words(title),
        "typed": typed,
        "days": [(day, day.capitalize()) for day in DAYS],
        "zones": sorted(available_timezones()),
        "problem": problem,
        "asked": _waiting().get(connection),
        "crumbs": [
            {"text": "Idle access", "url": "/connections/settings/"},
            {"text": title},
        ],
    }
    return render(request, "connections/setting.html", context, status=status)

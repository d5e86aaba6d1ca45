"""Everybody's connections, for admins and auditors."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from approvals import clock
from connections import inventory as everybody
from connections import reconcile, schedule, scopes
from connections.ibom import document, export, facts
from connections.inventory import Filter, Inventory
from connections.models import Schedule
from connections.standing import Code
from portal.identity.current import actor, needs_role


@never_cache
@needs_role("admin", "auditor")
@require_GET
def inventory(request: HttpRequest) -> HttpResponseBase:
    """The inventory, grouped by service."""
    me = actor(request)
    wanted = Filter.parse(request.GET.dict())
    found = everybody.look(me, wanted, clock.now())
    context = {
        "found": found,
        "wanted": wanted,
        "tiles": _tiles(found),
        "facets": _facets(found, wanted),
        "older_url": _with(wanted, page=str(wanted.page + 1)) if found.more else "",
        "newer_url": _with(wanted, page=str(wanted.page - 1)) if wanted.page > 1 else "",
        **_status(),
    }
    template = "connections/inventory.html"
    if request.htmx:  # type: ignore[attr-defined]  # django_htmx adds it
        template += "#groups"
    answer = render(request, template, context)
    answer["Vary"] = "HX-Request"
    return answer


def _with(wanted: Filter, **changes: str) -> str:
    kept = {
        "state": wanted.state,
        "connection": wanted.connection,
        "show": wanted.show,
        "q": wanted.q,
    } | changes
    return "?" + urlencode({name: value for name, value in kept.items() if value})


def _tiles(found: Inventory) -> list[dict[str, Any]]:
    counts = found.counts
    rows = (
        (counts.live, "live connections", "?state=connected", ""),
        (counts.idle, "not seen in use for 90 days", "?show=idle", ""),
        (counts.excess, "with more scope than manifests need", "?show=excess", "warn"),
        (counts.reconnect, "need reconnect", "?state=needs_reconnect", "bad"),
        (counts.finishing, "revocations finishing", "?state=revocation_pending", "warn"),
    )
    return [
        {"value": value, "label": label, "url": url, "tone": tone if value else ""}
        for value, label, url, tone in rows
    ]


def _facets(found: Inventory, wanted: Filter) -> list[dict[str, Any]]:
    states = [
        {
            "text": code.label,
            "count": found.states.get(code, 0),
            "on": wanted.state == code,
            "url": _with(wanted, state="" if wanted.state == code else code),
        }
        for code in reversed(Code)
        if code != Code.REVOKED
    ]
    services = [
        {
            "text": scopes.title(name),
            "count": count,
            "on": wanted.connection == name,
            "url": _with(wanted, connection="" if wanted.connection == name else name),
        }
        for name, count in sorted(found.connections.items())
    ]
    return [{"label": "State", "values": states}, {"label": "Service", "values": services}]


@needs_role("admin", "auditor")
@require_POST
def reconcile_now(request: HttpRequest) -> HttpResponseBase:
    """Look at Auth0 as soon as a worker is free."""
    now = clock.now()
    for name in (reconcile.PEOPLE, reconcile.ACCOUNTS):
        schedule.ask_now(name, now)
    return redirect("connections:inventory")


@never_cache
@needs_role("admin", "auditor")
@require_GET
def status(request: HttpRequest) -> HttpResponseBase:
    """How far the comparison with Auth0 is."""
    return render(request, "connections/_status.html", _status())


def _status() -> dict[str, Any]:
    now = clock.now()
    row = Schedule.objects.filter(name=reconcile.ACCOUNTS).first()
    running = row is not None and schedule.running(row, now)
    return {
        "schedule": row,
        "running": running,
        "asked": row is not None and not running and row.due <= now,
    }


@never_cache
@needs_role("admin", "auditor")
@require_safe
def ibom(request: HttpRequest) -> HttpResponseBase:
    """The signed Auth-IBOM, of now or `?at=` an index or a moment; each one is on the record."""
    asked = request.GET.get("at", "")
    try:
        size = facts.size_of(asked) if asked else None
    except facts.BadMoment as bad:
        raise BadRequest(str(bad)) from None
    made = export.export(
        actor(request), size=size, moment=facts.moment_of(asked) if asked else None
    )
    return HttpResponse(
        made.body,
        content_type=document.MEDIA_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{made.file_name}"'},
    )

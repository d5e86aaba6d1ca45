"""Pages of acts at gateways that no decision covers: the list, and one act with its claim."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.permissions import actor, needs_role
from approvals.errors import Refused
from approvals.pipeline.service import perform
from audit.models import EventRow
from audit.recording.actors import Target
from enforcement.component_kinds import KINDS, noun
from enforcement.decisions.claim_responsibility_for_bypass import CLAIMANTS, KIND
from enforcement.gateways import instances
from enforcement.models import AdministrativeAct, Outpost
from ui.current_navigation_entry import mark_entry
from ui.refused_request_audit_flag import tell

_GATEWAYS = "/enforcement/fleet/"
_PAGE = 50
_CHANGED: Final = {
    "block": "was blocked",
    "unblock": "was unblocked",
    "allow": "was allowed",
    "enable": "was enabled",
    "disable": "was disabled",
    "quarantine": "was quarantined",
    "restore": "was restored",
    "set": "was set up",
    "unset": "was removed",
    "install": "was installed",
    "remove": "was removed",
}
_SETTINGS: Final = {
    "configuration": "The configuration",
    "destinations": "A destination of events",
    "guardrail": "The guardrail",
    "hooks": "The hooks of an agent",
    "policy": "The policy",
    "provider": "The model provider",
    "redaction": "What is redacted",
    "registry": "A registry",
    "scanners": "A scanner",
}
"""The settings of a gateway by the word of the act; its row does not always say which way."""
_RELAXES: Final = "relaxes"
_MAY_RELAX: Final = "may relax"
_RESTRICTS: Final = "restricts"
_reads = needs_role("operator", "auditor", "admin")


@dataclass(frozen=True, slots=True)
class Change:
    """One act as the pages show it: `words` without the gateway, `by` who said that they did it."""

    act: AdministrativeAct
    by: str = ""

    @property
    def words(self) -> str:
        """`Skill pdf-exfil was unblocked`, `The guardrail was changed`."""
        if (done := _CHANGED.get(self.act.act)) is None:
            return f"{_SETTINGS.get(self.act.act, 'A setting')} was changed"
        name = self.act.name
        if name and self.act.kind in KINDS:
            thing = noun(self.act.kind)
            return f"{thing[0].upper()}{thing[1:]} {name} {done}"
        return f"{name or 'A component'} {done}"

    @property
    def direction(self) -> str:
        """What it does to what agents may do; a setting may have been changed either way."""
        if not self.act.relaxes:
            return _RESTRICTS
        return _RELAXES if self.act.act in _CHANGED else _MAY_RELAX


def _changes(acts: Iterable[AdministrativeAct]) -> list[Change]:
    """Acts with who claimed each, read in one query."""
    found = list(acts)
    claims = EventRow.objects.filter(
        action="bypass.claimed", operation__in=[act.claim for act in found if act.claim]
    )
    by = dict(claims.values_list("operation", "actor_name"))
    return [Change(act, by.get(act.claim, "")) for act in found]


@require_safe
@never_cache
@_reads
def index(request: HttpRequest) -> HttpResponse:
    """Acts that no decision covers, those that relax first; those that nobody claimed, or all."""
    mark_entry(request, _GATEWAYS)
    every = request.GET.get("list") == "all"
    found = AdministrativeAct.objects.exclude(bypass=None).order_by("-relaxes", "-at")
    shown = found if every else found.filter(claim="")
    page = Paginator(shown, _PAGE).get_page(request.GET.get("page", 1))
    query = "?list=all&page=" if every else "?page="
    context = {
        "changes": _changes(page),
        "total": page.paginator.count,
        "may_claim": bool(CLAIMANTS & actor(request).roles),
        "import_only": _import_only(),
        "every": every,
        "older_url": f"{query}{page.next_page_number()}" if page.has_next() else "",
        "newer_url": f"{query}{page.previous_page_number()}" if page.has_previous() else "",
    }
    return render(request, "enforcement/bypasses.html", context)


def _import_only() -> list[str]:
    """The gateways of which no row arrives but by an import: neither a push nor a report can."""
    reporting = Outpost.objects.filter(revoked_at=None, suspended_at=None)
    names = set(reporting.values_list("instance", flat=True))
    registered = instances.fleet().instances
    return [i.name for i in registered if i.ingest_token_file is None and i.name not in names]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@_reads
def one(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """One act; a POST says that the person did it, and why."""
    mark_entry(request, _GATEWAYS)
    act = get_object_or_404(AdministrativeAct, bypass=event_id)
    status = 200
    if request.method == "POST":
        try:
            perform(
                actor(request),
                "bypass.claim",
                Target(KIND, str(event_id), act.instance),
                reason=request.POST.get("reason", "").strip()[:2000],
            )
        except Refused as refused:
            tell(request, refused.code)
            messages.error(request, refused.detail)
            status = 403 if refused.code == "not_permitted" else 409
            act.refresh_from_db()
        else:
            return redirect("enforcement-bypass", event_id=event_id)
    return render(request, "enforcement/bypass.html", _context(request, act), status=status)


def _context(request: HttpRequest, act: AdministrativeAct) -> dict[str, Any]:
    claims = EventRow.objects.filter(action="bypass.claimed", operation=act.claim)
    return {
        "act": act,
        "change": _changes([act])[0],
        "is_thing": act.kind in KINDS,
        "claimed": claims.first() if act.claim else None,
        "reason": request.POST.get("reason", "")[:2000],
        "may_claim": not act.claim and bool(CLAIMANTS & actor(request).roles),
    }

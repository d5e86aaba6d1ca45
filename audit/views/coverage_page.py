"""`/audit/coverage/`: whether the trail has what a framework wants, and what is silent."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import actor, needs_role
from audit import clock
from audit.coverage import BadPeriod, Period, signed_report_manifest
from audit.coverage.period import CHOICES
from audit.proofs.proofs_and_tiles import NotSequenced
from audit.verification import continuous
from audit.views import coverage_report_builder

_FORMATS = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
_KEYS = ("days", "after", "before")
_DAY: Final = timedelta(days=1)
_GROUPS: Final = {
    "silent": "without evidence in this period",
    "quiet": "without evidence, which is expected only after an incident",
    "covered": "with evidence",
    "not_covered": "outside this product",
}


@never_cache
@needs_role("admin", "auditor")
@require_safe
def coverage(request: HttpRequest) -> HttpResponse:
    """The report of the period in the address; one that cannot be read is named."""
    now, mistake = clock.now(), None
    given = {key: request.GET.get(key, "") for key in _KEYS}
    try:
        period = Period.read(given, now)
    except BadPeriod as bad:
        period, mistake = Period.read({}, now), bad
    made = coverage_report_builder.report(period, now)
    asked = made["counts"]["covered"] + made["counts"]["silent"]
    context = {
        "report": made,
        "frameworks": [
            one | {"groups": _groups(one["requirements"])} for one in made["frameworks"]
        ],
        "expected_words": _expected(made["frameworks"]),
        "period": period,
        "given": given,
        "mistake": mistake,
        "mistake_words": f"{mistake}. The last {period.days} days are shown." if mistake else "",
        "choices": [{"days": days, "on": days == period.days} for days in CHOICES],
        "download": _address(period),
        "audit_file": _audit_file(period, now),
        "last_day": period.end - _DAY,
        "asked": asked,
        "outside_words": f"not among the {asked:,}: no event here can answer them",
        "human": _shares(made["decisions"]),
        "log": _shares(made["log"]),
        "decisions": sum(made["decisions"].values()),
        "rounds": continuous.Progress.read(),
    }
    return render(request, "audit/coverage.html", context)


@never_cache
@needs_role("admin", "auditor")
@require_safe
def download(request: HttpRequest) -> HttpResponse:
    """The report as `?format=csv` or `json`, with its digest (RFC 9530); who took it is an event.

    `ATA-Event` names the event, and `Link` the signed manifest.
    """
    format = request.GET.get("format", "json")
    if format not in _FORMATS:
        raise BadRequest(f"format: one of {', '.join(_FORMATS)}.")
    now = clock.now()
    try:
        period = Period.read({key: request.GET.get(key, "") for key in _KEYS}, now)
    except BadPeriod as bad:
        raise BadRequest(f"{bad}.") from None
    made = coverage_report_builder.report(period, now)
    text = (
        coverage_report_builder.as_csv(made)
        if format == "csv"
        else json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    )
    body = text.encode()
    name = f"coverage-{period.start:%Y-%m-%d}-{period.end:%Y-%m-%d}.{format}"
    response = HttpResponse(body, content_type=_FORMATS[format])
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    if request.method == "GET":
        event = str(signed_report_manifest.hand_out(actor(request), made, body, format))
        response["ATA-Event"] = event
        response["Link"] = f'<{reverse("coverage-manifest", args=[event])}>; rel="describedby"'
    response["Repr-Digest"] = f"sha-256=:{b64encode(hashlib.sha256(body).digest()).decode()}:"
    return response


@never_cache
@needs_role("admin", "auditor")
@require_safe
def manifest(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """The signed manifest of a report that was taken away, by the event that its answer named."""
    try:
        made = signed_report_manifest.manifest_of(signed_report_manifest.event_of(event_id))
    except signed_report_manifest.NoFile:
        raise Http404(str(event_id)) from None
    except NotSequenced:
        said = "It has no place in the signed tree yet; within about a second it has.\n"
        return HttpResponse(
            said, status=409, content_type="text/plain", headers={"Retry-After": "1"}
        )
    return HttpResponse(
        json.dumps(made, indent=2, ensure_ascii=False) + "\n",
        content_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="coverage-{event_id}.manifest.json"'
        },
    )


def _group(row: dict[str, Any]) -> str:
    """What a requirement asks of its reader: a key of _GROUPS."""
    return "quiet" if row["status"] == "silent" and row["quiet"] else str(row["status"])


def _groups(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The requirements of a framework, those that need a look first; empty groups are left out."""
    found = [
        {"label": label, "rows": [row for row in rows if _group(row) == key]}
        for key, label in _GROUPS.items()
    ]
    return [group for group in found if group["rows"]]


def _expected(frameworks: list[dict[str, Any]]) -> str:
    """How many requirements without evidence are expected to have none; empty for none."""
    rows = [row for one in frameworks for row in one["requirements"]]
    quiet = sum(_group(row) == "quiet" for row in rows)
    return f"for {quiet} of them it is expected only after an incident" if quiet else ""


def _audit_file(period: Period, now: datetime) -> str:
    """The same period for an audit file, which has whole days and ends with yesterday at the latest
    where there is one before today."""
    start, end, today = period.start.date(), period.end.date(), now.date()
    return urlencode(
        {"after": str(start), "before": str(min(end, today) if start < today else end)}
    )


def _address(period: Period) -> str:
    if period.days:
        return urlencode({"days": period.days})
    return urlencode({"after": f"{period.start:%Y-%m-%d}", "before": f"{period.end:%Y-%m-%d}"})


def _shares(counts: dict[str, int]) -> list[dict[str, Any]]:
    """Levels, the strongest first, with their share in percent; a share of none is none."""
    total = sum(counts.values())
    return [
        {"level": level, "n": n, "share": f"{100 * n / total:.1f} %" if total else ""}
        for level, n in sorted(counts.items(), reverse=True)
    ]

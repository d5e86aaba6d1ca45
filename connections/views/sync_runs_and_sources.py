"""Where the inventory comes from, and what the last comparisons with Auth0 found different."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import needs_role
from approvals import clock
from connections.models import Feed, LogFeed, ReconcileRun, Schedule
from connections.sync import connected_accounts, run_progress, schedule
from connections.tenant_log import feed_gaps

_GAPS = {
    "checkpoint_lost": "Auth0 no longer knew where reading had stopped",
    "away": "nobody read for more than a day",
    "silent": "the stream brought nothing of what the reader found",
}


@never_cache
@needs_role("admin", "auditor")
@require_safe
def comparisons(request: HttpRequest) -> HttpResponse:
    """Sources with their age and gaps; the runs; the differences of one of them (`?run=`)."""
    found = run_progress.recent()
    chosen = _chosen(request.GET.get("run", ""), found)
    report = run_progress.report(chosen) if chosen else None
    watched = feed_gaps.watched()
    context = {
        "crumbs": [
            {"text": "Inventory", "url": "/connections/inventory/"},
            {"text": "Sources and differences"},
        ],
        "runs": found,
        "report": report,
        "items": [_story(row) for row in report.rows] if report else [],
        "watched": watched,
        "gaps": [(gap, _GAPS[gap.why]) for gap in watched.gaps],
        "feeds": _feeds(),
        **_status(),
    }
    return render(request, "connections/comparisons.html", context)


def _chosen(asked: str, found: list[ReconcileRun]) -> ReconcileRun | None:
    """The run that was asked for, else the newest that found something.

    Raises:
        Http404: there is no such run, or no longer.
    """
    if not asked:
        return next((run for run in found if run.differences), None)
    try:
        return ReconcileRun.objects.get(pk=UUID(asked))
    except (ValueError, ReconcileRun.DoesNotExist):
        raise Http404(asked) from None


def _story(row: Any) -> dict[str, Any]:
    return {"when": row.time, "text": row.sentence, "url": f"/audit/events/{row.event}/"}


def _feeds() -> list[tuple[str, LogFeed | None]]:
    known = {row.feed: row for row in LogFeed.objects.exclude(since=None)}
    return [(feed.label, known.get(feed)) for feed in Feed]


def _status() -> dict[str, Any]:
    now = clock.now()
    rows = Schedule.objects.in_bulk([connected_accounts.ACCOUNTS, connected_accounts.PEOPLE])
    row, people = rows.get(connected_accounts.ACCOUNTS), rows.get(connected_accounts.PEOPLE)
    running = row is not None and schedule.running(row, now)
    return {
        "schedule": row,
        "people": people,
        "running": running,
        "asked": row is not None and not running and row.due <= now,
    }

"""Where the inventory comes from, and what the last comparisons with Auth0 found different."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import needs_role
from connections import permissions
from connections.models import Feed, LogFeed, ReconcileRun, Schedule
from connections.sync import connected_accounts, run_progress
from connections.tenant_log import feed_gaps
from connections.views.inventory.inventory_and_exports import status_of_comparison

_SHOWN = 100
"""Differences of a run on its page."""
_GAPS = {
    "checkpoint_lost": "Auth0 no longer knew where reading had stopped",
    "away": "no one read for more than a day",
    "silent": "the stream brought nothing of what the reader found",
}


@never_cache
@needs_role("admin", "auditor")
@require_safe
def comparisons(request: HttpRequest) -> HttpResponse:
    """Sources with their age and gaps; the runs; the differences of one of them (`?run=`)."""
    found = list(ReconcileRun.objects.all()[:20])
    chosen = _chosen(request.GET.get("run", ""), found)
    rows, more = run_progress.page(chosen, None, _SHOWN) if chosen else ([], False)
    watched = feed_gaps.watched()
    context = {
        "crumbs": [
            {"text": "Accounts", "url": "/connections/inventory/"},
            {"text": "Sources and differences"},
        ],
        "runs": found,
        "chosen": chosen,
        "items": [_story(row) for row in rows],
        "more": max(0, chosen.differences - len(rows)) if chosen and more else 0,
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
    return get_object_or_404(ReconcileRun, pk=permissions.id_of(asked))


def _story(row: Any) -> dict[str, Any]:
    return {"when": row.time, "text": row.sentence, "url": f"/audit/events/{row.event}/"}


def _feeds() -> list[tuple[str, LogFeed | None]]:
    known = {row.feed: row for row in LogFeed.objects.exclude(since=None)}
    return [(feed.label, known.get(feed)) for feed in Feed]


def _status() -> dict[str, Any]:
    people = Schedule.objects.filter(name=connected_accounts.PEOPLE).first()
    return status_of_comparison() | {"people": people}

"""New events, announced: the page asks by cursor and says how many came, and never moves rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from audit import clock
from audit.ledger.query import EventQuery, instant
from audit.models import EventRow
from audit.search import event_search
from audit.views.read_permissions import for_readers
from audit.views.trail.filter_from_address import Reading, read, url_of

_MANY = 200
EVERY_S = 4


def state(reading: Reading, size: int) -> dict[str, Any]:
    """What the Live switch and its poll need: where the page stands, and both addresses."""
    query = reading.query.at("")
    return {
        "on": reading.live,
        "every": EVERY_S,
        "toggle_url": url_of(query, live=not reading.live),
        "poll_url": _poll_url(query, f"s{size - 1}" if size else "", clock.rfc3339(clock.now())),
        "count": 0,
    }


@require_safe
@for_readers
def poll(request: HttpRequest) -> HttpResponse:
    """How many events of the filter were recorded after the page was made."""
    params = request.GET.copy()
    since, seen = (params.pop(name, [""])[-1] for name in ("since", "seen"))
    reading = read(params)
    if reading.mistakes:
        return HttpResponse("This filter can’t be read. Reload the page.", status=422)
    query = reading.query.at("").dropping("order")
    try:
        found = _newer(query, since, instant(seen))
    except ValueError:
        return HttpResponse("since and seen are from another page; reload it", status=400)
    return render(
        request,
        "audit/_live.html",
        {
            "live": {
                "on": True,
                "every": EVERY_S,
                "count": len(found),
                "many": len(found) >= _MANY,
                "poll_url": _poll_url(query, since, seen),
                "show_url": url_of(query, live=True),
            }
        },
    )


def _newer(query: EventQuery, since: str, seen: datetime) -> list[EventRow]:
    if not query.values("action"):
        # Looking is not news: otherwise every look would announce itself.
        query = query.including("action", "audit.viewed", excluded=True)
    page = event_search.page(query.including("order", "oldest").at(since), _MANY)
    # Behind the last position come the events without one, of which some were on the page.
    return [row for row in page.rows if row.recorded_at > seen]


def _poll_url(query: EventQuery, since: str, seen: str) -> str:
    params = query.written_params() | {"since": [since], "seen": [seen]}
    return f"/audit/live/?{urlencode(params, doseq=True)}"

"""`/audit/`: the trail. Everything on the page follows from its URL."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from accounts.permissions import actor
from approvals import clock
from audit.evidence import log_proof_levels
from audit.models import Event
from audit.recording import trail_viewed_events
from audit.recording.actors import Actor
from audit.recording.stored_event_loader import load_recorded
from audit.search import event_search
from audit.search.event_search import BadCursor, Overview
from audit.views.actions_that_are_decisions import decision_actions
from audit.views.event import event_details
from audit.views.read_permissions import for_readers
from audit.views.sample_request_and_download import DRAWERS
from audit.views.sample_request_and_download import PATH as SAMPLES
from audit.views.trail import (
    custom_range,
    filter_links,
    new_event_count,
    presets_and_suggestions,
)
from audit.views.trail.filter_from_address import OPERATIONS, Reading, read, url_of
from audit.views.trail.rows import rows_of

PAGE = 50


@require_safe
@for_readers
def trail(request: HttpRequest) -> HttpResponse:
    """The trail, or for htmx only the drawer of one event."""
    reading = read(request.GET)
    if getattr(request, "htmx", None) and request.htmx.target == "drawer":  # type: ignore[attr-defined]
        return _fragment(request, reading)
    if reading.from_form and not reading.mistakes:
        return HttpResponseRedirect(reading.url())
    if reading.mistakes:
        return render(request, "audit/trail.html", _unreadable(reading), status=422)
    try:
        overview = event_search.overview(
            reading.query, PAGE, decided=decision_actions(), operations=reading.operations
        )
    except BadCursor:
        return HttpResponseRedirect(reading.url(reading.query.at("")))
    context = _context(reading, overview)
    if actor(request).roles & set(DRAWERS):
        context["sample_url"] = url_of(reading.query.at("").fixed().dropping("order"), path=SAMPLES)
    if reading.event:
        context["open"] = _open(reading, actor(request))
    trail_viewed_events.note(actor(request), reading.query)
    response = render(request, "audit/trail.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _fragment(request: HttpRequest, reading: Reading) -> HttpResponse:
    found = _open(reading, actor(request))
    if found is None:
        raise Http404
    context = {"exhibit": found, "close_url": reading.url()}
    response = render(request, "audit/_drawer.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _open(reading: Reading, viewer: Actor) -> event_details.Exhibit | None:
    if reading.event is None:
        return None
    try:
        return event_details.exhibit_of(load_recorded(reading.event), viewer)
    except Event.DoesNotExist:
        return None


def _context(reading: Reading, overview: Overview) -> dict[str, Any]:
    query, page = reading.query, overview.page
    newest = query.newest_first
    backward = page.prev_cursor and reading.url(query.at(page.prev_cursor))
    onward = page.next_cursor and reading.url(query.at(page.next_cursor))
    size = page.tree_size
    here = url_of(query.at(""), live=reading.live).removeprefix("/audit/")
    fixed = url_of(query.at("").fixed(), live=reading.live).removeprefix("/audit/")
    presets = presets_and_suggestions.presets(reading, clock.now())
    chips = filter_links.chips(reading)
    return {
        "reading": reading,
        "rows": rows_of(page.rows, reading, log_proof_levels.LogSizes(signed=page.tree_size)),
        "total": page.total,
        "listed": overview.listed if reading.operations else None,
        "switch": _switch(reading),
        "size": size,
        "words": query.in_words(),
        "bar_words": query.in_words() if chips else "",
        "relative": query.relative_in_words(),
        "filtered": bool(query.clauses),
        "chips": chips,
        "hidden": _hidden(reading),
        "facets": filter_links.facets(reading, overview),
        "filters_on": filter_links.filters_on(query),
        "histogram": filter_links.bars(reading, overview),
        "bars_estimated": not overview.histogram.exact,
        "presets": presets,
        "range": custom_range.fields(reading.range, query),
        "range_on": presets_and_suggestions.is_custom(query, presets),
        "periods": presets_and_suggestions.periods_in_words(reading, clock.now()),
        "denied_requests": presets_and_suggestions.denied_requests(reading),
        "remedy": None if page.rows else presets_and_suggestions.without_one_part(reading),
        "decisions": filter_links.decision_line(reading, overview),
        "newer_url": backward if newest else onward,
        "older_url": onward if newest else backward,
        "orders": filter_links.orders(reading),
        "close_url": reading.url(),
        "pager_text": f"{len(page.rows):,} of {overview.listed} shown",
        "live": new_event_count.state(reading, size),
        "export_url": f"/audit/exports/new/{fixed}",
        "save_url": f"/audit/views/new/{here}" if query.clauses else "",
    }


def _unreadable(reading: Reading) -> dict[str, Any]:
    """A filter with a mistake finds nothing: what its other parts find is not what was meant."""
    return {
        "reading": reading,
        "chips": filter_links.chips(reading, reading.mistakes),
        "hidden": _hidden(reading),
        "range": custom_range.fields(reading.range, reading.query),
        "presets": [
            preset | {"on": False}
            for preset in presets_and_suggestions.presets(reading, clock.now())
        ],
        "readable_url": reading.url(reading.query.at("")),
    }


def _switch(reading: Reading) -> list[dict[str, Any]]:
    """Whether a row is an event or an operation."""
    return [
        {
            "label": label,
            "url": replace(reading, operations=on).url(reading.query.at("")),
            "on": reading.operations is on,
        }
        for label, on in (("Events", False), ("Operations", True))
    ]


def _hidden(reading: Reading) -> list[tuple[str, str]]:
    """What the query bar's form sends along with what is typed."""
    params = reading.query.at("").written_params() | ({"live": ["1"]} if reading.live else {})
    params |= {"rows": [OPERATIONS]} if reading.operations else {}
    return [(name, value) for name, values in params.items() for value in values]

"""`/audit/sample/`: ask for a sample of the current filter, see what was drawn, take it away."""

from __future__ import annotations

import csv
import io
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.permissions import actor, needs_role
from audit.ledger.format.allowed_field_values import SEVERITIES
from audit.ledger.format.table_cells import safe_cell
from audit.ledger.offline.samples import LONGEST_SEED, MOST, SampleError
from audit.ledger.packs.report_sentences import sentence
from audit.ledger.query import InvalidQuery
from audit.models import EventRow
from audit.recording import trail_viewed_events
from audit.recording.trail_viewed_events import digest_of
from audit.sampling import draw_and_record, sample_requests
from audit.sampling import sample_from_its_events as samples
from audit.sampling.sample_from_its_events import Ask, Drawn, NoSample
from audit.search import event_search
from audit.sequencing import stored_tree_queries
from audit.views.trail import filter_links
from audit.views.trail.filter_from_address import read, url_of
from audit.views.trail.rows import emphasised, shown_outcome
from ui.whole_page_swap import swap_main

PATH: Final = "/audit/sample/"
DRAWERS: Final = ("admin", "auditor")
"""Roles that draw samples and see them."""
USUAL: Final = 25
_EARLIER: Final = 20
_CRUMB: Final = {"text": "Sample", "url": PATH}


@never_cache
@needs_role(*DRAWERS)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The form for the filter in the URL, and its earlier draws; POST asks for a sample."""
    found = read(request.GET, PATH)
    if found.from_form and not found.mistakes:
        return HttpResponseRedirect(found.url())
    query, problem = found.query.at("").dropping("order"), ""
    typed = {"size": request.POST.get("size", str(USUAL)), "seed": request.POST.get("seed", "")}
    try:
        wanted = sample_requests.wanted(query)
        if request.method == "POST" and not found.mistakes:
            id = sample_requests.ask(actor(request), query, _number(typed["size"]), typed["seed"])
            return HttpResponseRedirect(f"{PATH}{id}/")
        sample_requests.check_price(wanted)
    except (SampleError, InvalidQuery) as error:
        problem = sentence(error)
    size = stored_tree_queries.stored_size()
    earlier, count = ([], 0) if problem else samples.of_filter(digest_of(wanted), _EARLIER)
    context = {
        "reading": found,
        "words": _without_order(query.in_words()),
        "chips": filter_links.chips(found, found.mistakes),
        "hidden": [(k, v) for k, values in query.to_params().items() for v in values],
        "total": event_search.expected(query, size=size),
        "size": size,
        "typed": typed,
        "problem": problem,
        "blocked": bool(found.mistakes or (problem and request.method != "POST")),
        "most": MOST,
        "longest": LONGEST_SEED,
        "trail_url": url_of(query),
        "earlier": [_line(one) for one in earlier],
        "earlier_count": count,
        "earlier_url": "" if problem else url_of(samples.query_of(digest_of(wanted))),
    }
    bad = found.mistakes or (problem and request.method == "POST")
    return render(request, "audit/sample_new.html", context, status=422 if bad else 200)


@never_cache
@needs_role(*DRAWERS)
@require_safe
def sample(request: HttpRequest, sample_id: UUID) -> HttpResponse:
    """What was drawn; drawn, and recorded, at the first visit after its tree was signed."""
    me, problem = actor(request), ""
    try:
        ask = draw_and_record.drawn(me, sample_id)
    except NoSample as error:
        raise Http404(f"{error}") from None
    except SampleError as error:
        ask, problem = samples.find(sample_id), sentence(error)
    if ask.drawn and ask.query is not None:
        trail_viewed_events.note(me, ask.query)
    earlier, count = samples.of_filter(ask.filter, _EARLIER)
    context = _line(ask) | {
        "ask": ask,
        "drawn": ask.drawn,
        "problem": problem,
        "waiting": not (ask.drawn or problem or draw_and_record.lapsed(ask) or ask.query is None),
        "words": _without_order(ask.words) or "A filter whose values are erased",
        "rows": _rows(ask.drawn) if ask.drawn else [],
        "commands": _commands(ask) if ask.drawn and ask.drawn.sample else "",
        "trail_url": url_of(ask.query) if ask.query is not None else "",
        "again_url": url_of(ask.query, path=PATH) if ask.query is not None else "",
        "earlier": [_line(one) for one in earlier if one.id != ask.id],
        "earlier_count": count - 1,
        "earlier_url": url_of(samples.query_of(ask.filter)),
        "looks_url": url_of(
            samples.query_of(ask.filter).dropping("action").including("action", "audit.viewed")
        ),
        "crumbs": [_CRUMB, {"text": "Drawn" if ask.drawn else "Asked for"}],
    }
    response = render(request, "audit/sample.html", context)
    response["Vary"] = "HX-Request"
    if request.headers.get("HX-Request") and not context["waiting"]:
        swap_main(response)
    return response


@never_cache
@needs_role(*DRAWERS)
@require_safe
def download(request: HttpRequest, sample_id: UUID, kind: str) -> HttpResponse:
    """The sample as `ata audit sample --check` reads it, or its indices as CSV."""
    try:
        ask = samples.find(sample_id)
    except NoSample as error:
        raise Http404(f"{error}") from None
    if ask.drawn is None or ask.drawn.sample is None:
        raise Http404(f"nothing is drawn under {sample_id}, or what was asked for is erased")
    if kind == "json":
        body, media_type = ask.drawn.sample.to_bytes(), "application/json"
    else:
        body, media_type = _csv(ask.drawn), "text/csv; charset=utf-8"
    saved = {"Content-Disposition": f'attachment; filename="{_file(ask)}.{kind}"'}
    return HttpResponse(body, content_type=media_type, headers=saved)


def _number(text: str) -> int:
    # Anything else is as wrong as 0, and says so.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0


def _without_order(words: str) -> str:
    """A filter in words; a draw has a fixed order."""
    return words.removesuffix(", newest first")


def _file(ask: Ask) -> str:
    return f"sample-{ask.id.hex[-8:]}"


def _csv(drawn: Drawn) -> bytes:
    """One line an event in the order of the draw, with what names the draw and what it left out."""
    assert drawn.sample is not None
    text = io.StringIO()
    writer = csv.writer(text)
    fields = ["origin", "tree_size", "root", "seed", "drawn_from", "left_out", "undecided"]
    writer.writerow(["drawn", "index", *fields])
    named = drawn.sample.draw
    same = [drawn.origin, drawn.tree_size, drawn.root.hex(), safe_cell(named.seed)]
    same += [drawn.population, drawn.left_out, drawn.undecided]
    writer.writerows([number, index, *same] for number, index in enumerate(drawn.indices, start=1))
    return text.getvalue().encode()


def _commands(ask: Ask) -> str:
    assert ask.drawn is not None
    return (
        f"curl -s {settings.PORTAL_URL}/log/key > log.key\n"
        f"ata audit entries log.ndjson --size {ask.drawn.tree_size}\n"
        f"ata audit sample log.ndjson --check {_file(ask)}.json --vkey log.key"
    )


def _line(ask: Ask) -> dict[str, Any]:
    """One draw in a list."""
    drawn = ask.drawn
    return {
        "url": f"{PATH}{ask.id}/",
        "by": ask.by,
        "time": ask.time,
        "size": ask.size,
        "seed": ask.seed,
        "tree_size": drawn.tree_size if drawn else None,
        "state": "drawn" if drawn else "not drawn" if draw_and_record.lapsed(ask) else "asked for",
    }


def _rows(drawn: Drawn) -> list[dict[str, Any]]:
    """The events in the order of the draw; one whose search row is lost has its index alone."""
    rows = {row.seq: row for row in EventRow.objects.filter(seq__in=drawn.indices)}
    return [
        _row(number, index, rows.get(index)) for number, index in enumerate(drawn.indices, start=1)
    ]


def _row(number: int, index: int, row: EventRow | None) -> dict[str, Any]:
    if row is None:
        return {"number": number, "index": index}
    return {
        "number": number,
        "index": index,
        "url": f"/audit/events/{row.event}/",
        "sentence": emphasised(row.sentence, row.actor_name, row.target_name),
        "outcome": shown_outcome(row.action, row.outcome, row.via),
        "severity": SEVERITIES[row.severity],
        "time": row.time,
    }

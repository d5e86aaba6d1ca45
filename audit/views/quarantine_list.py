"""`/audit/quarantine/`: rows that could not become events, why, and which event tells of them."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import needs_role
from audit.importing.quarantine import queries, writer
from audit.importing.quarantine.queries import Wanted
from audit.importing.source_row_identity import ID_COLUMNS
from audit.ledger.format import safe_display
from audit.models import QuarantinedRow
from audit.views.event.event_details import pretty
from connections.tenant_log import entry_parsing

PATH: Final = "/audit/quarantine/"
REASONS: Final = {**writer.REASONS, **entry_parsing.REASONS}
"""Every reason in words that follow "has", by its stable code."""

READERS: Final = frozenset({"admin", "auditor"})

_PAGE = 100
_CRUMBS = [{"text": "Compliance", "url": "/audit/coverage/#gaps"}]


@never_cache
@needs_role(*sorted(READERS))
@require_safe
def rows(request: HttpRequest) -> HttpResponse:
    """The newest first; `source`, `reason` and `event` narrow, `after` goes on behind a row."""
    wanted, after = _wanted(request.GET), _number(request.GET.get("after", ""))
    found, more = queries.page(wanted, _PAGE, after)
    became = queries.became(found)
    total = queries.count(wanted) if after is None else 0
    context = {
        "crumbs": [*_CRUMBS, {"text": "Quarantine"}],
        "rows": [(row, words_of(row.reason), became.get(row.pk)) for row in found],
        "total": min(total, queries.COUNTED),
        "uncounted": total > queries.COUNTED,
        "facets": _facets(wanted),
        "narrowed": wanted != Wanted(),
        "event": wanted.event,
        "resumed": after is not None,
        "newest_url": _url(wanted),
        "older_url": _url(wanted, after=found[-1].pk) if more else "",
    }
    return render(request, "audit/quarantine.html", context)


@never_cache
@needs_role(*sorted(READERS))
@require_safe
def row(request: HttpRequest, row_id: int) -> HttpResponse:
    """One row: what there was of it, secrets masked, and what can be done about it."""
    found = QuarantinedRow.objects.filter(pk=row_id).first()
    if found is None:
        raise Http404(f"no row {row_id} is set aside")
    context = {
        "crumbs": [*_CRUMBS, {"text": "Quarantine", "url": PATH}, {"text": f"Row {found.pk}"}],
        "row": found,
        "words": words_of(found.reason),
        "digest": bytes(found.digest).hex(),
        "content": pretty(queries.content(found)),
        "became": queries.became([found]).get(found.pk),
        "imported": found.table in ID_COLUMNS,
        "others_url": _url(Wanted(event=found.event)) if found.event else "",
    }
    return render(request, "audit/quarantined_row.html", context)


def words_of(reason: str) -> str:
    """A reason in words that follow "has"; a code of another version stands for itself."""
    return REASONS.get(reason, reason)


def _wanted(params: QueryDict) -> Wanted:
    return Wanted(params.get("source", ""), params.get("reason", ""), _id(params.get("event", "")))


def _id(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise BadRequest("event: the id of an event.") from None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _url(wanted: Wanted, **more: object) -> str:
    values = {"source": wanted.source, "reason": wanted.reason, "event": wanted.event, **more}
    params = urlencode({name: value for name, value in values.items() if value})
    return f"{PATH}?{params}" if params else PATH


def _facets(wanted: Wanted) -> list[dict[str, Any]]:
    """Sources and reasons that there are, each a link that narrows, or takes off again."""
    sources = [
        _value(safe_display.visible(one), one == wanted.source, _with(wanted, source=one))
        for one in queries.values("instance")
        if one
    ]
    reasons = [
        _value(words_of(one), one == wanted.reason, _with(wanted, reason=one))
        for one in queries.values("reason")
    ]
    facets = [{"label": "Source", "values": sources}, {"label": "Reason", "values": reasons}]
    return [facet for facet in facets if facet["values"]]


def _value(text: str, on: bool, url: str) -> dict[str, Any]:
    return {"text": text, "on": on, "url": url}


def _with(wanted: Wanted, source: str | None = None, reason: str | None = None) -> str:
    """The address with one value on, or off where it is on."""
    new_source = wanted.source if source is None else "" if source == wanted.source else source
    new_reason = wanted.reason if reason is None else "" if reason == wanted.reason else reason
    return _url(Wanted(new_source, new_reason, wanted.event))

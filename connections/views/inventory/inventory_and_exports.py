"""Everybody's connections, for admins and auditors."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts.permissions import actor, needs_role
from approvals import clock
from audit.proofs.proofs_and_tiles import NotSequenced
from connections import inventory as everybody
from connections.access_reviews.account_filter import Wanted
from connections.application_grants import consent_and_token_search, consent_and_token_sync
from connections.application_grants import export_file as applications
from connections.auth_ibom import fact_collection
from connections.inventory import (
    Inventory,
    Mistake,
    Query,
    export_table,
    facet_counts,
    signed_export_manifest,
    table_files,
)
from connections.models import NOT_HELD, ConnectedAccount, Schedule
from connections.revocation import pending_steps_list
from connections.sync import connected_accounts, schedule
from connections.views.inventory import download_responses, filter_links
from connections.views.inventory.download_responses import with_manifest


@never_cache
@needs_role("admin", "auditor")
@require_GET
def inventory(request: HttpRequest) -> HttpResponseBase:
    """The inventory under the filter of the URL, put together as the URL says."""
    me, now = actor(request), clock.now()
    query, mistakes = everybody.parse(dict(request.GET.lists()))
    unreadable = any(mistake.key != "after" for mistake in mistakes)  # a page is no filter
    found = everybody.look(me, query, now)
    status = status_of_comparison()
    context = {
        "found": found,
        "query": query,
        "words": query.in_words(),
        "title": _title(found, query, now, unreadable=unreadable),
        "tiles": filter_links.tiles(found, query, now),
        "main": filter_links.main_action(found, query),
        "zeros": "" if query.narrowed else filter_links.zeros(found, now),
        "states": filter_links.states(found, query),
        "facets": filter_links.facets(found, query),
        "chips": list(filter_links.chips(found, query)),
        "hidden": [(key, value) for key, value in query.at(None).params() if key != "q"],
        "errors": [_explained(query, mistake) for mistake in mistakes],
        "unreadable": unreadable,
        "groupings": filter_links.groupings(query),
        "older_url": filter_links.url_of(query.at(found.next)) if found.next else "",
        "newer_url": filter_links.url_of(query.at(None)) if query.after else "",
        "frozen_agents": sorted(found.frozen_agents & set(query.values("agent"))),
        "stays": [] if query.narrowed else pending_steps_list.stay_suspended(),
        "shown": sum(len(group.rows) for group in found.groups),
        "export_query": urlencode([pair for pair in query.params() if pair[0] != "after"]),
        "read_last": _last_read(status["schedule"]),
        "may_decide": "admin" in me.roles,
        "review_url": _review_url(query) if found.total and "admin" in me.roles else "",
        **status,
    }
    return render(request, "connections/inventory.html", context, status=422 if unreadable else 200)


def _title(found: Inventory, query: Query, now: datetime, *, unreadable: bool) -> str:
    """What agents can use; under a filter, how many accounts match."""
    if unreadable:
        return "No account is shown until the filter can be read"
    if not query.narrowed:
        return facet_counts.headline(*facet_counts.usable_by_agents(found.ground, now))
    if found.cut:
        return f"{found.total:,} or more accounts match"
    if not found.total:
        return "No account matches"
    if found.total == 1:
        return "1 account matches"
    return f"{found.total:,} of {_known(query):,} accounts match"


def _known(query: Query) -> int:
    """How many accounts there are; those that nobody holds any more count where they are asked
    for."""
    asked = set(NOT_HELD) & set(query.values("state"))
    return ConnectedAccount.objects.exclude(state__in=set(NOT_HELD) - asked).count()


def _review_url(query: Query) -> str:
    """Where a review of these accounts is opened; empty where none can take just them."""
    wanted = Wanted.of(query)
    if wanted is None:
        return ""
    params = urlencode(wanted.query().params())
    return reverse("connections:review-new") + (f"?{params}" if params else "")


def _explained(query: Query, mistake: Mistake) -> dict[str, str]:
    url = ""
    if mistake.nearest and mistake.key in everybody.FILTERS:
        url = filter_links.url_of(query.toggled(mistake.key, mistake.nearest))
    return {
        "key": mistake.key[:60],
        "message": f"{mistake.message}.",
        "nearest": mistake.nearest,
        "url": url,
    }


def _last_read(row: Schedule | None) -> Any:
    """When the last comparison with Auth0 began that came to its end: older rows are older news."""
    if row is None or row.finished is None or row.started is None or row.started > row.finished:
        return None
    return row.started


@needs_role("admin", "auditor")
@require_POST
def reconcile_now(request: HttpRequest) -> HttpResponseBase:
    """Look at Auth0 as soon as a worker is free."""
    now = clock.now()
    for name in (
        connected_accounts.PEOPLE,
        connected_accounts.ACCOUNTS,
        consent_and_token_sync.APPLICATIONS,
    ):
        schedule.ask_now(name, now)
    return redirect("connections:inventory")


@never_cache
@needs_role("admin", "auditor")
@require_GET
def status(request: HttpRequest) -> HttpResponseBase:
    """How far the comparison with Auth0 is."""
    return render(request, "connections/_status.html", status_of_comparison())


def status_of_comparison() -> dict[str, Any]:
    """The last comparison of everybody, and whether one runs or was asked for."""
    now = clock.now()
    row = Schedule.objects.filter(name=connected_accounts.ACCOUNTS).first()
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
    try:
        return download_responses.ibom(actor(request), request.GET.get("at", ""))
    except fact_collection.BadMoment as bad:
        raise BadRequest(str(bad)) from None


@never_cache
@needs_role("admin", "auditor")
@require_safe
def export_file(request: HttpRequest) -> HttpResponseBase:
    """What the filter of the URL shows, as `?format=csv` or `xlsx`; each one is on the record.

    With `what=applications` the consents and refresh tokens that `q` finds.
    """
    given = {key: values for key, values in request.GET.lists() if key not in _OF_FILES}
    format = request.GET.get("format", "csv")
    if format not in table_files.FORMATS:
        raise BadRequest(f"format: one of {', '.join(table_files.FORMATS)}.")
    what = request.GET.get("what", "connections")
    if what not in ("connections", consent_and_token_search.WHAT):
        raise BadRequest(f"what: connections or {consent_and_token_search.WHAT}.")
    if what == consent_and_token_search.WHAT:
        try:
            words = consent_and_token_search.words_of(given)
        except KeyError as unknown:
            raise BadRequest(f"{unknown.args[0]}: applications are found by q alone.") from None
        return with_manifest(applications.export(actor(request), words, format))
    query, mistakes = everybody.parse(given)
    if mistakes:
        raise BadRequest(f"{mistakes[0].message}.")
    return with_manifest(export_table.export(actor(request), query, format))


_OF_FILES = ("format", "what")


@never_cache
@needs_role("admin", "auditor")
@require_safe
def export_manifest(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """The signed manifest of a file that was exported, by the event that its answer named."""
    try:
        event = signed_export_manifest.event_of(event_id)
        body = (
            json.dumps(signed_export_manifest.manifest_of(event), indent=2, ensure_ascii=False)
            + "\n"
        )
    except signed_export_manifest.NoExport:
        raise Http404(str(event_id)) from None
    except NotSequenced:
        said = "The export has no place in the signed tree yet; within about a second it has.\n"
        return HttpResponse(
            said, status=409, content_type="text/plain", headers={"Retry-After": "1"}
        )
    name = f"{signed_export_manifest.what_of(event)}-{event['id']}.manifest.json"
    return HttpResponse(
        body,
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )

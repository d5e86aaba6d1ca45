"""`/audit/exports/`: ask for a file of the current filter, watch it, download it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.permissions import actor
from audit import clock, packs
from audit import exports as engine
from audit.evidence import body_and_pack_access
from audit.exports.manifest import file_name
from audit.ledger.packs.archive import MAX_EVENTS
from audit.ledger.query import EventQuery
from audit.models import ExportJob
from audit.search import event_search
from audit.sequencing import stored_tree_queries
from audit.views.read_permissions import for_readers
from audit.views.trail import filter_links
from audit.views.trail.filter_from_address import read, url_of

_SHOWN = 50
_STATES = {
    "waiting": "pending",
    "running": "running",
    "ready": "ready",
    "failed": "failed",
    "expired": "expired",
}


@require_safe
@for_readers
def exports(request: HttpRequest) -> HttpResponse:
    """Everybody's exports of the last seven days: what was exported is no secret to readers."""
    found = ExportJob.objects.order_by("-created")[:_SHOWN]
    jobs = sorted(map(_shown, found), key=lambda job: (not job["ready"], not job["live"]))
    return render(
        request,
        "audit/exports.html",
        {
            "jobs": jobs,
            "busy": any(job["live"] for job in jobs),
            "ready": ExportJob.objects.filter(state=ExportJob.State.READY).count(),
            "kept": engine.KEPT_FOR.days,
            "recorded": event_search.total(EventQuery().including("action", "audit.exported")),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@for_readers
def new(request: HttpRequest) -> HttpResponseBase:
    """The form for the filter in the URL; POST makes the file, streaming it when asked to."""
    reading = read(request.GET)
    query = reading.query.in_log_order()
    if reading.mistakes:
        return HttpResponseRedirect(f"/audit/?{request.GET.urlencode()}")
    if request.method == "POST":
        return _make(request, query)
    size = stored_tree_queries.stored_size()
    total = event_search.expected(query, size=size)
    context = {
        "words": query.in_words(),
        "order": query.order,
        "crumbs": [{"text": "Exports", "url": "/audit/exports/"}, {"text": "New"}],
        "chips": filter_links.chips(reading),
        "total": total,
        "size": size,
        "formats": engine.FORMATS.values(),
        "back_url": url_of(query),
        "kept": engine.KEPT_FOR.days,
        "pack_most": MAX_EVENTS,
        "pack_query": request.GET.urlencode(),
        "pack_lacks": _pack_lacks(request, query) if 0 < total.count <= MAX_EVENTS else "",
    }
    return render(request, "audit/export_new.html", context)


def _pack_lacks(request: HttpRequest, query: EventQuery) -> str:
    return body_and_pack_access.outlook(actor(request), packs.of_query(query), clock.now()).words


def _make(request: HttpRequest, query: EventQuery) -> HttpResponseBase:
    streamed = "download" in request.POST
    try:
        job = engine.request(
            actor(request), query, request.POST.get("format", ""), streamed=streamed
        )
    except (engine.UnsupportedFormat, engine.NothingSigned) as error:
        messages.error(request, f"Nothing was exported: {error}.")
        return HttpResponseRedirect(f"/audit/exports/new/?{request.GET.urlencode()}")
    if streamed:
        return with_headers(StreamingHttpResponse(engine.write(job)), job)
    return HttpResponseRedirect(f"/audit/exports/{job.id}/")


@require_safe
@for_readers
def export(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """One export: progress while it is written, then the file and what it is held to."""
    crumbs = [{"text": "Exports", "url": "/audit/exports/"}, {"text": "Export"}]
    polled = bool(request.headers.get("HX-Request"))
    context = {
        "job": _shown(_job(job_id)),
        "kept": engine.KEPT_FOR.days,
        "crumbs": crumbs,
        "polled": polled,
    }
    template = "audit/_export.html" if polled else "audit/export.html"
    response = render(request, template, context)
    response["Vary"] = "HX-Request"
    return response


@require_safe
@for_readers
def download(request: HttpRequest, job_id: UUID) -> HttpResponseBase:
    """The file; one that nobody has begun is written while it is sent."""
    job = _job(job_id)
    return with_headers(HttpResponse(), job) if request.method == "HEAD" else _stream(job)


@require_safe
@for_readers
def manifest(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The manifest as JSON; complete once the file is."""
    job = _job(job_id)
    body = json.dumps(engine.manifest_of(job), indent=2, ensure_ascii=False) + "\n"
    saved = {"Content-Disposition": f'attachment; filename="{file_name(job)}.manifest.json"'}
    return HttpResponse(body, content_type="application/json", headers=saved)


def _stream(job: ExportJob) -> HttpResponseBase:
    try:
        pieces = engine.stream(job.id)
    except engine.ExportGone as error:
        return HttpResponse(f"{error}\n", status=409, content_type="text/plain; charset=utf-8")
    return with_headers(StreamingHttpResponse(pieces), job)


def with_headers[R: HttpResponseBase](response: R, job: ExportJob) -> R:
    """Add what a browser needs to save the file; nothing of it comes from outside."""
    response["Content-Type"] = engine.FORMATS[job.format].content_type
    response["Content-Disposition"] = f'attachment; filename="{file_name(job)}"'
    response["X-Accel-Buffering"] = "no"
    return response


def _job(job_id: UUID) -> ExportJob:
    job = ExportJob.objects.filter(id=job_id).first()
    if job is None:
        raise Http404(f"no export {job_id}")
    return job


def _commands(file: str) -> str:
    """What checks the file without us, from the folder of the downloads."""
    return (
        f"curl -s {settings.PORTAL_URL}/log/key > log.key\n"
        f"ata verify {file}.manifest.json {file} --entries log.ndjson --vkey log.key"
    )


def _total(job: ExportJob) -> event_search.Total:
    if job.finished:
        return event_search.Total(job.rows)
    return event_search.Total(job.expected, exact=not job.estimated)


def _shown(job: ExportJob) -> dict[str, Any]:
    return {
        "id": job.id,
        "url": f"/audit/exports/{job.id}/",
        "words": job.words,
        "trail_url": url_of(EventQuery.from_params(job.params)),
        "format": engine.FORMATS[job.format].label,
        "state": _STATES[job.state],
        "live": job.state in (ExportJob.State.WAITING, ExportJob.State.RUNNING),
        "ready": job.state == ExportJob.State.READY,
        "by": job.requester["name"] or job.requester["email"] or job.requester["sub"],
        "written": job.rows,
        "expected": job.expected,
        "total": _total(job),
        "hint": "an estimate" if job.estimated else "",
        "bytes": job.size,
        "sha256": job.sha256,
        "tree_size": job.tree_size,
        "takes_log": job.format in ("csv", "ndjson", "ocsf"),  # what `ata verify --entries` reads
        "root": bytes(job.root).hex(),
        "error": job.error,
        "erased": job.erased,
        "created": job.created,
        "expires": job.expires,
        "event": job.event,
        "file": file_name(job),
        "commands": _commands(file_name(job)),
    }

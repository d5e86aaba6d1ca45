"""`/v1/audit/exports`: ask for a file, wait for it, fetch it and its manifest."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Field, Router, Schema
from pydantic import ConfigDict

from accounts.bearer import caller
from api import openapi, schemas
from api.problems import Problem
from audit import exports as engine
from audit.api.filter_schema_and_problems import check, filter_schema
from audit.clock import rfc3339
from audit.exports.manifest import file_name
from audit.exports.xlsx import MEDIA_TYPE
from audit.models import ExportJob
from audit.search import filter_parsing
from audit.views.exports import with_headers
from audit.views.read_permissions import may_download, person_filter

router = Router(tags=["Audit"])


class ExportIn(Schema):
    """What to export. `filter` holds keys of the filter language with a value or a list."""

    model_config = ConfigDict(extra="forbid", strict=True)

    format: str = Field(json_schema_extra={"enum": list(engine.FORMATS)})
    filter: dict[str, Any] = Field({}, json_schema_extra=filter_schema())


@router.post(
    "",
    operation_id="portal_api_audit_exports_create",
    summary="Export the events of a filter",
    response={202: schemas.ExportOut},
    openapi_extra=openapi.may(409),
)
def create(request: HttpRequest, body: ExportIn) -> JsonResponse:
    """202 with an id; poll it until `status` is `ready`."""
    who = caller(request).actor
    query = filter_parsing.from_dict(body.filter)
    check(query, "/filter")
    try:
        job = engine.request(who, query, body.format, person=person_filter(who))
    except engine.UnsupportedFormat as error:
        raise Problem(
            422, "unsupported_format", f"{error}.", pointer="/format", formats=list(engine.FORMATS)
        ) from None
    except engine.NothingSigned as error:
        raise Problem(409, "nothing_signed", f"{error}.", headers={"Retry-After": "2"}) from None
    response = JsonResponse(as_json(job), status=202)
    response["Location"] = f"/v1/audit/exports/{job.id}"
    return response


@router.get(
    "/{export_id}",
    operation_id="portal_api_audit_exports_one",
    summary="How far an export is",
    response=schemas.ExportOut,
    openapi_extra=openapi.may(403, 404, 422),
)
def one(request: HttpRequest, export_id: UUID) -> JsonResponse:
    """`status` is waiting, running, ready, failed or expired."""
    return JsonResponse(as_json(_visible(request, export_id)))


_FILE = (
    openapi.text("text/csv")
    | openapi.text("application/x-ndjson")
    | {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}
)


@router.get(
    "/{export_id}/download",
    operation_id="portal_api_audit_exports_download",
    summary="The file",
    openapi_extra=openapi.may(403, 404, 409, 410, 422, ok=_FILE),
)
def download(request: HttpRequest, export_id: UUID) -> HttpResponseBase:
    """Written while it is sent when nobody has begun it; 409 while somebody else writes it."""
    job = _visible(request, export_id)
    if request.method == "HEAD":
        return with_headers(HttpResponse(), job)
    try:
        pieces = engine.stream(job.id)
    except engine.ExportGone as error:
        gone = job.state in (ExportJob.State.EXPIRED, ExportJob.State.FAILED)
        code = "gone" if gone else "not_ready"
        headers = {} if gone else {"Retry-After": "1"}
        raise Problem(410 if gone else 409, code, f"{error}.", headers=headers) from None
    return with_headers(StreamingHttpResponse(pieces), job)


@router.get(
    "/{export_id}/manifest",
    operation_id="portal_api_audit_exports_manifest",
    summary="What the file is held to",
    response=dict[str, Any],
    openapi_extra=openapi.may(403, 404, 422),
)
def manifest(request: HttpRequest, export_id: UUID) -> JsonResponse:
    """Filter, tree, rows, digest of the file, exporter; complete once the file is."""
    return JsonResponse(engine.manifest_of(_visible(request, export_id)))


def as_json(job: ExportJob) -> dict[str, Any]:
    """One export as the API shows it."""
    base = f"/v1/audit/exports/{job.id}"
    return {
        "id": str(job.id),
        "status": job.state,
        "format": job.format,
        "filter": job.params,
        "words": job.words,
        "rows": job.rows if job.finished else None,
        "expected_rows": job.expected,
        "estimated": job.estimated,
        "bytes": job.size if job.finished else None,
        "sha256": job.sha256 or None,
        "tree_size": job.tree_size,
        "event_id": str(job.event) if job.event else None,
        "error": job.error or None,
        "file": file_name(job),
        "created": rfc3339(job.created),
        "finished": rfc3339(job.finished) if job.finished else None,
        "expires": rfc3339(job.expires),
        "download": f"{base}/download",
        "manifest": f"{base}/manifest",
    }


def _visible(request: HttpRequest, export_id: UUID) -> ExportJob:
    who = caller(request).actor
    job = ExportJob.objects.filter(id=export_id).first()
    if job is not None and may_download(who, job):
        return job
    if job is not None and job.owner == who.key:
        words = "It holds events of others, and you no longer have the role that it was made with."
        raise Problem(403, "not_permitted", words)
    raise Problem(404, "not_found", "There is no such export, or it is not yours to see.")

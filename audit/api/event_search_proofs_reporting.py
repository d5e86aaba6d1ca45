"""`/v1/audit/events`: search, one event, its exact bytes, its proof (DESIGN 2.5)."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Router

from accounts.bearer import caller
from accounts.recent_sign_in.access_tokens import needs_fresh_sign_in
from api import openapi, request_bodies, schemas
from api.problems import Problem
from audit import clock, packs
from audit.api import filter_schema_and_problems
from audit.api.exports import router as exports
from audit.api.framework_coverage import router as coverage
from audit.api.full_log_download import router as entries_of_a_tree
from audit.api.quarantined_rows import router as set_aside
from audit.api.samples import router as samples
from audit.api.saved_views import router as views
from audit.evidence import body_and_pack_access
from audit.evidence.storage import EvidenceErased, EvidenceMissing, NotReleasable
from audit.ingest import reported_events
from audit.models import Event
from audit.proofs import proofs_and_tiles
from audit.proofs.proofs_and_tiles import NotSequenced
from audit.recording import stored_event_loader, trail_viewed_events
from audit.search import event_search, filter_parsing
from audit.search.event_search import BadCursor
from audit.views.pack_and_verifier_downloads import as_file
from audit.views.read_permissions import may_read, person_filter, reads_everything
from ui.refused_request_audit_flag import mark

router = Router(tags=["Audit"])
router.add_router("/exports", exports)
router.add_router("/samples", samples)
router.add_router("/views", views)
router.add_router("", entries_of_a_tree)
router.add_router("", set_aside)
router.add_router("", coverage)

PAGE = 50
MOST = 200
WRITE = "write:events"


_LIMIT = {
    "in": "query",
    "name": "limit",
    "required": False,
    "schema": {"type": "integer", "minimum": 1, "maximum": MOST, "default": PAGE},
}


@router.get(
    "/events",
    operation_id="portal_api_audit_events",
    summary="Search the trail, with the whole filter language",
    response=schemas.EventPage,
    by_alias=True,
    openapi_extra=openapi.may(422)
    | {"parameters": [*filter_schema_and_problems.parameters(), _LIMIT]},
)
def events(request: HttpRequest) -> JsonResponse:
    """`{items, next, tree_size}`; `next` is the cursor of the next page, null on the last.

    Every key of the filter language is a parameter: repeat for OR, `-key` to exclude; `limit` is
    1 to 200. People without a role get the events in which they acted or were acted for.
    """
    who = caller(request).actor
    params = dict(request.GET.lists())
    limit = _limit(params.pop("limit", [str(PAGE)]))
    query = filter_parsing.from_dict(params)
    filter_schema_and_problems.check(query)
    try:
        found = event_search.page(query, limit, person=person_filter(who))
    except BadCursor as error:
        raise Problem(422, "bad_cursor", f"{error}.", pointer="/cursor") from None
    items = event_search.publics(found.rows)
    trail_viewed_events.note(who, query)
    return JsonResponse(
        {"items": items, "next": found.next_cursor or None, "tree_size": found.tree_size}
    )


def _limit(values: Any) -> int:
    text = str(values[0]) if len(values) == 1 else ""
    if re.fullmatch(r"[1-9][0-9]{0,2}", text) and int(text) <= MOST:
        return int(text)
    raise Problem(422, "bad_filter", f"limit is 1 to {MOST}.", pointer="/limit", nearest=str(PAGE))


@router.get(
    "/events/{event_id}",
    operation_id="portal_api_audit_event",
    summary="One event, opened",
    response=schemas.EventOut,
    by_alias=True,
    openapi_extra=openapi.may(404, 422),
)
def event(request: HttpRequest, event_id: UUID) -> JsonResponse:
    """The public event JSON; an erased value is `{"erased": true}`."""
    return JsonResponse(_readable(request, event_id))


@router.get(
    "/events/{event_id}/entry",
    operation_id="portal_api_audit_entry",
    summary="The exact bytes that are in the log",
    openapi_extra=openapi.may(404, 422, ok=openapi.BYTES),
)
def entry(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """RFC 8785 JSON with commitments for personal values."""
    _readable(request, event_id)
    return HttpResponse(
        proofs_and_tiles.entry_of(event_id), content_type="application/octet-stream"
    )


@router.get(
    "/events/{event_id}/proof",
    operation_id="portal_api_audit_proof",
    summary="The proof that it is in the log",
    openapi_extra=openapi.may(404, 409, 422, ok=openapi.text("text/plain")),
)
def proof(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """A C2SP `.tlog-proof` at the newest checkpoint; 409 in the second before there is one."""
    _readable(request, event_id)
    try:
        text = proofs_and_tiles.proof_for(event_id)
    except NotSequenced:
        raise not_sequenced() from None
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


@router.get(
    "/events/{event_id}/pack",
    operation_id="portal_api_audit_pack",
    summary="The evidence pack of its whole act",
    openapi_extra=openapi.may(404, 409, 422, ok=openapi.ZIP),
)
def pack(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """A ZIP of the format ata.pack.v1 with the bodies that are yours to read; it is recorded. With
    tokens in it, it takes a sign-in of the last ten minutes with a second factor."""
    found, who = _readable(request, event_id), caller(request).actor
    selection = packs.of_event(found, person=person_filter(who))
    try:
        built = body_and_pack_access.pack(who, selection, clock.now())
    except packs.NothingToPack:
        raise not_sequenced() from None
    except packs.TooMany as error:
        detail = f"No pack was made: {error}. Export a filter that finds some of its events."
        raise Problem(409, "pack_too_large", detail) from None
    if built.has_tokens:
        needs_fresh_sign_in(request, f"/audit/events/{event_id}/")
    if request.method != "HEAD":
        body_and_pack_access.hand_out(who, selection, built)
    return as_file(built, f"evidence-{str(event_id)[-12:]}.zip")


@router.get(
    "/evidence/{digest}",
    operation_id="portal_api_audit_body",
    summary="The body of a piece of evidence",
    openapi_extra=openapi.may(404, 409, 410, ok=openapi.BYTES),
)
def body(request: HttpRequest, digest: str) -> HttpResponse:
    """For auditors and the person it is about; a token only after its `exp`; it is recorded. It
    takes a sign-in of the last ten minutes with a second factor."""
    who = caller(request).actor
    try:
        item = body_and_pack_access.find(digest)
        if not item.subject and not reads_everything(who):
            raise PermissionError
        if item.subject and body_and_pack_access.may_read(who, item):
            needs_fresh_sign_in(request, f"/audit/evidence/{item.digest}/")
        content = body_and_pack_access.read(who, item, clock.now())
    except (EvidenceMissing, PermissionError) as error:
        if isinstance(error, PermissionError):
            mark(request, "not_yours", certain=True)
        # One answer for both, so that nobody learns what is kept about whom.
        raise Problem(404, "not_found", "There is no such evidence, or it is not yours.") from None
    except NotReleasable as error:
        raise Problem(409, "not_released", f"{error}.") from None
    except EvidenceErased:
        raise Problem(410, "erased", "The person this was about has been erased.") from None
    return HttpResponse(content, content_type="application/octet-stream")


def not_sequenced() -> Problem:
    """409: what was asked for needs the event's place in the tree, and it has none yet."""
    return Problem(
        409,
        "not_sequenced",
        "The event is recorded and gets its place in the signed tree within about a second.",
        headers={"Retry-After": "1"},
    )


def _readable(request: HttpRequest, event_id: UUID) -> dict[str, Any]:
    try:
        found = stored_event_loader.load(event_id)
    except Event.DoesNotExist:
        found = None
    # One answer for both, so that nobody learns which ids exist.
    if found is None or not may_read(caller(request).actor, found):
        raise Problem(404, "not_found", "There is no such event, or it is not yours to see.")
    return found


_REPORTED = {"$ref": "#/components/schemas/Reported"}
_REPORT = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "anyOf": [
                    _REPORTED,
                    # Items are answered one by one, so an item of another shape is no refusal.
                    {"type": "array", "items": {}, "minItems": 1, "maxItems": reported_events.MOST},
                    {"type": "object"},
                ]
            }
        }
    },
}


@router.post(
    "/events",
    operation_id="portal_api_audit_report",
    summary="Report what happened elsewhere: one event, or up to 1,000",
    response=schemas.ReportedOut,
    openapi_extra=openapi.may(403) | {"requestBody": _REPORT},
)
def report(request: HttpRequest) -> JsonResponse:
    """Stored as `external.<action>` with who reported it; the actor you name is your claim.

    Items are answered one by one: `{results: [{index, status, id?, code?, detail?, pointer?}]}`.
    """
    me = caller(request)
    if WRITE not in me.claims.permissions | me.claims.scope:
        raise Problem(
            403,
            "not_permitted",
            f"This needs a token with the permission {WRITE}.",
            permission=WRITE,
        )
    body = request_bodies.read(request)
    items = body if isinstance(body, list) else [body]
    if not isinstance(body, list | dict) or not items:
        raise Problem(422, "invalid_request", "Send one event or a list of them.", pointer="")
    try:
        results = reported_events.report(me.actor, items)
    except ValueError as error:
        raise Problem(422, "too_many", f"{error}.", pointer="") from None
    return JsonResponse({"results": results})

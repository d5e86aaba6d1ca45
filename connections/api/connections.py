"""Connected accounts over the API: list them, revoke one (DESIGN 2.5)."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from ninja import Field, Query, Router, Schema
from pydantic import ConfigDict

from accounts.bearer import caller
from api import openapi, schemas
from api.problems import Problem, pointer_of, printable
from approvals.api import idempotency, post_decision_and_requests
from audit.api.event_search_proofs_reporting import not_sequenced
from audit.exports.xlsx import MEDIA_TYPE
from audit.proofs.proofs_and_tiles import NotSequenced
from audit.views.read_permissions import may_read
from connections import inventory, permissions, serializers
from connections.api import connection_schemas
from connections.application_grants import consent_and_token_search as listing_of_access
from connections.application_grants import export_file as applications
from connections.auth_ibom import fact_collection
from connections.inventory import export_table, signed_export_manifest, table_files
from connections.models import ConnectedAccount
from connections.views.inventory import download_responses
from connections.views.inventory.download_responses import with_manifest

router = Router(tags=["Connections"])

MOST = 500
"""Accounts in one answer."""


class RevokeIn(Schema):
    """Why, and whether the owner's sessions end too (an admin's extra; off by default)."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: str = Field("", max_length=2000)
    end_sessions: bool = False


_LIMIT = {
    "in": "query",
    "name": "limit",
    "schema": {"type": "integer", "minimum": 1, "maximum": MOST, "default": MOST},
}
_VALUES = 20  # of one filter
_WORDS = 100  # characters of what is searched for
_NO_NUL = "^[^\\u0000]*$"
_AFTER = {
    "in": "query",
    "name": "after",
    "description": "`next` of the page before",
    "schema": {"type": "string", "format": "uuid"},
}


def _filters() -> list[dict[str, Any]]:
    """The filters of the inventory as query parameters of the OpenAPI document."""
    found: list[dict[str, Any]] = [
        {
            "in": "query",
            "name": name,
            "description": "All of them" if name == "show" else "Repeat for OR",
            "explode": True,
            "schema": {
                "type": "array",
                "maxItems": _VALUES,
                "items": {"type": "string", "enum": list(known)}
                if known
                else {"type": "string", "minLength": 1, "maxLength": 128, "pattern": _NO_NUL},
            },
        }
        for name, known in inventory.FILTERS.items()
    ]
    words = {"type": "string", "maxLength": _WORDS, "pattern": _NO_NUL}
    return [*found, {"in": "query", "name": "q", "schema": words}]


@router.get(
    "/connections",
    operation_id="portal_api_connections_list_connections",
    summary="Connected accounts that you may see",
    response=connection_schemas.ConnectionList,
    openapi_extra=openapi.may(422) | {"parameters": [*_filters(), _LIMIT, _AFTER]},
)
def list_connections(request: HttpRequest) -> JsonResponse:
    """Filtered as the page of the inventory, newest known first; `next` goes on behind the last.

    `owner=me` narrows to your own. Without `state`, revoked ones are left out.
    """
    given = {name: list(values) for name, values in request.GET.lists()}
    limit, after = _limit(given.pop("limit", [])), _after(given.pop("after", []))
    return JsonResponse(serializers.page(caller(request).actor, _query(given), after, limit))


def _query(given: dict[str, list[str]]) -> inventory.Query:
    """The filter of a request.

    Raises:
        Problem: 422 `unknown_filter` or `bad_filter`, with the nearest that could be meant.
    """
    for name in inventory.KEYS_OF_PAGES:
        if name in given:
            raise Problem(422, "unknown_filter", f"{name}: a list is not put together by anything.")
    for name, values in given.items():
        if len(values) > _VALUES:
            words = f"{name[:60]}: at most {_VALUES} values."
            raise Problem(422, "bad_filter", printable(words), pointer=pointer_of([name]))
    _short(given)
    query, mistakes = inventory.parse(given)
    if mistakes:
        first = mistakes[0]
        known = first.key in inventory.FILTERS
        raise Problem(
            422,
            "bad_filter" if known else "unknown_filter",
            printable(f"{first.message}."),
            pointer=pointer_of([first.key]),
            nearest=first.nearest or None,
        )
    return query


def _short(given: dict[str, list[str]]) -> None:
    """Refuse words that are longer than anything they could find.

    Raises:
        Problem: 422 `bad_filter`.
    """
    if any(len(text) > _WORDS for text in given.get("q", [])):
        raise Problem(422, "bad_filter", f"q: at most {_WORDS} characters.", pointer="/q")


def _limit(values: list[str]) -> int:
    text = values[-1] if values else str(MOST)
    if text.isascii() and text.isdigit() and len(text) < 10 and 0 < int(text) <= MOST:
        return int(text)
    raise Problem(422, "invalid_request", f"limit: a number from 1 to {MOST}.", pointer="/limit")


def _after(values: list[str]) -> UUID | None:
    try:
        return UUID(values[-1]) if values else None
    except ValueError:
        raise Problem(
            422, "bad_cursor", "after: what `next` of the page before says.", pointer="/after"
        ) from None


@router.get(
    "/connections/ibom",
    operation_id="portal_api_connections_ibom",
    summary="The signed Auth-IBOM (CycloneDX 1.7)",
    openapi_extra=openapi.may(
        403, 422, ok={"application/vnd.cyclonedx+json": {"schema": {"type": "object"}}}
    ),
)
def ibom(request: HttpRequest, at: Annotated[str, Field(max_length=40)] = "") -> HttpResponse:
    """Everybody's accounts for admins and auditors, else your own; each export is an event.

    `at` rebuilds it from the log: a number of entries, a date, or an RFC 3339 time.
    """
    actor = caller(request).actor
    if at and not actor.roles & permissions.SEES_ALL:
        raise Problem(403, "not_permitted", "An earlier inventory is for auditors and admins.")
    try:
        return download_responses.ibom(actor, at)
    except fact_collection.BadMoment as bad:
        raise Problem(422, "invalid_request", str(bad), pointer="/at") from None


_FORMAT = {
    "in": "query",
    "name": "format",
    "required": True,
    "schema": {"type": "string", "enum": list(table_files.FORMATS)},
}
_WHAT = {
    "in": "query",
    "name": "what",
    "description": "Of applications (consents and refresh tokens) `q` is the only filter",
    "schema": {"type": "string", "enum": ["connections", listing_of_access.WHAT]},
}


@router.get(
    "/connections/export",
    operation_id="portal_api_connections_export_file",
    summary="Connected accounts that you may see, as a file",
    openapi_extra=openapi.may(
        422,
        ok=openapi.text("text/csv")
        | {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    )
    | {"parameters": [*_filters(), _FORMAT, _WHAT]},
)
def export_file(request: HttpRequest) -> HttpResponseBase:
    """CSV or XLSX under the filters of the list; `Repr-Digest` and `ATA-Event` prove the file."""
    given = {name: list(values) for name, values in request.GET.lists()}
    format = (given.pop("format", []) or [""])[-1]
    if format not in table_files.FORMATS:
        said = f"format: one of {', '.join(table_files.FORMATS)}."
        raise Problem(422, "unsupported_format", said, pointer="/format")
    what = (given.pop("what", []) or ["connections"])[-1]
    if what == listing_of_access.WHAT:
        return with_manifest(applications.export(caller(request).actor, _words(given), format))
    if what != "connections":
        said = f"what: connections or {listing_of_access.WHAT}."
        raise Problem(422, "bad_filter", said, pointer="/what")
    return with_manifest(export_table.export(caller(request).actor, _query(given), format))


def _words(given: dict[str, list[str]]) -> str:
    """What applications are found by.

    Raises:
        Problem: 422 `unknown_filter` or `bad_filter`.
    """
    _short(given)
    try:
        return listing_of_access.words_of(given)
    except KeyError as unknown:
        name = str(unknown.args[0])
        words = printable(f"{name[:60]}: applications are found by q alone.")
        raise Problem(422, "unknown_filter", words, pointer=pointer_of([name])) from None


@router.get(
    "/connections/export/{event_id}/manifest",
    operation_id="portal_api_connections_export_manifest",
    summary="The signed manifest of such a file",
    response=dict[str, Any],
    openapi_extra=openapi.may(404, 409, 422),
)
def export_manifest(request: HttpRequest, event_id: UUID) -> JsonResponse:
    """By the event that `ATA-Event` named; `ata verify MANIFEST FILE` checks both offline."""
    try:
        event, who = signed_export_manifest.event_of(event_id), caller(request).actor
        mine = not event["data"]["everybody"] and may_read(who, event)
        if mine or who.roles & permissions.SEES_ALL:
            return JsonResponse(signed_export_manifest.manifest_of(event))
    except signed_export_manifest.NoExport:
        pass
    except NotSequenced:
        raise not_sequenced() from None
    # One answer for both, so that nobody learns which ids exist.
    raise Problem(404, "not_found", "There is no such export, or it is not yours to see.")


@router.get(
    "/connections/ibom/difference",
    operation_id="portal_api_connections_ibom_difference",
    summary="What changed in the inventory between two points in the log",
    response=connection_schemas.DifferenceOut,
    by_alias=True,
    openapi_extra=openapi.may(403, 422),
)
def ibom_difference(
    request: HttpRequest,
    start: Annotated[str, Query(alias="from", max_length=40, min_length=1)],
    end: Annotated[str, Query(alias="to", max_length=40)] = "",
) -> JsonResponse:
    """`from` and `to` are numbers of entries, dates, or RFC 3339 times; without `to`, now."""
    if not caller(request).actor.roles & permissions.SEES_ALL:
        raise Problem(403, "not_permitted", "Everyone's inventory is for auditors and admins.")
    try:
        found = fact_collection.between(start, end)
    except fact_collection.BadMoment as bad:
        pointer = "/from" if str(bad).startswith("from") else "/to"
        raise Problem(422, "invalid_request", str(bad), pointer=pointer) from None
    return JsonResponse(serializers.difference(found))


@router.get(
    "/connections/{connection_id}",
    operation_id="portal_api_connections_one_connection",
    summary="One connected account",
    response=connection_schemas.ConnectionOut,
    openapi_extra=openapi.may(404),
)
def one_connection(request: HttpRequest, connection_id: str) -> JsonResponse:
    """Yours, or anybody's for admin and auditor."""
    account = _visible(request, connection_id)
    return JsonResponse(serializers.as_json([account])[0])


@router.post(
    "/connections/{connection_id}/revoke",
    operation_id="portal_api_connections_revoke",
    summary="Revoke a connected account",
    response={200: schemas.NothingToDoOut, 201: schemas.CommittedOut, 202: schemas.WaitingOut},
    openapi_extra=openapi.may(403, 404, 409) | {"parameters": [idempotency.HEADER]},
)
def revoke(request: HttpRequest, connection_id: str, body: RevokeIn | None = None) -> JsonResponse:
    """Answers as `POST /v1/decisions`: 201 for your own, 202 for another person's."""
    account = _visible(request, connection_id)
    given = body or RevokeIn(reason="", end_sessions=False)
    return post_decision_and_requests.decide(
        request,
        post_decision_and_requests.DecisionIn(
            verb="connection.revoke",
            target=post_decision_and_requests.TargetIn(
                kind="connection", name=str(account.id), instance=""
            ),
            reason=given.reason,
            severity=None,
            finding_id=None,
            params={"end_sessions": True} if given.end_sessions else {},
        ),
    )


def _visible(request: HttpRequest, connection_id: str) -> ConnectedAccount:
    try:
        return permissions.visible_one(caller(request).actor, connection_id)
    except ConnectedAccount.DoesNotExist:
        raise Problem(
            404, "not_found", "There is no such connection, or it is not yours to see."
        ) from None

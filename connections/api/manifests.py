"""Manifests: the connections and scopes that a component declares (DESIGN 2.5)."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest, JsonResponse
from ninja import Router
from pydantic import Field

from accounts.bearer import caller
from api import openapi, schemas
from api.problems import Problem
from approvals import clock
from approvals.api.post_decision_and_requests import answer_of
from approvals.pipeline.service import Performed, perform
from audit.recording.actors import Target
from connections.api import connection_schemas
from connections.component_manifests import enforcement_decision_hook, manifest_store
from connections.models import Manifest

router = Router(tags=["Manifests"])


type _Kind = Annotated[str, Field(json_schema_extra={"enum": sorted(manifest_store.KINDS)})]
type _Name = Annotated[
    str, Field(json_schema_extra={"pattern": f"^{manifest_store.NAME.pattern}$"})
]


@router.get(
    "/manifests",
    operation_id="portal_api_manifests_index",
    summary="Manifests in force",
    response=connection_schemas.ManifestList,
)
def index(request: HttpRequest) -> JsonResponse:
    """All of them, by kind and name."""
    found = Manifest.objects.prefetch_related("needs").order_by("kind", "name")
    return JsonResponse({"items": [_json(one) for one in found]})


@router.get(
    "/manifests/{kind}/{path:name}",
    operation_id="portal_api_manifests_read",
    summary="A manifest and the decision in force",
    response=connection_schemas.ManifestOut,
    openapi_extra=openapi.may(404, 422),
)
def read(request: HttpRequest, kind: _Kind, name: _Name) -> JsonResponse:
    """`decision` is none, allow, hold or block."""
    _check(kind, name)
    manifest = manifest_store.find(kind, name)
    if manifest is None:
        raise Problem(404, "not_found", f"{kind} {name} has no manifest. Declare one with PUT.")
    return JsonResponse(_json(manifest))


@router.put(
    "/manifests/{kind}/{path:name}",
    operation_id="portal_api_manifests_declare",
    summary="Declare connections and scopes",
    response={200: connection_schemas.ManifestOut, 202: schemas.WaitingOut},
    openapi_extra=openapi.may(403, 404, 409),
)
def declare(
    request: HttpRequest,
    kind: _Kind,
    name: _Name,
    body: manifest_store.Declaration,
    new: bool = False,
) -> JsonResponse:
    """200 where nothing is gained (without an event where it is in force already); 202 where
    somebody has to approve. `new=true` confirms names that nobody knows yet (409
    `unknown_target`)."""
    _check(kind, name)
    known = manifest_store.find(kind, name)
    actor = caller(request).actor
    unchanged = known is not None and known.digest == manifest_store.digest_of(kind, name, body)
    if known is not None and unchanged and actor.roles & {"operator", "admin"}:
        return JsonResponse(_json(known))
    params = body.model_dump(mode="json") | ({"new": True} if new else {})
    done = perform(actor, "manifest.declare", Target(kind, name), params=params)
    if done.approval is not None:
        return _waiting(done)
    written = manifest_store.find(kind, name)
    assert written is not None
    return JsonResponse(_json(written) | {"event_id": str(done.event_id)})


@router.delete(
    "/manifests/{kind}/{path:name}",
    operation_id="portal_api_manifests_remove",
    summary="Remove a manifest",
    response={200: connection_schemas.ManifestRemoved, 202: schemas.WaitingOut},
    openapi_extra=openapi.may(403, 404, 409, 422),
)
def remove(request: HttpRequest, kind: _Kind, name: _Name) -> JsonResponse:
    """200 when removed; 202 where no manifest would name a connection any more, so that anybody
    could ask for it: it stays closed to undeclared callers until somebody approved."""
    _check(kind, name)
    done = perform(caller(request).actor, "manifest.remove", Target(kind, name))
    if done.approval is not None:
        return _waiting(done)
    return JsonResponse({"kind": kind, "name": name, "event_id": str(done.event_id)})


def _waiting(done: Performed) -> JsonResponse:
    status, body = answer_of(done)
    return JsonResponse(body, status=status)


def _check(kind: str, name: str) -> None:
    if kind not in manifest_store.KINDS:
        raise Problem(
            422,
            "invalid_request",
            f"kind: one of {', '.join(sorted(manifest_store.KINDS))}.",
            pointer="/kind",
        )
    if not manifest_store.NAME.fullmatch(name):
        raise Problem(
            422, "invalid_request", "name: letters, digits and . _ @ / : -", pointer="/name"
        )


def _json(manifest: Manifest) -> dict[str, Any]:
    return {
        **manifest_store.content(manifest),
        "digest": manifest.digest,
        "declared_at": clock.stamp(manifest.declared_at),
        "decision": enforcement_decision_hook.decision_of(manifest.kind, manifest.name),
    }

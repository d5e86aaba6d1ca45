"""Manifests: the connections and scopes that a component declares (DESIGN 2.5)."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest, JsonResponse
from ninja import Router
from pydantic import Field

from approvals import clock
from approvals.perform import perform
from audit.actor import Target
from connections import decisions, manifests
from connections.models import Manifest
from portal.api import connection_shapes, contract
from portal.api.auth import caller
from portal.api.problems import Problem

router = Router(tags=["Manifests"])


type _Kind = Annotated[str, Field(json_schema_extra={"enum": sorted(manifests.KINDS)})]
type _Name = Annotated[str, Field(json_schema_extra={"pattern": f"^{manifests.NAME.pattern}$"})]


@router.get("/manifests", summary="Manifests in force", response=connection_shapes.ManifestList)
def index(request: HttpRequest) -> JsonResponse:
    """All of them, by kind and name."""
    found = Manifest.objects.prefetch_related("needs").order_by("kind", "name")
    return JsonResponse({"items": [_json(one) for one in found]})


@router.get(
    "/manifests/{kind}/{path:name}",
    summary="A manifest and the decision in force",
    response=connection_shapes.ManifestOut,
    openapi_extra=contract.may(404, 422),
)
def read(request: HttpRequest, kind: _Kind, name: _Name) -> JsonResponse:
    """`decision` is none, allow, hold or block."""
    _check(kind, name)
    manifest = manifests.find(kind, name)
    if manifest is None:
        raise Problem(404, "not_found", f"{kind} {name} has no manifest. Declare one with PUT.")
    return JsonResponse(_json(manifest))


@router.put(
    "/manifests/{kind}/{path:name}",
    summary="Declare connections and scopes",
    response={200: connection_shapes.ManifestOut, 201: connection_shapes.ManifestOut},
    openapi_extra=contract.may(403, 404),
)
def declare(
    request: HttpRequest, kind: _Kind, name: _Name, body: manifests.Declaration
) -> JsonResponse:
    """201 when new, 200 when it replaces one or is in force already (then without an event)."""
    _check(kind, name)
    known = manifests.find(kind, name)
    actor = caller(request).actor
    unchanged = known is not None and known.digest == manifests.digest_of(kind, name, body)
    if known is not None and unchanged and actor.roles & {"operator", "admin"}:
        return JsonResponse(_json(known))
    done = perform(
        actor, "manifest.declare", Target(kind, name), params=body.model_dump(mode="json")
    )
    written = manifests.find(kind, name)
    assert written is not None
    return JsonResponse(
        _json(written) | {"event_id": str(done.event_id)}, status=200 if known else 201
    )


def _check(kind: str, name: str) -> None:
    if kind not in manifests.KINDS:
        raise Problem(
            422,
            "invalid_request",
            f"kind: one of {', '.join(sorted(manifests.KINDS))}.",
            pointer="/kind",
        )
    if not manifests.NAME.fullmatch(name):
        raise Problem(
            422, "invalid_request", "name: letters, digits and . _ @ / : -", pointer="/name"
        )


def _json(manifest: Manifest) -> dict[str, Any]:
    return {
        **manifests.content(manifest),
        "digest": manifest.digest,
        "declared_at": clock.stamp(manifest.declared_at),
        "decision": decisions.decision_of(manifest.kind, manifest.name),
    }

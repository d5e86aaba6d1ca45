"""`POST /v1/outposts/codes` and `/v1/outposts/enrol`: a code for a person, a key for a device."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from ninja import Field, Router, Schema
from pydantic import ConfigDict

from accounts.bearer import caller
from api import openapi
from api.problems import Problem
from approvals import clock
from approvals.errors import Refused
from enforcement.api.outpost_request_proof import HEADER, arrived, proven
from enforcement.outposts import enrolment, trust_pinned_at_enrolment
from enforcement.outposts.enrolment import Device

router = Router(tags=["Outposts"])


class CodeIn(Schema):
    """Which approved request a code is wanted for."""

    model_config = ConfigDict(extra="forbid", strict=True)

    approval: str = Field(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


class IssuerKeys(Schema):
    """The issuer's RSA keys (RFC 7517); none where it did not answer."""

    keys: list[dict[str, str]]


class PinnedPasskey(Schema):
    """A passkey by its credential id, its key as SubjectPublicKeyInfo (base64url), and whose it is.

    Where `approver` is false, it counts for what its owner asked for and for nothing else.
    """

    id: str
    public_key: str
    iss: str
    sub: str
    approver: bool


class PinnedPerson(Schema):
    """Somebody whose approval token counts at the outpost."""

    iss: str
    sub: str


class Pins(Schema):
    """What an outpost pins: which portal, log keys, issuer, command key and passkeys it believes.

    `hold_key` signs commands, and `audience` is the one of approval tokens.
    """

    portal: str
    origin: str
    vkeys: list[str]
    issuer: str
    audience: str
    hold_key: str
    issuer_keys: IssuerKeys
    approvers: list[PinnedPerson]
    passkeys: list[PinnedPasskey]
    rp_id: str
    web_origin: str


class CodeOut(Schema):
    """The code of an approved enrolment; nobody can have it a second time.

    A fleet code has a pattern such as `build-*` as `instance`, and enrols up to `uses` outposts
    until `expires_at`; `uses` is 1 for the code of one gateway.
    """

    code: str
    instance: str
    uses: int
    expires_at: str
    pins: Pins
    pins_digest: str


@router.post(
    "/codes",
    operation_id="portal_api_outposts_code",
    summary="The code of an approved outpost.enrol, once",
    response={201: CodeOut},
    openapi_extra=openapi.may(403, 409),
)
def code(request: HttpRequest, body: CodeIn) -> JsonResponse:
    """For the person who asked, within a day of the approval. The code of one gateway is good for
    15 minutes and one use, a fleet code for its uses until the end that was approved."""
    issued = enrolment.issue(caller(request).actor, UUID(body.approval))
    answer = {
        "code": issued.code,
        "instance": issued.instance,
        "uses": issued.uses,
        "expires_at": clock.stamp(issued.expires_at),
        "pins": issued.pins,
        "pins_digest": issued.pins_digest,
    }
    return JsonResponse(answer, status=201, headers={"Cache-Control": "no-store"})


class EnrolIn(Schema):
    """A code, and what the outpost says about the device it runs on."""

    model_config = ConfigDict(extra="forbid", strict=True)

    code: str = Field(min_length=1, max_length=60)
    public_key: str = Field(pattern="^[A-Za-z0-9_-]{43}$")
    instance: str = Field(min_length=1, max_length=60)
    host: str = Field("", max_length=255)
    user: str = Field("", max_length=255)
    uid: int = Field(0, ge=0, le=2**32 - 1)
    data_folder: str = Field("", max_length=1000)
    generation: str = Field("", max_length=20, pattern="^[A-Za-z0-9._-]*$")
    cli_path: str = Field("", max_length=1000)
    cli_sha256: str = Field("", pattern="^([0-9a-f]{64})?$")
    version: str = Field("", max_length=60, pattern="^[A-Za-z0-9._+-]*$")


class EnrolOut(Schema):
    """The outpost's id, and what it has to pin. The log may only grow since `checkpoint`, its
    newest one that the pinned keys signed; null before the first.
    """

    outpost: str
    instance: str
    pins: Pins
    pins_digest: str
    checkpoint: str | None


_PROVEN: dict[str, Any] = openapi.PUBLIC | {"parameters": [HEADER]}


@router.post(
    "/enrol",
    auth=None,
    operation_id="portal_api_outposts_enrol",
    summary="Enrol an outpost's device key with a code",
    response={201: EnrolOut},
    openapi_extra=_PROVEN | openapi.may(401, 403),
)
def enrol(request: HttpRequest, body: EnrolIn) -> JsonResponse:
    """The key in the body signs the proof. A code that does not count is refused without why."""
    proof = proven(request)
    said = body.model_dump()
    given = said.pop("code")
    if proof.public_key != body.public_key:
        raise Problem(401, "proof_refused", "The DPoP proof is by another key.", reason="other_key")
    device = Device(outpost=proof.outpost, **said)
    who, found = (
        arrived(request, f"outpost of {body.instance}"),
        trust_pinned_at_enrolment.current(),
    )
    try:
        outpost = enrolment.enrol(given, device, who, found)
    except Refused as refused:
        raise Problem(403, refused.code, refused.detail) from None
    answer = {
        "outpost": outpost.id,
        "instance": outpost.instance,
        "pins": found,
        "pins_digest": trust_pinned_at_enrolment.digest(found),
        "checkpoint": trust_pinned_at_enrolment.checkpoint(found),
    }
    return JsonResponse(answer, status=201, headers={"Cache-Control": "no-store"})

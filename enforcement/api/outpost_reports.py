"""`POST /v1/outposts/reports`: what an outpost read next to its gateway, signed and in order."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema
from pydantic import ConfigDict, ValidationError

from api import openapi
from api.problems import Problem, pointer_of
from approvals import clock
from audit.importing.lock import ImportRunning
from audit.ledger.format.canonical import EntryError
from enforcement.api.outpost_request_proof import HEADER, arrived, check_admitted, proven_outpost
from enforcement.models import Outpost
from enforcement.outposts import report_chain, report_format
from enforcement.outposts.report_chain import Gap, NotAdmitted, Signed
from enforcement.outposts.report_format import Report

router = Router(tags=["Outposts"])


class ReportIn(Schema):
    """A report of the schema `ata.outpost.report.v1` and the device key's signature over it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    report: dict[str, Any]
    signature: str = Field(pattern="^[A-Za-z0-9_-]{86}$")


class ReportTaken(Schema):
    """The number of a report that is stored, and when it arrived first."""

    n: int
    received_at: str


@router.post(
    "/reports",
    auth=None,
    operation_id="portal_api_outposts_report",
    summary="A signed report of an outpost",
    response=ReportTaken,
    openapi_extra=openapi.PUBLIC | {"parameters": [HEADER]} | openapi.may(401, 403, 409, 503),
)
def report(request: HttpRequest, body: ReportIn) -> dict[str, Any]:
    """Send the same bytes until they are acknowledged; 409 `report_gap` says where to go on."""
    outpost = proven_outpost(request)
    signed = _signed(outpost, body)
    actor = arrived(request, f"outpost of {outpost.instance}")
    try:
        taken = report_chain.take(outpost.id, signed, actor, clock.now())
    except NotAdmitted as refused:
        check_admitted(refused.outpost)
        raise
    except Gap as gap:
        detail = f"Reports are missing before this one: send number {gap.next_n} next."
        raise Problem(409, "report_gap", detail, next=gap.next_n) from None
    except ImportRunning:
        detail = "Rows of this gateway are being taken in; send the report again."
        raise Problem(503, "busy", detail, headers={"Retry-After": "5"}) from None
    if taken is None:
        detail = (
            "Another report was taken in in place of this one: the key of this outpost is in two "
            "places, or its host was restored. Revoke it and enrol a new one."
        )
        raise Problem(409, "report_contested", detail)
    return {"n": taken.n, "received_at": clock.stamp(taken.received_at)}


def _signed(outpost: Outpost, body: ReportIn) -> Signed:
    try:
        covered = report_format.signed_bytes(body.report)
    except EntryError as error:
        raise _invalid(f"/report{error.pointer}", "it has no canonical form") from None
    if not report_format.is_signed(outpost.public_key, body.signature, covered):
        raise Problem(401, "signature_refused", "The report is not signed by this outpost's key.")
    try:
        found = Report.model_validate(body.report)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise _invalid(f"/report{pointer_of(first['loc'])}", str(first["msg"])) from None
    if (found.outpost, found.instance) != (outpost.id, outpost.instance):
        raise _invalid("/report/outpost", "it is the report of another outpost")
    return Signed(found, report_format.digest_of(covered), body.signature)


def _invalid(pointer: str, words: str) -> Problem:
    detail = f"{pointer.removeprefix('/')}: {words}"
    return Problem(422, "invalid_request", detail[:1000], pointer=pointer)

"""Whether the caller is away as an approver."""

from __future__ import annotations

from datetime import date

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from accounts.bearer import caller
from api import openapi
from api.problems import Problem
from api.schemas import Closed
from approvals.absence import set_absence
from approvals.errors import Refused

router = Router(tags=["Who"])


class AbsenceOut(Closed):
    """The last day of an absence."""

    until: date | None = Field(description="Last day (UTC); null: not away")


class AbsenceIn(Closed):
    """What is to be set."""

    until: date = Field(description="Last day (UTC), from today to a year ahead")


@router.get(
    "/absence",
    operation_id="portal_api_absence_read",
    response=AbsenceOut,
    summary="Until when you are away as an approver",
)
def read(request: HttpRequest) -> AbsenceOut:
    """While you are away others are asked first."""
    return AbsenceOut(until=set_absence.until(caller(request).actor))


@router.put(
    "/absence",
    operation_id="portal_api_absence_set",
    response=AbsenceOut,
    summary="Set until when you are away: others are asked first, and you may still answer",
    openapi_extra=openapi.may(403, 422),
)
def put(request: HttpRequest, body: AbsenceIn) -> AbsenceOut:
    """Records an event where it changes; requests that were sent to you stay with you."""
    try:
        set_absence.set_away(caller(request).actor, body.until)
    except Refused as refused:
        raise _problem(refused) from None
    return read(request)


@router.delete(
    "/absence",
    operation_id="portal_api_absence_clear",
    response=AbsenceOut,
    summary="You are back",
    openapi_extra=openapi.may(403),
)
def clear(request: HttpRequest) -> AbsenceOut:
    """Records an event where you were away."""
    try:
        set_absence.clear(caller(request).actor)
    except Refused as refused:
        raise _problem(refused) from None
    return read(request)


def _problem(refused: Refused) -> Problem:
    status = 403 if refused.code == "not_permitted" else 422
    return Problem(status, refused.code, refused.detail, pointer=refused.pointer)

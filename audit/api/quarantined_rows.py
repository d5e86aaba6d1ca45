"""`/v1/audit/quarantine`: rows that could not become events."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from ninja import Field, Path, Query, Router

from accounts.bearer import caller
from api import openapi, paging, schemas
from api.problems import Problem
from audit.clock import rfc3339
from audit.importing.quarantine import queries
from audit.importing.quarantine.queries import Wanted
from audit.models import QuarantinedRow
from audit.views.quarantine_list import READERS, words_of

router = Router(tags=["Audit"])
_Number = Annotated[int, Path(ge=1, le=2**53)]
_Text = Annotated[str, Query(max_length=200, pattern="^[^\\u0000]*$")]


class QuarantinedOut(schemas.Closed):
    """A row that was set aside: `sha256` is of what came, before anything was masked.

    `event_id` is the `audit.quarantined` that tells of it, null until its import has ended;
    `became` the event that a later import made of the row.
    """

    id: int
    seen: str
    source: str
    table: str
    row: str
    reason: str
    words: str
    detail: str
    size: int | None
    sha256: str = Field(pattern=schemas.HASH)
    event_id: UUID | None
    became: UUID | None


class QuarantinedList(schemas.Closed):
    """A page, the newest first."""

    items: list[QuarantinedOut]
    next: str | None


class QuarantinedWhole(QuarantinedOut):
    """With what there was of the row: secrets masked, long values cut."""

    content: Any


@router.get(
    "/quarantine",
    operation_id="portal_api_audit_quarantine_index",
    summary="Rows that could not become events",
    response=QuarantinedList,
    openapi_extra=openapi.may(403, 422),
)
def index(
    request: HttpRequest,
    source: _Text = "",
    reason: _Text = "",
    event: UUID | None = None,
    limit: paging.Limit = paging.MOST,
    after: Annotated[str, Field(pattern="^([1-9][0-9]{0,15})?$")] = "",
) -> JsonResponse:
    """For admins and auditors; `source` is a gateway or auth0, `reason` a code, `event` the one
    that tells of them."""
    _overseer(request)
    rows, more = queries.page(Wanted(source, reason, event), limit, int(after) if after else None)
    became = queries.became(rows)
    return JsonResponse(
        {
            "items": [_plain(row, became.get(row.pk)) for row in rows],
            "next": str(rows[-1].pk) if more else None,
        }
    )


@router.get(
    "/quarantine/{row_id}",
    operation_id="portal_api_audit_quarantine_one",
    summary="One of them, with what there was of it",
    response=QuarantinedWhole,
    openapi_extra=openapi.may(403, 404, 422),
)
def one(request: HttpRequest, row_id: _Number) -> JsonResponse:
    """It cannot be taken in from here: what is kept is a masked copy."""
    _overseer(request)
    row = QuarantinedRow.objects.filter(pk=row_id).first()
    if row is None:
        raise Problem(404, "not_found", f"No row {row_id} is set aside.")
    plain = _plain(row, queries.became([row]).get(row.pk))
    return JsonResponse(plain | {"content": queries.content(row)})


def _overseer(request: HttpRequest) -> None:
    if not caller(request).actor.roles & READERS:
        raise Problem(403, "not_permitted", "What was set aside is for admins and auditors.")


def _plain(row: QuarantinedRow, became: UUID | None) -> dict[str, Any]:
    return {
        "id": row.pk,
        "seen": rfc3339(row.seen),
        "source": row.instance,
        "table": row.table,
        "row": row.row_id,
        "reason": row.reason,
        "words": words_of(row.reason),
        "detail": row.detail,
        "size": row.size,
        "sha256": bytes(row.digest).hex(),
        "event_id": str(row.event) if row.event else None,
        "became": str(became) if became else None,
    }

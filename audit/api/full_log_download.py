"""`/v1/audit/entries`: the whole log as one file that proves itself."""

from __future__ import annotations

import re

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Router

from accounts.bearer import caller
from api import openapi
from api.problems import Problem
from audit.exports import full_log
from audit.views.log.whole_log_download import as_file
from audit.views.read_permissions import reads_everything

router = Router(tags=["Audit"])

_SIZE = {
    "in": "query",
    "name": "size",
    "required": False,
    "description": "Entries of the signed tree; the newest when it is left out.",
    "schema": {"type": "integer", "minimum": 0},
}


@router.get(
    "/entries",
    operation_id="portal_api_audit_entries_entries",
    summary="All entries of a signed tree, with the values that may be released",
    openapi_extra=openapi.may(403, 404, 422, ok=openapi.text("application/x-ndjson"))
    | {"parameters": [_SIZE]},
)
def entries(request: HttpRequest) -> HttpResponseBase:
    """NDJSON of the format ata.entries.v1; with it `ata verify` finds what an export left out."""
    who = caller(request).actor
    if not reads_everything(who):
        raise Problem(403, "not_permitted", "The whole log is for auditors, operators and admins.")
    try:
        checkpoint = full_log.checkpoint_of(_size(request.GET.get("size", "")))
    except full_log.NoSuchTree as error:
        raise Problem(404, "not_found", f"{error}.".capitalize()) from None
    return as_file(request, who, checkpoint, f"entries-{checkpoint.size}.ndjson")


def _size(text: str) -> int | None:
    if not text:
        return None
    if re.fullmatch(r"0|[1-9][0-9]{0,17}", text):
        return int(text)
    raise Problem(422, "bad_filter", "size is the number of entries of a tree.", pointer="/size")

"""Findings over the API: what scanners found, and what was said about it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, JsonResponse
from ninja import Field, Router, Schema

from accounts.bearer import caller
from api import openapi, paging
from api.problems import Problem
from approvals import clock
from enforcement.decisions import decision_severity
from enforcement.findings import decision_queue
from enforcement.models import Finding

router = Router(tags=["Enforcement"])
READERS = frozenset({"operator", "auditor", "admin"})

_CURSOR = paging.cursor("[0-9]{1,4}", "[0-9]{1,18}")
Severity = Literal["", "CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"]
Kind = Literal["", "skill", "mcp", "plugin", "tool", "code", "call"]
Status = Literal["", "open", "acknowledged", "dismissed", "replaced"]


class AboutOut(Schema):
    """What a finding is about."""

    kind: str
    name: str
    instance: str


class FindingOut(Schema):
    """One finding of a scanner at one gateway."""

    id: str
    alert: str | None = Field(description="Id of the alert that DefenseClaw raised for it")
    severity: str
    title: str
    rule: str | None
    location: str | None
    target: AboutOut
    scanner: str
    found_at: str
    status: str = Field(description="open, acknowledged, dismissed or replaced")
    status_by: str | None
    status_at: str | None
    reason: str | None = Field(description="Why it was acknowledged or dismissed")
    url: str


class FindingList(Schema):
    """Findings, the gravest and of these the newest first."""

    items: list[FindingOut]
    next: str | None


@router.get(
    "/findings",
    operation_id="portal_api_findings_index",
    summary="Findings, the gravest first",
    response=FindingList,
    openapi_extra=openapi.may(403, 422),
)
def index(
    request: HttpRequest,
    status: Status = "",
    severity: Severity = "",
    kind: Kind = "",
    name: Annotated[str, Field(max_length=300)] = "",
    instance: Annotated[str, Field(max_length=60)] = "",
    limit: paging.Limit = 50,
    after: Annotated[str, Field(pattern=_CURSOR, description="`next` of the page before")] = "",
) -> JsonResponse:
    """Every status without `status`; `open` is what nobody who is named has answered."""
    _check_reader(request)
    given = {
        "severity": severity,
        "kind": kind,
        "name": name,
        "instance": instance,
    }
    found = Finding.objects.filter(**{key: value for key, value in given.items() if value})
    if status:
        found = found.filter(decision_queue.with_status(status))
    ordered = found.select_related("scan").order_by("-rank", "-at", "-id")
    page = list(ordered.filter(_behind(after))[: limit + 1])
    more = len(page) > limit
    return JsonResponse(
        {
            "items": [_one(one) for one in page[:limit]],
            "next": _cursor(page[limit - 1]) if more else None,
        }
    )


@router.get(
    "/findings/{path:finding}",
    operation_id="portal_api_findings_show",
    summary="One finding, by its id or that of its alert",
    response=FindingOut,
    openapi_extra=openapi.may(403, 404, 422),
)
def show(
    request: HttpRequest,
    finding: str,
    instance: Annotated[str, Field(max_length=60)] = "",
) -> JsonResponse:
    """The newest of that id; gateways name findings each for itself, `instance` says whose."""
    _check_reader(request)
    found = decision_severity.find_finding(finding, instance)
    if found is None:
        raise Problem(404, "not_found", "There is no finding and no alert with this id.")
    return JsonResponse(_one(found))


def _check_reader(request: HttpRequest) -> None:
    if not caller(request).actor.roles & READERS:
        raise Problem(403, "not_permitted", "Findings are for operators, auditors and admins.")


def _cursor(last: Finding) -> str:
    return paging.write(last.at, str(last.rank), str(last.pk))


def _behind(after: str) -> Q:
    """What follows a place in the order of the list."""
    if not after:
        return Q()
    at, (rank, id) = paging.read(after)
    same = Q(rank=int(rank))
    return Q(rank__lt=int(rank)) | (same & (Q(at__lt=at) | Q(at=at, id__lt=int(id))))


def _one(one: Finding) -> dict[str, Any]:
    return {
        "id": one.finding_id,
        "alert": one.alert_id or None,
        "severity": one.severity,
        "title": one.title,
        "rule": one.rule or None,
        "location": one.location or None,
        "target": {"kind": one.kind, "name": one.name, "instance": one.instance},
        "scanner": one.scan.scanner,
        "found_at": clock.stamp(one.at),
        "status": one.status,
        "status_by": one.status_by or None,
        "status_at": clock.stamp(one.status_at) if one.status_at else None,
        "reason": one.status_reason or None,
        "url": f"{settings.PORTAL_URL}/enforcement/findings/{one.pk}/",
    }

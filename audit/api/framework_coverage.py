"""`/v1/audit/coverage`: whether the trail has what frameworks want, and what is silent."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from ninja import Field, Router

from accounts.bearer import caller
from api import openapi
from api.problems import Problem
from api.schemas import Closed
from audit import clock
from audit.coverage import BadPeriod, Period
from audit.coverage.period import CHOICES
from audit.views import coverage_report_builder
from connections import permissions

router = Router(tags=["Audit"])

_DATE = "^([0-9]{4}-[0-9]{2}-[0-9]{2})?$"
Days = Annotated[
    Literal["", "30", "90", "365"],
    Field(description=f"The last so many days; {CHOICES[1]} where nothing is said"),
]
Day = Annotated[str, Field(pattern=_DATE, description="A date; `before` is not in the period")]


class CoverageEvent(Closed):
    """An event that the report names."""

    event_id: UUID
    index: int
    time: str


class CoverageCounts(Closed):
    """Requirements by status."""

    covered: int
    silent: int
    not_covered: int


class CoverageRequirement(Closed):
    """One requirement. `quiet`: its events tell of trouble, so none is what one hopes for."""

    id: str
    wants: str
    status: Literal["covered", "silent", "not_covered"]
    quiet: bool
    events: int | None
    last: CoverageEvent | None
    filter: str | None
    note: str
    url: str | None


class CoverageFramework(Closed):
    """A framework with its requirements."""

    id: str
    title: str
    source: str
    counts: CoverageCounts
    requirements: list[CoverageRequirement]


class CoverageSource(Closed):
    """What tells the trail something; `heard` is when it answered last."""

    kind: Literal["source", "gateway", "auth0", "reported"]
    name: str
    about: str
    state: Literal["heard", "silent", "never", "online", "deaf", "token_refused", "offline"]
    events: int | None
    last: CoverageEvent | None
    heard: str | None
    url: str


class CoverageGap(Closed):
    """Something that may be missing."""

    name: str
    about: str
    state: Literal["ok", "warn", "bad"]
    words: str
    events: int | None
    last: CoverageEvent | None
    url: str | None


class CoverageHuman(Closed):
    """Decisions of the period by human evidence."""

    H0: int
    H1: int
    H2: int
    H3: int


class CoverageLog(Closed):
    """Entries of the whole signed log by log evidence."""

    L1: int
    L2: int
    L3: int


class CoverageOut(Closed):
    """The report."""

    schema_: Literal["ata.coverage.v1"] = Field(alias="schema")
    made: str
    after: str
    before: str
    days: int | None
    tree_size: int
    events: int
    counts: CoverageCounts
    frameworks: list[CoverageFramework]
    sources: list[CoverageSource]
    gaps: list[CoverageGap]
    decisions: CoverageHuman
    log: CoverageLog


@router.get(
    "/coverage",
    operation_id="portal_api_coverage_coverage",
    summary="Whether the trail has what frameworks want, and what is silent",
    response=CoverageOut,
    by_alias=True,
    openapi_extra=openapi.may(403, 422),
)
def coverage(
    request: HttpRequest, days: Days = "", after: Day = "", before: Day = ""
) -> JsonResponse:
    """For admins and auditors; counts by the hour of event time, exact.

    A requirement is `covered` when an event of its filter lies in the period, `silent` when none
    does, `not_covered` when no event of this product answers it; `note` says what does.
    """
    if not caller(request).actor.roles & permissions.SEES_ALL:
        raise Problem(403, "not_permitted", "The coverage report is for admins and auditors.")
    now = clock.now()
    try:
        period = Period.read({"days": days, "after": after, "before": before}, now)
    except BadPeriod as bad:
        raise Problem(422, "bad_period", f"{bad}.", pointer=f"/{bad.key}") from None
    return JsonResponse(coverage_report_builder.report(period, now))

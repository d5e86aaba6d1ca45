"""`/v1/audit/samples`: ask for a sample of the trail, and read what the signed tree drew."""

from __future__ import annotations

from typing import Any, Final, Literal
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from ninja import Field, Router, Schema
from pydantic import ConfigDict

from accounts.bearer import caller
from api import openapi, schemas
from api.problems import Problem
from audit.api.filter_schema_and_problems import check, filter_schema
from audit.clock import rfc3339
from audit.ledger.offline.samples import LONGEST_SEED, MOST, SampleError, check_seed
from audit.ledger.packs.report_sentences import sentence
from audit.models import EventRow
from audit.recording import trail_viewed_events
from audit.recording.actors import Actor
from audit.sampling import draw_and_record, sample_requests
from audit.sampling import sample_from_its_events as samples
from audit.sampling.sample_from_its_events import Ask, NoSample
from audit.search import filter_parsing
from audit.views.sample_request_and_download import DRAWERS

router = Router(tags=["Audit"])
_OTHERS: Final = 50


class SampleIn(Schema):
    """What to draw. `filter` holds keys of the filter language, none of `human` and `log`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    filter: dict[str, Any] = Field({}, json_schema_extra=filter_schema())
    size: int = Field(25, ge=1, le=MOST)
    seed: str = Field("", max_length=LONGEST_SEED)


class SampleFile(schemas.Closed):
    """The sample as `ata audit sample --check` reads it: its RFC 8785 form and a line feed.

    `reporters` and `most` (events of one reporter) are members of v2 only.
    """

    file_schema: Literal["ata.sample.v1", "ata.sample.v2"] = Field(alias="schema")
    origin: str
    tree_size: int
    root: str = Field(pattern=schemas.HASH)
    filter: dict[str, list[str]]
    seed: str
    size: int
    population: int
    undecided: int
    indices: list[int]
    reporters: int | None = None
    most: int | None = None


class SampledEvent(schemas.Closed):
    """One event that was drawn, in the order of the draw."""

    index: int
    event_id: UUID
    time: str
    action: str
    outcome: str


class OtherSample(schemas.Closed):
    """Another draw of the same filter."""

    id: UUID
    asked: str
    asked_by: str
    size: int
    tree_size: int | None


class LeftOut(schemas.Closed):
    """What the draw left out: events of the population, and reporters of whom it has none.

    A reporter is a signed-in person, a gateway, or who reports events of other systems. Null in v1.
    """

    events: int
    reporters: int | None


class SampleOut(schemas.Closed):
    """A sample. `id` is also that of the event that asked.

    `status`: `waiting` for a tree with the ask in it, about a second; `drawn`; `lapsed`, nobody
    looked within a day; `erased`, what was asked for named a person who was erased.
    """

    id: UUID
    status: Literal["waiting", "drawn", "lapsed", "erased"]
    words: str
    size: int
    asked: str
    asked_by: str
    asked_index: int | None
    drawn: str | None
    event_id: UUID | None
    seed_of_tree: bool | None
    sample: SampleFile | None
    sha256: str | None
    left_out: LeftOut | None
    events: list[SampledEvent]
    others: list[OtherSample]


@router.post(
    "",
    operation_id="portal_api_audit_samples_create",
    summary="Ask for a sample of the events of a filter",
    response={202: SampleOut},
    by_alias=True,
    openapi_extra=openapi.may(403),
)
def create(request: HttpRequest, body: SampleIn) -> JsonResponse:
    """202 with an id; poll it until `status` is `drawn`. The first tree that is signed with the ask
    in it decides; without a seed it gives that too. For auditors and admins; it is recorded."""
    me = _drawer(request)
    query = filter_parsing.from_dict(body.filter)
    check(query, "/filter")
    if body.seed:
        try:
            check_seed(body.seed)
        except SampleError as error:
            raise Problem(422, "invalid_request", sentence(error), pointer="/seed") from None
    try:
        id = sample_requests.ask(me, query, body.size, body.seed)
    except SampleError as error:
        raise Problem(422, "bad_filter", sentence(error), pointer="/filter") from None
    response = JsonResponse(_json(samples.find(id)), status=202)
    response["Location"] = f"/v1/audit/samples/{id}"
    return response


@router.get(
    "/{sample_id}",
    operation_id="portal_api_audit_samples_one",
    summary="A sample, drawn once its tree is signed",
    response=SampleOut,
    by_alias=True,
    openapi_extra=openapi.may(403, 404, 409, 422),
)
def one(request: HttpRequest, sample_id: UUID) -> JsonResponse:
    """The first who asks after the tree was signed causes the draw, which is recorded before it is
    returned. 409 `not_verified`: search rows say otherwise than the entries."""
    me = _drawer(request)
    try:
        ask = draw_and_record.drawn(me, sample_id)
    except NoSample:
        raise Problem(404, "not_found", "There is no such sample.") from None
    except SampleError as error:
        raise Problem(409, "not_verified", sentence(error)) from None
    if ask.drawn and ask.query is not None:
        trail_viewed_events.note(me, ask.query)
    return JsonResponse(_json(ask))


def _drawer(request: HttpRequest) -> Actor:
    me = caller(request).actor
    if not me.roles & set(DRAWERS):
        raise Problem(403, "not_permitted", "Samples are for auditors and admins.")
    return me


def _json(ask: Ask) -> dict[str, Any]:
    drawn = ask.drawn
    sample = drawn.sample if drawn else None
    others, _ = samples.of_filter(ask.filter, _OTHERS)
    return {
        "id": str(ask.id),
        "status": _status(ask),
        "words": ask.words,
        "size": ask.size,
        "asked": rfc3339(ask.time),
        "asked_by": ask.by,
        "asked_index": ask.index,
        "drawn": rfc3339(drawn.time) if drawn else None,
        "event_id": str(drawn.event) if drawn else None,
        "seed_of_tree": drawn.seed_of_tree if drawn else None,
        "sample": sample.to_dict() if sample else None,
        "sha256": drawn.sha256 if drawn else None,
        "left_out": {"events": drawn.left_out, "reporters": drawn.reporters_left_out}
        if drawn
        else None,
        "events": _events(drawn.indices) if drawn else [],
        "others": [_other(each) for each in others if each.id != ask.id],
    }


def _status(ask: Ask) -> str:
    if ask.drawn:
        return "drawn"
    if ask.query is None:
        return "erased"
    return "lapsed" if draw_and_record.lapsed(ask) else "waiting"


def _events(indices: tuple[int, ...]) -> list[dict[str, Any]]:
    rows = {row.seq: row for row in EventRow.objects.filter(seq__in=indices)}
    return [
        {
            "index": row.seq,
            "event_id": str(row.event),
            "time": rfc3339(row.time),
            "action": row.action,
            "outcome": row.outcome,
        }
        for index in indices
        if (row := rows.get(index)) is not None
    ]


def _other(ask: Ask) -> dict[str, Any]:
    return {
        "id": str(ask.id),
        "asked": rfc3339(ask.time),
        "asked_by": ask.by,
        "size": ask.size,
        "tree_size": ask.drawn.tree_size if ask.drawn else None,
    }

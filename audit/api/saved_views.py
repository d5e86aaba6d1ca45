"""`/v1/audit/views`: list, save, read, change and remove views of the trail."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Field, Router, Schema
from pydantic import ConfigDict

from accounts.bearer import caller
from api import openapi, paging, schemas
from api.problems import Problem
from audit.api.filter_schema_and_problems import check, filter_schema
from audit.clock import rfc3339
from audit.ledger.query import EventQuery
from audit.models import NotifyBy, SavedView
from audit.recording.actors import Actor
from audit.recording.sentences import person
from audit.saved_views import changes, notify_setting_and_count
from audit.saved_views.changes import NotSaved, NotYourView, Wanted
from audit.saved_views.stored_filter_parsing import query_of
from audit.search import event_search, filter_parsing
from audit.views.built_in_views import ShippedView, shipped
from audit.views.read_permissions import reads_everything
from ui.refused_request_audit_flag import mark

router = Router(tags=["Audit"])
_POINTERS: Final = {
    "bad_name": "/name",
    "bad_description": "/description",
    "bad_filter": "/filter",
    "bad_notify_by": "/notify_by",
}
_NotifyBy = Literal["none", "email", "weekly", "webhook"]
_Cursor = Annotated[str, Field(pattern=paging.cursor(paging.ID))]


class ViewIn(Schema):
    """The whole view. `filter` holds keys of the filter language with a value or a list.

    `notify_by`: how you are notified of new rows, `weekly` by one e-mail a week. Left out, it is
    not changed.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(min_length=1, max_length=changes.LONGEST_NAME)
    filter: dict[str, Any] = Field({}, json_schema_extra=filter_schema())
    description: str = Field("", max_length=changes.LONGEST_DESCRIPTION)
    shared: bool = False
    notify_by: _NotifyBy | None = None


class ShippedViewOut(schemas.Closed):
    """A view that comes with the product."""

    key: str
    name: str
    description: str
    filter: dict[str, list[str]]
    query: str
    words: str


class SavedViewOut(schemas.Closed):
    """A saved view. `problems` say why its filter cannot be run; then `filter` is empty.

    `notify_by`, `notified` (when you were last notified of new rows) and `notify_problem` (why you
    were not) are of your own views; of those of others they are none, null and empty.
    """

    id: UUID
    name: str
    description: str
    filter: dict[str, list[str]]
    query: str
    words: str
    problems: list[str]
    shared: bool
    own: bool
    notify_by: _NotifyBy
    notified: str | None
    notify_problem: str
    made_by: str
    created: str
    changed: str


class ViewCount(schemas.Closed):
    """How many events a view finds now; an estimate where it is not exact."""

    count: int
    exact: bool


class CountedViewOut(SavedViewOut):
    """A saved view with its count; null where its filter cannot be run."""

    events: ViewCount | None


class SavedViewList(schemas.Closed):
    """Views that come with the product, and a page of yours and shared ones, changed last first."""

    built_in: list[ShippedViewOut]
    items: list[SavedViewOut]
    next: str | None


@router.get(
    "",
    operation_id="portal_api_audit_views_index",
    summary="Saved views: those that come with the product, yours, and what others share",
    response=SavedViewList,
    openapi_extra=openapi.may(403, 422),
)
def index(
    request: HttpRequest, limit: paging.Limit = paging.MOST, after: _Cursor = ""
) -> JsonResponse:
    """Changed last first; `next` is the `after` of the next page, null on the last."""
    me = _reader(request)
    found = changes.visible(me).select_related("notification").order_by("-changed", "-id")
    if after:
        moment, (last, *_) = paging.read(after)
        found = found.filter(Q(changed__lt=moment) | Q(changed=moment, id__lt=paging.id_of(last)))
    rows = list(found[: limit + 1])
    more = len(rows) > limit
    return JsonResponse(
        {
            "built_in": [_shipped(one) for one in shipped()],
            "items": [_json(view, me) for view in rows[:limit]],
            "next": paging.write(rows[limit - 1].changed, rows[limit - 1].id.hex) if more else None,
        }
    )


@router.post(
    "",
    operation_id="portal_api_audit_views_create",
    summary="Save a view",
    response={201: SavedViewOut},
    openapi_extra=openapi.may(403, 409),
)
def create(request: HttpRequest, body: ViewIn) -> JsonResponse:
    """Yours alone, or with `shared` everybody's who may read the trail, which is recorded."""
    me = _reader(request)
    try:
        view = changes.keep(me, _wanted(body))
    except NotSaved as problem:
        raise _problem(problem) from None
    response = JsonResponse(_json(view, me), status=201)
    response["Location"] = f"/v1/audit/views/{view.id}"
    return response


@router.get(
    "/{view_id}",
    operation_id="portal_api_audit_views_one",
    summary="One saved view, with how many events it finds now",
    response=CountedViewOut,
    openapi_extra=openapi.may(403, 404, 422),
)
def one(request: HttpRequest, view_id: UUID) -> JsonResponse:
    """The count is exact to 10,000 and where the hourly counts tell."""
    me = _reader(request)
    try:
        view = changes.find(me, view_id)
    except SavedView.DoesNotExist:
        raise _none(request, view_id) from None
    query, events = query_of(view.filter), None
    if not query.errors:
        total = event_search.total(query)
        events = {"count": total.count, "exact": total.exact}
    return JsonResponse({**_json(view, me), "events": events})


@router.put(
    "/{view_id}",
    operation_id="portal_api_audit_views_change",
    summary="Change a view of yours",
    response=SavedViewOut,
    openapi_extra=openapi.may(403, 404, 409),
)
def change(request: HttpRequest, view_id: UUID, body: ViewIn) -> JsonResponse:
    """Replaces all but `notify_by`: what is left out is empty, and `shared` is false."""
    me = _reader(request)
    try:
        return JsonResponse(_json(changes.change(me, view_id, _wanted(body)), me))
    except SavedView.DoesNotExist:
        raise _none(request, view_id) from None
    except NotSaved as problem:
        raise _problem(problem) from None
    except NotYourView:
        raise _not_yours() from None


@router.delete(
    "/{view_id}",
    operation_id="portal_api_audit_views_remove",
    summary="Remove a view of yours, or as an admin a shared one",
    response={204: None},
    openapi_extra=openapi.may(403, 404, 422),
)
def remove(request: HttpRequest, view_id: UUID) -> HttpResponse:
    """For a day the page /audit/views/ offers to bring it back."""
    me = _reader(request)
    try:
        changes.remove(me, view_id)
    except SavedView.DoesNotExist:
        raise _none(request, view_id) from None
    except NotYourView:
        raise _not_yours() from None
    return HttpResponse(status=204)


def _reader(request: HttpRequest) -> Actor:
    me = caller(request).actor
    if not reads_everything(me):
        raise Problem(403, "not_permitted", "Saved views are for auditors, operators and admins.")
    return me


def _none(request: HttpRequest, view_id: UUID) -> Problem:
    if SavedView.objects.filter(id=view_id, removed=None).exists():
        mark(request, "not_yours", certain=True)
    # One answer for both, so that nobody learns which ids exist.
    return Problem(404, "not_found", "There is no such view, or it is not yours to see.")


def _wanted(body: ViewIn) -> Wanted:
    query = filter_parsing.from_dict(body.filter)
    check(query, "/filter")
    notify_by = None if body.notify_by is None else NotifyBy(body.notify_by)
    return Wanted(body.name, query, body.description, body.shared, notify_by)


def _problem(problem: NotSaved) -> Problem:
    if problem.code == "name_taken":
        return Problem(409, "name_taken", str(problem), pointer="/name")
    if problem.code == "too_many_views":
        return Problem(409, "too_many_views", str(problem), most=changes.MOST)
    return Problem(422, "invalid_request", str(problem), pointer=_POINTERS[problem.code])


def _not_yours() -> Problem:
    return Problem(
        403,
        "not_permitted",
        "Only whoever saved a view changes it, and an admin removes one that is shared.",
    )


def _json(view: SavedView, me: Actor) -> dict[str, Any]:
    query = query_of(view.filter)
    return {
        "id": str(view.id),
        "name": view.name,
        "description": view.description,
        **_filter(query, view.filter),
        "problems": [f"{error.message}." for error in query.errors],
        "shared": view.shared,
        "own": changes.is_own(me, view),
        **_notified(view, me),
        "made_by": person(view.maker, ""),
        "created": rfc3339(view.created),
        "changed": rfc3339(view.changed),
    }


def _notified(view: SavedView, me: Actor) -> dict[str, str | None]:
    kept = getattr(view, "notification", None) if changes.is_own(me, view) else None
    if kept is None:
        return {"notify_by": NotifyBy.NONE.value, "notified": None, "notify_problem": ""}
    sent = notify_setting_and_count.last_sent(kept)
    return {
        "notify_by": kept.notify_by,
        "notified": rfc3339(sent) if sent else None,
        "notify_problem": kept.detail,
    }


def _shipped(one: ShippedView) -> dict[str, Any]:
    said = {"key": one.key, "name": one.name, "description": one.description}
    return said | _filter(one.query, one.query.to_bar())


def _filter(query: EventQuery, text: str) -> dict[str, Any]:
    if query.errors:
        return {"filter": {}, "query": text, "words": ""}
    return {"filter": query.written_params(), "query": text, "words": query.in_words()}

"""`/audit/views/`: filters with a name. Save one, open it, change it, share it, remove it, undo."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import actor
from audit.ledger.query import EventQuery, InvalidQuery, QueryError
from audit.models import NotifyBy, SavedView
from audit.recording.actors import Actor
from audit.recording.sentences import person
from audit.saved_views import (
    changes,
    event_totals_from_rollups,
    notify_setting_and_count,
    weekly_digest_schedule,
)
from audit.saved_views.changes import NotSaved, NotYourView, Wanted
from audit.saved_views.stored_filter_parsing import query_of
from audit.search import event_search, filter_parsing
from audit.views.built_in_views import shipped
from audit.views.read_permissions import for_readers
from audit.views.trail import filter_links
from audit.views.trail.filter_from_address import read, url_of

_PAGE = 50
_CRUMB = {"text": "Saved views", "url": "/audit/views/"}
_FIELDS = {
    "bad_name": "name",
    "name_taken": "name",
    "bad_description": "description",
    "bad_filter": "filter",
    "bad_notify_by": "notify",
}
_WAYS = {
    NotifyBy.NONE: "Do not notify me",
    NotifyBy.EMAIL: "By e-mail to {}",
    NotifyBy.WEEKLY: "Once a week by e-mail to {}",
    NotifyBy.WEBHOOK: "To the team’s webhook",
}
_HINTS = {
    NotifyBy.WEEKLY: "One e-mail for all such views, on Monday after 07:00 UTC, about the events "
    "of the Monday to Sunday before. No e-mail in a week without new rows.",
    NotifyBy.WEBHOOK: "The team reads the name of the view, even of a private one.",
}
_ONLY_ITS_OWNER = (
    "Only whoever saved a view changes it, and an admin removes one that is shared. "
    "Open it, and save what you see as a view of your own."
)


@require_safe
@for_readers
def views(request: HttpRequest) -> HttpResponse:
    """What ships with the product, what is mine, and what others share."""
    me, page = actor(request), _page(request.GET)
    mine = list(changes.of(me).select_related("notification").order_by("-changed"))
    first = (page - 1) * _PAGE
    others = list(changes.of_others(me).order_by("-changed", "-id")[first : first + _PAGE + 1])
    gone = list(changes.removed_lately(me))
    rows = [
        [_shipped_row(one) for one in shipped()],
        [_row(view, me) for view in mine],
        [_row(view, me) for view in others[:_PAGE]],
    ]
    _count(row for group in rows for row in group)
    context = {
        "shipped": rows[0] if page == 1 else [],
        "mine": rows[1],
        "others": rows[2],
        "most": changes.MOST,
        "gone": gone,
        "just_gone": next((v for v in gone if str(v.id) == request.GET.get("removed")), None),
        "newer_url": f"/audit/views/?page={page - 1}" if page > 1 else "",
        "older_url": f"/audit/views/?page={page + 1}" if len(others) > _PAGE else "",
    }
    return render(request, "audit/views.html", context)


@require_safe
@for_readers
def count(request: HttpRequest) -> HttpResponse:
    """How many events the filter in the URL has now; a piece of the list of views."""
    reading = read(request.GET)
    if reading.mistakes:
        return HttpResponse("the filter has mistakes; reload the page", status=400)
    return render(request, "audit/_view_count.html", {"total": event_search.total(reading.query)})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@for_readers
def new(request: HttpRequest) -> HttpResponse:
    """The form for the filter in the URL; POST saves it and goes back to the trail."""
    reading = read(request.GET)
    if reading.mistakes:
        return HttpResponseRedirect(f"/audit/?{request.GET.urlencode()}")
    query = reading.query.at("")
    if request.method != "POST":
        return _form(request, {"bar": query.written_bar()}, "Save a view")
    # The dialog on the trail has no field for the filter: it is that of the page.
    query = filter_parsing.from_bar(request.POST["bar"]) if "bar" in request.POST else query
    try:
        view = changes.keep(actor(request), _wanted(request.POST, query))
    except (NotSaved, InvalidQuery) as problem:
        return _form(request, _typed(request.POST, query), "Save a view", problem=problem)
    messages.success(request, _saved_words(view))
    return HttpResponseRedirect(url_of(query))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@for_readers
def edit(request: HttpRequest, view_id: UUID) -> HttpResponse:
    """Change a view of mine; for an admin the way to remove a shared one."""
    me = actor(request)
    found = _found(me, view_id)
    if not changes.may_remove(me, found):
        raise PermissionDenied(_ONLY_ITS_OWNER)
    if request.method != "POST":
        return _form(request, _of_view(found), found.name, view=found)
    query = filter_parsing.from_bar(request.POST.get("bar", ""))
    try:
        changed = changes.change(me, view_id, _wanted(request.POST, query))
    except SavedView.DoesNotExist:  # removed meanwhile
        raise _none(view_id) from None
    except NotYourView:
        raise PermissionDenied(_ONLY_ITS_OWNER) from None
    except (NotSaved, InvalidQuery) as problem:
        typed = _typed(request.POST, query)
        return _form(request, typed, found.name, view=found, problem=problem)
    messages.success(request, _saved_words(changed))
    return redirect("audit-views")


@require_safe
@for_readers
def open_view(request: HttpRequest, view_id: UUID) -> HttpResponse:
    """The trail with the filter that the view has now, in `week` alone where that is given: what
    notices and digests link to."""
    found = _found(actor(request), view_id)
    query = query_of(found.filter)
    if "week" in request.GET:
        query = weekly_digest_schedule.query_of_week(query, _monday(request.GET["week"]))
    return redirect("audit-views") if query.errors else HttpResponseRedirect(url_of(query))


@require_POST
@for_readers
def remove(request: HttpRequest, view_id: UUID) -> HttpResponse:
    """Remove a view; the list offers to bring it back."""
    try:
        changes.remove(actor(request), view_id)
    except SavedView.DoesNotExist:
        raise _none(view_id) from None
    except NotYourView:
        raise PermissionDenied(_ONLY_ITS_OWNER) from None
    return HttpResponseRedirect(f"/audit/views/?removed={view_id}")


@require_POST
@for_readers
def bring_back(request: HttpRequest, view_id: UUID) -> HttpResponse:
    """Undo a removal of mine."""
    try:
        found = changes.bring_back(actor(request), view_id)
    except SavedView.DoesNotExist:
        raise Http404(f"nothing of {view_id} can be brought back") from None
    except NotSaved as problem:
        messages.error(request, f"It was not brought back. {problem}")
    else:
        messages.success(request, f"“{found.name}” was brought back.")
    return redirect("audit-views")


def _found(me: Actor, view_id: UUID) -> SavedView:
    try:
        return changes.find(me, view_id)
    except SavedView.DoesNotExist:
        raise _none(view_id) from None


def _none(view_id: UUID) -> Http404:
    return Http404(f"no view {view_id}")


def _monday(text: str) -> date:
    try:
        return weekly_digest_schedule.monday(text)
    except ValueError:
        raise Http404("week is the Monday that it begins with, such as 2026-11-23") from None


def _page(params: QueryDict) -> int:
    text = params.get("page", "1")
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 5 else 1


# The form


def _wanted(posted: QueryDict, query: EventQuery) -> Wanted:
    return Wanted(
        name=posted.get("name", ""),
        description=posted.get("description", ""),
        query=query,
        shared=posted.get("shared") == "yes",
        # The dialog on the trail has no such field, and a choice that is disabled is not sent.
        notify_by=NotifyBy(chosen) if (chosen := posted.get("notify")) in NotifyBy.values else None,
    )


def _typed(posted: QueryDict, query: EventQuery) -> dict[str, Any]:
    return {
        "name": posted.get("name", ""),
        "description": posted.get("description", ""),
        "bar": posted.get("bar", query.written_bar()),
        "shared": posted.get("shared") == "yes",
        "notify": posted.get("notify", ""),
    }


def _of_view(view: SavedView) -> dict[str, Any]:
    return {
        "name": view.name,
        "description": view.description,
        "bar": view.filter,
        "shared": view.shared,
        "notify": notify_setting_and_count.current(view),
        "problems": _problems(query_of(view.filter).errors),
    }


def _form(
    request: HttpRequest,
    typed: dict[str, Any],
    title: str,
    *,
    view: SavedView | None = None,
    problem: ValueError | None = None,
) -> HttpResponse:
    me = actor(request)
    context = {
        "typed": typed,
        "title": title,
        "view": view,
        "own": view is None or changes.is_own(me, view),
        "by": _maker(view) if view else "",
        "relative": query_of(typed["bar"]).relative_in_words(),
        "trail_url": url_of(query_of(typed["bar"])) if not typed.get("problems") else "",
        "problem": _said(problem) if problem else "",
        "wrong": _field(problem) if problem else "",
        "most": changes,
        "ways": _ways(me, typed.get("notify") or NotifyBy.NONE, view),
        "notified": _notified(view) if view else None,
        "crumbs": [_CRUMB, {"text": title if view else "New"}],
    }
    return render(request, "audit/view.html", context, status=422 if problem else 200)


def _ways(me: Actor, chosen: str, view: SavedView | None) -> list[dict[str, Any]]:
    """The ways to be notified; one that is not configured can be kept and not chosen."""
    now = notify_setting_and_count.current(view) if view else NotifyBy.NONE
    why_not = {
        by: notify_setting_and_count.unavailable(by, address=bool(me.email)) for by in NotifyBy
    }
    return [
        {
            "value": by.value,
            "words": _WAYS[by].format(me.email or "you"),
            "chosen": by == chosen,
            "disabled": bool(why_not[by]) and by != now,
            "hint": why_not[by] or _HINTS.get(by, ""),
        }
        for by in NotifyBy
    ]


def _notified(view: SavedView) -> dict[str, Any] | None:
    """What the list and the form say of a view's notifications; None where there is nothing."""
    kept = getattr(view, "notification", None)
    if kept is None or (kept.notify_by == NotifyBy.NONE and not kept.detail):
        return None
    sent = notify_setting_and_count.last_sent(kept)
    return {"by": NotifyBy(kept.notify_by), "sent": sent, "problem": kept.detail}


def _field(problem: ValueError) -> str:
    """Which field of the form is to be put right; empty where none is."""
    if isinstance(problem, InvalidQuery):
        return "filter"
    return _FIELDS.get(problem.code, "") if isinstance(problem, NotSaved) else ""


def _said(problem: ValueError) -> str:
    errors: tuple[QueryError, ...] = getattr(problem, "errors", ())
    return " ".join(_problems(errors)) if errors else str(problem)


def _problems(errors: Iterable[QueryError]) -> list[str]:
    return [f"{e.key}: {e.message}." if e.key else f"{e.message}." for e in errors]


def _saved_words(view: SavedView) -> str:
    who = "for everyone who reads the trail" if view.shared else "for you alone"
    return f"“{view.name}” was saved {who}."


# The list


def _row(view: SavedView, me: Actor) -> dict[str, Any]:
    query, own = query_of(view.filter), changes.is_own(me, view)
    problems = _problems(query.errors)
    return {
        "name": view.name,
        "description": view.description,
        "query": query,
        "syntax": view.filter if problems else filter_links.brief(query),
        "words": "" if problems else query.in_words(),
        "relative": query.relative_in_words(),
        "problems": problems,
        "url": "" if problems else url_of(query),
        "edit_url": f"/audit/views/{view.id}/" if changes.may_remove(me, view) else "",
        "edit": "Edit" if own else "Remove…",
        "by": "you" if own else _maker(view),
        "shared": view.shared,
        "notified": _notified(view) if own else None,
        "changed": view.changed,
    }


def _shipped_row(one: Any) -> dict[str, Any]:
    return {
        "name": one.name,
        "description": one.description,
        "query": one.query,
        "syntax": filter_links.brief(one.query),
        "url": url_of(one.query),
    }


def _maker(view: SavedView) -> str:
    return person(view.maker, "someone who was erased")


def _count(rows: Iterable[dict[str, Any]]) -> None:
    """Give each row its count where that is known at once, else the address that counts."""
    rows = list(rows)
    totals = event_totals_from_rollups.totals([row["query"] for row in rows])
    for row, total in zip(rows, totals, strict=True):
        row["total"] = total
        if total is None and row["url"]:
            row["count_url"] = f"/audit/views/count/{row['url'].removeprefix('/audit/')}"

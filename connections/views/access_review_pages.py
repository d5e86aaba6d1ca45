"""Access reviews: the list, opening one, how far it is, closing it, and its signed result."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Max, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.permissions import actor, needs_role
from approvals import clock
from approvals.errors import Refused
from audit.clock import uuid7
from audit.recording.actors import Actor, Target
from connections import account_names
from connections.access_reviews import (
    frozen_account_list,
    large_reviews,
    remediation,
    reviewer_permissions,
)
from connections.access_reviews import signed_result_file as results
from connections.access_reviews.account_filter import SHOWS, STATES, Wanted, take, words_of
from connections.models import NOT_HELD, Choice, ConnectedAccount, Review, ReviewItem
from connections.permissions import SEES_ALL
from connections.scopes import catalogue
from connections.views.inventory import download_responses, filter_links
from ui.refused_request_audit_flag import tell
from ui.whole_page_swap import swap_main

PAGE = 100
CAMPAIGNS = 20
"""Reviews on one page of the list: each says how far it is, which is counted."""
CHECKED = 500
"""Accounts whose digests, of list and result, are computed at each look; of more on demand."""
_ENDED = "revoked-meanwhile"
_PARTIES = ("person", "reviewer", "by")
_CHOICES = {"undecided": "", **{choice.value: choice.value for choice in Choice}}


def fetch(request: HttpRequest, review_id: UUID) -> tuple[Actor, Review]:
    """Permission by fetch.

    Raises:
        Http404: not there, or not this person's to see.
    """
    me = actor(request)
    found = reviewer_permissions.visible(me).filter(pk=review_id).first()
    if found is None:
        raise Http404(str(review_id))
    return me, found


@never_cache
@require_GET
def reviews(request: HttpRequest) -> HttpResponse:
    """The reviews that the person may see, newest first, with how far each is."""
    me, now = actor(request), clock.now()
    seen = reviewer_permissions.visible(me).order_by("-opened_at", "-id")
    behind = _behind(seen, request.GET.get("before", ""))
    found = list(behind[: CAMPAIGNS + 1])
    page, more = found[:CAMPAIGNS], len(found) > CAMPAIGNS
    far = _how_far(me, page)
    waiting = reviewer_permissions.waiting_for(me, now)
    opened = list(seen.filter(closed_at=None).order_by("due", "id"))
    opening = large_reviews.being_opened() if me.roles & SEES_ALL else []
    context = {
        "rows": [(review, _overdue(review, now), *far.get(review.pk, (0, 0))) for review in page],
        "older_url": f"?before={page[-1].pk}" if more else "",
        "resumed": "before" in request.GET,
        "may": "admin" in me.roles,
        "waiting": waiting,
        "left": sum(left for _, left in waiting),
        "open": opened,  # the first due first
        "late": sum(_overdue(review, now) for review in opened),
        "opening": opening,
        "live": any(not one.problem for one in opening),
        "here": request.get_full_path(),
    }
    template = "connections/reviews.html"
    polled = bool(request.htmx)  # type: ignore[attr-defined]  # django_htmx adds it
    if polled and context["live"]:
        template += "#opening"
    answer = render(request, template, context)
    answer["Vary"] = "HX-Request"
    if polled and not context["live"]:  # it opened: the list has it now
        swap_main(answer)
    return answer


def _behind(seen: QuerySet[Review], id: str) -> QuerySet[Review]:
    last = reviewer_permissions.review_of(id) if id else None
    if last is None:
        return seen
    at = last.opened_at
    return seen.filter(Q(opened_at__lt=at) | Q(opened_at=at, id__lt=last.id))


def _how_far(me: Actor, page: list[Review]) -> dict[UUID, tuple[int, int]]:
    """Decided accounts and those to decide, of each review, as far as the person sees them: of an
    open one without what was revoked meanwhile, which nobody can decide."""
    items = ReviewItem.objects.filter(review__in=page).order_by()
    number: Max | Count = Max("number")  # accounts are numbered from 1: the last is their count
    if not me.roles & SEES_ALL:
        items, number = items.filter(iss=me.iss, sub=me.sub), Count("pk")
    total = items.values_list("review").annotate(number)
    answered = items.filter(choice__in=Choice.values).values_list("review").annotate(Count("pk"))
    unfinished = items.filter(review__closed_at=None)
    over = reviewer_permissions.without_decision(unfinished).values_list("review")
    done, ended = dict(answered), dict(over.annotate(Count("pk")))
    return {review: (done.get(review, 0), many - ended.get(review, 0)) for review, many in total}


def _overdue(review: Review, now: Any) -> bool:
    return review.closed_at is None and now > review.due


@never_cache
@needs_role("admin")
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponseBase:
    """Say what is reviewed, see how much that is, and open it."""
    given = request.POST if request.method == "POST" else request.GET
    if request.method == "POST" and given.get("do") != "count":
        params = {
            name: given.get(name, "")
            for name in ("title", "due", "reviewers", "connection", "state", "show")
        }
        named = given.getlist("admins")
        if named and params["reviewers"] == "owners":
            words = "You ticked admins and chose each owner as reviewer: choose one of the two."
            return _form(request, given, problem=words, status=422)
        target = Target("review", str(uuid7()))
        try:
            me, wanted = actor(request), {**params, "admins": named}
            done = large_reviews.begin(me, "review.open", target, wanted)
        except Refused as refused:
            tell(request, refused.code)
            return _form(request, given, problem=_in_words(refused), status=422)
        if not done:
            messages.info(request, f"You asked to open the review “{given.get('title', '')}”.")
            return redirect("connections:reviews")
        messages.success(request, _opened(target.name, given.get("counted", "")))
        return redirect("connections:review", review_id=target.name)
    return _form(request, given)


def _opened(review_id: str, counted: str) -> str:
    """That it was opened, with how many accounts, and that the form had named another number."""
    opened = Review.objects.get(pk=review_id)
    number = opened.items.count()
    said = f"You opened the review “{opened.title}” with {_accounts(number)}."
    if counted.isascii() and counted.isdigit() and int(counted) != number:
        said += f" The form had named {_accounts(int(counted))}: the list changed meanwhile."
    return said


def _accounts(number: int) -> str:
    return "1 account" if number == 1 else f"{number:,} accounts"


def _in_words(refused: Refused) -> str:
    field = refused.pointer.removeprefix("/params/")
    words = {
        "title": "Give the review a title.",
        "due": "Say until which day, from today on.",
        "reviewers": "Say who reviews.",
    }
    return words.get(field, refused.detail) if refused.code == "bad_params" else refused.detail


def _form(
    request: HttpRequest, given: Any, *, problem: str = "", status: int = 200
) -> HttpResponse:
    wanted = Wanted.parse(given.dict())
    taken = take(wanted, clock.now())
    live = ConnectedAccount.objects.exclude(state__in=NOT_HELD).order_by()
    services = live.values_list("connection", flat=True).distinct()
    context = {
        "problem": problem,
        "given": given,
        "admins": reviewer_permissions.admins(),
        "named": given.getlist("admins"),
        "wanted": wanted,
        "services": [(name, catalogue.title(name)) for name in sorted(services)],
        "states": [(state.value, state.label) for state in STATES],
        "shows": list(SHOWS.items()),
        "today": clock.now().date().isoformat(),
        "taken": taken.number,
        "owners": taken.owners(),
        "excess": taken.excess,
        "too_many": taken.number > frozen_account_list.MOST,
        "inventory_url": filter_links.url_of(wanted.query()),
        "crumbs": [
            {"text": "Reviews", "url": "/connections/reviews/"},
            {"text": "Open one"},
        ],
    }
    template = "connections/review_new.html"
    if request.htmx and request.method == "GET":  # type: ignore[attr-defined]  # django_htmx adds it
        template += "#preview"
    answer = render(request, template, context, status=status)
    answer["Vary"] = "HX-Request"
    return answer


@never_cache
@require_GET
def review(request: HttpRequest, review_id: UUID) -> HttpResponse:
    """How far a review is, and each account in it."""
    me, found = fetch(request, review_id)
    closing = large_reviews.being_closed(found)
    polled = bool(request.htmx)  # type: ignore[attr-defined]  # django_htmx adds it
    if polled and closing and not closing.problem:
        return _closing(request, found, closing)
    now = clock.now()
    shown = request.GET.get("show", "")
    items = reviewer_permissions.items(me, found)
    counts = results.counts_of(items)
    ended = 0 if found.closed_at else reviewer_permissions.without_decision(items).count()
    whole = counts if me.roles & SEES_ALL else results.counts(found)
    checked = "check" in request.GET or whole.accounts <= CHECKED
    if shown == _ENDED:
        items = reviewer_permissions.without_decision(items)
    elif shown in _CHOICES:
        items = items.filter(choice=_CHOICES[shown])
        if shown == "undecided" and not found.closed_at:
            items = reviewer_permissions.answerable(items)
    page, newer, older = _page(items, request)
    narrowed = shown in _CHOICES or shown == _ENDED
    query = f"?show={shown}&" if narrowed else "?"
    parts = found.reassignments if me.roles & SEES_ALL else []
    involved = [found.opened_by, found.closed_by, *(one["sub"] for one in found.admins)]
    involved += [one[name]["sub"] for one in parts for name in _PARTIES]
    names = account_names.people_names(involved)
    called = {sub: name for (_, sub), name in names.items()}
    context = {
        "review": found,
        "filter": words_of(found.wanted),
        "counts": counts,
        "tiles": _tiles(counts, ended),
        "ended": ended,
        "answerable": counts.accounts - ended,
        "open": counts.undecided - ended,
        "narrowed": narrowed,
        "rows": rows(page),
        "newer_url": f"{query}before={page[0].number}" if newer and page else "",
        "older_url": f"{query}after={page[-1].number}" if older and page else "",
        "left": reviewer_permissions.undecided(me, found, now).count(),
        "overdue": _overdue(found, now),
        "closing": closing,
        "here": request.get_full_path(),
        "changed": _changed(reviewer_permissions.items(me, found), found),
        "may": "admin" in me.roles,
        "overseer": bool(me.roles & SEES_ALL),
        "checked": checked,
        "list": frozen_account_list.stands(found) if checked else None,
        "signed": results.stands(found) if checked else None,
        "opener": called.get(found.opened_by, found.opened_by),
        "closer": called.get(found.closed_by, found.closed_by),
        "reassigned": [_reassigned(one, names) for one in parts],
        "admins": [names.get((one["iss"], one["sub"]), one["sub"]) for one in found.admins],
        "crumbs": [
            {"text": "Reviews", "url": "/connections/reviews/"},
            {"text": found.title},
        ],
    }
    answer = render(request, "connections/review.html", context)
    answer["Vary"] = "HX-Request"
    if polled:  # it is closed, or open again: the whole page says so
        swap_main(answer)
    return answer


def _reassigned(one: Mapping[str, Any], names: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """What was reassigned, with names."""
    who = {name: (one[name]["iss"], one[name]["sub"]) for name in _PARTIES}
    called = {name: names.get(identity, identity[1]) for name, identity in who.items()}
    return called | {"at": datetime.fromisoformat(one["at"]), "event": one["event"]}


def _closing(request: HttpRequest, review: Review, closing: large_reviews.UnderWay) -> HttpResponse:
    """How far the closing is, a piece of the page that asks for itself."""
    context = {
        "review": review,
        "closing": closing,
        "here": request.get_full_path(),
        "may": "admin" in actor(request).roles,
    }
    answer = render(request, "connections/review.html#closing", context)
    answer["Vary"] = "HX-Request"
    return answer


def _changed(items: QuerySet[ReviewItem], review: Review) -> list[dict[str, Any]]:
    """Accounts that changed while the list was written, of those that the person sees."""
    return rows(list(items.filter(account__in=review.changed))) if review.changed else []


def _page(items: QuerySet[ReviewItem], request: HttpRequest) -> tuple[list[ReviewItem], bool, bool]:
    """The accounts behind a number, or before one, and whether there are others on either side."""
    before, after = _number(request, "before"), _number(request, "after")
    if before:
        page = list(items.filter(number__lt=before).order_by("-number")[: PAGE + 1])[::-1]
        return page[-PAGE:], len(page) > PAGE, items.filter(number__gte=before).exists()
    page = list(items.filter(number__gt=after)[: PAGE + 1])
    newer = bool(after and page) and items.filter(number__lte=after).exists()
    return page[:PAGE], newer, len(page) > PAGE


def _number(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _tiles(counts: results.Counts, ended: int) -> list[dict[str, Any]]:
    """`ended`: undecided ones that were revoked meanwhile, which ask nobody any more."""
    rows = (
        (counts.undecided - ended, "undecided", "undecided", "warn"),
        *([(ended, "revoked meanwhile", _ENDED, "")] if ended else []),
        (counts.keep, "to keep", "keep", ""),
        (counts.reduce, "to reduce", "reduce", ""),
        (counts.revoke, "to revoke", "revoke", ""),
    )
    return [
        {"value": value, "label": label, "url": f"?show={show}", "tone": tone if value else ""}
        for value, label, show, tone in rows
    ]


def rows(items: list[ReviewItem]) -> list[dict[str, Any]]:
    """Accounts of a review as a table shows them; four queries for any number."""
    states = remediation.states(items)
    subs = {item.sub for item in items} | {item.decided_sub for item in items}
    called = account_names.people_names(subs)
    wanted = ConnectedAccount.objects.filter(pk__in=[item.account for item in items])
    accounts = {account.id: account for account in wanted}
    named = {id: account.named for id, account in accounts.items()}
    return [
        {
            "item": item,
            "title": catalogue.title(item.connection),
            "named": named.get(item.account, ""),
            "owner": called.get((item.iss, item.sub), item.sub),
            "by": called.get((item.decided_iss, item.decided_sub), item.decided_sub),
            "remedy": remediation.WORDS[states[item.id]],
            "again": states[item.id] in remediation.AGAIN,
            "ended": reviewer_permissions.has_ended(accounts.get(item.account)),
        }
        for item in items
    ]


@needs_role("admin")
@require_POST
def close(request: HttpRequest, review_id: UUID) -> HttpResponseBase:
    """Sign the result. What nobody decided is listed as undecided."""
    me, found = fetch(request, review_id)
    try:
        done = large_reviews.begin(me, "review.close", Target("review", str(found.id)), {})
    except Refused as refused:
        tell(request, refused.code)
        messages.error(request, refused.detail)
    else:
        if done:
            messages.success(request, f"You closed and signed the review “{found.title}”.")
    return redirect("connections:review", review_id=found.id)


@needs_role("admin")
@require_POST
def cancel(request: HttpRequest, review_id: UUID) -> HttpResponseBase:
    """Stop an opening or closing that goes on, or put away why one was not done."""
    titles = Review.anyhow.filter(pk=review_id).values_list("title", flat=True)
    called = f"the review “{titles[0]}”" if titles else "that review"
    if large_reviews.cancel(review_id):
        messages.info(request, f"You stopped {called}: nothing was opened or closed.")
    else:
        messages.info(request, f"There was nothing to stop any more of {called}.")
    there = Review.objects.filter(pk=review_id).exists()
    return redirect("connections:review", review_id) if there else redirect("connections:reviews")


@never_cache
@needs_role("admin", "auditor")
@require_GET
def result(request: HttpRequest, review_id: UUID) -> HttpResponseBase:
    """The signed result, byte for byte as `review.closed` names it; each one is on the record."""
    me, found = fetch(request, review_id)
    if not found.result:
        raise Http404("It is not closed.")
    return download_responses.as_download(results.export(me, found))

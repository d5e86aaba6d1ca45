"""Applications that may act as somebody: consents and refresh tokens, and ending them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import CommandLineSignIn
from accounts.permissions import actor
from approvals import clock
from approvals.models import Person
from audit.recording.actors import Actor, Target
from connections import permissions
from connections.application_grants import consent_and_token_search, consent_and_token_sync
from connections.models import AccessState, AppAccess, Schedule
from connections.views.decide import decide

PAGE = 100
_BUSY_KEY = "connections.application_grants.busy."
_BUSY_S = 10
"""One person has Auth0 asked once in so many seconds at most."""
_FRESH: Final = timedelta(minutes=5)
"""An older list is read again when its owner opens it."""


@never_cache
@require_safe
def applications(request: HttpRequest) -> HttpResponse:
    """One's own, or everybody's with `?all=1` for admins and auditors; `?q=` looks for some."""
    me = actor(request)
    everybody = bool(request.GET.get("all")) and bool(me.roles & permissions.SEES_ALL)
    wanted = consent_and_token_search.words_of({"q": request.GET.getlist("q")})
    rows = consent_and_token_search.found(me, wanted if everybody else "", everybody=everybody)
    ending = rows.filter(state=AccessState.REVOKING).count()
    if "ending" in request.GET:
        return _poll(request, ending)
    page = list(rows[: PAGE + 1])
    others = _others_of(page)
    owners = {p.sub: p for p in Person.objects.filter(iss=me.iss, sub__in={r.sub for r in page})}
    read = _read(me, everybody=everybody)
    context = {
        "title": _title(rows, wanted if everybody else "", read["read_at"], everybody=everybody),
        "crumbs": [
            {"text": "Accounts", "url": "/connections/inventory/"}
            if everybody
            else {"text": "My connected accounts", "url": "/connections/"},
            {"text": "Applications"},
        ],
        "rows": [
            {
                "row": row,
                "owner": owners.get(row.sub),
                "may": _may(me, row),
                "own": permissions.is_owner(me, row),
                "kept": _besides(row, others, "is not part of this"),
            }
            for row in page[:PAGE]
        ],
        "more": len(page) > PAGE,
        "everybody": everybody,
        "portal_client": settings.ENV.AUTH0_CLIENT_ID,
        "may_see_all": bool(me.roles & permissions.SEES_ALL),
        "wanted": wanted,
        "export_query": urlencode(
            {"what": consent_and_token_search.WHAT} | ({"q": wanted} if wanted else {})
        ),
        "hidden": [("all", "1")],
        "ending": ending,
        "poll": urlencode({"all": "1" if everybody else "", "q": wanted, "ending": ending}),
        **read,
    }
    return render(request, "connections/applications.html", context)


def _title(
    rows: QuerySet[AppAccess], wanted: str, read_at: datetime | None, *, everybody: bool
) -> str:
    """How many applications can act as whom; under a search, how much it finds."""
    if wanted:
        if not (number := rows.count()):
            return "No consent or refresh token matches"
        return f"{_counted(number)} {'matches' if number == 1 else 'match'}"
    live = rows.filter(state=AccessState.LIVE).aggregate(
        applications=Count("client_id", distinct=True), people=Count("sub", distinct=True)
    )
    if number := live["applications"]:
        whom = _people(live["people"]) if everybody else "you"
        return f"{number:,} application{'' if number == 1 else 's'} can act as {whom}"
    if rows.exists():
        return "Only access that is being revoked is left"
    if read_at is None:
        return f"It is not known yet which applications act as {'people' if everybody else 'you'}"
    return f"No application is known to act as {'anyone' if everybody else 'you'}"


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number:,} people"


def _poll(request: HttpRequest, ending: int) -> HttpResponse:
    """A link to the new list once another number of revocations is under way than the page shows.
    It is not reloaded under its reader, who may be typing a reason."""
    if str(ending) == request.GET["ending"]:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    kept = {name: request.GET[name] for name in ("all", "q") if request.GET.get(name)}
    context = {"query": urlencode(kept)}
    return render(request, "connections/_applications_changed.html", context)


def _read(me: Actor, *, everybody: bool) -> dict[str, Any]:
    """When Auth0's list was read, and a command line's sign-in that it cannot have yet."""
    schedule = Schedule.objects.filter(name=consent_and_token_sync.APPLICATIONS).first()
    at = schedule.finished if schedule else None
    if not everybody:
        at = consent_and_token_sync.last_read(me.iss, me.sub)
    return {
        "read_at": at,
        "old": not everybody and _is_old(me),
        "read_detail": schedule.detail if schedule else "",
        "newer_sign_in": None if everybody else newer_sign_in(me.iss, me.sub),
    }


def newer_sign_in(iss: str, sub: str) -> datetime | None:
    """When a command line signed in as a person after Auth0's list of their applications was read,
    which does not have it yet; None where none did."""
    at = consent_and_token_sync.last_read(iss, sub)
    signed_in = CommandLineSignIn.objects.filter(iss=iss, sub=sub).first()
    later = signed_in and (at is None or signed_in.auth_time > at)
    return signed_in.auth_time if signed_in and later else None


def _counted(number: int) -> str:
    return (
        "1 consent or refresh token" if number == 1 else f"{number:,} consents and refresh tokens"
    )


def _is_old(me: Actor) -> bool:
    at = consent_and_token_sync.last_read(me.iss, me.sub)
    return at is None or at < clock.now() - _FRESH


def _displayed(me: Actor) -> tuple[object, ...]:
    """What one's own page displays, except for the time of the last sync."""
    rows = consent_and_token_search.found(me, "", everybody=False)
    read = _read(me, everybody=False)
    parts = rows.values_list(
        "id", "client_name", "audiences", "scopes", "created_at", "last_used_at", "state", "detail"
    )
    return list(parts), read["read_at"] is None, read["newer_sign_in"]


@require_POST
def read_again(request: HttpRequest) -> HttpResponse:
    """Ask Auth0 now for one's own consents and refresh tokens.

    A page that asks when it opens, because its list is old, is not reloaded under its reader: it
    links to the new list if that differs."""
    me = actor(request)
    if request.headers.get("HX-Request"):
        before = _displayed(me)
        asked = cache.add(_BUSY_KEY + me.key, True, _BUSY_S)
        if not asked or not consent_and_token_sync.one_person(me.iss, me.sub) or _is_old(me):
            return HttpResponse(status=HTTPStatus.NO_CONTENT)
        read_at = consent_and_token_sync.last_read(me.iss, me.sub)
        context = {"changed": _displayed(me) != before, "read_at": read_at}
        return render(request, "connections/_applications_read.html", context)
    if not cache.add(_BUSY_KEY + me.key, True, _BUSY_S):
        messages.error(request, f"Auth0 was asked less than {_BUSY_S} seconds ago. Try again soon.")
    elif consent_and_token_sync.one_person(me.iss, me.sub):
        held = AppAccess.objects.filter(iss=me.iss, sub=me.sub).exclude(state=AccessState.GONE)
        messages.success(request, f"Auth0 listed {_counted(held.count())} of you.")
    else:
        messages.error(request, "Auth0’s list could not be read. Try again in a minute.")
    return redirect("connections:applications")


def _may(me: Actor, row: AppAccess) -> bool:
    return row.state == AccessState.LIVE and (permissions.is_owner(me, row) or "admin" in me.roles)


@require_POST
def revoke(request: HttpRequest, access_id: UUID) -> HttpResponse:
    """End it: one's own at once, somebody else's after another admin approved."""
    me = actor(request)
    row = AppAccess.objects.filter(pk=access_id).first()
    if row is None or not (permissions.is_owner(me, row) or me.roles & permissions.SEES_ALL):
        raise Http404(str(access_id))
    back = "/connections/access/" + ("" if permissions.is_owner(me, row) else "?all=1")
    done = decide(request, "access.revoke", Target(row.kind, str(row.pk)))
    if done is None:
        return redirect(back)
    if done.approval is not None:
        return redirect("approval", approval_id=done.approval.id)
    what = f"{row.get_kind_display()} of {row.application}"
    messages.success(request, f"You requested the revocation of the {what}.{_kept(row)}")
    return redirect(back)


def _kept(row: AppAccess) -> str:
    """What the same application has besides, as a sentence to append; empty where nothing."""
    return _besides(row, _others_of([row]), "was not part of that")


def _others_of(rows: Sequence[AppAccess]) -> list[AppAccess]:
    """What is in force of the same people and applications; one query for any number."""
    return list(
        AppAccess.objects.filter(
            sub__in={row.sub for row in rows},
            client_id__in={row.client_id for row in rows},
            state=AccessState.LIVE,
        )
    )


def _besides(row: AppAccess, others: Sequence[AppAccess], is_left: str) -> str:
    same = (row.iss, row.sub, row.client_id)
    kept = [o for o in others if (o.iss, o.sub, o.client_id) == same and o.pk != row.pk]
    kinds = sorted({one.get_kind_display() for one in kept})
    if len(kinds) == 2:
        return " Its other consents and refresh tokens stay until they are revoked."
    if not kinds:
        return ""
    other = "other " if kinds[0] == row.get_kind_display() else ""
    return f" Its {other}{kinds[0]} {is_left} and stays until it is revoked."

"""Views of my account."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import SignedInSession, User
from accounts.permissions import actor
from accounts.sessions import service
from accounts.views import account_history, browser_names
from accounts.views.sign_in_summary import NEEDS_IT, assurance
from approvals import clock
from approvals.absence import set_absence
from approvals.errors import FRESH_FOR_S
from approvals.passkeys import queries
from approvals.person_access_ends import end_in_words
from approvals.views.passkey_rows import rows
from audit import exports
from audit.views.exports import with_headers
from ui import person_links


@require_safe
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """Who I am at which issuer, where I am signed in, what I did."""
    return page(request)


def page(
    request: HttpRequest, *, problem: str = "", typed: str = "", status: int = 200
) -> HttpResponse:
    """The page; where an absence was not set, with why and what was typed."""
    me = actor(request)
    current: SignedInSession | None = request.META.get("ATA_SESSION")
    context = {
        "me": me,
        "roles": sorted(me.roles),
        "access_end": end_in_words.sentence_for_owner(me.iss, me.sub),
        "own_page": person_links.page_of_subject(me, me.iss, me.sub),
        "current": current,
        "assurance": assurance(current) if current else None,
        "within": FRESH_FOR_S // 60,
        "needs_fresh": f"{', '.join(NEEDS_IT[:-1])} and {NEEDS_IT[-1]}",
        "sessions": [(one, browser_names.in_words(one.user_agent)) for one in _sessions(request)],
        "passkeys": rows(queries.of(me)),
        "history": account_history.mine(me, request.GET.get("cursor", "")),
        "decides": bool(me.roles & {"operator", "admin"}),
        "readable": bool(me.roles & {"auditor", "operator", "admin"}),
        "away": set_absence.until(me),
        "away_problem": problem,
        "away_typed": typed,
        "today": clock.now().date().isoformat(),
        "cli": f"export ATA_PORTAL={settings.PORTAL_URL}\nata login\nata status",
    }
    return render(request, "accounts/account.html", context, status=status)


@require_POST
def end_session(request: HttpRequest, public_id: str) -> HttpResponse:
    """Sign out one of my other browsers."""
    me = actor(request)
    found = _sessions(request).filter(public_id=public_id).exclude(public_id=me.session).first()
    if found is None:
        raise Http404
    service.revoke(me, [found])
    words = browser_names.in_words(found.user_agent)
    messages.success(request, f"{words} was signed out.")
    return redirect("account")


@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere but here."""
    me = actor(request)
    others = list(_sessions(request).exclude(public_id=me.session))
    service.revoke(me, others)
    were = "1 other browser was" if len(others) == 1 else f"{len(others)} other browsers were"
    messages.success(request, f"{were} signed out.")
    return redirect("account")


@require_POST
def download_history(request: HttpRequest) -> HttpResponseBase:
    """The signed-in person's events as a file, for any role; it takes no other person's name."""
    try:
        job = account_history.export(actor(request), request.POST.get("format", ""))
        pieces = exports.stream(job.id)
    except (exports.UnsupportedFormat, exports.NothingSigned, exports.ExportGone) as error:
        messages.error(request, f"Nothing was downloaded: {error}.")
        return redirect("account")
    return with_headers(StreamingHttpResponse(pieces), job)


def _sessions(request: HttpRequest) -> service.Sessions:
    user = request.user
    if not isinstance(user, User):
        raise Http404
    return service.of(user)

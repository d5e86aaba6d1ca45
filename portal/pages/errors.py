"""Error pages: what happened, a reference id, what to do next."""

from __future__ import annotations

import logging
import sys

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from accounts.models import SignedInSession
from accounts.recent_sign_in import saved_forms
from accounts.recent_sign_in.requirement import answer_form_of_nobody
from api.problems import Problem, altered, answer, busy, nothing_stored, printable
from audit.db.storage_error_kinds import is_busy, is_failure
from audit.recording.stored_event_loader import AlteredEntry
from ui import refused_request_audit_flag
from ui.request_id import request_id

log = logging.getLogger("ui")


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400; where it is ours, with the reason."""
    why = printable(str(exception)[:300]) if isinstance(exception, BadRequest) else ""
    words = why or "The request could not be understood."
    return _page(request, 400, "bad_request", words, detail=why)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403, with the reason that the view gave."""
    why = str(exception or "")
    if refused_request_audit_flag.mark_of(request) is None:
        refused_request_audit_flag.mark(request, "not_permitted")
    return _page(request, 403, "forbidden", why or "This is not for your role.", detail=why)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404."""
    return _page(request, 404, "not_found", "There is nothing here, or it is not yours to see.")


def server_error(request: HttpRequest) -> HttpResponse:
    """500; the reference id is in our log. Rendered without context processors: what broke may
    be the database that they read. 503 when nothing can be stored, or the database is busy."""
    error = sys.exc_info()[1]
    if is_failure(error):
        return _nothing_is_stored(request)
    if is_busy(error):
        return _is_busy(request)
    if isinstance(error, AlteredEntry):
        return _is_altered(request, error)
    if request.path.startswith("/v1/"):
        return _page(request, 500, "server_error", "Something went wrong on our side.")
    page = render_to_string("errors/500.html", {"reference": request_id(request)})
    return HttpResponse(page, status=500)


def _nothing_is_stored(request: HttpRequest) -> HttpResponse:
    log.critical("nothing can be stored; see /readyz")
    if request.path.startswith("/v1/"):
        json: JsonResponse = answer(nothing_stored(), request)
        return json
    page = render_to_string("errors/503.html", {"reference": request_id(request)})
    return HttpResponse(page, status=503, headers={"Retry-After": "30"})


def _is_busy(request: HttpRequest) -> HttpResponse:
    log.error("the database was busy for too long")
    if request.path.startswith("/v1/"):
        json: JsonResponse = answer(busy(), request)
        return json
    page = render_to_string("errors/busy.html", {"reference": request_id(request)})
    return HttpResponse(page, status=503, headers={"Retry-After": "5"})


def _is_altered(request: HttpRequest, error: AlteredEntry) -> HttpResponse:
    log.error("%s; nothing was made of it", error)
    if request.path.startswith("/v1/"):
        json: JsonResponse = answer(altered(error.name), request)
        return json
    context = {"reference": request_id(request), "name": error.name}
    return HttpResponse(render_to_string("errors/altered.html", context), status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without a valid token: usually one that was open before a sign-in in the same
    browser, perhaps of another person. It is shown again to who is signed in now, or signs in."""
    refused_request_audit_flag.mark(request, "csrf")
    session: SignedInSession | None = request.META.get("ATA_SESSION")
    if session and (form := saved_forms.sent_by_a_page_of_ours(request)):
        words = {"form": form, "now": session.user}
        answer = render(request, "accounts/resume.html", words, status=403)
        answer["Cache-Control"] = "no-store"
        return answer
    if not session and (kept := answer_form_of_nobody(request)):
        return kept
    return _page(
        request, 403, "csrf", "This page was open too long. Go back, reload, try again.", "csrf"
    )


def _page(
    request: HttpRequest, status: int, code: str, words: str, template: str = "", detail: str = ""
) -> HttpResponse:
    if request.path.startswith("/v1/"):
        json: JsonResponse = answer(Problem(status, code, words), request)
        return json
    return render(
        request,
        f"errors/{template or status}.html",
        {"detail": detail, "reference": request_id(request)},
        status=status,
    )

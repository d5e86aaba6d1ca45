"""Evidence packs to take away: of one act, or of the events of a filter; and the verifier alone."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.permissions import actor
from accounts.recent_sign_in.requirement import needs_fresh_sign_in
from audit import clock, packs
from audit.evidence import body_and_pack_access
from audit.ledger.packs import archive as pack_files
from audit.packs import Built, Selection
from audit.packs.verify_html import verifier as verifier_file
from audit.views.event.event_page import readable
from audit.views.read_permissions import for_readers, person_filter
from audit.views.trail.filter_from_address import read

CONTENT_TYPE = "application/zip"
_FEWER = "Make one of some of its events: filter the audit trail, and choose Export."


@require_safe
def event_pack(request: HttpRequest, event_id: UUID) -> HttpResponseBase:
    """The pack of an event, with all that belongs to its act; a token in it asks for a fresh look.

    409 with a page that looks again while the event has no place in the tree.
    """
    recorded = readable(request, event_id)
    who = actor(request)
    selection = packs.of_event(recorded.event, person=person_filter(who))
    try:
        built = body_and_pack_access.pack(who, selection, clock.now())
    except packs.NothingToPack:
        return redirect(reverse("audit-event-proof", args=[event_id]))
    except packs.TooMany as error:
        messages.error(request, f"No pack was made: {error}. {_FEWER}")
        return redirect(reverse("audit-event", args=[event_id]))
    return _send(request, selection, built, f"evidence-{str(event_id)[-12:]}.zip")


@require_safe
@for_readers
def filter_pack(request: HttpRequest) -> HttpResponseBase:
    """The pack of the events of the filter in the URL, at most a thousand."""
    reading = read(request.GET)
    if reading.mistakes:
        return HttpResponseRedirect(f"{reverse('audit')}?{request.GET.urlencode()}")
    who = actor(request)
    selection = packs.of_query(reading.query.at(""))
    try:
        if selection.more:
            raise packs.TooMany(f"a pack holds at most {pack_files.MAX_EVENTS:,} events")
        built = body_and_pack_access.pack(who, selection, clock.now())
    except (packs.NothingToPack, packs.TooMany) as error:
        advice = " Narrow the filter." if isinstance(error, packs.TooMany) else ""
        messages.error(request, f"No pack was made: {error}.{advice}")
        return HttpResponseRedirect(f"{reverse('export-new')}?{request.GET.urlencode()}")
    return _send(request, selection, built, f"evidence-{clock.now():%Y-%m-%d}.zip")


@login_not_required
@require_safe
def verifier(request: HttpRequest) -> HttpResponse:
    """The single-file verifier for anybody, to be kept on a disk."""
    return HttpResponse(
        verifier_file(),
        content_type="text/html; charset=utf-8",
        headers={
            "Content-Disposition": 'attachment; filename="verify.html"',
            "Cache-Control": "public, max-age=300",
        },
    )


def _send(request: HttpRequest, selection: Selection, built: Built, name: str) -> HttpResponseBase:
    def hand_out(request: HttpRequest) -> HttpResponseBase:
        if request.method != "HEAD":
            body_and_pack_access.hand_out(actor(request), selection, built)
        return as_file(built, name)

    # Tokens name people and carry the issuer's word: a session left open does not take them away.
    checked = needs_fresh_sign_in()(hand_out) if built.has_tokens else hand_out
    return checked(request)


def as_file(built: Built, name: str) -> HttpResponse:
    """The answer that a browser saves; nothing of it comes from outside."""
    saved = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(built.body, content_type=CONTENT_TYPE, headers=saved)

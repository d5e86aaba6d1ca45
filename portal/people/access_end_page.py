"""`/people/<id>/access-end/`: until when a person's roles count here, set by an admin."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.permissions import needs_role
from accounts.recent_sign_in.requirement import needs_fresh_sign_in
from approvals import clock
from approvals.errors import Refused
from approvals.models import Approval, Person, Status
from approvals.models.person_access_end import KIND
from approvals.person_access_ends import end_in_words
from approvals.person_access_ends.set_access_end import NEVER, VERB, may_get_end
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from portal.people import person_lookup
from ui.refused_request_audit_flag import tell

_LONGEST = 500


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@needs_role("admin")
@needs_fresh_sign_in()
def access_end(request: HttpRequest, person_id: int) -> HttpResponseBase:
    """The form; on POST the decision. What was typed stays where it is refused."""
    admin, person = person_lookup.fetch(request, person_id)
    if person_lookup.is_own(admin, person):
        raise PermissionDenied("You cannot set when your own access ends. Ask another admin.")
    if person.iss != settings.ENV.issuer:
        raise Http404
    if not may_get_end(person) and end_in_words.shown_of(person.iss, person.sub) is None:
        raise PermissionDenied(
            "Only the access of an auditor gets an end. Offboard who also decides or approves."
        )
    if request.method != "POST":
        return _page(request, person)
    never = request.POST.get("act") == "remove"
    try:
        done = perform(
            admin,
            VERB,
            Target(KIND, person.sub),
            params={"last_day": NEVER if never else request.POST.get("last_day", "").strip()},
            reason=request.POST.get("reason", "").strip()[:_LONGEST],
        )
    except Refused as refused:
        tell(request, refused.code)
        unreadable = refused.detail.startswith("last_day:")
        why = "Name a day such as 2026-12-12." if unreadable else refused.detail
        return _page(request, person, problem=why, status=422)
    if done.approval is not None:
        return redirect("approval", approval_id=done.approval.id)
    shown = end_in_words.shown_of(person.iss, person.sub)
    day = shown.day if shown else ""
    messages.success(request, f"The access of {person} was set to end after {day} (UTC).")
    return redirect("person", person_id=person.pk)


def waiting_for(person: Person) -> Approval | None:
    """The request for a later end that waits for an approval."""
    return Approval.objects.filter(
        status=Status.PENDING, verb=VERB, target_kind=KIND, target_name=person.sub
    ).first()


def _page(
    request: HttpRequest, person: Person, *, problem: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "person": person,
        "end": end_in_words.shown_of(person.iss, person.sub),
        "asked": waiting_for(person),
        "today": clock.now().date().isoformat(),
        "typed": request.POST,
        "problem": problem,
        "crumbs": [
            {"text": str(person), "url": f"/people/{person.pk}/"},
            {"text": "End of access"},
        ],
    }
    return render(request, "people/access_end.html", context, status=status)

"""`/people/<id>/offboard/`: what will be done, what was done, and what remains."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from http import HTTPStatus

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.permissions import needs_role
from accounts.recent_sign_in.requirement import needs_fresh_sign_in
from approvals import people_and_roles
from approvals.models import Approval, Person, Status
from approvals.pipeline import leavers_requests
from approvals.views import inbox
from audit.recording.actors import Actor
from connections.access_reviews import reassign_reviewer, reviewer_permissions
from connections.models import Review
from portal.people import (
    offboarding_history,
    offboarding_steps,
    person_facts,
    person_lookup,
    what_remains,
)
from portal.people.offboarding_history import Offboarding
from portal.people.offboarding_steps import Order
from ui.refused_request_audit_flag import tell

_LONGEST = 500


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@needs_role("admin")
def offboard(request: HttpRequest, person_id: int) -> HttpResponseBase:
    """What will be done and what was done; on POST do what is left, then lead back here.

    While requests wait, the page asks here again what came of them: that changes nothing and
    needs no fresh sign-in, so that nobody is led to one from under what they typed.
    """
    if request.method == "GET" and request.headers.get("HX-Request"):
        admin, person = person_lookup.fetch(request, person_id)
        return _page(request, Order(admin, person), polled=True)
    return _offboard(request, person_id)


@needs_fresh_sign_in()
def _offboard(request: HttpRequest, person_id: int) -> HttpResponseBase:
    admin, person = person_lookup.fetch(request, person_id)
    if person_lookup.is_own(admin, person):
        raise PermissionDenied("You cannot offboard yourself. Ask another admin.")
    if request.method != "POST":
        return _page(request, Order(admin, person))
    chosen, problem = _colleague(request, person)
    reviewer, no_reviewer = _reviewer(request, admin, person)
    problem = problem or no_reviewer
    order = Order(
        admin,
        person,
        request.POST.get("reason", "").strip()[:_LONGEST],
        chosen,
        reviewer,
        request.POST.get("end_sessions") == "1",
        partial(tell, request),
    )
    if not order.reason:
        problem = "Nothing was done: say why."
    if problem:
        return _page(request, order, problem=problem, status=422)
    _take_all(request, order)
    answer = redirect("person-offboard", person.pk)
    answer.status_code = HTTPStatus.SEE_OTHER
    return answer


def _take_all(request: HttpRequest, order: Order) -> None:
    """Do what is left. What failed is only in the message: nothing of it is on record."""
    if not offboarding_steps.left(order):
        messages.info(request, f"Nothing was left to do to offboard {order.person}.")
        return
    offboarding_history.record_start(order)
    for one in offboarding_steps.take_all(order):
        if one.state == "failed":
            messages.error(request, f"{one.text}: this failed and changed nothing. {one.detail}")


def _page(
    request: HttpRequest,
    order: Order,
    *,
    problem: str = "",
    status: int = 200,
    polled: bool = False,
) -> HttpResponse:
    past = offboarding_history.offboardings_of(order.person)
    if past:
        order = replace(
            order,
            colleague=order.colleague or past[0].stand_in_person,
            reviewer=order.reviewer or past[0].reviewer_person,
        )
    left = offboarding_steps.left(order)
    context = {
        "person": order.person,
        "steps": [{"state": "todo", "text": step.text} for step in left],
        "past": past,
        "waiting": _waiting(order.admin, past),
        "freezes": person_facts.freezes_of(order.person),
        "asked": [
            (approval, _why_stays(approval, order))
            for approval in offboarding_steps.requests_to(order.person)
        ],
        "reviews": [
            (review, number, _why_review_stays(review, order))
            for review, number in reassign_reviewer.waiting_for(_identity(order.person))
        ],
        "reviewers": _reviewers(order.admin, order.person),
        "remains": what_remains.of(order.person),
        "can_end_sessions": offboarding_steps.can_end_sessions(order),
        "colleagues": _colleagues(order.person),
        "order": order,
        "problem": problem,
        "polled": polled,
        "form_is_empty": request.GET.get("form") == "empty",
        "crumbs": [
            {"text": str(order.person), "url": f"/people/{order.person.pk}/"},
            {"text": "Offboard"},
        ],
    }
    template = "people/offboard.html" + ("#progress" if polled else "")
    return render(request, template, context, status=status)


def _waiting(admin: Actor, past: list[Offboarding]) -> list[inbox.Row]:
    """Requests that these offboardings made and nobody answered yet, each with its code."""
    made = {row.operation for one in past for row in one.decisions if row.operation}
    found = inbox.visible(admin).filter(status=Status.PENDING, operation__in=made)
    return inbox.rows_of(found.order_by("created"), admin)


def _why_stays(approval: Approval, order: Order) -> str:
    if order.colleague is None:
        return ""
    return leavers_requests.why_not_reassigned(approval, order.person, order.colleague)


def _why_review_stays(review: Review, order: Order) -> str:
    if order.reviewer is None:
        return ""
    whose = _identity(order.person)
    return reassign_reviewer.why_not_reassigned(review, whose, order.reviewer, order.admin)


def _identity(person: Person) -> tuple[str, str]:
    return person.iss, person.sub


def _reviewers(admin: Actor, person: Person) -> list[Person]:
    """Who can decide access reviews in the place of somebody who leaves; never who offboards."""
    not_these = {_identity(person), (admin.iss, admin.sub)}
    return [one for one in reviewer_permissions.admins() if _identity(one) not in not_these]


def _reviewer(request: HttpRequest, admin: Actor, person: Person) -> tuple[Person | None, str]:
    """The reviewer who was chosen, and what is wrong with the choice."""
    wanted = request.POST.get("reviewer", "")
    found = {str(one.pk): one for one in _reviewers(admin, person)}
    if wanted in found:
        return found[wanted], ""
    if wanted:
        return None, "Nothing was done: choose a reviewer of the list."
    if found and reassign_reviewer.waiting_for(_identity(person)):
        return None, "Nothing was done: choose who decides access reviews in their place."
    return None, ""


def _colleagues(person: Person) -> list[Person]:
    """Who can answer in the place of somebody who leaves."""
    return list(people_and_roles.with_roles().exclude(pk=person.pk).order_by("listed_as", "pk"))


def _colleague(request: HttpRequest, person: Person) -> tuple[Person | None, str]:
    """The colleague who was chosen, and what is wrong with the choice."""
    wanted = request.POST.get("colleague", "")
    found = {str(one.pk): one for one in _colleagues(person)}
    if wanted in found:
        return found[wanted], ""
    if wanted:
        return None, "Nothing was done: choose a colleague of the list."
    if found and (person.roles or offboarding_steps.requests_to(person)):
        return None, "Nothing was done: choose who answers requests in their place."
    return None, ""

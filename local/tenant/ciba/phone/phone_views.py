"""The phone that plays Guardian: whose it is, what waits on it, and the two answers."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseForbidden
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.csp import CSP
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_GET, require_POST

from local.tenant import clock
from local.tenant.ciba.models import Consent, PushEnrolment, State
from local.tenant.ciba.phone import answers, cards, who_may_answer
from local.tenant.directory import people_and_claims
from local.tenant.models import Person

_LIVE_PAGE: dict[str, Any] = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
_SAID = {
    "approved": "Approved. The page that asked continues automatically.",
    "denied": "Denied. Nothing will be done in your name.",
    "late": "Too late: this request was answered, has expired or was taken back. Nothing changed.",
}


@require_GET
def phones(request: HttpRequest) -> HttpResponse:
    """`/phone/`: every enrolled phone; straight to one's own when signed in to the tenant."""
    own = who_may_answer.signed_in(request)
    enrolled = PushEnrolment.objects.order_by("enrolled_at", "sub")
    if "all" not in request.GET and enrolled.filter(sub=own).exists():
        return redirect("phone", person=own)
    now = clock.now()
    shown = [
        {
            "name": person.name,
            "email": person.email,
            "url": reverse("phone", kwargs={"person": person.sub}),
            "waiting": Consent.objects.of(person.sub).open(now).count(),
        }
        for enrolment in enrolled
        if (person := people_and_claims.by_sub(enrolment.sub))
    ]
    return render(request, "tenant_ciba/phones.html", {"phones": shown})


@require_GET
@csp_override(_LIVE_PAGE)
def phone(request: HttpRequest, person: str) -> HttpResponse:
    """`/phone/{sub or e-mail}/`: the phone, or its lock screen where it was not picked up."""
    owner = _owner(person)
    now = clock.now()
    title = f"{owner.given_name}’s phone"
    common: dict[str, object] = {
        "person": _named(owner),
        "phone_title": title,
        "device": _device(owner),
        "all_url": f"{reverse('phones')}?all",
    }
    if not who_may_answer.holds(request, owner.sub):
        waiting = Consent.objects.of(owner.sub).open(now).count()
        locked = {"waiting_count": waiting, "pick_up_url": _url("phone-pick-up", owner)}
        return render(request, "tenant_ciba/locked.html", common | locked)
    screen = cards.screen(owner, now)
    said = request.GET.get("said", "")
    shown = _shown(owner, screen, said) | {
        "page_title": f"({len(screen.waiting)}) " * bool(screen.waiting) + title,
        "version": screen.version,
        "now": now,
        "feed_url": f"{_url('phone-feed', owner)}?{urlencode({'said': said})}",
        # Signed in to the tenant as this person, there is nothing to put down.
        "put_down_url": ""
        if who_may_answer.signed_in(request) == owner.sub
        else _url("phone-put-down", owner),
    }
    return render(request, "tenant_ciba/phone.html", common | shown)


@require_GET
def feed(request: HttpRequest, person: str) -> HttpResponse:
    """The screen's content when it differs from `?seen=`, else 204."""
    owner = _owner(person)
    if not who_may_answer.holds(request, owner.sub):
        return HttpResponseForbidden("Pick this phone up first.")
    screen = cards.screen(owner, clock.now())
    if screen.version == request.GET.get("seen"):
        return HttpResponse(status=204)
    shown = _shown(owner, screen, request.GET.get("said", ""))
    response = render(request, "tenant_ciba/_screen.html", shown | {"person": _named(owner)})
    response["X-Screen-Version"] = screen.version
    response["Cache-Control"] = "no-store"
    return response


def _shown(owner: Person, screen: cards.Screen, said: str) -> dict[str, object]:
    """What the screen shows: after an answer only its outcome, so that a second tap at the same
    spot meets no other request; they are one tap away."""
    return {
        "waiting": screen.waiting,
        "ended": screen.ended,
        "past": screen.past,
        "said": _SAID.get(said, ""),
        "own_url": _url("phone", owner),
    }


@require_POST
def pick_up(request: HttpRequest, person: str) -> HttpResponse:
    """Make this browser the phone of a person (demo accounts have no password)."""
    owner = _owner(person)
    response = redirect("phone", person=owner.sub)
    who_may_answer.pick_up(request, response, owner.sub)
    return response


@require_POST
def put_down(request: HttpRequest, person: str) -> HttpResponse:
    """Forget the phone on this browser and show all phones."""
    response = redirect(f"{reverse('phones')}?all")
    who_may_answer.put_down(request, response, _owner(person).sub)
    return response


@who_may_answer.form_or_control
@require_POST
def approve(request: HttpRequest, person: str, consent_id: str) -> HttpResponse:
    """`POST /phone/{person}/{consent}/approve`."""
    return _answer(request, person, consent_id, approved=True)


@who_may_answer.form_or_control
@require_POST
def deny(request: HttpRequest, person: str, consent_id: str) -> HttpResponse:
    """`POST /phone/{person}/{consent}/deny`, with an optional `reason`."""
    return _answer(request, person, consent_id, approved=False)


def _answer(request: HttpRequest, person: str, consent_id: str, *, approved: bool) -> HttpResponse:
    owner = _owner(person)
    if not who_may_answer.holds(request, owner.sub):
        return HttpResponseForbidden("Pick this phone up first.")
    consent = get_object_or_404(Consent, pk=consent_id, sub=owner.sub)
    if not consent.by_push and not who_may_answer.controlled(request):
        return HttpResponseForbidden("This request came by e-mail: answer it from its link.")
    now = clock.now()
    reason = request.POST.get("reason", "")
    done = answers.approve(consent, now) if approved else answers.deny(consent, reason, now)
    if who_may_answer.controlled(request):
        return HttpResponse(status=204 if done else 409)
    if not done:  # a second tap on the same button is no second answer
        consent.refresh_from_db()
    answered = State.APPROVED if approved else State.DENIED
    word = answered.value if done or consent.state == answered else "late"
    return redirect(f"{_url('phone', owner)}?said={word}")


def _owner(person: str) -> Person:
    owner = people_and_claims.by_sub(person) or people_and_claims.by_email(person)
    if owner is None:
        raise Http404(f"There is no account {person}")
    return owner


def _named(owner: Person) -> dict[str, str]:
    return {"first_name": owner.given_name}


def _device(owner: Person) -> str:
    enrolment = PushEnrolment.objects.filter(sub=owner.sub).first()
    return enrolment.name if enrolment else "No phone enrolled: e-mail only"


def _url(name: str, owner: Person) -> str:
    return reverse(name, kwargs={"person": owner.sub})

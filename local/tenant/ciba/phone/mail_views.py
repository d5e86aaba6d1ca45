"""The e-mail channel: `/bc-verify?consent=cns_…`, opened by the person it was sent to."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from local.tenant import clock
from local.tenant.ciba.models import Consent
from local.tenant.ciba.phone import answers, cards, who_may_answer
from local.tenant.directory import people_and_claims
from local.tenant.pages import request_waiting_for_sign_in
from local.tenant.pages.errors import error_page
from local.tenant.pages.request_waiting_for_sign_in import Pending


@require_http_methods(["GET", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """Show the question to the person asked, signed in as themselves, and take the answer."""
    consent = get_object_or_404(
        Consent, pk=request.POST.get("consent") or request.GET.get("consent", "")
    )
    signed_in = who_may_answer.signed_in(request)
    if not signed_in:
        here = f"{reverse('bc-verify')}?{urlencode({'consent': consent.id})}"
        state = request_waiting_for_sign_in.sign(
            Pending({"client_id": consent.client_id}, clock.epoch(), here)
        )
        return redirect(f"{reverse('login')}?{urlencode({'state': state})}")
    if signed_in != consent.sub:
        return error_page(
            request,
            403,
            "This request was sent to another person. Sign in as the person it was sent to.",
        )
    now = clock.now()
    said = ""
    if request.method == "POST":
        said = _answer(request, consent)
    owner = people_and_claims.by_sub(consent.sub)
    shown = {
        "card": cards.card(consent, now),
        "open": Consent.objects.open(now).filter(pk=consent.pk).exists(),
        "said": said,
        "first_name": owner.given_name if owner else "",
        "person": {"first_name": owner.given_name if owner else ""},
    }
    return render(request, "tenant_ciba/verify.html", shown)


def _answer(request: HttpRequest, consent: Consent) -> str:
    now = clock.now()
    if request.POST.get("answer") == "approve":
        done, word = answers.approve(consent, now), "Approved. You can close this page."
    elif request.POST.get("answer") == "deny":
        done = answers.deny(consent, request.POST.get("reason", ""), now)
        word = "Denied. Nothing will be done in your name."
    else:
        return "Choose Approve or Deny."
    return word if done else "Too late: answered, expired or taken back. Nothing changed."

"""User-to-application grants: what a person has let an application do."""

from __future__ import annotations

from allauth.idp.oidc.models import Client
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from local.tenant.directory.demo_accounts import API_PERMISSIONS
from local.tenant.models import ConsentGrant, Person
from local.tenant.pages import request_waiting_for_sign_in
from local.tenant.pages.request_waiting_for_sign_in import Pending

WORDS = {
    "openid": "Know who you are",
    "profile": "See your name and picture",
    "email": "See your e-mail address",
    "offline_access": "Stay signed in while you are away",
    **API_PERMISSIONS,
}


def covers(person: Person, client: Client, audience: str, scope: str) -> bool:
    """Whether the person has consented to all of ``scope`` before."""
    held = ConsentGrant.objects.filter(person=person, client=client, audience=audience).first()
    return held is not None and set(scope.split()) <= set(held.scope)


def record(person: Person, client: Client, audience: str, scope: str) -> None:
    """Add ``scope`` to what the person lets the client do with the API."""
    held, _ = ConsentGrant.objects.get_or_create(person=person, client=client, audience=audience)
    held.scope = sorted({*held.scope, *scope.split()})
    held.save(update_fields=["scope"])


def page(
    request: HttpRequest, client: Client, audience: str, scope: str, pending: Pending
) -> HttpResponse:
    """Ask the person."""
    return render(
        request,
        "tenant/consent.html",
        {
            "client": client,
            "audience": audience,
            "scopes": [(name, WORDS.get(name, name)) for name in scope.split()],
            "state": request_waiting_for_sign_in.sign(pending),
        },
    )

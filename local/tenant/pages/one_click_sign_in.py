"""Sign-in by one click, and walking through the roles."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from local.tenant.applications import clients
from local.tenant.directory import people_and_claims, sign_in_sessions
from local.tenant.directory.demo_accounts import MEMBER_CAN, ROLES
from local.tenant.env import env
from local.tenant.models import Person
from local.tenant.pages import request_waiting_for_sign_in
from local.tenant.pages.errors import error_page
from local.tenant.pages.request_waiting_for_sign_in import Pending
from local.tenant.tenant_log import log_events


@dataclass(frozen=True, slots=True)
class Group:
    """Accounts that share a role, and what the role can do."""

    role: str
    can: str
    people: tuple[Person, ...]


@require_safe
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """What this process is, and who is signed in to it."""
    return render(request, "tenant/home.html", {"groups": grouped()})


@require_http_methods(["GET", "POST"])
@never_cache
def login(request: HttpRequest) -> HttpResponse:
    """The sign-in page; a POST names the account and, unless unticked, counts as two factors."""
    state = request.POST.get("state") or request.GET.get("state", "")
    pending = request_waiting_for_sign_in.read(state) if state else None
    if state and pending is None:
        return error_page(request, 400, "This sign-in took too long. Start again from the app.")
    if request.method == "GET":
        return render(request, "tenant/login.html", _login_context(state, pending))
    person = people_and_claims.by_sub(request.POST.get("sub", ""))
    if person is None:
        log_events.write("fu", description="No such account")
        return error_page(request, 400, "There is no such account, or it is blocked.")
    sign_in_sessions.sign_in(request, person, mfa=request.POST.get("mfa") == "on")
    return HttpResponseRedirect(_after_login(state, pending))


@require_http_methods(["GET", "POST"])
@never_cache
def switch(request: HttpRequest) -> HttpResponse:
    """The role switcher: become another account here, then go back to the portal."""
    return_to = request.POST.get("return_to") or request.GET.get("return_to", "")
    if return_to and not _is_portal(return_to):
        return error_page(
            request, 400, f"return_to must be an address of the portal, {env().portal}"
        )
    if request.method == "GET":
        return render(request, "tenant/switch.html", {"groups": grouped(), "return_to": return_to})
    person = people_and_claims.by_sub(request.POST.get("sub", ""))
    if person is None:
        return error_page(request, 400, "There is no such account, or it is blocked.")
    sign_in_sessions.sign_in(request, person, mfa=True)
    return HttpResponseRedirect(return_to or f"{env().portal}/oidc/authenticate/?next=/")


def grouped() -> list[Group]:
    """Every account, by role, roles in the order of rising power over others."""
    everyone = list(Person.objects.filter(blocked=False).order_by("name"))
    by_role = {person.pk: people_and_claims.roles(person) for person in everyone}
    groups = [
        Group(role.name, role.can, tuple(p for p in everyone if role.name in by_role[p.pk]))
        for role in ROLES
    ]
    groups.append(Group("member", MEMBER_CAN, tuple(p for p in everyone if not by_role[p.pk])))
    return [group for group in groups if group.people]


def _login_context(state: str, pending: Pending | None) -> dict[str, object]:
    params = pending.params if pending else {}
    client = clients.find(params.get("client_id", ""))
    hint = params.get("login_hint", "")
    return {
        "state": state,
        "groups": grouped(),
        "application": client.name if client else "",
        "hinted": (people_and_claims.by_sub(hint) or people_and_claims.by_email(hint))
        if hint
        else None,
    }


def _after_login(state: str, pending: Pending | None) -> str:
    if pending is None:
        return "/"
    return pending.next or f"/authorize/resume?{urlencode({'state': state})}"


def _is_portal(url: str) -> bool:
    given, portal = urlsplit(url), urlsplit(env().portal)
    return (given.scheme, given.netloc) == (portal.scheme, portal.netloc)

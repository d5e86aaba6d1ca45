"""``/users`` and what belongs to one user."""

from __future__ import annotations

import re
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.dateparse import parse_datetime

from local.tenant import clock
from local.tenant.api_v2 import shapes
from local.tenant.api_v2.errors_and_rate_limits import ManagementError, body_of, not_found
from local.tenant.api_v2.paging import checkpoint, pages
from local.tenant.ciba.models import PushEnrolment
from local.tenant.directory import sign_in_sessions
from local.tenant.models import LoginSession, Person, RefreshToken

SEARCH_MAX = 1000
FIELDS = {"email": "email__iexact", "name": "name__iexact", "user_id": "sub"}
# Lucene's ranges: brackets include their end, braces do not, a star is open.
_RANGE = re.compile(
    r"created_at:(?P<open>[\[{])(?P<low>\S+) TO (?P<high>[^\s\]}]+)(?P<close>[\]}])"
)
_SORT = re.compile(r"created_at:(?P<way>1|-1)")
_TERM = re.compile(r'(?P<field>[a-z_]+):(?:"(?P<quoted>[^"]*)"|(?P<bare>\S+))')


def find(user_id: str) -> Person:
    """The user, blocked or not; raises 404 ``inexistent_user``."""
    person = Person.objects.filter(sub=user_id).first()
    if person is None:
        raise not_found("user", "inexistent_user")
    return person


def live_sessions(person: Person) -> QuerySet[LoginSession]:
    """Sessions that still sign the person in."""
    return LoginSession.objects.filter(person=person, ended_at=None, expires_at__gt=clock.now())


def live_refresh_tokens(person: Person) -> QuerySet[RefreshToken]:
    """Refresh tokens that can still be exchanged."""
    return RefreshToken.objects.filter(
        person=person, revoked_at=None, rotated_at=None, expires_at__gt=clock.now()
    )


def revoke_refresh_tokens(rows: QuerySet[RefreshToken]) -> None:
    """Revoke tokens together with their rotation families."""
    families = list(rows.values_list("family", flat=True))
    RefreshToken.objects.filter(family__in=families, revoked_at=None).update(revoked_at=clock.now())


def index(request: HttpRequest) -> HttpResponse:
    """``GET /users``: all, or those matching ``q``."""
    rows = Person.objects.order_by(*_order(request.GET.get("sort", "")))
    query = request.GET.get("q", "").strip()
    found = rows.filter(_condition(query)) if query else rows
    return pages(request, found, "users", shapes.user, most=SEARCH_MAX)


def by_email(request: HttpRequest) -> HttpResponse:
    """``GET /users-by-email?email=``."""
    rows = Person.objects.filter(email__iexact=request.GET.get("email", ""))
    return JsonResponse([shapes.user(person) for person in rows], safe=False)


def show(request: HttpRequest, user_id: str) -> HttpResponse:
    """``GET /users/{id}``."""
    return JsonResponse(shapes.user(find(user_id)))


def roles(request: HttpRequest, user_id: str) -> HttpResponse:
    """``GET /users/{id}/roles``."""
    return pages(request, find(user_id).roles.order_by("name"), "roles", shapes.role)


def authentication_methods(request: HttpRequest, user_id: str) -> HttpResponse:
    """``GET /users/{id}/authentication-methods``: the phones enrolled for push."""
    person = find(user_id)
    phones = PushEnrolment.objects.filter(sub=person.sub).order_by("enrolled_at")
    return pages(request, phones, "authenticators", _phone)


def session_list(request: HttpRequest, user_id: str) -> HttpResponse:
    """``GET /users/{id}/sessions``."""
    return checkpoint(request, live_sessions(find(user_id)), "sessions", shapes.session)


def end_sessions(request: HttpRequest, user_id: str) -> HttpResponse:
    """``DELETE /users/{id}/sessions``: 202, with back-channel logout."""
    for session in live_sessions(find(user_id)):
        sign_in_sessions.end(session)
    return HttpResponse(status=202)


def refresh_token_list(request: HttpRequest, user_id: str) -> HttpResponse:
    """``GET /users/{id}/refresh-tokens``."""
    rows = live_refresh_tokens(find(user_id))
    return checkpoint(request, rows, "tokens", shapes.refresh_token)


def end_refresh_tokens(request: HttpRequest, user_id: str) -> HttpResponse:
    """``DELETE /users/{id}/refresh-tokens``: 202."""
    revoke_refresh_tokens(live_refresh_tokens(find(user_id)))
    return HttpResponse(status=202)


def revoke_access(request: HttpRequest, user_id: str) -> HttpResponse:
    """``POST /users/{id}/revoke-access``: 202; one session or all, refresh tokens unless kept."""
    person = find(user_id)
    body = body_of(request)
    session_id = body.get("session_id", "")
    ended = live_sessions(person)
    tokens = live_refresh_tokens(person)
    if session_id:
        ended, tokens = ended.filter(sid=session_id), tokens.filter(session_id=session_id)
    if not body.get("preserve_refresh_tokens", False):
        revoke_refresh_tokens(tokens)
    for session in ended:
        sign_in_sessions.end(session)
    return HttpResponse(status=202)


def _phone(phone: PushEnrolment) -> dict[str, Any]:
    enrolled = shapes.moment(phone.enrolled_at)
    return {
        "id": phone.id,
        "type": "push",
        "name": phone.name,
        "confirmed": True,
        "created_at": enrolled,
        "enrolled_at": enrolled,
    }


def _condition(query: str) -> Q:
    condition = Q()
    for term in re.split(r"\s+AND\s+", query):
        if span := _RANGE.fullmatch(term):
            condition &= _span(span)
            continue
        match = _TERM.fullmatch(term)
        if match is None:
            words = term.strip('"*')
            condition &= Q(name__icontains=words) | Q(email__icontains=words)
            continue
        value = match["quoted"] if match["quoted"] is not None else match["bare"]
        condition &= _field(match["field"], value)
    return condition


def _span(span: re.Match[str]) -> Q:
    condition = Q()
    ends = (("low", "gte" if span["open"] == "[" else "gt"),
            ("high", "lte" if span["close"] == "]" else "lt"))  # fmt: skip
    for name, comparison in ends:
        if span[name] == "*":
            continue
        moment = parse_datetime(span[name].strip('"'))
        if moment is None:
            raise ManagementError(400, f"{span[name]!r} is no date", "invalid_query_string")
        condition &= Q(**{f"created_at__{comparison}": moment})
    return condition


def _order(sort: str) -> tuple[str, ...]:
    if not sort:
        return ("pk",)
    found = _SORT.fullmatch(sort)
    if found is None:
        raise ManagementError(400, "sort is created_at:1 or created_at:-1", "invalid_sort")
    return ("created_at", "pk") if found["way"] == "1" else ("-created_at", "-pk")


def _field(field: str, value: str) -> Q:
    if field not in FIELDS:
        raise ManagementError(
            400, f"{field!r} is not searchable; use {', '.join(FIELDS)}", "invalid_query_string"
        )
    if value.endswith("*") and field != "user_id":
        return Q(**{f"{field}__istartswith": value[:-1]})
    return Q(**{FIELDS[field]: value})

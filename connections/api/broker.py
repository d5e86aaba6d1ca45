"""`GET /v1/auth/token`: the token broker's endpoint (DESIGN 2.5)."""

from __future__ import annotations

import math
import re
from contextlib import nullcontext
from typing import Annotated, Literal

from django.http import HttpRequest, JsonResponse
from ninja import Field, Router

from accounts.bearer import Caller, bearer, caller
from api import openapi
from api.problems import Problem
from connections.api import connection_schemas
from connections.broker import token_broker
from connections.broker.account_choice import Wanted
from connections.broker.errors import TokenRefusal
from connections.component_manifests import manifest_store

_NAME = re.compile(r"[\x21-\x7E](?:[\x20-\x7E]{0,198}[\x21-\x7E])?")
_CONNECTION = re.compile(manifest_store.CONNECTION)
_MAX_SCOPES = 4000
_MAX_ACCOUNT = 255


def subject(request: HttpRequest) -> Caller | None:
    """`bearer`, with the code that this endpoint promises for a session that is over."""
    try:
        return bearer(request)
    except Problem as problem:
        if problem.code == "token_expired":
            problem.code = "subject_token_expired"
        raise


router = Router(tags=["Broker"], auth=subject)

_ASKED = [
    {"in": "header", "name": name, "required": False, "description": words,
     "schema": {"type": "string", "maxLength": longest, "pattern": "^[!-~]+( [!-~]+)*$"}}
    for name, longest, words in (
        ("ATA-Agent", 100, "Which agent asks; asserted"),
        ("ATA-Skill", 200, "For which component, as kind:name; asserted"),
        ("ATA-Scopes", _MAX_SCOPES, "Scopes, with spaces between"),
    )
]  # fmt: skip


@router.get(
    "/auth/token",
    operation_id="portal_api_broker_token",
    summary="Exchange your session for a provider token",
    response=connection_schemas.ProviderToken,
    openapi_extra=openapi.may(403, 404, 409, 422, 429, 502) | {"parameters": _ASKED},
)
def token(
    request: HttpRequest,
    connection: str,
    account: Annotated[str, Field(max_length=_MAX_ACCOUNT)] = "",
    login_hint: Annotated[str, Field(max_length=_MAX_ACCOUNT)] = "",
    prompt: Literal["none"] | None = None,
) -> JsonResponse:
    """For registered gateway clients. `ATA-Agent`, `ATA-Skill` (`kind:name`) and `ATA-Scopes` say
    who asks for what; they are asserted, and every answer is an event. Of several accounts,
    `account` (label, id or the provider's user id) or `login_hint` (the latter) chooses one.

    With `prompt=none` nobody is asked for approval and nothing is woken: 403
    `interaction_required` where that would be needed."""
    who = caller(request)
    if not _CONNECTION.fullmatch(connection):
        raise Problem(422, "invalid_request", "connection: name one, such as github.")
    if not (account + login_hint).isprintable():
        raise Problem(422, "invalid_request", "account, login_hint: printable text.")
    ask = token_broker.Ask(
        actor=who.actor,
        subject_token=who.token,
        client_id=who.claims.client_id,
        connection=connection,
        agent=_header(request, "ATA-Agent", 100),
        skill=_header(request, "ATA-Skill", 200),
        scopes=_scopes(request),
        wanted=Wanted(account, login_hint),
        prompt=prompt is None,
    )
    try:
        given = token_broker.token_for(ask, request.META.get("serving.waiting", nullcontext))
    except TokenRefusal as refusal:
        raise _problem(refusal) from None
    answer = JsonResponse(
        {
            "access_token": given.access_token,
            "token_type": given.token_type,
            "expires_in": given.expires_in,
            "scope": " ".join(given.scope),
            "connection": given.connection,
            "event_id": given.event_id,
        }
    )
    answer["Cache-Control"] = "no-store"
    answer["Pragma"] = "no-cache"
    return answer


def _header(request: HttpRequest, name: str, longest: int) -> str:
    value = request.headers.get(name, "").strip()
    if value and (len(value) > longest or not _NAME.fullmatch(value)):
        raise Problem(
            422, "invalid_request", f"{name}: at most {longest} printable ASCII characters."
        )
    return value


def _scopes(request: HttpRequest) -> tuple[str, ...]:
    value = request.headers.get("ATA-Scopes", "")
    if len(value) > _MAX_SCOPES or not value.isprintable() or not value.isascii():
        raise Problem(422, "invalid_request", "ATA-Scopes: scopes separated by spaces.")
    return tuple(dict.fromkeys(value.replace(",", " ").split()))


def _problem(refusal: TokenRefusal) -> Problem:
    headers = {}
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(refusal.retry_after_s)))
    if refusal.status == 401:
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    members: dict[str, object] = {"event_id": refusal.event_id}
    if refusal.excess:
        members["excess_scopes"] = list(refusal.excess)
    if refusal.approval:
        members["approval_id"] = refusal.approval
    if refusal.choices:
        members["accounts"] = list(refusal.choices)
    if refusal.opens_at:
        members["opens_at"] = refusal.opens_at
    return Problem(refusal.status, refusal.code, refusal.detail, headers=headers, **members)

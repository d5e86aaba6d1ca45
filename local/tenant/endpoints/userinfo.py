"""``/userinfo`` (OIDC Core section 5.3)."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from local.tenant.applications import apis
from local.tenant.directory import people_and_claims
from local.tenant.oauth import token_formats


@csrf_exempt
@require_http_methods(["GET", "POST"])
def userinfo(request: HttpRequest) -> JsonResponse:
    """Claims about the bearer's person, as their token's scope releases them."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return _unauthorized("Missing bearer token")
    try:
        claims = token_formats.verify_access_token(token, audience=apis.userinfo_audience())
    except token_formats.TokenRefused as refusal:
        return _unauthorized(str(refusal))
    person = people_and_claims.by_sub(claims["sub"])
    if person is None:
        return _unauthorized("The user of this token does not exist or is blocked")
    profile = people_and_claims.profile_claims(person, claims["scope"].split())
    return JsonResponse({"sub": person.sub, **profile, **people_and_claims.roles_claim(person)})


def _unauthorized(description: str) -> JsonResponse:
    challenge = f'Bearer error="invalid_token", error_description="{description}"'
    return JsonResponse(
        {"error": "invalid_token", "error_description": description},
        status=401,
        headers={"WWW-Authenticate": challenge},
    )

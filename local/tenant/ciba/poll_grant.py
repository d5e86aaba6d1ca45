"""The poll grant: hand the answer to the client that asked, once."""

from __future__ import annotations

from typing import Any, Final

from allauth.idp.oidc.models import Client
from django.http import HttpRequest, JsonResponse

from local.tenant import clock
from local.tenant.ciba import poll_verdict, tenant_log_events
from local.tenant.ciba.models import Consent
from local.tenant.ciba.poll_verdict import Answer, Verdict
from local.tenant.directory import people_and_claims
from local.tenant.ids import digest
from local.tenant.models import Person
from local.tenant.oauth import token_formats
from local.tenant.oauth.errors import OAuthError, invalid_request

GRANT: Final = "urn:openid:params:grant-type:ciba"


def poll(request: HttpRequest, client: Client, params: dict[str, str]) -> JsonResponse:
    """Answer one poll.

    Raises:
        OAuthError: 400 `authorization_pending`, `slow_down` (with `Retry-After`) or
            `access_denied` (denied and expired alike); 401 `invalid_grant` for an `auth_req_id`
            that is unknown, another client's, used or long expired.
    """
    auth_req_id = params.get("auth_req_id", "")
    if not auth_req_id:
        raise invalid_request("Missing required parameter: auth_req_id")
    consent = Consent.objects.filter(
        auth_req_digest=digest(auth_req_id), client_id=client.id
    ).first()
    if consent is None:
        raise _refusal(Answer(Verdict.UNKNOWN, 0))
    found = _judge(consent)
    person = people_and_claims.by_sub(consent.sub)
    if found.verdict is not Verdict.APPROVED or person is None:
        refusal = _refusal(found if person else Answer(Verdict.REFUSED, 0))
        if found.verdict not in {Verdict.PENDING, Verdict.SLOW_DOWN}:
            tenant_log_events.exchange_failed(consent, refusal.description)
        raise refusal
    if not consent.claim(clock.now()):
        raise _refusal(Answer(Verdict.UNKNOWN, 0))
    answer = _tokens(client, person, consent)
    tenant_log_events.exchanged(consent)
    return JsonResponse(answer, headers={"Cache-Control": "no-store"})


def _judge(consent: Consent) -> Answer:
    now = clock.now()
    answer = poll_verdict.judge(
        poll_verdict.Poll(
            state=consent.state,
            wait_s=consent.wait_s,
            polled_at=consent.polled_at,
            expires_at=consent.expires_at,
            taken=consent.exchanged_at is not None,
        ),
        now,
    )
    Consent.objects.filter(pk=consent.pk).update(polled_at=now, wait_s=answer.wait_s)
    return answer


def _tokens(client: Client, person: Person, consent: Consent) -> dict[str, Any]:
    details = consent.authorization_details
    scope = consent.scope
    access_token = token_formats.mint_access_token(
        client,
        person,
        audience=consent.audience,
        scope=scope,
        extra_claims={"authorization_details": details} if details else None,
    )
    answer: dict[str, Any] = {
        "access_token": access_token,
        "id_token": token_formats.mint_id_token(
            client, person, scope=scope, access_token=access_token
        ),
        "token_type": "Bearer",
        "expires_in": token_formats.lifetime_of(consent.audience),
        "scope": scope,
    }
    if "offline_access" in scope.split() and "refresh_token" in client.get_grant_types():
        answer["refresh_token"] = token_formats.mint_refresh_token(
            client, person, consent.audience, scope
        )
    if details:
        answer["authorization_details"] = details
    return answer


def _refusal(answer: Answer) -> OAuthError:
    wait = answer.wait_s
    if answer.verdict is Verdict.PENDING:
        return OAuthError(400, answer.verdict, "The end-user authorization is pending")
    if answer.verdict is Verdict.SLOW_DOWN:
        text = f"You are polling faster than allowed. Try again in {wait} seconds."
        return OAuthError(400, answer.verdict, text, {"Retry-After": str(wait)}, {"interval": wait})
    if answer.verdict is Verdict.REFUSED:
        text = "The end-user denied the authorization request or it has been expired"
        return OAuthError(400, answer.verdict, text)
    return OAuthError(401, Verdict.UNKNOWN, "Invalid or expired auth_req_id")

"""The remote steps of a revocation, each with the truth about what Auth0 can do (DESIGN 1.5)."""

from __future__ import annotations

from typing import Any

from approvals import auth0_clients, clock, registry
from approvals.models import Effect
from approvals.registry import EffectResult, EffectRun
from auth0_client.errors import Auth0Error, Forbidden, RateLimited
from auth0_client.management_api import Management
from connections import account_names, permissions
from connections.models import State
from connections.revocation import deletion_step
from http_client.errors import HttpClientError

OWNER_FINISHES = "finishes with the owner's own token at their next visit"
_LONGEST_WAIT_S = 900.0  # Auth0 limits by the second and the minute; more is a mistake
_LOOK_AGAIN_S = 86_400.0  # 40 looks: more than a month for the owner to come back


@registry.effect(deletion_step.DELETE)
def delete_connected_account(payload: dict[str, Any], run: EffectRun) -> EffectResult:
    """Wait until the owner's token deleted it: the Management API offers no way (§6.3)."""
    account = permissions.by_id(str(payload["account"]))
    facts: dict[str, Any] = {"connection": payload["connection"]}
    if account is not None:
        facts |= account_names.facts_of(account)
    if account is None:
        return EffectResult("failed", deletion_step.NOT_KNOWN, data=facts)
    if account.operation != payload["operation"]:
        return EffectResult("failed", "taken back before anything was deleted", data=facts)
    if account.state == State.REVOKED:
        return EffectResult("done", "deleted at Auth0", data=facts)
    return EffectResult(
        "pending", account.deletion_detail or OWNER_FINISHES, retry_in_s=_LOOK_AGAIN_S
    )


@registry.effect(deletion_step.END_ACCESS)
def revoke_access(payload: dict[str, Any], run: EffectRun) -> EffectResult:
    """End all the owner's sessions and refresh tokens.

    Before a repeat the tenant is asked what is left of that time: sessions that the owner began
    since then are nobody's business here.
    """
    account = permissions.by_id(str(payload["account"]))
    management = auth0_clients.management()
    facts = {"connection": payload["connection"]}
    if account is None:
        return EffectResult("failed", "the connection is unknown", data=facts)
    if management is None:
        return EffectResult("failed", "no Management API client is configured", data=facts)
    try:
        if run.attempt > 1 and _ended_already(management, account.sub, run):
            return EffectResult("done", "ended, as read back from Auth0", data=facts)
        management.revoke_access(account.sub)
    except Forbidden as error:
        return EffectResult("failed", error.advice, data=facts)
    except (Auth0Error, HttpClientError) as error:
        return unanswered(error, _state_after(error))
    return EffectResult("done", "sessions and refresh tokens ended", data=facts)


def unanswered(error: Auth0Error | HttpClientError, state: str) -> EffectResult:
    """The state of a step that Auth0 did not carry out, to be tried again."""
    if isinstance(error, RateLimited):
        asked = error.wait_s(clock.now())
        wait = None if asked is None else min(asked, _LONGEST_WAIT_S)
        return EffectResult("pending", error.advice, retry_in_s=wait)
    return EffectResult(state, getattr(error, "advice", "Auth0 could not be reached"))


def _state_after(error: Auth0Error | HttpClientError) -> str:
    ours = error.operation == "mgmt.revoke_access"
    return "unknown" if ours and getattr(error, "maybe_delivered", False) else "pending"


def _ended_already(management: Management, sub: str, run: EffectRun) -> bool:
    """Whether nothing is left that the decision was about; False where that cannot be known."""
    since = Effect.objects.values_list("created", flat=True).get(pk=run.effect_id)
    try:
        begun = [session.created_at for session in management.sessions(sub)]
        begun += [token.created_at for token in management.refresh_tokens(sub)]
    except Forbidden:
        return False
    return all(at is not None and at > since for at in begun)

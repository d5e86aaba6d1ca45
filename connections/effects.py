"""The remote steps of a revocation, each with the truth about what Auth0 can do (DESIGN 1.5)."""

from __future__ import annotations

from typing import Any

from approvals import issuer, registry
from approvals.registry import EffectResult, EffectRun
from auth0_client.errors import Auth0Error, Forbidden, RateLimited
from connections import deletion, lookup
from connections.models import State
from outbound.errors import OutboundError

OWNER_FINISHES = "finishes with the owner's own token at their next visit"
_LOOK_AGAIN_S = 86_400.0  # 40 looks: more than a month for the owner to come back


@registry.effect(deletion.DELETE)
def delete_connected_account(payload: dict[str, Any], run: EffectRun) -> EffectResult:
    """Wait until the owner's token deleted it: the Management API offers no way (§6.3)."""
    account = lookup.by_id(str(payload["account"]))
    facts = {"connection": payload["connection"]}
    if account is None or account.operation != payload["operation"]:
        return EffectResult("failed", "taken back before anything was deleted", data=facts)
    if account.state == State.REVOKED:
        return EffectResult("done", "deleted at Auth0", data=facts)
    return EffectResult(
        "pending", account.deletion_detail or OWNER_FINISHES, retry_in_s=_LOOK_AGAIN_S
    )


@registry.effect(deletion.END_ACCESS)
def revoke_access(payload: dict[str, Any], run: EffectRun) -> EffectResult:
    """End all the owner's sessions and refresh tokens; asking twice does no harm."""
    account = lookup.by_id(str(payload["account"]))
    management = issuer.management()
    facts = {"connection": payload["connection"]}
    if account is None:
        return EffectResult("failed", "the connection is unknown", data=facts)
    if management is None:
        return EffectResult("failed", "no Management API client is configured", data=facts)
    try:
        management.revoke_access(account.sub)
    except RateLimited as error:
        return EffectResult("pending", error.advice, retry_in_s=error.retry_after)
    except Forbidden as error:
        return EffectResult("failed", error.advice, data=facts)
    except Auth0Error as error:
        return EffectResult("pending", error.advice)
    except OutboundError:
        return EffectResult("pending", "Auth0 could not be reached")
    return EffectResult("done", "sessions and refresh tokens ended", data=facts)

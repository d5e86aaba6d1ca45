"""The broker's two looks at scopes: before the exchange and at what Auth0 returned (DESIGN 1.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit import unchanged
from auth0_client.vault import VaultToken
from connections import scope_sets, scopes
from connections.caller_rules import Declared
from connections.escalation import allowances, asking, rules
from connections.picking import Picked
from connections.refusals import TokenRefusal

if TYPE_CHECKING:
    from connections.broker import Ask


def takes_anonymous(connection: str) -> bool:
    """Whether callers without a manifest get tokens of a connection that manifests name."""
    return rules.of(connection).anonymous


def check_asked(ask: Ask, picked: Picked | None, declared: Declared) -> frozenset[str]:
    """Scopes beyond the manifest that people allowed, as far as they were needed.

    Raises:
        TokenRefusal: `scope_escalation_pending`, `scope_not_declared`, `rate_limited`.
    """
    if not declared.excess or ask.component is None:
        return frozenset()
    if picked is None:
        raise TokenRefusal(
            403,
            "scope_not_declared",
            f"{ask.component} asked {scopes.title(ask.connection)} for "
            f"{', '.join(declared.excess)}, which its manifest does not declare. Nobody was asked, "
            "because Auth0 could not say whose account it is.",
            excess=declared.excess,
        )
    with unchanged.afresh():
        return asking.settle(
            asking.Tried(ask.actor, picked.account, ask.component, declared.excess, ask.agent)
        )


def check_given(
    ask: Ask,
    picked: Picked | None,
    declared: Declared,
    token: VaultToken,
    allowed: frozenset[str],
) -> tuple[str, ...]:
    """Scopes of the token that are neither declared nor allowed, sorted.

    Raises:
        TokenRefusal: `scope_excess`, where the connection refuses such tokens. The token is
            dropped here: nobody gets it, and it lives at the provider until it expires.
    """
    if declared.need is None or ask.component is None:
        return ()
    beyond = scope_sets.beyond(ask.connection, token.scope, declared.need.scopes)
    if beyond and picked is not None:
        more = allowed or allowances.scopes_of(picked.account, ask.component)
        beyond = scope_sets.beyond(ask.connection, beyond, more)
    if not beyond or rules.of(ask.connection).excess == "flag":
        return beyond
    refusal = TokenRefusal(
        403,
        "scope_excess",
        f"Auth0 returned a {scopes.title(ask.connection)} token that also allows "
        f"{', '.join(beyond)}, which the manifest of {ask.component} does not declare. It was "
        "dropped. Connect the account again with fewer permissions, or change the manifest.",
        excess=beyond,
    )
    refusal.facts = {"returned_by": "auth0", "token_dropped": True, "thumbprint": token.thumbprint}
    raise refusal

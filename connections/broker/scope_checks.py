"""The broker's two looks at scopes: before the exchange and at what Auth0 returned (DESIGN 1.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auth0_client.token_vault import VaultToken
from connections.broker.account_choice import Picked
from connections.broker.component_checks import Declared
from connections.broker.errors import TokenRefusal
from connections.scope_escalation import allowances_in_force, connection_rules, refuse_or_ask
from connections.scopes import catalogue, containment

if TYPE_CHECKING:
    from connections.broker.token_broker import Ask


def check_asked(
    ask: Ask, picked: Picked | None, declared: Declared
) -> frozenset[str] | refuse_or_ask.Unasked:
    """Scopes beyond the manifest that people allowed, as far as they were needed; or what people
    have to be asked. Asks nobody.

    Raises:
        TokenRefusal: `scope_escalation_pending`, `scope_not_declared`, `asked_too_often`,
            `interaction_required`.
    """
    if not declared.excess or ask.component is None:
        return frozenset()
    if picked is None:
        raise _undeclared(
            ask,
            declared.excess,
            "No one was asked, because Auth0 could not say whose account it is.",
        )
    return refuse_or_ask.check(
        refuse_or_ask.Tried(
            ask.actor, picked.account, ask.component, declared.excess, ask.agent, ask.prompt
        )
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
    beyond = _excess(ask, picked, declared, token, allowed)
    if not beyond or connection_rules.of(ask.connection).excess == "flag":
        return beyond
    raise _dropped(ask, beyond, token)


def check_still(
    ask: Ask,
    picked: Picked | None,
    declared: Declared,
    token: VaultToken,
    flagged: tuple[str, ...],
) -> None:
    """Manifest and allowances still cover what they covered before Auth0 was asked.

    `declared` was read now; `flagged` are the scopes of the token that its event names as excess.

    Raises:
        TokenRefusal: `scope_not_declared` for what was asked, `scope_excess` for what came.
    """
    if ask.component is None:
        return
    allowed = (
        allowances_in_force.scopes_of(picked.account, ask.component) if picked else frozenset()
    )
    missing = containment.beyond(ask.connection, declared.excess, allowed)
    if missing:
        raise _undeclared(ask, missing, "That changed while Auth0 was asked.")
    beyond = _excess(ask, picked, declared, token, allowed)
    strict = connection_rules.of(ask.connection).excess != "flag"
    if set(beyond) - set(flagged) or (beyond and strict):
        raise _dropped(ask, beyond, token)


def _excess(
    ask: Ask,
    picked: Picked | None,
    declared: Declared,
    token: VaultToken,
    allowed: frozenset[str],
) -> tuple[str, ...]:
    if declared.need is None or ask.component is None:
        return ()
    beyond = containment.beyond(ask.connection, token.scope, declared.need.scopes)
    if beyond and picked is not None:
        more = allowed or allowances_in_force.scopes_of(picked.account, ask.component)
        beyond = containment.beyond(ask.connection, beyond, more)
    return beyond


def _undeclared(ask: Ask, excess: tuple[str, ...], why: str) -> TokenRefusal:
    return TokenRefusal(
        403,
        "scope_not_declared",
        f"{ask.component} asked {catalogue.title(ask.connection)} for {', '.join(excess)}, which "
        f"its manifest does not declare. {why}",
        excess=excess,
    )


def _dropped(ask: Ask, beyond: tuple[str, ...], token: VaultToken) -> TokenRefusal:
    refusal = TokenRefusal(
        403,
        "scope_excess",
        f"Auth0 returned a {catalogue.title(ask.connection)} token that also allows "
        f"{', '.join(beyond)}, which the manifest of {ask.component} does not declare. It was "
        "dropped. Connect the account again with fewer permissions, or change the manifest.",
        excess=beyond,
    )
    refusal.facts = {"returned_by": "auth0", "token_dropped": True, "thumbprint": token.thumbprint}
    return refusal

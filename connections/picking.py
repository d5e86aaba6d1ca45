"""Which of a person's accounts the broker uses, and the refusals that an account's state makes.

Fails closed: where the vault could hand out the token of an account that is refused here, and
nothing tells the accounts apart, nothing is exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connections import scopes
from connections.models import ConnectedAccount, State
from connections.refusals import TokenRefusal

_REFUSED = (State.SUSPENDED, State.REVOCATION_PENDING)


@dataclass(frozen=True, slots=True)
class Picked:
    """The account to use; `hint` is the vault's `login_hint`, empty where there is no choice."""

    account: ConnectedAccount
    hint: str = ""
    ambiguous: bool = False  # several accounts, none named: the vault chose


def pick(accounts: Sequence[ConnectedAccount], connection: str) -> Picked:
    """Choose among accounts of one person and connection that Auth0 still holds (at least one).

    Raises:
        TokenRefusal: `connection_suspended`, `connection_revoked`, `reconnect_required`.
    """
    newest = sorted(accounts, key=lambda a: (a.connected_at or a.watched_since, a.pk))[::-1]
    live = [account for account in newest if account.state == State.CONNECTED]
    if not live:
        raise refusal_of(newest[0])
    refused = [account for account in newest if account.state in _REFUSED]
    if len(newest) == 1:
        return Picked(live[0])
    named = next((account for account in live if account.provider_user), None)
    if named is not None:
        return Picked(named, hint=named.provider_user)
    if refused:
        raise TokenRefusal(
            403,
            "connection_suspended",
            f"One of several {scopes.title(connection)} accounts is suspended and Auth0 does not "
            "say which is which, so none is used. Finish or undo the suspension first.",
            account=refused[0],
        )
    return Picked(live[0], ambiguous=True)


def refusal_of(account: ConnectedAccount) -> TokenRefusal:
    """Why an account that is not connected gets no token."""
    title = scopes.title(account.connection)
    if account.state == State.SUSPENDED:
        return TokenRefusal(
            403,
            "connection_suspended",
            f"This {title} connection is suspended. Its owner or an admin can resume it.",
            account=account,
        )
    if account.state == State.NEEDS_RECONNECT:
        return TokenRefusal(
            409,
            "reconnect_required",
            f"{title} no longer honours this connection. Connect it again on the page "
            "My connections.",
            account=account,
        )
    return TokenRefusal(
        403,
        "connection_revoked",
        f"This {title} connection was revoked. Connect it again if agents may use it.",
        account=account,
    )

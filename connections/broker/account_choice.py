"""Which of a person's accounts the broker uses, and the refusals that an account's state makes.

Fails closed: where the vault could hand out the token of an account that is refused here, and
nothing tells the accounts apart, nothing is exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from connections.broker.errors import TokenRefusal
from connections.models import NOT_HELD, ConnectedAccount, State
from connections.scopes import catalogue

_REFUSED = (State.SUSPENDED, State.REVOCATION_PENDING)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of several accounts is meant; empty where nobody said.

    Attributes:
        account: its label, its id here, or the provider's own user id.
        login_hint: the provider's own user id, as Auth0's vault takes it.
    """

    account: str = ""
    login_hint: str = ""

    def __bool__(self) -> bool:
        return bool(self.account or self.login_hint)

    def is_met_by(self, account: ConnectedAccount) -> bool:
        """Whether this is the account."""
        if self.login_hint and account.provider_user != self.login_hint:
            return False
        names = {account.label.casefold(), str(account.id), account.provider_user.casefold()}
        return not self.account or self.account.casefold() in names


ANY: Final = Wanted()


@dataclass(frozen=True, slots=True)
class Picked:
    """The account to use; `hint` is the vault's `login_hint`, empty where Auth0 reported none.

    It is the provider's user id as Auth0 reported it, never what only the caller claims. It is sent
    for the only account too: another one may be connected while Auth0 is asked.
    """

    account: ConnectedAccount
    hint: str = ""
    ambiguous: bool = False  # one that lives among others, none named: the vault chose


def pick(accounts: Sequence[ConnectedAccount], connection: str, wanted: Wanted = ANY) -> Picked:
    """Choose among accounts of one person and connection.

    Args:
        accounts: at least one that Auth0 still holds, and the ended ones that others restricted:
            such an account may be connected again at Auth0 under another id.

    Raises:
        TokenRefusal: `connection_suspended`, `connection_revoked`, `reconnect_required`,
            `connection_not_linked` where none is the one that is wanted, and `account_ambiguous`
            where several are, or nothing tells Auth0 which.
    """
    held = [account for account in accounts if account.state not in NOT_HELD]
    newest = sorted(held, key=lambda a: (a.connected_at or a.watched_since, a.pk))[::-1]
    picked = _wanted(newest, connection, wanted) if wanted else _only(newest, connection)
    if not _restricted(accounts):
        return picked
    if not picked.account.provider_user:
        refuse_unnamed(accounts, connection)
    return replace(picked, hint=picked.account.provider_user)


def refuse_unnamed(accounts: Sequence[ConnectedAccount], connection: str) -> None:
    """Refuse what the vault chooses without a hint where one of the accounts is restricted.

    Raises:
        TokenRefusal: `connection_suspended`.
    """
    if restricted := _restricted(accounts):
        raise TokenRefusal(
            403,
            "connection_suspended",
            f"One of several {catalogue.title(connection)} accounts is suspended or revoked and "
            "Auth0 does not say which is which, so none is used. Undo that, or connect this one "
            "again.",
            account=restricted[0],
        )


def _restricted(accounts: Sequence[ConnectedAccount]) -> list[ConnectedAccount]:
    return [one for one in accounts if one.barred or one.state in _REFUSED]


def _only(newest: Sequence[ConnectedAccount], connection: str) -> Picked:
    live = [account for account in newest if account.state == State.CONNECTED]
    if not live:
        raise refusal_of(newest[0])
    if len(live) > 1:
        raise _ambiguous(live, connection, "Say which one you mean")
    [only] = live
    unnamed = not only.provider_user and len(newest) > 1
    return Picked(only, hint=only.provider_user, ambiguous=unnamed)


def _wanted(newest: Sequence[ConnectedAccount], connection: str, wanted: Wanted) -> Picked:
    found = [account for account in newest if wanted.is_met_by(account)]
    if not found and wanted.login_hint and not all(one.provider_user for one in newest):
        raise _ambiguous(
            newest,
            connection,
            "Auth0 has not reported the user id of each at the provider, so nothing shows which "
            "one login_hint means; leave it out",
        )
    if not found:
        refusal = TokenRefusal(
            404,
            "connection_not_linked",
            f"You have connected no such {catalogue.title(connection)} account. "
            f"{_named(newest)} is connected.",
        )
        refusal.choices = _choices(newest)
        raise refusal
    if len(found) > 1:
        raise _ambiguous(found, connection, "Several are called that; name one by its id")
    account = found[0]
    if account.state != State.CONNECTED:
        raise refusal_of(account)
    if not account.provider_user and len(newest) > 1:
        raise _ambiguous(
            newest,
            connection,
            "Auth0 has not reported its user id at the provider, so the vault cannot be asked for "
            "it; disconnect the others",
        )
    return Picked(account, hint=account.provider_user)


def _ambiguous(accounts: Sequence[ConnectedAccount], connection: str, fix: str) -> TokenRefusal:
    title = catalogue.title(connection)
    count = f"several {title} accounts" if len(accounts) > 1 else f"one {title} account"
    refusal = TokenRefusal(
        409,
        "account_ambiguous",
        f"You have {count}: {_named(accounts)}. {fix}.",
    )
    refusal.choices = _choices(accounts)
    return refusal


def _named(accounts: Sequence[ConnectedAccount]) -> str:
    return ", ".join(account.named or str(account.id) for account in accounts)


def _choices(accounts: Sequence[ConnectedAccount]) -> tuple[dict[str, str], ...]:
    return tuple(
        {"id": str(one.id), "label": one.label, "login_hint": one.provider_user} for one in accounts
    )


def refusal_of(account: ConnectedAccount) -> TokenRefusal:
    """Why an account that is not connected gets no token."""
    title = catalogue.title(account.connection)
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
            "My connected accounts.",
            account=account,
        )
    return TokenRefusal(
        403,
        "connection_revoked",
        f"This {title} connection was revoked. Connect it again if agents may use it.",
        account=account,
    )

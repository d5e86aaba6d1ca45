"""What the broker asks before an exchange: is the connection open, and is the account awake?

An account that sleeps wakes by its setting: at this very use, or once its owner approved on their
phone. Until then the refusal names the approval to wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from approvals import clock
from approvals.errors import Refused
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from connections.broker.errors import TokenRefusal
from connections.idle_access import change_setting_and_wake_account
from connections.idle_access.change_setting_and_wake_account import WAKE
from connections.idle_access.idle_and_hours_setting_types import Setting
from connections.models import ConnectedAccount
from connections.scopes import catalogue
from connections.status import account_status, state_filters
from connections.status.account_status import Ground


def check_hours(connection: str) -> Setting:
    """The setting of a connection that is open now.

    Raises:
        TokenRefusal: `connection_suspended` outside the hours.
    """
    setting = state_filters.setting_of(connection)
    _check_open(connection, setting, clock.now())
    return setting


def asleep(
    connection: str, setting: Setting, accounts: Sequence[ConnectedAccount]
) -> list[ConnectedAccount]:
    """Those of the accounts that sleep and may be woken; nobody is asked and nothing is woken.

    Raises:
        TokenRefusal: `connection_suspended`, where the owner said no or did not answer lately.
    """
    found = _sleeping(connection, setting, accounts)
    for account in found:
        if why := change_setting_and_wake_account.why_nobody_is_asked(
            WAKE, Target("connection", str(account.id))
        ):
            title = catalogue.title(connection)
            raise TokenRefusal(
                403, "connection_suspended", f"{title} is paused. {why}", account=account
            )
    return found


def wake(actor: Actor, accounts: Sequence[ConnectedAccount], user: str) -> None:
    """Wake what sleeps at once, or ask its owner, as its setting says.

    Args:
        user: the agent or component that asks, in words.

    Raises:
        TokenRefusal: `wake_pending` with the approval.
    """
    for account in accounts:
        _wake(actor, account, user)
        account.refresh_from_db()


def check_still_awake(
    connection: str, setting: Setting, accounts: Sequence[ConnectedAccount]
) -> None:
    """What was open and awake when the request began is so at its end; reads no row.

    Raises:
        TokenRefusal: `connection_suspended`.
    """
    _check_open(connection, setting, clock.now())
    for account in _sleeping(connection, setting, accounts):
        raise TokenRefusal(
            403,
            "connection_suspended",
            f"{catalogue.title(connection)} was paused while Auth0 was asked. Try again.",
            account=account,
        )


def _sleeping(
    connection: str, setting: Setting, accounts: Sequence[ConnectedAccount]
) -> list[ConnectedAccount]:
    if setting.open_always:
        return []
    ground, now = Ground({connection: setting}), clock.now()
    return [
        one
        for one in accounts
        if account_status.of(one, ground, now).code == account_status.Code.ASLEEP
    ]


def _check_open(connection: str, setting: Setting, now: datetime) -> None:
    if setting.hours is None or setting.hours.is_open(now):
        return
    opens = clock.stamp(setting.hours.opens_next(now))
    raise TokenRefusal(
        403,
        "connection_suspended",
        f"Agents get {catalogue.title(connection)} tokens {setting.hours.in_words()} only. It "
        f"opens again at {opens}.",
        opens_at=opens,
    )


def _wake(actor: Actor, account: ConnectedAccount, user: str) -> None:
    """Wake it at once where its setting allows that; else ask its owner."""
    title, target = catalogue.title(account.connection), Target("connection", str(account.id))
    try:
        done = perform(replace(actor, via="broker"), WAKE, target, reason=f"{user} wants to use it")
    except Refused as refused:
        if refused.code == "not_asleep":  # another request woke it
            return
        raise TokenRefusal(
            403, "connection_suspended", f"{title} is paused. {refused.detail}", account=account
        ) from None
    if done.approval is not None:
        raise TokenRefusal(
            403,
            "wake_pending",
            f"{title} is paused because it was not used. Its owner is asked to resume it. Try "
            "again once they approved.",
            account=account,
            approval=str(done.approval.id),
        )

"""One try at the break-glass page: what was given, checked against the account, with its locks.

What is right is always let in, however often others fail: only failures are counted for a minute,
and what they are answered depends on that count alone, never on whether there is such an account.
The trail has the code of what was wrong.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pyotp
from django.db import transaction

from accounts.break_glass import accounts
from accounts.models import BreakGlassAccount, BreakGlassTries
from approvals import clock

LOCK_AFTER = 5
"""Failures in a row after which an account rests for LOCK_FOR."""
LOCK_FOR = timedelta(minutes=15)
LOCK_FOR_GOOD_AFTER = 20
"""Failures without a success after which only `manage.py breakglass unlock` helps."""
FAILURES_A_MINUTE = 10
"""From one address; three times as many from all of them."""
STEP_S = 30
_WINDOW = 1


@dataclass(frozen=True, slots=True)
class Tried:
    """`account` when it succeeded; `code` says what was wrong, `factor` what was shown.

    `counted`: it failed and counts against its account, which bounds how often that happens.
    `too_many` says that there were more than a minute's failures before it.
    """

    code: str
    account: BreakGlassAccount | None = None
    factor: str = ""
    counted: bool = False
    too_many: bool = False


def attempt(ip: str, name: str, secret: str, code: str) -> Tried:
    """Check a try from an address against the account, and count it where it fails.

    Tries at once are judged one after the other, so that each failure counts and each code opens
    once. An unknown name and a locked account cost the same statements as a wrong secret.
    """
    with transaction.atomic():
        tried = _judged(name, secret, code) if name and secret and code else Tried("incomplete")
        if tried.account is not None:
            return tried
        minute = int(clock.now().timestamp() // 60)
        crowd = _count("", minute) > 3 * FAILURES_A_MINUTE
        return replace(tried, too_many=crowd or _count(ip, minute) > FAILURES_A_MINUTE)


def _judged(name: str, secret: str, code: str) -> Tried:
    found = BreakGlassAccount.objects.select_for_update().filter(name=name).first()
    account = found or BreakGlassAccount(name=name)  # what is not there is compared as well
    now = clock.now()
    tried = _checked(account, accounts.knows_secret(account, secret), code, now)
    if found is None:
        tried = Tried("unknown_account")
    elif tried.account is not None:
        account.failures, account.locked_until = 0, None
    elif tried.counted:
        account.failures += 1
        if account.failures % LOCK_AFTER == 0:
            account.locked_until = now + LOCK_FOR
    # Written by its name, so that a name of nobody costs this statement too.
    BreakGlassAccount.objects.filter(name=name).update(
        failures=account.failures, locked_until=account.locked_until
    )
    return tried


def _checked(account: BreakGlassAccount, knows_secret: bool, code: str, now: datetime) -> Tried:
    if _locked(account, now):
        return Tried("locked")
    if not knows_secret:
        return Tried("wrong_secret", counted=True)
    wrong, factor = _second_factor(account, code, now)
    return Tried(wrong, counted=True) if wrong else Tried("", account, factor)


def _locked(account: BreakGlassAccount, now: datetime) -> bool:
    if account.failures >= LOCK_FOR_GOOD_AFTER:
        return True
    return account.locked_until is not None and now < account.locked_until


def _second_factor(account: BreakGlassAccount, given: str, now: datetime) -> tuple[str, str]:
    """What is wrong with the code, or which factor it is."""
    text = "".join(given.split())
    if text.isascii() and text.isdigit():
        return _totp(account, text, now), "otp"
    return _recovery(account, given), "recovery"


def _totp(account: BreakGlassAccount, code: str, now: datetime) -> str:
    secret = accounts.open_totp(account)
    if not secret:
        return "sealed_elsewhere"
    current = int(now.timestamp()) // STEP_S
    steps = range(current - _WINDOW, current + _WINDOW + 1)
    hotp = pyotp.HOTP(secret)
    matching = [step for step in steps if hmac.compare_digest(hotp.at(step), code)]
    if not matching:
        return "wrong_code"
    # Compare and set: of two requests with one code, one finds it spent.
    spent = BreakGlassAccount.objects.filter(pk=account.pk, last_step__lt=max(matching))
    return "" if spent.update(last_step=max(matching)) else "replayed_code"


def _recovery(account: BreakGlassAccount, code: str) -> str:
    wanted = accounts.recovery_mac(account.name, code)
    left = [mac for mac in account.recovery_macs if not hmac.compare_digest(mac, wanted)]
    if len(left) == len(account.recovery_macs):
        return "wrong_code"
    spent = BreakGlassAccount.objects.filter(pk=account.pk, recovery_macs=account.recovery_macs)
    return "" if spent.update(recovery_macs=left) else "replayed_code"


def _count(ip: str, minute: int) -> int:
    """How many failures there were in its minute, this one included; "" is all addresses."""
    tries, _ = BreakGlassTries.objects.select_for_update().get_or_create(
        whose=accounts.address_mac(ip), defaults={"minute": minute}
    )
    tries.count = tries.count + 1 if tries.minute == minute else 1
    tries.minute = minute
    tries.save(update_fields=["minute", "count"])
    return tries.count


def tidy(now: datetime) -> None:
    """Forget the counts of earlier minutes."""
    BreakGlassTries.objects.filter(minute__lt=int(now.timestamp() // 60) - 1).delete()

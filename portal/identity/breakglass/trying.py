"""One try at the door: what was given, held against the account, with its locks.

The answer to a stranger is always the same; the trail has the code of what was wrong.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp
from django.core.cache import cache
from django.db.models import F

from approvals import clock
from portal.identity.breakglass import accounts
from portal.identity.models import BreakGlassAccount

LOCK_AFTER = 5
"""Failures in a row after which an account rests for LOCK_FOR."""
LOCK_FOR = timedelta(minutes=15)
LOCK_FOR_GOOD_AFTER = 20
"""Failures without a success after which only `manage.py breakglass unlock` helps."""
TRIES_A_MINUTE = 10
"""From one address; three times as many from all of them."""
STEP_S = 30
_WINDOW = 1


@dataclass(frozen=True, slots=True)
class Tried:
    """`account` when it succeeded; `code` says what was wrong, `factor` what was shown."""

    code: str
    account: BreakGlassAccount | None = None
    factor: str = ""


def allowed(ip: str) -> tuple[bool, bool]:
    """Whether this address may try now, and whether this is its first refusal in this minute."""
    minute = int(clock.now().timestamp() // 60)
    mine, everybody = _count(f"{ip}.{minute}"), _count(f"all.{minute}")
    limit = TRIES_A_MINUTE
    return (mine <= limit and everybody <= 3 * limit), (
        mine == limit + 1 or everybody == 3 * limit + 1
    )


def attempt(name: str, secret: str, code: str) -> Tried:
    """Hold a try against the account; each code counts once, whoever is faster."""
    account = BreakGlassAccount.objects.filter(name=name).first()
    if account is None:
        return Tried("unknown_account")
    now = clock.now()
    if _locked(account, now):
        return Tried("locked")
    if not accounts.knows_secret(account, secret):
        return _failed(account, "wrong_secret", now)
    wrong, factor = _second_factor(account, code, now)
    if wrong:
        return _failed(account, wrong, now)
    BreakGlassAccount.objects.filter(pk=account.pk).update(failures=0, locked_until=None)
    return Tried("", account, factor)


def _locked(account: BreakGlassAccount, now: datetime) -> bool:
    if account.failures >= LOCK_FOR_GOOD_AFTER:
        return True
    return account.locked_until is not None and now < account.locked_until


def _failed(account: BreakGlassAccount, code: str, now: datetime) -> Tried:
    row = BreakGlassAccount.objects.filter(pk=account.pk)
    row.update(failures=F("failures") + 1)
    account.refresh_from_db(fields=["failures"])
    if account.failures % LOCK_AFTER == 0:
        row.update(locked_until=now + LOCK_FOR)
    return Tried(code)


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


def _count(key: str) -> int:
    """How often this was counted in its minute; a cache that forgets counts from anew."""
    full = f"breakglass.{key}"
    if cache.add(full, 1, 120):
        return 1
    try:
        return int(cache.incr(full))
    except ValueError:
        return 1

"""Decisions taken directly, and requests answered through the product's own closing functions."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction

from approvals.errors import Refused
from approvals.models import Approval
from approvals.pipeline import deny_expire_cancel, final_approval, locks
from approvals.pipeline.service import Performed, perform
from audit.recording.actors import Actor, Target
from connections.models import ConnectedAccount
from tests.connections.visitor import NAMES, subject


def person(who: str, *, via: str = "web") -> Actor:
    """Somebody of the local tenant with the roles that their name tells."""
    roles = {"admin"} if who.startswith("admin") else set()
    roles |= {"operator"} if who.startswith("operator") else set()
    return Actor(
        iss=settings.ENV.issuer,
        sub=subject(who),
        roles=frozenset(roles),
        via=via,
        name=NAMES[who],
    )


def decide(who: str, verb: str, account: ConnectedAccount, **more: Any) -> Performed:
    """Take a decision about an account, or ask for what it needs."""
    target = Target("connection", str(account.pk))
    more.setdefault("reason", "for a test")
    return perform(person(who), f"connection.{verb}", target, **more)


def refusal(who: str, verb: str, account: ConnectedAccount, **more: Any) -> str:
    """The code of why this may not be; empty where it was done or asked for."""
    try:
        decide(who, verb, account, **more)
    except Refused as refused:
        return refused.code
    return ""


def approve(done: Performed, who: str) -> Approval:
    """This person approves what waits."""
    return _answer(done, who, approved=True)


def deny(done: Performed, who: str) -> Approval:
    """This person denies it, with evidence."""
    return _answer(done, who, approved=False)


def _answer(done: Performed, who: str, *, approved: bool) -> Approval:
    assert done.approval is not None, "nothing waits"
    with transaction.atomic():
        approval = locks.locked(done.approval.pk)
        ask = approval.asks.get(person__sub=subject(who))
        if approved:
            final_approval.approve(approval, ask, person(who), signed=True, evidence=())
        else:
            deny_expire_cancel.deny(
                approval, ask, person(who), inferred=False, source="a test", now=ask.expires_at
            )
    approval.refresh_from_db()
    return approval


def fresh(account: ConnectedAccount) -> ConnectedAccount:
    """The account as it is now."""
    return ConnectedAccount.objects.get(pk=account.pk)

"""Approvals without a live ask: nobody to ask yet, or a denial that needs its evidence."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from approvals import actor_json, audit_events, clock
from approvals.models import Approval, Outcome, Status
from approvals.pipeline import deny_expire_cancel, locks
from approvals.step_up import tenant_log_answers
from approvals.step_up.ask_next_approver import ask_next

_LOOK_AGAIN = timedelta(seconds=20)


def work(approval: Approval) -> None:
    """Do what is due for one approval."""
    now = clock.now()
    if approval.status == Status.PENDING:
        _ask_somebody(approval, now)
    elif approval.outcome == Outcome.DENIED and approval.inferred:
        _seek_evidence(approval, now)
    else:
        _again(approval, None)


def _ask_somebody(approval: Approval, now: datetime) -> None:
    with transaction.atomic(durable=True):
        locked = locks.locked(approval.pk)
        if locked.status != Status.PENDING or locked.asks.exists():
            _again(locked, None)
            return
        requester = actor_json.from_json(locked.requester)
        if ask_next(locked, requester, now):
            audit_events.approval_requested(locked, requester)
        else:
            _again(locked, now + _LOOK_AGAIN)


def _seek_evidence(approval: Approval, now: datetime) -> None:
    ask = approval.current
    if ask is None or (approval.evidence_sought_until or now) <= now:
        _again(approval, None)
        return
    seen = tenant_log_answers.rejection_seen(ask, refused_by_auth0=True)
    if seen is None:
        _again(approval, now + _LOOK_AGAIN)
        return
    with transaction.atomic(durable=True):
        locked = locks.locked(approval.pk)
        if locked.inferred:
            person = ask.person.as_actor(via="phone")
            deny_expire_cancel.confirm_denial(locked, person, "tenant log", reason=seen.reason)


def _again(approval: Approval, due: datetime | None) -> None:
    Approval.objects.filter(pk=approval.pk).update(due=due)

"""One due ask: send it if it was not sent, else ask the issuer what the person said.

CIBA's answer is one-shot: it is sealed as soon as it was read, and committed from there, again if
need be. Only a crash before that leaves `answer_lost`, and nothing commits.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import OperationalError, transaction

from approvals import (
    actor_json,
    audit_events,
    auth0_clients,
    clock,
)
from approvals.models import Approval, Ask, AskState, Channel, Person, Status
from approvals.pipeline import (
    deny_expire_cancel,
    locks,
)
from approvals.step_up import (
    authorization_details,
    ciba_answer_verification,
    rate_limit,
    sealed_answers,
    sealed_secrets,
)
from approvals.step_up.ask_next_approver import add_ask, ask_next
from auth0_client.errors import Auth0Error, RateLimited, Unavailable
from auth0_client.grants import ciba, poll_results
from http_client.errors import HttpClientError

log = logging.getLogger(__name__)

SECRET = "auth_req_id"  # noqa: S105  # the name of a kind of secret, not one
GRACE = timedelta(seconds=15)
_RETRY = timedelta(seconds=3)
_AFTER_LOST = (timedelta(seconds=3), timedelta(seconds=15))
"""How long to wait before each repeat of a push whose answer was lost. Each may be on the person's
screen, so there are no more: many pushes teach people to approve any (MFA fatigue)."""
_ANSWER_LOST = "its answer was lost"
_LONGEST_WAIT_S = 60  # between two looks, whatever Auth0 asks for: an answer may be there
_LIMITED = "waiting: Auth0 limits how many pushes one person gets a minute"
_NEVER_SENT = {
    "rate_limited": "One person gets at most {limit}, and the time was over before the turn of "
    "this one: wait a minute and ask again, or let the policy name more people.",
    "issuer_unreachable": "Auth0 could not be reached before the request expired. "
    "Look at the state of the tenant and ask again.",
}
"""Why nothing was sent, by code, and what to do."""
_LIVE = {AskState.STARTING, AskState.WAITING}
# What a passkey answered may have a push out, whose late answer is recorded.
_LISTENED = {
    AskState.WAITING,
    AskState.SUPERSEDED,
    AskState.CANCELLED,
    AskState.APPROVED,
    AskState.DENIED,
}


def work(ask: Ask) -> None:
    """Do what is due for one ask."""
    if ask.state == AskState.STARTING:
        _start(ask)
    elif ask.state in _LISTENED:
        _listen(ask)
    else:
        _again(ask, None)


def _start(ask: Ask) -> None:
    now = clock.now()
    approval = ask.approval
    if approval.status != Status.PENDING:
        _again(ask, None)
        return
    if now >= ask.expires_at:
        limited = ask.detail == _LIMITED or rate_limit.waits(ask)
        code = "rate_limited" if limited else "issuer_unreachable"
        _give_up(ask, code, _NEVER_SENT[code].format(limit=rate_limit.words()))
        return
    if ask.started is not None:
        # A worker died between sending and keeping the answer: that push is dead, send another,
        # within the time that the first one had.
        _push_again(ask, now)
        return
    if not rate_limit.take(ask, now):
        return
    try:
        started = auth0_clients.auth0().ciba.start(
            ask.person.sub,
            ask.code,
            audience=settings.ENV.AUTH0_APPROVAL_AUDIENCE,
            requested_expiry=max(1, int((ask.expires_at - now).total_seconds())),
            authorization_details=authorization_details.for_ask(ask),
        )
    except (Auth0Error, HttpClientError) as error:
        _not_started(ask, error, clock.now())  # a wait begins when it is asked for
        return
    expires = now + timedelta(seconds=started.expires_in)
    with transaction.atomic(durable=True):
        sealed_secrets.keep(
            SECRET, str(ask.pk), started.auth_req_id, expires=expires + timedelta(minutes=10)
        )
        Ask.objects.filter(pk=ask.pk).update(
            state=AskState.WAITING,
            expires_at=expires,
            interval_s=started.interval,
            due=now + timedelta(seconds=started.interval),
        )
        Approval.objects.filter(pk=approval.pk, status=Status.PENDING).update(expires_at=expires)


def _push_again(ask: Ask, now: datetime) -> None:
    sent = ask.approval.asks.filter(person=ask.person, detail=_ANSWER_LOST).count()
    if sent >= len(_AFTER_LOST):
        _again(ask, ask.expires_at)
        return
    with transaction.atomic(durable=True):
        Ask.objects.filter(pk=ask.pk).update(detail=_ANSWER_LOST)
        add_ask(ask.approval, ask.person, now, until=ask.expires_at)


def _not_started(ask: Ask, error: Auth0Error | HttpClientError, now: datetime) -> None:
    if isinstance(error, RateLimited):
        Ask.objects.filter(pk=ask.pk).update(started=None, detail=_LIMITED)
        _again(ask, min(now + timedelta(seconds=error.wait_s(now) or 15), ask.expires_at))
    elif isinstance(error, ciba.NotEnrolled):
        Person.objects.filter(pk=ask.person_id).update(phone=False)
        _give_up(
            ask, "not_enrolled", f"{ask.person} has no phone enrolled for approvals. {error.advice}"
        )
    elif isinstance(error, (HttpClientError, Unavailable)):
        # When the push may be out already its answer is lost to us: the retry sends a new one.
        if not getattr(error, "maybe_delivered", False):
            Ask.objects.filter(pk=ask.pk).update(started=None)
            _again(ask, now + _RETRY)
            return
        lost = ask.approval.asks.filter(person=ask.person, detail=_ANSWER_LOST).count()
        wait = _AFTER_LOST[min(lost, len(_AFTER_LOST) - 1)]
        _again(ask, min(now + wait, ask.expires_at))
    else:
        _give_up(ask, error.code, f"{error.detail or error.code}. {error.advice}")


def _give_up(ask: Ask, code: str, detail: str) -> None:
    """This person cannot be asked: try the next, else the approval failed."""
    now = clock.now()
    with transaction.atomic(durable=True):
        approval = _locked(ask)
        if approval.status != Status.PENDING:
            return
        if ask.channel == Channel.EITHER:  # the passkey may still answer
            ask.answers = {**ask.answers, "ciba": {"decision": "unreachable", "evidence": []}}
            Ask.objects.filter(pk=ask.pk).update(
                state=AskState.WAITING,
                started=now,
                answers=ask.answers,
                detail=detail[:300],
                due=ask.expires_at,
            )
            return
        Ask.objects.filter(pk=ask.pk).update(state=AskState.FAILED, detail=detail[:300], due=None)
        if deny_expire_cancel.enough_left(approval):
            return
        following = ask_next(approval, actor_json.from_json(approval.requester), now)
        if following is None:
            ask.refresh_from_db()
            deny_expire_cancel.fail(approval, ask, code, detail)
        else:
            audit_events.approval_requested(approval, actor_json.from_json(approval.requester))


def _listen(ask: Ask) -> None:
    """Poll for the push; where none is out, only the clock can end the ask."""
    if ask.channel != Channel.PASSKEY and "ciba" not in ask.answers:
        _poll(ask)
        return
    now = clock.now()
    if ask.approval.status != Status.PENDING or ask.state != AskState.WAITING:
        _again(ask, None)
    elif now < ask.expires_at:
        _again(ask, ask.expires_at)
    else:
        _finish(ask, ciba_answer_verification.expired(ask, now, source="our clock"))


def _poll(ask: Ask) -> None:
    if sealed := sealed_answers.read(ask):
        _settle(ask, sealed)
        return
    now = clock.now()
    try:
        auth_req_id = sealed_secrets.read(SECRET, str(ask.pk))
    except sealed_secrets.SecretGone:
        _finish(ask, ciba_answer_verification.lost(ask))
        return
    _take_back(ask, auth_req_id)
    try:
        # The answer comes once: it is collected when it can be checked.
        auth0_clients.auth0().keys.snapshot()
        answer = auth0_clients.auth0().ciba.poll(auth_req_id, interval=round(ask.interval_s))
    except (Auth0Error, HttpClientError) as error:
        log.warning("poll of ask %s failed: %s", ask.pk, error)
        now = clock.now()  # a wait begins when it is asked for
        if now > ask.expires_at + timedelta(minutes=10):
            _finish(ask, ciba_answer_verification.unreachable(ask, now))
        else:
            asked = error.wait_s(now) or 0 if isinstance(error, RateLimited) else 0
            pause = timedelta(seconds=max(ask.interval_s, min(asked, _LONGEST_WAIT_S)))
            _again(ask, now + max(_RETRY, pause))
        return
    match answer:
        case poll_results.Pending():
            _still_waiting(ask, now, ask.interval_s)
        case poll_results.SlowDown(retry_after=wait):
            interval = max(ask.interval_s + poll_results.DEFAULT_INTERVAL_S, wait)
            Ask.objects.filter(pk=ask.pk).update(interval_s=interval)
            _still_waiting(ask, now, interval)
        case poll_results.Lost():
            _finish(ask, ciba_answer_verification.lost(ask))
        case _:
            _settle(ask, sealed_answers.store(ask, answer))


def _take_back(ask: Ask, auth_req_id: str) -> None:
    """Request that Auth0 withdraws a push whose answer no longer counts.

    It is requested again later where Auth0 limits the rate or cannot be reached. Polling goes on
    and shows whether the push was withdrawn.
    """
    if ask.taken_back or (ask.state in _LIVE and ask.approval.status == Status.PENDING):
        return
    try:
        auth0_clients.auth0().ciba.take_back(auth_req_id)
    except (RateLimited, Unavailable, HttpClientError) as error:
        log.warning("the push of ask %s could not be withdrawn yet: %s", ask.pk, error)
        return
    except Auth0Error as error:
        log.info("the push of ask %s cannot be withdrawn: %s", ask.pk, error)
    Ask.objects.filter(pk=ask.pk).update(taken_back=clock.now())


def _settle(ask: Ask, sealed: sealed_answers.Sealed) -> None:
    match sealed.answer:
        case ciba.Approved() as answer:
            _finish(ask, ciba_answer_verification.approved(ask, answer, sealed.epoch))
        case ciba.Refused():
            _finish(ask, ciba_answer_verification.refused(ask, sealed.at))
        case poll_results.Expired():
            _finish(ask, ciba_answer_verification.expired(ask, sealed.at, source="issuer"))


def _still_waiting(ask: Ask, now: datetime, interval_s: float) -> None:
    if now > ask.expires_at + GRACE:
        _finish(ask, ciba_answer_verification.expired(ask, now, source="our clock"))
        return
    following = now + timedelta(seconds=interval_s)
    # One last look just after expiry, so that an expiry is shown when it happens.
    if now < ask.expires_at < following:
        following = max(ask.expires_at + timedelta(seconds=0.5), now + timedelta(seconds=1))
        following = max(following, now + timedelta(seconds=min(interval_s, 5)))
    _again(ask, following)


def _finish(ask: Ask, settle: ciba_answer_verification.Settle) -> None:
    """Apply an answer once, under a lock; what was approved too late commits nothing."""
    try:
        with transaction.atomic(durable=True):
            approval = _locked(ask)
            ask.refresh_from_db()
            if approval.status == Status.CLOSED or ask.state not in _LIVE:
                settle.too_late(approval, ask)
                Ask.objects.filter(pk=ask.pk).update(due=None)
            else:
                settle.apply(approval, ask)
            sealed_secrets.drop(SECRET, str(ask.pk))
            sealed_answers.drop(ask)
    except OperationalError as error:  # a deadlock, a lock that was not free in time
        log.warning("the answer to ask %s is committed later: %s", ask.pk, error)
        _again(ask, clock.now() + _RETRY)


def _locked(ask: Ask) -> Approval:
    return locks.locked(ask.approval_id)


def _again(ask: Ask, due: datetime | None) -> None:
    Ask.objects.filter(pk=ask.pk).update(due=due)

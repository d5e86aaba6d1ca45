"""Notifications of people who are asked: by e-mail, and by a webhook for a team's chat.

A notice is a row with a due time, swept like the asks themselves. It may be late, doubled by a
crash or lost; the ask does not depend on it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from django.conf import settings

from approvals import clock
from approvals.models import Ask, AskState, Notice, NoticeState, NoticeWay, Status
from approvals.notifications import delivery, letters, webhook
from audit.clock import uuid7

PER_MINUTE = 5
"""Letters a minute and person, as Auth0 limits its own pushes: more would teach to ignore them."""
_LIVE = {AskState.STARTING, AskState.WAITING}
_LONGEST_WAIT_S = 60  # an answer is waited for a few minutes


def plan(ask: Ask, now: datetime) -> None:
    """Have the asked person notified, inside the caller's transaction.

    Not who asks themselves (but whose agent does), and once an approval: a push that is sent again
    needs no letter.
    """
    approval, person = ask.approval, ask.person
    own = (person.iss, person.sub) == (approval.requester_iss, approval.requester_sub)
    if own and approval.requester.get("via") != "broker":
        return
    if Notice.objects.filter(ask__approval=approval, ask__person=person).exists():
        return
    ways = [NoticeWay.MAIL] if person.email else []
    if settings.ENV.APPROVAL_WEBHOOK_URL:
        ways.append(NoticeWay.WEBHOOK)
    Notice.objects.bulk_create([Notice(id=uuid7(), ask=ask, way=way, due=now) for way in ways])


def work(notice: Notice) -> None:
    """Send one notice that is due, or say why it was not sent."""
    now = clock.now()
    ask = notice.ask
    if ask.state not in _LIVE or ask.approval.status != Status.PENDING or now >= ask.expires_at:
        _end(notice, NoticeState.NEEDLESS if not notice.attempts else NoticeState.FAILED)
        return
    if notice.way == NoticeWay.MAIL and _many(ask, now):
        Notice.objects.filter(pk=notice.pk).update(due=now + timedelta(seconds=20))
        return
    delivery.deliver(notice, partial(_send, notice), longest_wait_s=_LONGEST_WAIT_S)


def _send(notice: Notice) -> None:
    ask = notice.ask
    if notice.way == NoticeWay.WEBHOOK:
        webhook.send(str(notice.id), letters.document(ask))
        return
    delivery.mail(str(notice.id), ask.person.email, letters.subject(ask), letters.text(ask))


def _many(ask: Ask, now: datetime) -> bool:
    recent = Notice.objects.filter(
        ask__person=ask.person_id, way=NoticeWay.MAIL, sent__gt=now - timedelta(minutes=1)
    )
    return recent.count() >= PER_MINUTE


def _end(notice: Notice, state: NoticeState) -> None:
    Notice.objects.filter(pk=notice.pk).update(state=state, due=None)

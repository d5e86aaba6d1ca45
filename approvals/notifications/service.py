"""Telling people that they are asked: by e-mail, and a webhook for the room where a team reads.

A notice is a row with a due time, swept like the asks themselves. It may be late, doubled by a
crash or lost; the ask does not depend on it.
"""

from __future__ import annotations

import logging
import smtplib
from datetime import datetime, timedelta
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage

from approvals import clock
from approvals.models import Ask, AskState, Notice, NoticeState, NoticeWay, Status
from approvals.notifications import letters, webhook
from audit.clock import uuid7
from http_client.errors import HttpClientError

log = logging.getLogger(__name__)

PER_MINUTE = 5
"""Letters a minute and person, as Auth0 limits its own pushes: more would teach to ignore them."""
_LIVE = {AskState.STARTING, AskState.WAITING}
_FIRST_WAIT_S, _LONGEST_WAIT_S = 5, 60


def plan(ask: Ask, now: datetime) -> None:
    """Have the asked person told, inside the caller's transaction.

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
    try:
        _send(notice)
    except (smtplib.SMTPException, OSError, HttpClientError) as error:
        # What a mail server says may repeat the address: the log has the kind of trouble only.
        log.warning("%s about ask %s was not sent: %s", notice.way, ask.pk, type(error).__name__)
        _try_later(notice, now, f"{type(error).__name__}: tried {notice.attempts + 1} times")
        return
    Notice.objects.filter(pk=notice.pk).update(
        state=NoticeState.SENT, sent=clock.now(), detail="", due=None
    )


def _send(notice: Notice) -> None:
    ask = notice.ask
    if notice.way == NoticeWay.WEBHOOK:
        webhook.send(str(notice.id), letters.document(ask))
        return
    mail(str(notice.id), ask.person.email, letters.subject(ask), letters.text(ask))


def mail(identifier: str, to: str, subject: str, text: str) -> None:
    """Send one letter as plain text.

    Raises:
        SMTPException, OSError: it was not taken.
    """
    host = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    EmailMessage(
        subject=subject,
        body=text,
        to=[to],
        # The same for each attempt, so that a letter sent twice shows once (RFC 5322 3.6.4).
        headers={"Message-ID": f"<{identifier}@{host}>", "Auto-Submitted": "auto-generated"},
    ).send()


def _many(ask: Ask, now: datetime) -> bool:
    recent = Notice.objects.filter(
        ask__person=ask.person_id, way=NoticeWay.MAIL, sent__gt=now - timedelta(minutes=1)
    )
    return recent.count() >= PER_MINUTE


def _try_later(notice: Notice, now: datetime, detail: str) -> None:
    wait = min(_FIRST_WAIT_S * 2**notice.attempts, _LONGEST_WAIT_S)
    Notice.objects.filter(pk=notice.pk).update(
        attempts=notice.attempts + 1, detail=detail, due=now + timedelta(seconds=wait)
    )


def _end(notice: Notice, state: NoticeState) -> None:
    Notice.objects.filter(pk=notice.pk).update(state=state, due=None)

"""Telling owners by e-mail, and a team by webhook, what others did to their connections (ADR 15).

A letter is a row with a due time, a few seconds after what it tells of, so that one decision about
many accounts is one letter. It holds nothing that acts: its reader signs in.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from django.conf import settings
from django.urls import reverse

from approvals import clock, people_and_roles
from approvals.models import NoticeState, NoticeWay, Person
from approvals.notifications import delivery, webhook
from audit.ledger.format import safe_display
from connections import account_names
from connections.access_reviews import reminders
from connections.models import Notice, OwnerLetter

GATHER: Final = timedelta(seconds=5)
GIVE_UP: Final = timedelta(hours=24)
_MOST: Final = 30  # lines of one letter
_WORDS: Final = {
    "suspended": "{by} suspended your {what}. From then on the portal refused agents its tokens.",
    "revoked": "{by} revoked your {what}. From then on the portal refused agents its tokens. "
    "Only you can delete it at Auth0: that is asked for at your next visit to the portal.",
    "resumed": "{by} resumed your {what}.",
    "reduce": "{by} asks for fewer permissions on your {what}.",
    "scope_asked": "{by} asked for more than it declares on your {what}. No token was issued.",
    "scope_repeated": "{by} asked repeatedly for more than it declares on your {what}. "
    "No token was issued.",
    "scope_withdrawn": "{by} withdrew extra access to your {what}.",
    "manifest_widened": "{by} let a component use more of your {what}.",
    "agent_frozen": "{by} froze the agent {agent}, which used your {what}. "
    "From then on the portal refused it tokens.",
    "agent_unfrozen": "{by} lifted the freeze of the agent {agent}, which used your {what}.",
    "person_frozen": "{by} froze access to your accounts. "
    "From then on the portal refused every agent their tokens.",
    "person_unfrozen": "{by} lifted the freeze of your accounts.",
}


def plan(owners: Collection[tuple[str, str]], now: datetime) -> None:
    """Plan letters to people about what is noted from `now` on, inside the caller's transaction."""
    subs = {sub for _, sub in owners}
    people = Person.objects.filter(sub__in=subs).exclude(email="").values_list("iss", "sub")
    ways = [(*one, NoticeWay.MAIL) for one in people if one in owners]
    if settings.ENV.APPROVAL_WEBHOOK_URL:
        ways += [(*one, NoticeWay.WEBHOOK) for one in owners]
    gathering = OwnerLetter.objects.filter(sub__in=subs, due__gt=now, attempts=0)
    known = set(gathering.values_list("iss", "sub", "way"))
    OwnerLetter.objects.bulk_create(
        (
            OwnerLetter(iss=iss, sub=sub, way=way, created=now, due=now + GATHER)
            for iss, sub, way in sorted(ways)
            if (iss, sub, way) not in known
        ),
        batch_size=1000,
    )


def work(letter: OwnerLetter) -> None:
    """Send one letter that is due, or say why it was not sent."""
    now = clock.now()
    notices = _notices_of(letter)
    if not notices or now > letter.created + GIVE_UP:
        state = NoticeState.FAILED if notices else NoticeState.NEEDLESS
        OwnerLetter.objects.filter(pk=letter.pk).update(state=state, due=None)
        return
    delivery.deliver(letter, partial(_send, letter, notices))


LETTERS: Final = ((OwnerLetter, work), *reminders.LETTERS)


def _notices_of(letter: OwnerLetter) -> list[Notice]:
    """What its person has not put away yet; by webhook the team hears of all."""
    found = Notice.objects.filter(iss=letter.iss, sub=letter.sub, created__gte=letter.created)
    if letter.way == NoticeWay.MAIL:
        found = found.filter(seen=None)
    return list(found.select_related("account").order_by("created", "id"))


def _send(letter: OwnerLetter, notices: Sequence[Notice]) -> None:
    if letter.way == NoticeWay.WEBHOOK:
        webhook.send(str(letter.id), document(letter, notices))
        return
    person = people_and_roles.find(letter.iss, letter.sub)
    if person is None or not person.email:
        return
    delivery.mail(str(letter.id), person.email, subject(notices), text(notices))


def subject(notices: Sequence[Notice]) -> str:
    """One line, without a name from elsewhere."""
    if len(notices) == 1:
        return "Something about one of your connections changed"
    return f"{len(notices)} things about your connections changed"


def text(notices: Sequence[Notice]) -> str:
    """The letter as plain text; values from elsewhere are written out, never obeyed."""
    lines = ["What others did to accounts that agents can use for you:", ""]
    for notice in notices[:_MOST]:
        lines += _lines(notice)
    if len(notices) > _MOST:
        lines.append(f"    … and {len(notices) - _MOST} more.")
    return (
        "\n".join(
            [
                *lines,
                "",
                "See it, and what you can do:",
                settings.PORTAL_URL + reverse("connections:mine"),
                "",
                "This letter asks nothing of you and does nothing.",
            ]
        )
        + "\n"
    )


def _lines(notice: Notice) -> list[str]:
    by = safe_display.short(notice.by) or "An admin"
    what = safe_display.visible(account_names.in_words(notice.account))
    agent = safe_display.short(notice.agent)
    said = _WORDS.get(notice.code, "Something about your {what} changed ({by}).")
    said = said.format(by=by, what=what, agent=agent)
    lines = [f"  - {notice.created:%-d %b %H:%M} UTC: {said}"]
    reason = safe_display.visible(notice.reason).strip()
    return [*lines, f"    Reason: {reason}"] if reason else lines


def document(letter: OwnerLetter, notices: Sequence[Notice]) -> dict[str, Any]:
    """The body of a webhook: no name and no address of a person, only opaque ids."""
    return {
        "type": "connection.notice",
        "timestamp": clock.stamp(letter.created),
        "data": {
            "notices": [
                {
                    "code": notice.code,
                    "connection": notice.account.connection,
                    "account_id": str(notice.account_id),
                    "url": settings.PORTAL_URL
                    + reverse("connections:detail", args=[notice.account_id]),
                }
                for notice in notices[:_MOST]
            ],
            "more": max(0, len(notices) - _MOST),
        },
    }

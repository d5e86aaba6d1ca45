"""Whoever still has to decide gets a letter three days before a review is due, and on the day."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from approvals import clock
from approvals.notifications import delivery
from connections.models import Review, ReviewItem, ReviewLetter
from connections.notifications import owner_emails_and_webhook
from portal.mail_settings import mailer
from tests.connections.campaign import _people, close, connected, opened
from tests.connections.conftest import Travel
from tests.connections.visitor import subject
from tests.support.mailbox import Mailbox
from tests.support.sweeping import sweep

__all__ = ["_people"]  # a fixture


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    box = Mailbox().start()
    settings.MAILERS = {"default": mailer(box.url)}
    yield box
    box.stop()


@pytest.fixture
def review(db: None) -> Review:
    """Mia has two accounts in it, Milo one; due in nine days."""
    connected("member1")
    connected("member1", "slack")
    connected("member2")
    return opened(due=(clock.now() + timedelta(days=9)).date().isoformat())


def states() -> list[str]:
    return list(ReviewLetter.objects.order_by("pk").values_list("state", flat=True))


def test_two_letters_at_most_and_none_to_who_is_done(
    review: Review, mailbox: Mailbox, travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sweep(owner_emails_and_webhook.LETTERS) == 0 and states() == ["pending"] * 4
    milo = review.items.get(connection="github", sub=subject("member2"))
    ReviewItem.objects.filter(pk=milo.pk).update(choice="keep")
    travel(6 * 86400 + 12 * 3600)
    with monkeypatch.context() as patch:
        patch.setattr(delivery, "mail", _refuses)
        sweep(owner_emails_and_webhook.LETTERS)
    assert sorted(states()) == ["needless", "pending", "pending", "pending"]
    travel(120)
    sweep(owner_emails_and_webhook.LETTERS)
    [letter] = mailbox.letters
    assert mailbox.recipients == ["member1@acme.example"]
    assert letter["Subject"].startswith("An access review is due on ")
    words = letter.get_content()
    assert "2 accounts wait for your decision" in words and f"/reviews/{review.pk}/" in words
    assert sweep(owner_emails_and_webhook.LETTERS) == 0
    travel((review.due - clock.now()).total_seconds() - 3600)  # whatever hour it is now
    close(review)
    sweep(owner_emails_and_webhook.LETTERS)
    assert len(mailbox.letters) == 1 and "pending" not in states()


def _refuses(*_: object) -> None:
    raise smtplib.SMTPServerDisconnected


def test_on_the_due_day_it_says_so(review: Review, mailbox: Mailbox, travel: Travel) -> None:
    travel((review.due - clock.now()).total_seconds() - 3600)
    sweep(owner_emails_and_webhook.LETTERS)
    assert {letter["Subject"] for letter in mailbox.letters} == {"An access review is due today"}
    assert sorted(set(mailbox.recipients)) == ["member1@acme.example", "member2@acme.example"]
    travel(2 * 3600)
    assert sweep(owner_emails_and_webhook.LETTERS) == 0


def test_a_review_that_is_due_at_once_reminds_of_what_is_still_ahead(db: None) -> None:
    connected("member1")
    review = opened(due=clock.now().date().isoformat())
    dues = ReviewLetter.objects.filter(review=review).values_list("due", flat=True)
    assert all(clock.now() < due <= review.due for due in dues if due)

"""Owners are told by letter what others did to their connections; nothing waits for that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings

from approvals import clock
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from connections.lifecycle import bulk_decisions
from connections.models import ConnectedAccount, OwnerLetter
from connections.notifications import notices_on_owner_pages, owner_emails_and_webhook
from connections.sync import update_accounts
from portal.mail_settings import mailer
from tests.connections.visitor import know, subject
from tests.support.mailbox import Mailbox
from tests.support.receiver import Receiver
from tests.support.sweeping import sweep


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    box = Mailbox().start()
    settings.MAILERS = {"default": mailer(box.url)}
    yield box
    box.stop()


@pytest.fixture
def team(settings: Any) -> Iterator[Receiver]:
    receiver = Receiver().start()
    told = {"APPROVAL_WEBHOOK_URL": f"{receiver.url}/team", "APPROVAL_WEBHOOK_SECRET": "shared"}
    settings.ENV = settings.ENV.model_copy(update=told)
    yield receiver
    receiver.stop()


@pytest.fixture
def accounts(db: None) -> list[ConnectedAccount]:
    """Two accounts of Mia Member."""
    know("admin", "admin2", "member1")
    facts = [
        update_accounts.Fact(f"cac_{n}", n, ("repo",), None, None) for n in ("github", "slack")
    ]
    iss = django_settings.ENV.issuer
    return [update_accounts.appeared(iss, subject("member1"), fact, "management") for fact in facts]


def admin() -> Actor:
    return Actor(
        iss=django_settings.ENV.issuer,
        sub=subject("admin"),
        name="Amir Admin",
        roles=frozenset({"admin"}),
        via="web",
    )


def suspend(accounts: list[ConnectedAccount]) -> None:
    ids = [str(account.id) for account in accounts]
    perform(
        admin(),
        "selection.suspend",
        bulk_decisions.target_of(ids),
        params={"accounts": ids},
        reason="a \u202e leak",
    )


def deliver() -> None:
    OwnerLetter.objects.filter(due__isnull=False).update(due=clock.now(), lease=None)
    sweep(owner_emails_and_webhook.LETTERS)


def states() -> list[str]:
    return list(OwnerLetter.objects.order_by("created").values_list("state", flat=True))


def test_one_decision_about_two_accounts_is_one_letter(
    accounts: list[ConnectedAccount], mailbox: Mailbox
) -> None:
    suspend(accounts)
    assert sweep(owner_emails_and_webhook.LETTERS) == 0, "it gathers for a few seconds"
    deliver()
    [letter] = mailbox.letters
    words = letter.get_content()
    assert mailbox.recipients == ["member1@acme.example"]
    assert letter["Subject"] == "2 things about your connections changed"
    assert "Amir Admin suspended your GitHub account" in words and "Slack account" in words
    assert "Reason: a ⟨U+202E⟩ leak" in words
    assert f"{django_settings.PORTAL_URL}/connections/" in words.splitlines()
    assert states() == ["sent"]
    deliver()
    assert len(mailbox.letters) == 1


def test_what_they_read_on_the_page_is_not_sent(
    accounts: list[ConnectedAccount], mailbox: Mailbox
) -> None:
    suspend(accounts)
    notices_on_owner_pages.put_away(accounts[0].iss, accounts[0].sub, clock.now())
    deliver()
    assert mailbox.letters == [] and states() == ["needless"]


def test_what_an_owner_does_themselves_is_no_letter(accounts: list[ConnectedAccount]) -> None:
    me = Actor(iss=accounts[0].iss, sub=accounts[0].sub, via="web")
    perform(me, "connection.suspend", Target("connection", str(accounts[0].id)))
    assert not OwnerLetter.objects.exists()


def test_a_mail_server_that_is_away_delays_it_and_ends_nothing(
    accounts: list[ConnectedAccount], mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspend(accounts)
    mailbox.stop()
    deliver()
    [letter] = OwnerLetter.objects.all()
    assert (letter.state, letter.attempts) == ("pending", 1) and letter.due is not None
    assert "member1" not in letter.detail
    later = clock.now() + timedelta(hours=25)
    monkeypatch.setattr(clock, "now", lambda: later)
    deliver()
    assert states() == ["failed"]


def test_the_team_hears_of_it_without_a_name(
    accounts: list[ConnectedAccount], mailbox: Mailbox, team: Receiver
) -> None:
    suspend(accounts)
    deliver()
    body = team.next("/team").body
    told = json.loads(body)
    assert told["type"] == "connection.notice"
    assert [one["code"] for one in told["data"]["notices"]] == ["suspended", "suspended"]
    assert told["data"]["notices"][0]["account_id"] == str(accounts[0].id)
    assert not any(text in body for text in (b"member1", b"Mia", b"Amir", b"leak"))

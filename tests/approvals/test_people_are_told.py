"""Who is asked gets a letter, and the team its webhook; neither decides or delays anything."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals import cancel_resend_confirm_denial, clock
from approvals.due_work import LETTERS
from approvals.models import Notice, NoticeState, NoticeWay, Person
from approvals.notifications import approver_notices, webhook
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from portal.env import EnvironmentRefused
from portal.mail_settings import mailer
from tests.approvals.asking import ask, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting
from tests.support.mailbox import Mailbox
from tests.support.pages import signed_in
from tests.support.receiver import Receiver
from tests.support.sweeping import sweep

SECRET = "shared-between-two"  # of the receiver below


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    box = Mailbox().start()
    settings.MAILERS = {"default": mailer(box.url)}
    yield box
    box.stop()


@pytest.fixture
def team(settings: Any) -> Iterator[Receiver]:
    receiver = Receiver().start()
    settings.ENV = settings.ENV.model_copy(
        update={
            "APPROVAL_WEBHOOK_URL": f"{receiver.url}/team",
            "APPROVAL_WEBHOOK_SECRET": SECRET,
        }
    )
    yield receiver
    receiver.stop()


def deliver() -> None:
    """Send whatever waits to be sent."""
    Notice.objects.filter(due__isnull=False).update(due=clock.now(), lease=None)
    sweep(LETTERS)


def the_notice(way: NoticeWay = NoticeWay.MAIL) -> Notice:
    return Notice.objects.get(way=way)


def test_a_letter_leads_to_the_page_and_holds_nothing_that_approves(
    lamps: Lamps, mailbox: Mailbox, settings: Any
) -> None:
    acting("operator2", "operator")
    approval = ask(acting("operator", "operator"), reason="it \u202e flickers")
    deliver()
    [letter] = mailbox.letters
    text = letter.get_content()
    assert mailbox.recipients == ["operator2@acme.example"]
    assert letter["Subject"].startswith("CRITICAL: ") and letter["Subject"].endswith("?")
    assert f"{settings.PORTAL_URL}/approvals/{approval.id}/" in text.splitlines()
    assert approval.sentence in text and "it ⟨U+202E⟩ flickers" in text
    assert code_of(approval) not in text and approval.intent_hash not in text
    assert the_notice().state == NoticeState.SENT


def test_a_letter_quotes_an_agents_reason_without_its_links_and_names_the_agent(
    lamps: Lamps, mailbox: Mailbox
) -> None:
    acting("operator2", "operator")
    agent = replace(acting("operator", "operator"), via="broker", agent="codex")
    ask(agent, reason="routine. Severity LOW: confirm at https://portal.evil.example/ok")
    deliver()
    text = mailbox.letters[0].get_content()
    assert "evil.example" not in text and "not verified" in text
    assert "“routine. Severity LOW: confirm at (link removed)”" in text
    assert "“codex” (name not proven), an agent of “Olu Operator”" in text


def test_who_asks_themselves_gets_no_letter(lamps: Lamps, mailbox: Mailbox) -> None:
    ask(acting("operator", "operator"), severity="HIGH")
    deliver()
    assert mailbox.letters == [] and not Notice.objects.exists()


def test_sending_the_push_again_sends_no_second_letter(lamps: Lamps, mailbox: Mailbox) -> None:
    acting("operator2", "operator")
    olu = acting("operator", "operator")
    approval = ask(olu)
    cancel_resend_confirm_denial.send_again(olu, str(approval.id))
    deliver()
    assert len(mailbox.letters) <= 1


def test_a_mail_server_that_puts_it_off_gets_the_same_letter_later(
    lamps: Lamps, mailbox: Mailbox
) -> None:
    acting("operator2", "operator")
    mailbox.refusals = 1
    approval = ask(acting("operator", "operator"))
    deliver()
    put_off = the_notice()
    assert put_off.state == NoticeState.PENDING and put_off.attempts == 1
    assert "operator2" not in put_off.detail and put_off.due is not None
    assert fresh(approval).status == "pending"
    deliver()
    [letter] = mailbox.letters
    assert letter["Message-ID"].startswith(f"<{put_off.id}@")
    assert the_notice().state == NoticeState.SENT


def test_a_letter_to_an_invalid_address_is_not_tried_again_nor_its_address_logged(
    lamps: Lamps, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    oona, address = acting("operator2", "operator"), "jürg@acme.example"
    Person.objects.filter(sub=oona.sub).update(email=address)
    approval = ask(acting("operator", "operator"))
    deliver()
    assert (the_notice().state, the_notice().due) == (NoticeState.FAILED, None)
    assert mailbox.letters == [] and address not in caplog.text + the_notice().detail
    assert fresh(approval).status == "pending"


def test_no_letter_leaves_after_the_end(lamps: Lamps, mailbox: Mailbox) -> None:
    acting("operator2", "operator")
    olu = acting("operator", "operator")
    approval = ask(olu)
    cancel_resend_confirm_denial.cancel(olu, str(approval.id))
    deliver()
    assert mailbox.letters == [] and the_notice().state == NoticeState.NEEDLESS


def test_a_storm_reaches_a_person_at_a_bearable_rate(lamps: Lamps, mailbox: Mailbox) -> None:
    acting("operator2", "operator")
    olu = acting("operator", "operator")
    for number in range(approver_notices.PER_MINUTE + 2):
        perform(olu, "lamp.block", Target("lamp", f"hall{number}"), severity="CRITICAL")
    deliver()
    assert len(mailbox.letters) == approver_notices.PER_MINUTE
    Notice.objects.filter(sent__isnull=False).update(sent=clock.now() - timedelta(minutes=2))
    deliver()
    assert len(mailbox.letters) == approver_notices.PER_MINUTE + 2


def test_the_team_gets_a_signed_webhook_that_names_nobody(lamps: Lamps, team: Receiver) -> None:
    oona = acting("operator2", "operator")
    olu = acting("operator", "operator")
    approval = ask(olu)
    deliver()
    got = team.next("/team")
    told = json.loads(got.body)
    assert told["data"]["approval_id"] == str(approval.id)
    assert told["data"]["url"].endswith(f"/approvals/{approval.id}/")
    for person in (olu, oona):
        assert not re.search(f"{person.name}|{person.email}|{person.sub}", got.body.decode())
    expected = webhook.signature(
        got.headers["webhook-id"], got.headers["webhook-timestamp"], got.body
    )
    assert got.headers["webhook-signature"] == expected
    assert got.headers["webhook-id"] == str(the_notice(NoticeWay.WEBHOOK).id)


def test_a_webhook_that_is_not_taken_comes_again_under_the_same_id(
    lamps: Lamps, team: Receiver
) -> None:
    acting("operator2", "operator")
    team.answers["/team"] = [500]
    ask(acting("operator", "operator"))
    deliver()
    deliver()
    first, second = team.next("/team"), team.next("/team")
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert the_notice(NoticeWay.WEBHOOK).state == NoticeState.SENT


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("smtp://mail.acme.example", {"port": 587, "use_tls": True, "use_ssl": False}),
        (
            "smtps://u%40x:p%2Fw@mail.acme.example",
            {"port": 465, "username": "u@x", "password": "p/w"},
        ),
        ("smtp://localhost:25?tls=none", {"port": 25, "use_tls": False}),
    ],
)
def test_a_mailer_is_named_by_its_url(url: str, options: dict[str, object]) -> None:
    assert mailer(url)["OPTIONS"].items() >= options.items()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.acme.example",
        "http://x",
        "smtp://:secret@",
        "smtp://h:x",
        "smtp://h?tls=no",
        "smtp://h?a=b",
    ],
)
def test_a_bad_mailer_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(EnvironmentRefused, match="MAILER_URL") as refused:
        mailer(url)
    assert not url or url not in str(refused.value)


def test_the_page_of_a_request_says_that_the_portal_mailed_only_where_it_has_a_mail_server(
    lamps: Lamps, mailbox: Mailbox, settings: Any
) -> None:
    acting("operator2", "operator")
    approval = ask(acting("operator", "operator"))
    deliver()
    olu, path = signed_in("operator", "operator"), f"/approvals/{approval.id}/"
    assert "The portal e-mailed them" in olu.get(path).content.decode()
    settings.MAILERS = {"default": mailer("console://")}
    page = olu.get(path).content.decode()
    assert "The portal e-mailed them" not in page
    assert "No mail server is configured: the letter is only in the output" in page

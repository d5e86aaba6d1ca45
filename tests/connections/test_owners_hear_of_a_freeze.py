"""Owners get one notice and one letter when somebody else freezes their agent or them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings

from approvals import clock
from approvals.errors import NothingToDo
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from connections.models import ConnectedAccount, Notice, OwnerLetter, State, Use
from portal.mail_settings import mailer
from tests.connections.decided import approve, person
from tests.connections.test_freezing_stops_at_once import freeze
from tests.connections.test_owners_get_letters import deliver
from tests.connections.test_the_inventory_shows_everybody import make
from tests.connections.visitor import know, subject
from tests.support.mailbox import Mailbox
from tests.support.pages import signed_in


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    box = Mailbox().start()
    settings.MAILERS = {"default": mailer(box.url)}
    yield box
    box.stop()


def used(account: ConnectedAccount, agent: str = "release-bot") -> ConnectedAccount:
    now = clock.now()
    Use.objects.create(account=account, agent=agent, skill="mcp:x", count=1, first=now, last=now)
    return account


def codes() -> list[tuple[str, str, str]]:
    found = Notice.objects.order_by("created", "sub").values_list("sub", "code", "agent")
    return [(sub, code, agent) for sub, code, agent in found]


def test_each_owner_of_an_agent_hears_once_of_its_freeze() -> None:
    know("member1", "member2", "operator", "admin")
    used(make("member1", last_used_at=clock.now()))
    newest = used(make("member1", "slack", last_used_at=clock.now()))
    used(make("member2"))
    used(make("operator"), "other-bot")
    freeze("agent", "release-bot", person("admin"))
    assert sorted(codes()) == sorted(
        (subject(who), "agent_frozen", "release-bot") for who in ("member1", "member2")
    )
    assert Notice.objects.get(sub=subject("member1")).account == newest
    assert OwnerLetter.objects.count() == 2


@pytest.mark.parametrize(("kind", "name"), [("service", "github"), ("service", "*")])
def test_a_freeze_of_a_service_is_no_letter(kind: str, name: str) -> None:
    know("member1", "admin", "admin2")
    used(make("member1"))
    freeze(kind, name, person("admin"))
    assert codes() == [] and not OwnerLetter.objects.exists()


def test_who_froze_their_own_access_gets_no_letter() -> None:
    know("member1", "admin", "admin2")
    make("member1")
    freeze("person", subject("member1"), person("member1"))
    assert codes() == []


def test_an_account_that_ended_is_no_reason_to_write() -> None:
    know("member1", "admin", "admin2")
    used(make("member1", state=State.REVOKED))
    freeze("agent", "release-bot", person("admin"))
    assert codes() == []


def test_a_freeze_that_is_refused_notifies_no_one() -> None:
    know("member1", "admin", "admin2")
    used(make("member1"))
    freeze("agent", "release-bot", person("admin"))
    with pytest.raises(NothingToDo):
        freeze("agent", "release-bot", person("admin"))
    assert len(codes()) == 1


def test_the_end_of_a_freeze_is_noted_once_it_is_approved() -> None:
    know("member1", "admin", "admin2")
    used(make("member1"))
    freeze("agent", "release-bot", person("admin2"))
    done = perform(person("admin"), "agent.unfreeze", Target("agent", "release-bot"))
    assert [code for _, code, _ in codes()] == ["agent_frozen"], "nothing ended yet"
    approve(done, "admin2")
    assert [code for _, code, _ in codes()] == ["agent_frozen", "agent_unfrozen"]


def test_the_letter_says_who_what_and_why_and_where_to_look(mailbox: Mailbox) -> None:
    know("member1", "admin", "admin2")
    used(make("member1"))
    freeze("agent", "release-bot", person("admin"))
    deliver()
    [letter] = mailbox.letters
    words = letter.get_content()
    assert "Amir Admin froze the agent release-bot, which used your GitHub account" in words
    assert "Reason: odd" in words
    assert f"{django_settings.PORTAL_URL}/connections/" in words.splitlines()


def test_the_owner_sees_it_on_home_and_my_accounts_until_it_is_dismissed() -> None:
    know("member1", "admin", "admin2")
    used(make("member1"))
    freeze("agent", "release-bot", person("admin"))
    freeze("person", subject("member1"), person("admin"))
    mia = signed_in("member1")
    for path in ("/", "/connections/"):
        page = _plain(mia.get(path).content.decode())
        assert "Amir Admin froze the agent release-bot, which used your GitHub" in page
        assert "Amir Admin froze access to your accounts" in page
    assert mia.post("/connections/notices/seen/").status_code == 302
    assert "which used your GitHub" not in mia.get("/connections/").content.decode()


def _plain(page: str) -> str:
    return page.replace("<bdi>", "").replace("</bdi>", "")

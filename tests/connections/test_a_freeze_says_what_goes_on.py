"""Before and after a freeze the page says whose tokens work until when, and who can be frozen."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from approvals import clock
from approvals.models import Person
from connections.broker import accounts_and_uses
from connections.lifecycle import access_left_after_freeze
from connections.models import AccessState, AppAccess, ConnectedAccount, Freeze
from tests.connections.test_freezing_stops_at_once import freeze
from tests.connections.test_the_inventory_shows_everybody import make
from tests.connections.visitor import know, subject
from tests.support.pages import signed_in

PAGE = "/connections/freeze/"
NOW = "/connections/freeze/now/"


def words(page: str) -> str:
    """The words of a page, in one line."""
    text = html.unescape(re.sub(r"<[^>]+>", " ", page))
    return re.sub(r"\s+([,;.?]|$)", r"\1", re.sub(r"\s+", " ", text))


def shown(client: Client, path: str = PAGE) -> str:
    return words(client.get(path).content.decode())


@pytest.fixture
def slack(db: None) -> ConnectedAccount:
    """Mia's Slack account: cursor got a token of it that works for twenty minutes more."""
    know("member1", "member2")
    account, now = make("member1", "slack"), clock.now()
    accounts_and_uses.count(account, "cursor", "mcp:hub", now, now + timedelta(minutes=20))
    before = now - timedelta(minutes=10)
    for other in (make("member2", "github"), make("member2", "google-oauth2")):
        accounts_and_uses.count(other, "codex", "mcp:hub", before, now - timedelta(minutes=1))
    account.refresh_from_db()
    return account


def until(account: ConnectedAccount) -> str:
    assert account.last_token_expires_at
    return f"{account.last_token_expires_at:%H:%M:%S} UTC"


def test_before_a_freeze_the_page_says_whose_tokens_work_and_until_when(
    slack: ConnectedAccount,
) -> None:
    for who in ("admin", "auditor"):
        client = signed_in(who, who)
        page = shown(client)
        assert "Tokens that may still work 1" in page
        assert f"Mia Member’s Slack account cursor {until(slack)}" in page
        assert "GitHub account" not in page.partition("Tokens that may still work")[2]
        assert f"/connections/{slack.pk}/" in client.get(PAGE).content.decode()


def test_after_a_freeze_of_an_agent_the_page_says_what_it_can_still_do(
    slack: ConnectedAccount,
) -> None:
    client = signed_in("admin", "admin")
    given = {"kind": "agent", "name_agent": "cursor", "reason": "odd"}
    page = words(client.post(NOW, given, follow=True).content.decode())
    assert "You froze agent “cursor”." in page
    assert f"Still works: Mia Member’s Slack account, until {until(slack)}" in page
    assert "The portal cannot end a token that it issued" in page


def test_a_freeze_after_which_no_token_is_known_to_work_says_so(slack: ConnectedAccount) -> None:
    client = signed_in("admin", "admin")
    given = {"kind": "agent", "name_agent": "codex", "reason": "odd"}
    page = words(client.post(NOW, given, follow=True).content.decode())
    said = "No earlier access token is known to still work."
    assert f"agent “codex” {said}" in page
    assert "Still works" not in page


def test_where_not_every_live_token_was_read_no_freeze_is_said_to_leave_none(
    slack: ConnectedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_left_after_freeze, "READ", 1)
    given = {"kind": "agent", "name_agent": "codex", "reason": "odd"}
    page = words(signed_in("admin", "admin").post(NOW, given, follow=True).content.decode())
    assert "You froze agent “codex”." in page
    assert "No earlier access token" not in page


def test_a_freeze_of_a_person_says_that_applications_at_auth0_go_on(
    slack: ConnectedAccount,
) -> None:
    now = clock.now()
    for state in AccessState:
        AppAccess.objects.create(
            iss=settings.ENV.issuer, sub=subject("member1"), kind="grant", auth0_id=f"x-{state}",
            client_id="cli", state=state, first_seen=now, seen_at=now, state_since=now,
        )  # fmt: skip
    freeze("person", subject("member1"))
    page = shown(signed_in("admin", "admin"))
    assert f"Still works: Mia Member’s Slack account, until {until(slack)}" in page
    goes_on = "2 consents and refresh tokens at Auth0, which a freeze does not reach"
    assert f"Still works: {goes_on}" in page
    one = shown(signed_in("admin", "admin"), _page_of("member1"))
    assert f"Still works: {goes_on}" in one and "No earlier access token" not in one
    assert "Tokens already issued work until" in one


def test_a_frozen_person_without_a_live_token_is_said_to_be_so_in_the_same_words_on_both_pages(
    slack: ConnectedAccount,
) -> None:
    freeze("person", subject("member2"))
    admin = signed_in("admin", "admin")
    for page in (shown(admin), shown(admin, _page_of("member2"))):
        assert "No earlier access token is known to still work." in page
        assert "Still works" not in page


@pytest.mark.parametrize("earlier", [False, True])
def test_where_a_provider_named_no_end_the_page_claims_no_end_and_no_silence(
    db: None, earlier: bool
) -> None:
    know("member1", "member2")
    account, now = make("member1", "slack"), clock.now()
    if earlier:  # one that ended
        past = now - timedelta(hours=2)
        accounts_and_uses.count(account, "cursor", "mcp:hub", past, now - timedelta(hours=1))
    accounts_and_uses.count(account, "cursor", "mcp:hub", now, None)
    freeze("agent", "cursor")
    freeze("agent", "codex")
    page = shown(signed_in("admin", "admin"))
    assert "Its tokens already issued may still work: no end is known." in page
    assert "May still work: Mia Member’s Slack account, no end known" in page
    assert (
        "cursor no end known" in page.partition("Tokens of all accounts that may still work 1")[2]
    )
    assert page.count("No earlier access token is known") == 1, "of codex alone"
    accounts_and_uses.count(make("member2", "github"), "codex", "", now, now + timedelta(hours=1))
    assert ", some without a known end." in shown(signed_in("admin", "admin"))
    person = shown(signed_in("admin", "admin"), _page_of("member1"))
    assert "tokens already issued may still work: no end is known" in person
    ConnectedAccount.objects.filter(pk=account.pk).update(state="revoked")
    assert "no end known" not in shown(signed_in("admin", "admin"))


def test_a_person_page_says_none_is_known_and_not_that_there_is_none(
    slack: ConnectedAccount,
) -> None:
    page = shown(signed_in("admin", "admin"), _page_of("member2"))
    assert "no access token is known to still work" in page and "none known" in page


def test_what_ends_with_its_token_gives_no_new_ones(slack: ConnectedAccount) -> None:
    admin = signed_in("admin", "admin")
    assert "ends with its token" not in shown(admin, _page_of("member1"))
    ConnectedAccount.objects.filter(pk=slack.pk).update(state="revoked")
    assert "ends with its token" in shown(admin, _page_of("member1"))


def _page_of(who: str) -> str:
    return reverse("person", args=[Person.objects.get(sub=subject(who)).pk])


@pytest.mark.parametrize(("kind", "name"), [("service", "slack"), ("service", "*")])
def test_a_freeze_of_a_service_lists_its_live_tokens(
    slack: ConnectedAccount, kind: str, name: str
) -> None:
    freeze(kind, name)
    freeze("service", "github")
    page = shown(signed_in("admin", "admin"))
    assert page.count("Still works: Mia Member’s Slack account") == 1


def test_the_form_shows_the_agents_that_were_seen(slack: ConnectedAccount) -> None:
    assert "Seen so far: codex, cursor." in shown(signed_in("admin", "admin"))


def test_a_name_that_no_agent_has_is_answered_with_those_that_were_seen(
    slack: ConnectedAccount,
) -> None:
    client = signed_in("admin", "admin")
    given = {"kind": "agent", "name_agent": "hub", "reason": "odd"}
    answer = client.post(NOW, given)
    page = words(answer.content.decode())
    assert answer.status_code == 422 and not Freeze.objects.exists()
    assert "No agent was seen with the name hub." in page and "Seen: codex, cursor." in page
    assert "hub is the name of an MCP server" in page, "it used an account under that name"
    assert 'href="/enforcement/mcp/hub/"' in answer.content.decode()


def test_a_near_miss_asks_which_agent_was_meant(slack: ConnectedAccount) -> None:
    client = signed_in("admin", "admin")
    given = {"kind": "agent", "name_agent": "cursr", "reason": "odd"}
    page = words(client.post(NOW, given).content.decode())
    assert "Did you mean cursor?" in page and "is the name of" not in page


def test_the_accounts_of_a_frozen_agent_say_that_it_gets_no_token(slack: ConnectedAccount) -> None:
    auditor = signed_in("auditor", "auditor")
    paths = ["/connections/inventory/?agent=cursor", "/connections/inventory/?group=agent"]
    for path in paths:
        assert "gets no new token" not in shown(auditor, path)
    freeze("agent", "cursor")
    for path in paths:
        assert "cursor is frozen: it gets no new token" in shown(auditor, path)


def test_the_first_line_speaks_of_the_tokens_of_what_is_frozen_alone(
    slack: ConnectedAccount,
) -> None:
    admin = signed_in("admin", "admin")
    assert f"Tokens already issued work until {until(slack)}" in shown(admin)
    freeze("person", subject("member2"))
    page = shown(admin)
    assert "None of its earlier access tokens is known to still work." in page
    assert "tokens already issued work until" not in page
    assert "Tokens of all accounts that may still work 1" in page
    freeze("person", subject("member1"))
    assert f"Its tokens already issued work until {until(slack)}" in shown(admin)

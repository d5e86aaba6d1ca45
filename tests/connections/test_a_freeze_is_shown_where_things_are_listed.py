"""A freeze of an agent, a service or a person is shown wherever that thing is listed."""

from __future__ import annotations

import html
import re

import pytest
from django.conf import settings
from django.test import Client

from approvals import clock
from approvals.models import Person
from approvals.pipeline.service import perform
from audit.models import Entry
from audit.recording.actors import Target
from audit.recording.record import record
from audit.sequencing import sequencer
from connections.models import ConnectedAccount, State, Use
from connections.sync import update_accounts
from portal.search import results
from tests.connections.random_inventories import owner
from tests.connections.test_freezing_stops_at_once import admin, freeze
from tests.connections.test_the_inventory_shows_everybody import make
from tests.connections.visitor import know, subject
from tests.support.pages import signed_in
from tests.support.sign_in import SUBS


@pytest.fixture
def used(db: None) -> ConnectedAccount:
    """Mia's GitHub account, which two agents used."""
    know("member1")
    account, now = make("member1"), clock.now()
    for agent in ("claudecode", "codex"):
        Use.objects.create(account=account, agent=agent, count=1, first=now, last=now)
    ConnectedAccount.objects.filter(pk=account.pk).update(
        last_used_at=now, last_agent="codex", used_on=now.date()
    )
    return account


def shown(client: Client, path: str) -> str:
    """The words of a page, in one line."""
    page = client.get(path).content.decode()
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def test_the_list_of_accounts_says_which_agent_is_frozen(used: ConnectedAccount) -> None:
    auditor, path = signed_in("auditor", "auditor"), "/connections/inventory/?group=agent"
    assert "agent frozen" not in shown(auditor, path)
    freeze("agent", "claudecode")
    page = shown(auditor, path)
    assert "claudecode agent frozen: no new token" in page and page.count("agent frozen") == 1
    assert "claudecode (frozen)" in page, "in the filter of agents"
    assert "agent frozen" not in shown(auditor, "/connections/inventory/")


def test_the_page_of_an_account_says_which_of_its_users_is_frozen(used: ConnectedAccount) -> None:
    freeze("agent", "claudecode")
    page = shown(signed_in("member1"), f"/connections/{used.pk}/")
    assert "claudecode frozen" in page and "codex frozen" not in page


def test_map_and_changes_have_the_freeze_and_its_end_of_an_agent(used: ConnectedAccount) -> None:
    auditor = signed_in("auditor", "auditor")
    fact = update_accounts.Fact("a", "github", ("repo",), clock.now(), None)
    account = update_accounts.appeared(settings.ENV.issuer, subject("member1"), fact, "management")
    seen = Target("connection", str(account.pk))
    record(
        owner("member1"), "token.exchanged", source="broker", target=seen, connection="github",
        agent="claudecode", skill="mcp:hub",
    )  # fmt: skip
    freeze("agent", "claudecode")
    sequencer.run_once()
    page = shown(auditor, "/connections/map/?compare=0")
    assert "− lost Agent “claudecode” : Frozen" in page
    assert "seen: claudecode frozen" in page
    page = shown(auditor, "/connections/inventory/changes/?from=0")
    assert "Agent “claudecode” Frozen" in page


@pytest.mark.parametrize(
    ("kind", "name", "called"),
    [("person", SUBS["member1"], "“Mia Member”"), ("service", "github", "GitHub")],
)
def test_changes_call_what_was_frozen_by_name(
    used: ConnectedAccount, kind: str, name: str, called: str
) -> None:
    freeze(kind, name)
    sequencer.run_once()
    page = shown(signed_in("auditor", "auditor"), "/connections/inventory/changes/?from=0")
    assert f"{called} Frozen" in page


def test_search_finds_an_agent_and_says_that_it_is_frozen(used: ConnectedAccount) -> None:
    auditor = signed_in("auditor", "auditor")
    assert "claudecode agent" in shown(auditor, "/search/?q=claude")
    assert "claudecode agent frozen" not in shown(auditor, "/search/?q=claude")
    freeze("agent", "claudecode")
    assert "claudecode agent frozen" in shown(auditor, "/search/?q=claude")
    assert "claudecode agent frozen" in shown(signed_in("member1"), "/search/?q=claude")
    assert "claudecode agent" not in shown(signed_in("member2"), "/search/?q=claude")
    assert "claudecode agent" not in shown(signed_in("operator", "operator"), "/search/?q=claude")


def test_search_finds_an_agent_that_was_frozen_before_it_was_seen(used: ConnectedAccount) -> None:
    perform(admin(), "agent.freeze", Target("agent", "strange"), reason="a test")
    assert "strange agent frozen" in shown(signed_in("auditor", "auditor"), "/search/?q=strange")
    assert "strange agent" not in shown(signed_in("member1"), "/search/?q=strange")


def test_search_shows_what_is_restricted_before_other_matches(used: ConnectedAccount) -> None:
    know("admin", "auditor", "member2")
    now, last = clock.now(), results.MOST + 1
    for number in range(last + 1):
        Use.objects.create(account=used, agent=f"bot-{number}", count=1, first=now, last=now)
        given = {"name": f"Bot Person {number}", "sub": f"auth0|bot-{number}", "updated": now}
        Person.objects.create(iss=settings.ENV.issuer, roles=[], **given)
        make("member1", f"svc-{number}", label="bot")
    freeze("agent", f"bot-{last}")
    freeze("person", f"auth0|bot-{last}")
    freeze("service", f"svc-{last}")
    ConnectedAccount.objects.filter(connection=f"svc-{last - 1}").update(state=State.SUSPENDED)
    for who in (signed_in("auditor", "auditor"), signed_in("member1")):
        page = shown(who, "/search/?q=bot")
        assert f"bot-{last} agent frozen" in page and "bot-0 agent" in page
        assert "bot-6 agent" not in page, "the list is cut"
        assert page.count(" suspended") == 1 and " frozen " in page.partition("Agents")[0]
    assert f"Bot Person {last}" in shown(signed_in("auditor", "auditor"), "/search/?q=bot")


def test_search_says_of_a_frozen_person_and_their_account_that_they_are_frozen(
    used: ConnectedAccount,
) -> None:
    auditor = signed_in("auditor", "auditor")
    assert "access frozen" not in shown(auditor, "/search/?q=mia")
    freeze("person", SUBS["member1"])
    page = shown(auditor, "/search/?q=mia")
    assert "member, access frozen" in page
    assert "Mia Member frozen" in page, "the account of theirs"


@pytest.mark.parametrize(
    ("kind", "name", "home", "mine"),
    [
        (
            "agent",
            "claudecode",
            "Agent “claudecode”: frozen by",
            "The agent “claudecode” is frozen",
        ),
        ("service", "github", "All GitHub accounts: frozen by", "All GitHub accounts are frozen"),
    ],
)
def test_the_owner_reads_on_home_and_my_accounts_what_is_frozen(
    used: ConnectedAccount, kind: str, name: str, home: str, mine: str
) -> None:
    mia, milo = signed_in("member1"), signed_in("member2")
    assert home not in shown(mia, "/") and mine not in shown(mia, "/connections/")
    freeze(kind, name)
    assert home in shown(mia, "/") and mine in shown(mia, "/connections/")
    assert home not in shown(milo, "/") and mine not in shown(milo, "/connections/")


def test_the_counts_of_the_map_are_those_of_its_rows(used: ConnectedAccount) -> None:
    auditor = signed_in("auditor", "auditor")
    for kind, name in (("agent", "claudecode"), ("person", SUBS["member1"]), ("service", "slack")):
        freeze(kind, name)
    sequencer.run_once()
    assert Entry.objects.count()
    page = shown(auditor, "/connections/map/?compare=0")
    assert "+ 0 gained · − 3 lost" in page and page.count("− lost") == 3

"""The page of one connection: granted beside needed, each fact with its source, what proves it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings

from approvals import clock
from audit.sequencing import sequencer
from connections.component_manifests import manifest_store
from connections.models import AppAccess, ConnectedAccount, SeenUse
from connections.status import facts_with_sources, impact_and_history
from connections.sync import update_accounts
from tests.accounts.trail import events
from tests.connections.visitor import know, subject
from tests.support.pages import signed_in

FACT = update_accounts.Fact("cac_x", "github", ("repo", "gist"), None, None)


@pytest.fixture
def account(db: None, github_mcp: manifest_store.Declaration) -> ConnectedAccount:
    """One scope that fits, one in excess, and one that is missing."""
    know("member1")
    return update_accounts.appeared(settings.ENV.issuer, subject("member1"), FACT, "management")


def page(account: ConnectedAccount, query: str = "", who: str = "auditor") -> str:
    return signed_in(who, who).get(f"/connections/{account.pk}/{query}").content.decode()


def test_scopes_say_which_are_needed_and_by_what(account: ConnectedAccount) -> None:
    found = {need.scope.name: need for need in facts_with_sources.needs(account)}
    assert list(found) == ["gist", "read:user", "repo"]  # excess, then missing, then what fits
    assert found["gist"].excess and not found["gist"].needed_by
    assert not found["read:user"].granted and found["repo"].granted
    assert found["repo"].needed_by == found["read:user"].needed_by == ("mcp:github-mcp",)
    shown = page(account)
    assert (
        "1 scope in excess" in shown.replace("</span>", "")
        and "mcp:github-mcp needs 1 scope that is not granted" in shown
    )
    assert (
        "no manifest: excess" in shown and "Grants as reported by Auth0’s Management API" in shown
    )


def test_a_scope_that_is_not_granted_is_not_among_those_that_agents_can_use(
    account: ConnectedAccount,
) -> None:
    can, lacks = page(account).split("Needed, not granted")
    can = can.split("Agents can")[-1]  # its title says so, too
    assert "<code" in can and "read:user" not in can
    assert "read:user" in lacks.split("</section>")[0]


def test_an_owner_reads_how_to_grant_a_scope_that_is_missing(account: ConnectedAccount) -> None:
    mine = signed_in("member1").get(f"/connections/{account.pk}/").content.decode()
    lacks = mine.split("Needed, not granted")[1].split("</section>")[0]
    assert f'To allow it, <a href="/connections/{account.pk}/revoke/">disconnect' in lacks
    assert "Only its owner can allow this" in page(account, who="admin")
    assert "<dt>Owner</dt>" in mine and "Mia Member</" in mine.split("<dt>Owner</dt>")[1][:300]


@pytest.mark.parametrize(
    ("minutes", "label"), [(-1, "Last token expired"), (1, "Last token expires")]
)
def test_a_token_that_expired_is_not_said_to_expire(
    account: ConnectedAccount, minutes: int, label: str
) -> None:
    account.last_token_expires_at = clock.now() + timedelta(minutes=minutes)
    facts = {fact.label: fact for fact in facts_with_sources.facts(account)}
    assert facts[label].moment == account.last_token_expires_at


def test_each_fact_has_a_source_and_what_is_not_known_says_so(account: ConnectedAccount) -> None:
    facts = {fact.label: fact for fact in facts_with_sources.facts(account)}
    assert all(fact.source for fact in facts.values())
    assert facts["Scopes"].as_of == account.seen_at and facts["Last use"].moment is None
    assert "no use seen since" in page(account)


def test_the_newest_entry_is_what_proves_it(account: ConnectedAccount) -> None:
    assert "The log has no entry about this account yet" in page(account)
    sequencer.run_once()
    [event] = events("connection.reconciled")
    shown = page(account)
    assert f"Latest record (entry {event['index']})" in shown
    assert f"/audit/events/{event['id']}/" in shown and "Not proven" in shown
    mine = signed_in("member1").get(f"/connections/{account.pk}/").content.decode()
    assert "Latest record: " in mine and "(entry" not in mine, "members read no entry numbers"


def test_the_story_goes_on_behind_its_last_event(
    account: ConnectedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(6):
        scopes = ("repo",) if n % 2 else ("repo", "gist", f"x{n}")
        later = clock.now() + timedelta(seconds=n + 1)
        update_accounts.still_there(account, replace(FACT, scopes=scopes), later)
    sequencer.run_once()
    monkeypatch.setattr(impact_and_history, "PAGE", 3)
    seen, before = [], None
    while True:
        rows, before = impact_and_history.timeline(account, before)
        seen += [row.event for row in rows]
        if before is None:
            break
    assert len(seen) == len(set(seen)) == 7
    first = page(account)
    [older] = re.findall(r'href="(\?before=[0-9a-f-]+)#story"', first)
    assert "Newest" in page(account, older)
    assert "What happened" in page(account, "?before=nonsense")


def test_a_scope_that_another_holds_is_neither_missing_nor_too_many(
    account: ConnectedAccount,
) -> None:
    account.scopes = ["user", "public_repo"]  # read:user and repo are declared
    found = {need.scope.name: need for need in facts_with_sources.needs(account)}
    assert found["read:user"].granted and not found["repo"].granted
    assert found["user"].excess and found["public_repo"].needed_by == ("mcp:github-mcp",)


def test_the_navigation_marks_the_inventory_for_what_belongs_to_somebody_else(
    account: ConnectedAccount,
) -> None:
    def marked(who: str, *roles: str) -> list[str]:
        shown = signed_in(who, *roles).get(f"/connections/{account.pk}/").content.decode()
        return re.findall(r'<a href="([^"]*)" aria-current="page">', shown.split("</nav>")[0])

    assert marked("auditor", "auditor") == ["/connections/inventory/"]
    assert marked("member1") == ["/connections/"]


def past_us(account: ConnectedAccount, **more: object) -> None:
    day = clock.now().date() - timedelta(days=3)
    for client, since in (("concierge", day), ("desk", day - timedelta(days=9))):
        SeenUse.objects.create(account=account, client_id=client, day=since)
    ConnectedAccount.objects.filter(pk=account.pk).update(elsewhere_on=day, **more)
    account.refresh_from_db()


@pytest.mark.parametrize("through_us", [True, False])
def test_a_use_past_the_broker_is_told_with_its_source_and_day(
    account: ConnectedAccount, through_us: bool
) -> None:
    past_us(account, last_used_at=clock.now() if through_us else None, last_agent="claw")
    AppAccess.objects.create(
        kind="grant", auth0_id="g", client_id="concierge", client_name="The Concierge",
        iss=account.iss, sub=account.sub, state_since=clock.now(),
        seen_at=clock.now(), first_seen=clock.now(),
    )  # fmt: skip
    facts = {fact.label: fact for fact in facts_with_sources.facts(account)}
    past = facts["Last use directly at Auth0"]
    assert (past.text, past.source, past.moment) == (
        "The Concierge", "Auth0’s tenant log", account.elsewhere_since,
    )  # fmt: skip
    assert facts["Last use"].source == "our token broker"
    day = f"{account.elsewhere_on:%-d %b %Y}"
    shown = page(account)
    assert "Used directly at Auth0" in shown and "The Concierge" in shown and "desk" in shown
    assert shown.count(day) >= 2 and "it could be any of them" in shown
    mine = signed_in("member1").get("/connections/").content.decode()
    assert f"directly at Auth0 {day} (tenant log)" in mine and "directly at Auth0: " in mine
    assert f"Directly at Auth0: The Concierge, {day} (tenant log)." in mine
    home = signed_in("member1").get("/").content.decode()
    short = f"{account.elsewhere_on:%-d %b}"
    assert f"Directly at Auth0: The Concierge, {short} (tenant log)." in home
    assert f" · directly at Auth0 on {short} (tenant log)" in home
    [effect] = [
        one for one in impact_and_history.of(account).sentences(account) if "tenant log" in one
    ]
    assert (
        "The Concierge, desk used it directly at Auth0" in effect
        and "until it is deleted at Auth0" in effect
    )


def test_our_own_exchange_in_the_tenant_log_is_no_use_past_us(account: ConnectedAccount) -> None:
    """It was told as one: that last token is whoever's asked last, and that may be our broker."""
    vault = settings.ENV.AUTH0_VAULT_CLIENT_ID
    ConnectedAccount.objects.filter(pk=account.pk).update(
        auth0_used_at=clock.now(), auth0_used_by=vault
    )
    account.refresh_from_db()
    facts = {fact.label: fact for fact in facts_with_sources.facts(account)}
    assert facts["Last token issued by Auth0"].text == "to our token broker"
    assert not [label for label in facts if "directly at Auth0" in label]
    assert "Used directly at Auth0" not in page(account)

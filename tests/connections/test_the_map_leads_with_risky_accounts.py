"""The access map lists first whose accounts the headline counts; its key is folded."""

from __future__ import annotations

import re

import pytest
from django.conf import settings

from approvals import clock
from audit.sequencing import sequencer
from connections.component_manifests import manifest_store
from connections.component_manifests.manifest_store import Declaration
from connections.sync import update_accounts
from connections.views.inventory import access_map
from tests.connections.visitor import know, subject
from tests.support.pages import signed_in

PAGE = "/connections/map/"


@pytest.fixture
def accounts(db: None) -> None:
    """Milo's GitHub can write; one account of Mia can, at a service of no manifest."""
    know("member1", "member2")
    for who, service, scopes in (
        ("member1", "google-oauth2", ("openid",)),
        ("member1", "slack", ("chat:write",)),
        ("auditor", "google-oauth2", ("openid",)),
        ("member2", "github", ("repo",)),
    ):
        fact = update_accounts.Fact(f"{who}-{service}", service, scopes, clock.now(), None)
        update_accounts.appeared(settings.ENV.issuer, subject(who), fact, "management")
    wanted = {"connections": [{"connection": "github", "scopes": ["repo"]}]}
    manifest_store.declare_shipped("mcp", "hub", Declaration.model_validate(wanted))
    sequencer.run_once()


def rows() -> list[str]:
    page = signed_in("admin", "admin").get(PAGE).content.decode()
    return re.findall(r'class="quiet-link" href="[^"]+"><b>([^<]+)</b>', page)


@pytest.mark.usefixtures("accounts")
def test_accounts_that_the_headline_counts_come_first_then_others_that_can_write() -> None:
    assert rows() == ["GitHub", "Slack", "Google", "Google"]


@pytest.mark.usefixtures("accounts")
def test_a_key_explains_only_what_the_map_shows() -> None:
    page = signed_in("admin", "admin").get(PAGE).content.decode()
    key = page.partition('aria-label="Key"')[2].partition("</ul>")[0]
    assert "in its manifest, no use seen" in key and "newly usable since" in key
    assert "used before" not in key and "no longer usable" not in key


@pytest.mark.usefixtures("accounts")
def test_a_map_that_is_cut_leaves_out_the_calm_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_map, "SHOWN", 2)
    assert rows() == ["GitHub", "Slack"]


@pytest.mark.usefixtures("accounts")
def test_what_marks_mean_is_shown_and_what_an_empty_cell_means_is_one_click_away() -> None:
    page = signed_in("admin", "admin").get(PAGE).content.decode()
    shown, _, folded = page.partition("<details><summary>What an empty cell means</summary>")
    assert 'aria-label="Key"' in shown and "It never says that an agent cannot" not in shown
    assert "It never says that an agent cannot" in folded.partition("</details>")[0]

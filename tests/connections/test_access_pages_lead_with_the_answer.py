"""Pages of access open with what is so, counted, and with one thing to do."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client

from approvals import clock
from audit.recording.actors import Target
from connections.component_manifests import manifest_store
from connections.consent import prompts_for_missing_connections
from connections.models import Escalation
from connections.scope_escalation import page_rows
from tests.connections.test_freezing_stops_at_once import freeze
from tests.connections.test_the_inventory_shows_everybody import make
from tests.connections.visitor import know, subject
from tests.support.pages import signed_in

pytestmark = pytest.mark.django_db


def page_of(client: Client, path: str) -> str:
    return unescape(client.get(path).content.decode())


def title(client: Client, path: str) -> str:
    found = re.search(r"(?s)<h1[^>]*>(.*?)</h1>", page_of(client, path))
    assert found, path
    return " ".join(re.sub(r"<[^>]+>", "", found[1]).split())


def test_excess_requests_say_how_many_components_asked() -> None:
    know("member1")
    account, admin, path = make("member1"), signed_in("admin", "admin"), "/connections/scopes/"
    assert title(admin, path) == "No component asked for more than it declares in 30 days"
    assert "No exception is in force." in page_of(admin, path)
    for number, name in enumerate(("one", "one", "two")):
        now = clock.now()
        Escalation.objects.create(
            key=str(number), account=account, kind="mcp", name=name, scopes=["repo"],
            attempts=1, first_at=now, last_at=now,
        )  # fmt: skip
    assert title(admin, path) == "2 components asked for more than they declare in 30 days"


def test_a_list_of_excess_requests_that_is_full_claims_no_exact_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    test_excess_requests_say_how_many_components_asked()
    monkeypatch.setattr(page_rows, "MOST", 3)
    found = title(signed_in("admin", "admin"), "/connections/scopes/")
    assert found == "2 or more components asked for more than they declare in 30 days"


def test_rules_of_a_service_are_one_row_whose_fields_belong_to_its_form() -> None:
    make("member1")
    page = page_of(signed_in("admin", "admin"), "/connections/scopes/")
    assert '<form class="plain" id="rules-github"' in page
    for name in ("excess", "allow_for_s", "anonymous"):
        assert re.search(rf'name="{name}"[^>]* form="rules-github"', page), name


def test_frozen_access_says_what_is_frozen_without_quotes() -> None:
    know("member1")
    make("member1")
    auditor, path = signed_in("auditor", "auditor"), "/connections/freeze/"
    assert title(auditor, path) == "Nothing is frozen"
    freeze("person", subject("member1"))
    assert title(auditor, path) == "Access to Mia Member’s accounts is frozen"
    assert "“Mia Member”" not in page_of(auditor, path)
    freeze("service", "github")
    assert title(auditor, path) == "2 freezes are in force"


def test_lists_of_nothing_say_so() -> None:
    admin = signed_in("admin", "admin")
    assert title(admin, "/connections/remediations/") == "No step is pending"
    assert title(admin, "/connections/settings/") == "No account is paused now"
    assert title(admin, "/connections/reviews/") == "No access review is open"


def test_my_accounts_open_with_the_sentence_of_home() -> None:
    know("member1")
    mia, path = signed_in("member1"), "/connections/"
    assert title(mia, path) == title(mia, "/") == "You have no connected account"
    make("member1")
    said = "No agent was seen using your accounts through this portal"
    assert title(mia, path) == title(mia, "/") == said
    freeze("person", subject("member1"))
    assert title(mia, path) == title(mia, "/") == "Access to your accounts is frozen"


def test_what_asks_for_an_account_is_a_row_without_an_accent(
    github_mcp: manifest_store.Declaration,
) -> None:
    know("member2")
    milo = signed_in("member2")
    prompts_for_missing_connections.ask_members(Target("mcp", "github-mcp"))
    page = page_of(milo, "/connections/")
    assert "github-mcp needs GitHub</strong>" in page and "btn-primary" not in page


def test_a_missing_account_is_the_button_before_an_agent_is_connected(
    github_mcp: manifest_store.Declaration,
) -> None:
    know("member1")
    mia, path = signed_in("member1"), "/connections/agents/"
    primary = re.compile(r'btn-primary" href="([^"]+)"')
    assert primary.findall(page_of(mia, path)) == ["/connections/connect/github/"]
    assert "pipx install ./auth0_ata-*.whl" in page_of(mia, path)
    make("member1")
    assert primary.findall(page_of(mia, path)) == []

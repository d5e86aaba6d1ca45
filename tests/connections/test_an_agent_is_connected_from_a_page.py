"""The page Connect an agent: the lines of `ata mcp config`, what is missing, and the first use."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client as Browser
from typer.testing import CliRunner

from approvals import clock
from ata.cli import app
from ata.mcp_clients.clients import FORMS, Client, path_of
from connections.component_manifests import enforcement_decision_hook, manifest_store
from connections.models import Freeze, Use
from connections.views.connect_agent import COMMAND, PROGRAM
from tests.connections.test_the_inventory_shows_everybody import make
from tests.connections.visitor import Gateway
from tests.support.pages import signed_in

PAGE = "/connections/agents/"


@pytest.fixture
def mia(github_mcp: manifest_store.Declaration) -> Browser:
    return signed_in("member1")


def shown(who: Any, query: str = "") -> str:
    answer = who.get(PAGE + query)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


@pytest.mark.parametrize("client", list(Client))
def test_the_page_shows_what_the_command_writes(
    mia: Browser, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["/opt/ata/bin/ata"])
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ATA_PORTAL", "http://127.0.0.1:9")
    monkeypatch.delenv("CODEX_HOME", raising=False)
    page = shown(mia, f"?client={client.value}")
    line = page.partition('aria-label="the command that writes the entry"')[2]
    command = shlex.split(line.partition("<code>")[2].partition("</code>")[0])
    assert command[0] == "ata" and command[-len(COMMAND) :] == list(COMMAND)
    done = CliRunner().invoke(app, command[1:])
    assert done.exit_code == 0, done.output
    written = path_of(client, tmp_path, tmp_path).read_text()
    entry = page.partition('aria-label="the entry"')[2]
    text = entry.partition("<code>")[2].partition("</code>")[0]
    assert written == text.replace(PROGRAM, "/opt/ata/bin/ata")


@pytest.mark.parametrize(("system", "client"), [("darwin", 0), ("win32", 1)])
def test_the_places_are_those_that_the_command_writes_to(
    system: str, client: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setenv("APPDATA", "%APPDATA%")
    monkeypatch.delenv("CODEX_HOME", raising=False)
    for one in Client:
        places = FORMS[one].places
        here = path_of(one, Path("~"), Path())
        assert here == Path(places[client if len(places) > 1 else 0])


def test_the_address_of_this_portal_is_filled_in(mia: Browser) -> None:
    assert f"ATA_PORTAL={settings.PORTAL_URL} ata login" in shown(mia)


def test_it_says_what_is_missing_and_then_that_it_is_there(mia: Browser) -> None:
    enforcement_decision_hook.answer_with(
        lambda several: dict.fromkeys(several, enforcement_decision_hook.NONE)
    )
    page = shown(mia)
    assert "github-mcp is not allowed yet" in page and "ata mcp allow github-mcp" in page
    assert "You have not connected GitHub yet." in page
    assert "<h1>github-mcp gets no token now: 2 open items</h1>" in page
    enforcement_decision_hook.answer_with(
        lambda several: dict.fromkeys(several, enforcement_decision_hook.ALLOW)
    )
    account = make("member1", label="octo-dev")
    page = shown(mia)
    assert "github-mcp is allowed." in page and "You have connected GitHub." in page
    assert f"/connections/{account.id}/" in page
    assert "<h1>Connect Claude Desktop to github-mcp in 4 steps</h1>" in page
    account.state = "suspended"
    account.save(update_fields=["state"])
    assert "Your GitHub account gives no token now: suspended." in shown(mia)


def test_scopes_that_no_account_grants_are_named_and_stop_no_token(mia: Browser) -> None:
    said = "Your GitHub account does not grant 1 scope that github-mcp declares."
    account = make("member1", scopes=["read:user"])
    page = shown(mia)
    assert "You have connected GitHub." in page and said in page
    assert (
        "read and write all repositories, including private ones" in page.partition(said)[2][:400]
    )
    assert f'href="/connections/{account.id}/">View' in page.partition(said)[2][:200]
    assert "gets no token now" not in page
    for scopes in (["read:user", "repo"], []):
        account.scopes = scopes
        account.save(update_fields=["scopes"])
        assert "does not grant" not in shown(mia), "granted, or not named by Auth0"
    account.scopes = ["read:user"]
    account.save(update_fields=["scopes"])
    make("member1", scopes=["repo", "read:user"], auth0_id="cac_other")
    assert "does not grant" not in shown(mia), "another account has them"


@pytest.mark.parametrize(("decision", "said"), [("block", "blocked"), ("hold", "on hold")])
def test_a_server_that_gets_nothing_is_not_called_ready(
    mia: Browser, decision: str, said: str
) -> None:
    enforcement_decision_hook.answer_with(lambda several: dict.fromkeys(several, decision))
    assert f"github-mcp is {said}: it gets no token." in shown(mia)


def test_an_agent_that_is_frozen_is_said_to_be(mia: Browser) -> None:
    Freeze.objects.create(
        kind="agent", name="cursor", by="x", by_name="Amir", since=clock.now(), reason="why"
    )
    page = shown(mia, "?client=cursor")
    assert "“Amir” froze agent “cursor”: this agent gets no token." in page
    assert ": “why”. Ask an admin to lift it" in page
    assert "the agent gets no token until every open item above is resolved" in page
    assert "froze" not in shown(mia, "?client=codex")


def test_the_first_use_is_seen_here(
    gateway: Callable[[str], Gateway], github_mcp: manifest_store.Declaration
) -> None:
    olu = signed_in("operator", "operator")
    assert "No use of github-mcp by Cursor seen yet." in shown(olu, "?client=cursor")
    headers = {"ata_agent": "cursor", "ata_skill": "mcp:github-mcp"}
    answer = gateway("operator").call("GET", "/v1/auth/token?connection=github", **headers)
    assert answer.status_code == 200, answer.content
    page = shown(olu, "?client=cursor")
    assert "seen yet" not in page and "; last use" in page
    assert "<h1>Cursor was seen using github-mcp</h1>" in page
    assert "No use of github-mcp by Codex seen yet." in shown(olu, "?client=codex")


def test_the_use_of_somebody_else_is_not_the_readers(mia: Browser) -> None:
    now = clock.now()
    use = {"agent": "cursor", "skill": "mcp:github-mcp", "first": now, "last": now}
    Use.objects.create(account=make("member2"), **use)
    assert "by Cursor seen yet." in shown(mia, "?client=cursor")


def test_a_server_with_an_address_is_reached_by_the_proxy(mia: Browser) -> None:
    declared = manifest_store.Declaration(url="https://mcp.example/")
    manifest_store.declare_shipped("mcp", "far", declared)
    page = shown(mia, "?server=far&client=cursor")
    assert "ata mcp proxy far --agent cursor" in page and "ata mcp config" not in page


def test_without_a_server_it_says_who_declares_one(db: None) -> None:
    assert "No MCP server is declared" in shown(signed_in("member1"))


@pytest.mark.parametrize("query", ["?client=emacs", "?server=nothing", "?server=" + "x" * 300])
def test_what_is_not_there_is_not_found(mia: Browser, query: str) -> None:
    assert mia.get(PAGE + query).status_code == 404


def test_who_may_not_read_it(mia: Browser) -> None:
    assert Browser().get(PAGE).status_code == 302
    assert mia.post(PAGE).status_code == 405


def test_an_account_leads_to_the_server_that_uses_it(mia: Browser) -> None:
    declared = manifest_store.Declaration.model_validate({"connections": [{"connection": "slack"}]})
    manifest_store.declare_shipped("mcp", "a-slack-mcp", declared)
    account = make("member1")
    page = mia.get(f"/connections/{account.id}/").content.decode()
    assert f"{PAGE}?connection=github" in page
    assert "<option selected>github-mcp</option>" in shown(mia, "?connection=github")
    assert f'href="{PAGE}"' in mia.get("/connections/").content.decode()

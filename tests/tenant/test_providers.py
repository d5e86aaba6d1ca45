"""The played GitHub, Slack and Google: their tokens, scopes, and what revoking there ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.tenant import Browser, LocalTenant
from tests.tenant.vault_actors import Member, MyAccount, exchange

CALENDAR = "https://www.googleapis.com/auth/calendar."


@pytest.fixture
def milo(tenant_server: LocalTenant, browser: Browser) -> Iterator[MyAccount]:
    """Milo's account API; what he connects in a test is gone after it."""
    me = Member(tenant_server, browser, "member2").me()
    yield me
    fresh = Member(tenant_server, browser, "member2").me()
    for account in fresh.accounts():
        fresh.call("DELETE", f"accounts/{account['id']}")


class Api:
    """A provider's API with the token of a freshly connected account."""

    def __init__(self, milo: MyAccount, connection: str, login: str, scopes: list[str]) -> None:
        self.tenant = milo.member.tenant
        self.base = f"{self.tenant.url}/providers/{connection}"
        connected = milo.connect(connection, login, scopes=scopes)
        assert connected.status_code == 201, connected.text
        answer = exchange(self.tenant, milo.member.api_token(), connection=connection)
        self.token = str(answer.json()["access_token"])

    def call(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.request(method, f"{self.base}/{path}", headers=headers, **kwargs)

    def revoke_at_provider(self, browser: Browser, login: str) -> None:
        page = browser.get(f"/providers/{self.base.rpartition('/')[2]}/settings")
        forms = re.findall(r'action="([^"]+)".{0,300}?Revoke access of ([^<]+)<', page.text, re.S)
        action = next(action for action, owner in forms if owner == login)
        csrf = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert csrf
        done = browser.http.post(
            action, data={"csrfmiddlewaretoken": csrf[1]}, headers={"Origin": browser.url}
        )
        assert done.is_redirect


def test_github_shows_private_repositories_only_to_the_repo_scope(milo: MyAccount) -> None:
    wide = Api(milo, "github", "octo-wide", ["repo"])
    user = wide.call("GET", "user")
    assert user.json()["login"] == "octo-wide"
    assert user.headers["X-OAuth-Scopes"] == "repo"
    assert {repo["private"] for repo in wide.call("GET", "user/repos").json()} == {True, False}
    narrow = Api(milo, "github", "octo-narrow", ["public_repo"])
    assert {repo["private"] for repo in narrow.call("GET", "user/repos").json()} == {False}
    assert narrow.call("GET", "repos/octo-narrow/skills/issues").status_code == 404


def test_github_keeps_issues_that_an_agent_files(milo: MyAccount) -> None:
    api = Api(milo, "github", "octo-filer", ["repo"])
    place = "repos/octo-filer/skills/issues"
    assert api.call("POST", place, json={}).status_code == 422
    filed = api.call("POST", place, json={"title": "Rotate the key", "body": "Soon"})
    assert filed.status_code == 201
    assert api.call("GET", place).json() == [filed.json()]
    assert api.call("GET", "repos/somebody/skills/issues").status_code == 404


def test_github_refuses_without_scope_and_says_which_would_do(milo: MyAccount) -> None:
    api = Api(milo, "github", "octo-dev", ["read:user"])
    refused = api.call("GET", "user/repos")
    assert refused.status_code == 403
    assert refused.headers["X-Accepted-OAuth-Scopes"] == "repo, public_repo"


def test_slack_answers_200_with_ok_false_and_a_reason(milo: MyAccount) -> None:
    api = Api(milo, "slack", "milo@acme", ["channels:read", "channels:history"])
    identity = api.call("POST", "api/auth.test").json()
    assert (identity["ok"], identity["user"], identity["team"]) == (True, "milo", "acme")
    assert "fleet-ops" in {
        c["name"] for c in api.call("GET", "api/conversations.list").json()["channels"]
    }
    refused = api.call("POST", "api/chat.postMessage", json={"channel": "#general", "text": "hi"})
    assert refused.status_code == 200
    assert refused.json() == {
        "ok": False,
        "error": "missing_scope",
        "needed": "chat:write",
        "provided": "channels:read,channels:history",
    }
    anonymous = httpx.post(f"{api.base}/api/auth.test").json()
    assert anonymous == {"ok": False, "error": "not_authed"}


def test_slack_keeps_messages_that_an_agent_posts(milo: MyAccount) -> None:
    api = Api(milo, "slack", "poster@acme", ["chat:write", "channels:history"])
    posted = api.call("POST", "api/chat.postMessage", data={"channel": "#security", "text": "Held"})
    assert posted.json()["ok"] is True
    history = api.call("GET", "api/conversations.history?channel=C0SECURITY").json()
    assert history["messages"][0]["text"] == "Held"
    for body, error in (
        ({"channel": "#nowhere", "text": "x"}, "channel_not_found"),
        ({"channel": "#general"}, "no_text"),
        ({"channel": "#general", "text": "x" * 4001}, "msg_too_long"),
    ):
        assert api.call("POST", "api/chat.postMessage", json=body).json()["error"] == error


def test_google_reads_calendars_but_writes_only_with_the_events_scope(milo: MyAccount) -> None:
    reader = Api(
        milo, "google-oauth2", "milo@gmail.example", ["openid", "email", f"{CALENDAR}readonly"]
    )
    info = reader.call("GET", "oauth2/v3/userinfo").json()
    assert info["email"] == "milo@gmail.example"
    listed = reader.call("GET", "calendar/v3/users/me/calendarList").json()
    assert listed["items"][0]["primary"] is True
    events = "calendar/v3/calendars/primary/events"
    refused = reader.call("POST", events, json={"summary": "Review"})
    assert refused.status_code == 403
    assert refused.json()["error"]["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    writer = Api(milo, "google-oauth2", "writer@gmail.example", [f"{CALENDAR}events"])
    made = writer.call("POST", events, json={"summary": "Review"}).json()
    assert writer.call("GET", events).json()["items"] == [made]
    assert reader.call("GET", events).json()["items"] == []


@pytest.mark.parametrize(
    ("address", "status", "told"),
    [
        ("github/user", 401, "Bad credentials"),
        ("slack/api/auth.test", 200, "invalid_auth"),
        ("google-oauth2/calendar/v3/users/me/calendarList", 401, "UNAUTHENTICATED"),
    ],
)
def test_a_token_of_somebody_else_is_worth_nothing(
    milo: MyAccount, address: str, status: int, told: str
) -> None:
    for token in ("made-up", milo.member.api_token()):
        answer = httpx.get(
            f"{milo.member.tenant.url}/providers/{address}",
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status_code == status
        assert told in answer.text


def test_a_token_of_one_provider_is_not_taken_by_another(milo: MyAccount) -> None:
    api = Api(milo, "github", "octo-dev", ["repo"])
    answer = httpx.get(
        f"{api.tenant.url}/providers/slack/api/auth.test",
        headers={"Authorization": f"Bearer {api.token}"},
    )
    assert answer.json() == {"ok": False, "error": "invalid_auth"}


def test_an_expired_token_is_refused(milo: MyAccount) -> None:
    api = Api(milo, "slack", "milo@acme", ["channels:read"])
    api.tenant.advance(3601)
    assert api.call("GET", "api/auth.test").json()["error"] == "token_expired"


def test_disconnecting_ends_nothing_at_the_provider(milo: MyAccount, browser: Browser) -> None:
    api = Api(milo, "github", "octo-left", ["repo"])
    [account] = milo.accounts()
    assert milo.call("DELETE", f"accounts/{account['id']}").status_code == 204
    assert api.call("GET", "user").status_code == 200
    assert "Revoke access of octo-left" in browser.get("/providers/github/settings").text


def test_revoking_at_the_provider_stops_the_token_at_once_and_the_vault_at_the_next_renewal(
    milo: MyAccount, browser: Browser
) -> None:
    api = Api(milo, "github", "octo-gone", ["repo"])
    api.revoke_at_provider(browser, "octo-gone")
    assert api.call("GET", "user").status_code == 401
    token = milo.member.api_token()
    api.tenant.advance(3601)
    refused = exchange(api.tenant, token)
    assert refused.status_code == 401
    assert refused.json() == {
        "error": "federated_connection_refresh_token_flow_failed",
        "error_description": "Refresh Token flow for the Federated Connection failed",
    }
    page = browser.get("/providers/github/settings").text
    assert "✕ Revoked" in page
    assert "Revoke access of octo-gone" not in page


def test_slack_revokes_through_its_api_too(milo: MyAccount) -> None:
    api = Api(milo, "slack", "milo@acme", ["channels:read"])
    assert api.call("POST", "api/auth.revoke").json() == {"ok": True, "revoked": True}
    assert api.call("GET", "api/auth.test").json()["error"] == "token_revoked"


def test_the_settings_page_belongs_to_the_provider_and_leads_to_the_others(
    browser: Browser,
) -> None:
    page = browser.get("/providers/google-oauth2/settings")
    assert "DEMO" in page.text
    assert "mia.member@gmail.example" in page.text
    assert "octo-dev" not in page.text
    assert "of every account that anyone connected in this demo" in page.text
    assert "no token of it was used here yet" in page.text
    assert 'href="/providers/slack/settings"' in page.text
    assert browser.get("/providers/linkedin/settings").status_code == 404

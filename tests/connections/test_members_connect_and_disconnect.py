"""A member's own connections, through a browser: connect, use, disconnect, undo, connect again."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

import httpcore
import pytest

from approvals.models import Effect, ShortLivedSecret
from audit.models import EventRow
from audit.recording.actors import Target
from connections.component_manifests import enforcement_decision_hook, manifest_store
from connections.consent import prompts_for_missing_connections
from connections.models import ConnectedAccount, State
from connections.revocation import deletion_step
from http_client.connection_pool import Lines
from tests.connections.conftest import Travel
from tests.connections.tables import everything_stored
from tests.connections.visitor import Gateway, Visitor, empty_vault, fill_vault, know, subject
from tests.support.sweeping import sweep
from tests.support.tenant import LocalTenant

type Gateways = Callable[[str], Gateway]
type Visitors = Callable[[str], Visitor]

ALLOW = {"answer": "allow", "other": "octo-milo"}


@pytest.fixture
def milo(
    visitor: Visitors, portal_tenant: LocalTenant, github_mcp: manifest_store.Declaration
) -> Visitor:
    """Milo Member, signed in, with nothing connected."""
    empty_vault(portal_tenant, "member2")
    return visitor("member2")


def account() -> ConnectedAccount:
    """The newest of Milo's; what is gone stays as a row."""
    return ConnectedAccount.objects.filter(sub=subject("member2"), connection="github").latest(
        "watched_since"
    )


def connect(milo: Visitor, label: str = "octo-milo") -> ConnectedAccount:
    page = milo.follow(milo.post("/connections/connect/github/", {"label": label}), **ALLOW)
    assert page.status_code == 200, page.content
    return account()


def sentences(action: str) -> list[str]:
    rows = EventRow.objects.filter(action=action).order_by("time")
    return list(rows.values_list("sentence", flat=True))


def test_connecting_asks_for_what_the_manifest_declares_and_records_it(milo: Visitor) -> None:
    asked = milo.get("/connections/connect/github/").content.decode()
    assert "read and write all repositories" in asked
    connected = connect(milo)
    assert (connected.state, connected.label) == (State.CONNECTED, "octo-milo")
    assert set(connected.scopes) == {"read:user", "repo"}
    assert connected.provider_user, "the tenant log names the provider's own id"
    assert sentences("connection.connected") == [
        "Milo Member connected their own GitHub account octo-milo"
    ]
    page = milo.get("/connections/").content.decode()
    assert "octo-milo" in page
    assert "read your profile" in page


def test_the_connect_keeps_no_token_in_session_table_url_or_log(
    milo: Visitor, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []
    _watch_tokens(monkeypatch, seen)
    connect(milo)
    assert seen, "the watch must see the My Account token"
    stored = everything_stored()
    session = str(dict(milo.client.session.items()))
    for secret in seen:
        assert secret not in stored
        assert secret not in session
        assert secret not in caplog.text
        assert not any(secret in url for url in milo.trace)
    assert not ShortLivedSecret.objects.exists()


def _watch_tokens(monkeypatch: pytest.MonkeyPatch, seen: list[str]) -> None:
    """Note the bearer tokens that go over the wire; the calls themselves stay real."""
    real = Lines.handle_request

    def send(self: Lines, request: httpcore.Request) -> httpcore.Response:
        header = dict(request.headers).get(b"Authorization", b"").decode()
        if header.startswith("Bearer ") and b"/me/" in request.url.target:
            seen.append(header.removeprefix("Bearer "))
        return real(self, request)

    monkeypatch.setattr(Lines, "handle_request", send)


def test_saying_no_at_the_provider_connects_nothing(milo: Visitor) -> None:
    page = milo.follow(milo.post("/connections/connect/github/"), answer="cancel")
    assert "You said no at GitHub" in page.content.decode()
    assert not ConnectedAccount.objects.exists()
    event = EventRow.objects.get(action="connection.connected")
    assert event.outcome == "cancelled"
    assert event.connection == "github"


def test_a_connect_that_takes_too_long_has_to_start_again(milo: Visitor, travel: Travel) -> None:
    started = milo.post("/connections/connect/github/")
    page = milo.get(_portal_path(milo, started))
    assert page.status_code == 200
    travel(301)
    done = milo.follow(page, **ALLOW)
    assert "longer than five minutes" in done.content.decode()
    assert EventRow.objects.get(action="connection.connected").outcome == "failure"


def _portal_path(milo: Visitor, page: object) -> str:
    """Where Auth0 sends the browser back to after the silent request."""
    answer = milo.browser.http.get(page["Location"])  # type: ignore[index]
    assert answer.is_redirect
    return re.sub(r"^https?://[^/]+", "", answer.headers["location"])


def test_an_account_that_is_connected_already_is_found_and_named(
    milo: Visitor, portal_tenant: LocalTenant
) -> None:
    fill_vault(portal_tenant, "member2", "github", "octo-milo")
    page = milo.follow(milo.post("/connections/connect/github/"), **ALLOW)
    assert "connected already" in page.content.decode()
    assert account().source == "management"


def test_an_answer_that_was_not_started_here_is_refused(milo: Visitor) -> None:
    for path in ("/connections/callback/?state=x&connect_code=y", "/connections/token/callback/"):
        page = milo.get(path)
        assert page.status_code == 400
        assert "Link expired" in page.content.decode()


def test_another_persons_browser_cannot_finish_a_connect(milo: Visitor, visitor: Visitors) -> None:
    started = milo.post("/connections/connect/github/")
    path = _portal_path(milo, started)
    assert visitor("member1").get(path).status_code == 400
    assert not ConnectedAccount.objects.filter(sub=subject("member1")).exists()


def test_after_a_disconnect_the_very_next_invocation_fails(
    milo: Visitor, gateway: Gateways
) -> None:
    connected = connect(milo)
    caller = gateway("member2")
    assert caller.exchange().status_code == 200
    milo.post(f"/connections/{connected.id}/revoke/")
    refused = caller.exchange()
    assert (refused.status_code, refused.json()["code"]) == (403, "connection_revoked")
    assert sentences("token.refused") == [
        "github-mcp was refused a GitHub token for Milo Member: the connection was revoked"
    ]


def test_a_disconnect_is_deleted_at_auth0_with_the_members_own_token(
    milo: Visitor, gateway: Gateways, travel: Travel
) -> None:
    connected = connect(milo)
    page = milo.follow(milo.post(f"/connections/{connected.id}/revoke/"))
    assert "Undo" in page.content.decode()
    assert account().state == State.REVOCATION_PENDING
    sweep()
    assert Effect.objects.get().state == "pending"
    travel(11)
    moved = milo.get("/connections/pending/", HTTP_HX_REQUEST="true")
    assert moved["HX-Redirect"] == "/connections/finish/"
    done = milo.follow(milo.get("/connections/"))
    assert "Your GitHub connection was deleted at Auth0." in done.content.decode()
    assert account().state == State.REVOKED
    sweep()
    assert Effect.objects.get().state == "done"
    assert sentences("connection.revoked") == [
        "Milo Member revoked their own GitHub account octo-milo (not finished when recorded)",
        "A GitHub connection was deleted at Auth0",
    ]
    assert gateway("member2").exchange().json()["code"] == "connection_not_linked"


def test_a_deletion_due_seconds_after_another_needs_no_click(milo: Visitor, travel: Travel) -> None:
    first = connect(milo)
    milo.follow(milo.post(f"/connections/{first.id}/revoke/"))
    travel(11)
    assert "was deleted at Auth0" in milo.follow(milo.get("/connections/")).content.decode()
    second = connect(milo)
    milo.follow(milo.post(f"/connections/{second.id}/revoke/"))
    travel(11)
    moved = milo.get("/connections/pending/", HTTP_HX_REQUEST="true")
    assert moved["HX-Redirect"] == "/connections/finish/"


def test_undo_inside_ten_seconds_really_resumes(
    milo: Visitor, gateway: Gateways, travel: Travel
) -> None:
    connected = connect(milo)
    milo.post(f"/connections/{connected.id}/revoke/")
    page = milo.follow(milo.post(f"/connections/{connected.id}/resume/"))
    assert "You resumed your" in page.content.decode()
    assert not Effect.objects.exists()
    travel(60)
    assert not deletion_step.has_pending(connected.iss, connected.sub)
    assert gateway("member2").exchange().status_code == 200
    assert sentences("connection.resumed") == [
        "Milo Member took back the revocation of their own GitHub account octo-milo"
    ]


def test_undo_after_the_window_is_refused(milo: Visitor, travel: Travel) -> None:
    connected = connect(milo)
    milo.post(f"/connections/{connected.id}/revoke/")
    travel(11)
    milo.post(f"/connections/{connected.id}/resume/")
    assert account().state == State.REVOCATION_PENDING
    assert not EventRow.objects.filter(action="connection.resumed").exists()


def test_a_member_who_went_away_finishes_at_the_next_sign_in(
    milo: Visitor, travel: Travel, visitor: Visitors
) -> None:
    connected = connect(milo)
    milo.post(f"/connections/{connected.id}/revoke/")
    travel(3600)
    assert deletion_step.has_pending(connected.iss, connected.sub)
    again = visitor("member2")
    again.follow(again.get("/connections/"))
    assert not deletion_step.has_pending(connected.iss, connected.sub)
    assert account().state == State.REVOKED


def test_a_grant_that_the_provider_ended_is_connected_again(
    milo: Visitor, gateway: Gateways
) -> None:
    old = connect(milo)
    ConnectedAccount.objects.filter(pk=old.pk).update(state=State.NEEDS_RECONNECT)
    page = milo.follow(
        milo.post("/connections/connect/github/", {"replaces": str(old.id), "label": "octo-milo"}),
        **ALLOW,
    )
    assert page.status_code == 200
    states = dict(ConnectedAccount.objects.values_list("state", "label"))
    assert states == {State.REVOKED: "octo-milo", State.CONNECTED: "octo-milo"}
    assert gateway("member2").exchange().status_code == 200


def test_a_server_that_is_refused_since_is_not_said_to_be_allowed(milo: Visitor) -> None:
    know("member2")
    prompts_for_missing_connections.ask_members(Target("mcp", "github-mcp"))
    enforcement_decision_hook.answer_with(lambda components: dict.fromkeys(components, "block"))
    page = milo.get("/connections/").content.decode()
    assert "github-mcp needs GitHub" in page and "gets no token now" in page
    assert "It is allowed" not in page


def test_a_member_is_asked_to_connect_what_an_allowed_server_needs(milo: Visitor) -> None:
    know("member2")
    target = Target("mcp", "github-mcp")
    assert prompts_for_missing_connections.ask_members(target) >= 1
    assert prompts_for_missing_connections.ask_members(target) == 0
    page = milo.get("/connections/").content.decode()
    assert "github-mcp needs GitHub" in page
    assert "It was allowed and asks for this access." in page
    connect(milo)
    assert "github-mcp needs GitHub" not in milo.get("/connections/").content.decode()
    assert not prompts_for_missing_connections.open_for(account().iss, account().sub)

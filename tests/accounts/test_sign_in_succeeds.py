"""Signing in against a real issuer: who the person is, what is kept, and where they end up."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import SignedInSession, User
from accounts.sessions.hashed_key_store import stored_key
from approvals import people_and_roles
from audit.evidence import human_levels
from tests.accounts.trail import events
from tests.connections.visitor import Visitor
from tests.support.sign_in import SUBS

type Visit = Callable[[str], Visitor]
HOST = urlsplit(settings.PORTAL_URL).netloc


@pytest.mark.parametrize(
    ("who", "name", "roles"),
    [
        ("operator", "Olu Operator", ["operator"]),
        ("auditor", "Ada Auditor", ["auditor"]),
        ("member1", "Mia Member", []),
    ],
)
def test_a_sign_in_makes_an_account_with_the_roles_that_the_issuer_says(
    visitor: Visit, who: str, name: str, roles: list[str]
) -> None:
    page = visitor(who).sign_in().get("/")
    assert page.status_code == 200
    user = User.objects.get()
    assert (user.iss, user.sub) == (settings.ENV.issuer, SUBS[who])
    assert (user.name, user.email, user.roles) == (name, f"{who}@acme.example", roles)
    assert name in page.content.decode()
    known = people_and_roles.find(user.iss, user.sub)
    assert known is not None
    assert known.roles == roles


def test_the_session_row_says_how_the_person_signed_in(visitor: Visit) -> None:
    me = visitor("operator").sign_in()
    row = SignedInSession.objects.get()
    assert row.session_key == stored_key(me.client.session.session_key)
    assert row.amr == ["mfa"]
    assert row.sid
    assert row.ip == "127.0.0.1"


def test_the_sign_in_is_recorded_with_evidence_that_verifies(visitor: Visit) -> None:
    visitor("operator").sign_in()
    [event] = events("operator.signed_in")
    assert event["actor"]["sub"] == SUBS["operator"]
    assert event["actor"]["roles"] == ["operator"]
    assert [ref["kind"] for ref in event["evidence"]] == ["id_token"]
    level = human_levels.explain(event)
    assert level.code == "H1", level.reasons


def test_no_token_is_kept_in_the_session_or_its_row(visitor: Visit) -> None:
    visitor("operator").sign_in()
    stored = Session.objects.get().get_decoded()
    assert not [key for key, value in stored.items() if "eyJ" in str(value)], stored
    assert "eyJ" not in str(SignedInSession.objects.values().get())


def test_the_session_key_changes_at_sign_in(visitor: Visit) -> None:
    me = visitor("operator")
    started = me.get("/oidc/authenticate/")
    before = me.client.session.session_key
    me.follow(started)
    assert before
    assert me.client.session.session_key != before
    assert not Session.objects.filter(session_key=stored_key(before)).exists()


def test_the_person_returns_to_where_they_were_going(visitor: Visit) -> None:
    me = visitor("operator")
    page = me.follow(me.get("/account/?cursor="))
    assert page.status_code == 200
    assert me.trace[-1].endswith("/account/?cursor=")


@pytest.mark.parametrize(
    "foreign",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "https:evil.example",
        pytest.param(f"http://{HOST}@evil.example/", id="our-host-as-a-user-name"),
        "http:///evil.example",
    ],
)
def test_a_next_that_leaves_the_portal_is_ignored(visitor: Visit, foreign: str) -> None:
    me = visitor("operator")
    me.follow(me.client.get("/oidc/authenticate/", {"next": foreign}, HTTP_HOST=HOST))
    assert urlsplit(me.trace[-1]).netloc == HOST
    assert urlsplit(me.trace[-1]).path == "/"


def test_sign_in_starts_on_the_host_that_the_cookie_lives_on(client: Client) -> None:
    port = HOST.partition(":")[2]
    answer = client.get("/oidc/authenticate/?next=/account/", HTTP_HOST=f"127.0.0.1:{port}")
    assert answer["Location"] == f"{settings.PORTAL_URL}/oidc/authenticate/?next=/account/"


def test_an_unknown_host_is_refused(client: Client) -> None:
    assert client.get("/oidc/authenticate/", HTTP_HOST="evil.example").status_code == 400


def test_the_request_carries_state_nonce_and_pkce(visitor: Visit) -> None:
    me = visitor("operator")
    started = me.get("/oidc/authenticate/?fresh=1&login_hint=operator@acme.example")
    query = parse_qs(urlsplit(started["Location"]).query)
    assert query["redirect_uri"] == [f"{settings.PORTAL_URL}/oidc/callback/"]
    assert query["code_challenge_method"] == ["S256"]
    assert query["state"] and query["nonce"]
    assert query["max_age"] == ["0"] and query["prompt"] == ["login"]
    assert "multi-factor" in query["acr_values"][0]
    assert query["login_hint"] == ["operator@acme.example"]


def test_a_stranger_is_sent_to_sign_in_from_every_page(client: Client) -> None:
    for path in ("/account/", "/approvals/", "/approvals/policy/"):
        answer = client.get(path, HTTP_HOST=HOST)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/oidc/authenticate/?next=")


def test_signing_in_again_in_the_same_browser_replaces_the_session(visitor: Visit) -> None:
    me = visitor("operator").sign_in()
    before = SignedInSession.objects.get()
    me.follow(me.get("/oidc/authenticate/?fresh=1"))
    after = SignedInSession.objects.get()
    assert after.session_key != before.session_key
    assert after.session_key == stored_key(me.client.session.session_key)
    assert not Session.objects.filter(session_key=before.session_key).exists()
    assert me.get("/account/").status_code == 200


def test_switching_to_somebody_else_leaves_no_session_behind(visitor: Visit) -> None:
    me = visitor("operator").sign_in()
    me.who = "auditor"
    me.browser.http.cookies.clear()
    me.follow(me.get("/oidc/authenticate/"))
    assert SignedInSession.objects.get().user.sub == SUBS["auditor"]


def test_a_role_that_was_taken_away_is_gone_after_the_next_sign_in(visitor: Visit) -> None:
    me = visitor("operator").sign_in()
    User.objects.update(roles=["operator", "admin"])
    me.follow(me.get("/oidc/authenticate/"))
    assert User.objects.get().roles == ["operator"]

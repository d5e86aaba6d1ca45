"""Sign-out, back-channel logout, and what an ended session may still do: nothing."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from accounts import expired_row_cleanup
from accounts.models import SeenLogoutToken, SignedInSession
from accounts.sessions import service
from accounts.sessions.hashed_key_store import stored_key
from approvals import clock
from tests.accounts.trail import events
from tests.connections.visitor import Answer, Visitor
from tests.support.sign_in import SUBS
from tests.support.tenant import LocalTenant

type Visit = Callable[[str], Visitor]
EVENT = "http://schemas.openid.net/event/backchannel-logout"
HOST = urlsplit(settings.PORTAL_URL).netloc


def test_sign_out_ends_the_session_here_and_at_the_issuer(visitor: Visit) -> None:
    me = visitor("operator").sign_in()
    sid = SignedInSession.objects.get().sid
    answer = me.post("/oidc/logout/")
    query = parse_qs(urlsplit(answer["Location"]).query)
    assert answer["Location"].startswith(f"{settings.ENV.issuer}oidc/logout?")
    assert query["logout_hint"] == [sid]
    assert query["post_logout_redirect_uri"] == [f"{settings.PORTAL_URL}/"]
    assert not SignedInSession.objects.exists()
    [event] = events("operator.signed_out")
    assert event["actor"]["sub"] == SUBS["operator"]

    home = me.follow(answer)
    assert b"Sign in" in home.content
    again = me.browser.get(str(me.get("/oidc/authenticate/")["Location"]))
    assert 'name="sub"' in again.text, "the issuer asks who it is"


def test_a_link_signs_nobody_out(visitor: Visit) -> None:
    me = visitor("operator").sign_in()
    assert me.get("/oidc/logout/").status_code == 405
    assert me.get("/account/").status_code == 200


def test_sign_out_without_a_session_goes_home(client: Client) -> None:
    assert client.post("/oidc/logout/", HTTP_HOST=HOST)["Location"] == "/"


def test_sign_out_needs_its_csrf_token(visitor: Visit) -> None:
    me = visitor("operator").sign_in()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = me.client.cookies
    assert strict.post("/oidc/logout/", HTTP_HOST=HOST).status_code == 403
    assert SignedInSession.objects.exists()


# What an ended session gets, on every method.


@pytest.fixture
def ended(visitor: Visit) -> Visitor:
    """A browser whose session was ended elsewhere."""
    me = visitor("operator").sign_in()
    SignedInSession.objects.all().delete()
    return me


@pytest.mark.parametrize("header", ["Basic x", "Bearer no-token"])
def test_a_page_of_the_api_shows_an_ended_session_to_nobody_whatever_the_header(
    ended: Visitor, header: str
) -> None:
    with_cookie = ended.get("/v1/docs", HTTP_AUTHORIZATION=header)
    stranger = Client().get("/v1/docs", HTTP_HOST=HOST)
    assert with_cookie.status_code == 200
    assert b"Sign out" not in with_cookie.content
    assert len(with_cookie.content) == len(stranger.content)


def test_a_page_sends_an_ended_session_to_sign_in_and_back(ended: Visitor) -> None:
    answer = ended.get("/account/?cursor=s1")
    assert answer.status_code == 302
    assert answer["Location"] == "/oidc/authenticate/?next=%2Faccount%2F%3Fcursor%3Ds1"


def test_a_form_of_an_ended_session_is_a_401_problem(ended: Visitor) -> None:
    answer = ended.post("/account/sessions/end-others/")
    assert answer.status_code == 401
    assert answer.json()["code"] == "session_ended"
    assert answer["Content-Type"] == "application/problem+json"


def test_a_fragment_of_an_ended_session_redirects_the_whole_page(ended: Visitor) -> None:
    answer = ended.get(
        "/approvals/waiting/",
        HTTP_HX_REQUEST="true",
        HTTP_HX_CURRENT_URL=f"{settings.PORTAL_URL}/approvals/?before=x",
    )
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == "/oidc/authenticate/?next=%2Fapprovals%2F%3Fbefore%3Dx"


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_fragment_asked_for_by_nobody_leads_the_whole_page_to_the_sign_in(
    client: Client, db: None, method: str
) -> None:
    answer = client.generic(
        method.upper(),
        "/approvals/waiting/",
        headers={
            "HX-Request": "true",
            "HX-Current-URL": f"{settings.PORTAL_URL}/approvals/?before=x",
        },
    )
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/oidc/authenticate/?next=%2Fapprovals%2F%3Fbefore%3Dx"


def test_a_fragment_cannot_be_talked_into_leaving_the_portal(ended: Visitor) -> None:
    answer = ended.get(
        "/approvals/waiting/",
        HTTP_HX_REQUEST="true",
        HTTP_HX_CURRENT_URL="https://evil.example//evil.example/x",
    )
    page = ended.follow(ended.get(answer["HX-Redirect"]))
    assert page.status_code in {200, 404}
    assert all(
        urlsplit(url).netloc in {HOST, urlsplit(settings.ENV.issuer).netloc} for url in ended.trace
    )


def test_a_stolen_session_id_under_another_key_is_refused(visitor: Visit) -> None:
    me = visitor("operator").sign_in()
    SignedInSession.objects.update(session_key="another-session")
    assert me.get("/account/").status_code == 302


def test_a_session_that_ran_out_is_not_shown_as_live_and_is_forgotten(visitor: Visit) -> None:
    old, me = visitor("operator").sign_in(), visitor("operator").sign_in()
    user = SignedInSession.objects.first().user  # type: ignore[union-attr]
    key = stored_key(old.client.session.session_key)
    Session.objects.filter(session_key=key).update(expire_date=clock.now() - timedelta(seconds=1))
    assert [row.session_key for row in service.of(user)] == [
        stored_key(me.client.session.session_key)
    ]
    expired_row_cleanup.tidy(clock.now() + timedelta(minutes=2))
    assert SignedInSession.objects.get().session_key == stored_key(me.client.session.session_key)
    assert me.get("/account/").status_code == 200
    expired_row_cleanup.tidy(clock.now() + timedelta(hours=13))
    assert not SignedInSession.objects.exists() and not Session.objects.exists()


def test_a_logout_token_is_remembered_for_as_long_as_it_could_be_replayed(db: None) -> None:
    now = clock.now()
    for jti, seconds in (("live", 5), ("within the leeway", -59), ("over", -600)):
        SeenLogoutToken.objects.create(jti=jti, expires=now + timedelta(seconds=seconds))
    expired_row_cleanup.tidy(now)
    kept = set(SeenLogoutToken.objects.values_list("jti", flat=True))
    assert kept == {"live", "within the leeway"}


# Back-channel logout, with tokens that the tenant itself signs.


@pytest.fixture
def sign(portal_tenant: LocalTenant) -> Callable[[list[dict[str, Any]]], list[str]]:
    """Have the tenant sign logout tokens: good ones with changes; None leaves a claim out."""

    def tokens(changes: list[dict[str, Any]]) -> list[str]:
        good = {
            "iss": settings.ENV.issuer,
            "aud": "ata-web",
            "iat": "now",
            "exp": "soon",
            "events": {EVENT: {}},
        }
        bodies = [good | {"jti": str(uuid.uuid4())} | change for change in changes]
        program = (
            "import json, time\n"
            "from local.tenant.oauth import token_formats\n"
            f"bodies = json.loads({json.dumps(json.dumps(bodies))})\n"
            "at = {'now': int(time.time()), 'soon': int(time.time()) + 120,"
            " 'past': int(time.time()) - 900}\n"
            "for body in bodies:\n"
            "    print(token_formats.sign({k: at.get(v, v) if isinstance(v, str) else v"
            " for k, v in body.items() if v is not None}))\n"
        )
        return portal_tenant.execute(program).split()

    return tokens


type Sign = Callable[[list[dict[str, Any]]], list[str]]


def send(token: str) -> Answer:
    """As the issuer calls: no cookies, no CSRF token."""
    caller = Client(enforce_csrf_checks=True)
    return caller.post("/oidc/backchannel-logout/", {"logout_token": token}, HTTP_HOST=HOST)


def test_the_issuer_ends_exactly_the_session_that_it_names(visitor: Visit, sign: Sign) -> None:
    here, there = visitor("operator").sign_in(), visitor("operator").sign_in()
    sid = SignedInSession.objects.get(session_key=stored_key(here.client.session.session_key)).sid
    [token] = sign([{"sid": sid, "sub": SUBS["operator"]}])
    answer = send(token)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert here.get("/account/").status_code == 302
    assert there.get("/account/").status_code == 200
    [event] = events("session.revoked")
    assert (event["source"], event["data"]["ended"]) == ("auth0", 1)


def test_a_token_without_a_session_ends_all_of_the_person(visitor: Visit, sign: Sign) -> None:
    here, there = visitor("operator").sign_in(), visitor("operator").sign_in()
    other = visitor("auditor").sign_in()
    [token] = sign([{"sub": SUBS["operator"]}])
    assert send(token).status_code == 200
    assert {m.get("/account/").status_code for m in (here, there)} == {302}
    assert other.get("/account/").status_code == 200


def test_a_logout_token_counts_once(visitor: Visit, sign: Sign) -> None:
    [token] = sign([{"sub": SUBS["operator"]}])
    assert send(token).status_code == 200
    me = visitor("operator").sign_in()
    answer = send(token)
    assert (answer.status_code, answer.json()["error_description"]) == (400, "replayed")
    assert me.get("/account/").status_code == 200


def test_a_logout_token_that_proves_nothing_ends_nothing(visitor: Visit, sign: Sign) -> None:
    me = visitor("operator").sign_in()
    sub = {"sub": SUBS["operator"]}
    wrong: dict[str, dict[str, Any]] = {
        "issuer": {**sub, "iss": "https://evil.example/"},
        "audience": {**sub, "aud": "another-client"},
        "expired": {**sub, "iat": "past", "exp": "past"},
        "nonce": {**sub, "nonce": "n"},
        "events": {**sub, "events": {}},
        "missing_claim": {},
    }
    for code, token in zip(wrong, sign(list(wrong.values())), strict=True):
        answer = send(token)
        assert (answer.status_code, answer.json()["error_description"]) == (400, code)
    for forged in ("", "x.y.z", sign([sub])[0][:-6] + "AAAAAA"):
        assert send(forged).status_code == 400
    assert me.get("/account/").status_code == 200
    assert events("session.revoked") == []


def test_back_channel_logout_takes_posts_only(client: Client) -> None:
    assert client.get("/oidc/backchannel-logout/", HTTP_HOST=HOST).status_code == 405


def test_no_key_of_the_database_opens_a_session(visitor: Visit) -> None:
    me = visitor("auditor").sign_in()
    kept = [*Session.objects.values_list("session_key", flat=True)]
    kept += SignedInSession.objects.values_list("session_key", flat=True)
    assert kept and me.client.session.session_key not in kept
    for key in kept:
        reader = Client()
        reader.cookies[settings.SESSION_COOKIE_NAME] = key
        assert reader.get("/account/", HTTP_HOST=HOST).status_code == 302
    assert me.get("/account/").status_code == 200

"""Every hostile access token at `/v1`: 401, problem+json, a stable code, and nothing recorded."""

from __future__ import annotations

import time
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import CommandLineSignIn
from approvals.models import Person
from audit.models import EventRow
from tests.accounts.trail import events
from tests.attacks.sign_in.bending import with_times as common
from tests.attacks.sign_in.forging import (
    ABSENT,
    FORGERIES,
    KEY,
    Attack,
    Forge,
    claims,
    header,
    written,
)
from tests.attacks.sign_in.provider import CLIENT, EVENT, ROLES, SUB, Page, Provider, says
from tests.attacks.sign_in.visiting import HOST, Answer, Browser

API = "https://ata.local/api"
CLI = "ata-cli"
DETAILS = [{"type": "urn:auth0:schemas:authorization-details:v1:ata-intent", "instruction": "x"}]
CALLS: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/v1/whoami", None),
    ("GET", "/v1/auth/token?connection=github", None),
    ("GET", "/v1/audit/events", None),
    ("GET", "/v1/connections", None),
    ("GET", "/v1/approvals", None),
    ("POST", "/v1/session", {"id_token": "x"}),
    ("POST", "/v1/audit/events", [{"action": "deployed"}]),
    ("POST", "/v1/audit/exports", {"format": "csv", "filter": {}}),
    (
        "POST",
        "/v1/decisions",
        {"verb": "skill.hold", "target": {"kind": "skill", "name": "pdf"}, "reason": "x"},
    ),
)


def good(provider: Provider) -> Forge:
    """What the command line presents."""
    now = int(time.time())
    return Forge(
        {
            "iss": provider.issuer,
            "sub": SUB,
            "aud": [API, f"{provider.issuer}userinfo"],
            "azp": CLI,
            "iat": now,
            "exp": now + 600,
            "scope": "openid",
            "permissions": ["write:events"],
            ROLES: ["operator"],
        }
    )


def an_id_token(forge: Forge) -> None:
    forge.claims.update(aud=CLIENT, nonce="n")
    forge.claims.pop("scope")


def an_approval_token(forge: Forge) -> None:
    forge.claims.update(aud="https://ata.local/approvals", authorization_details=DETAILS)


def a_my_account_token(forge: Forge) -> None:
    forge.claims.update(aud=forge.claims["iss"] + "me/")


def a_management_token(forge: Forge) -> None:
    forge.claims.update(aud=forge.claims["iss"] + "api/v2/", sub="ata-mgmt@clients")


def access_token_claims() -> tuple[Attack, ...]:
    """Claims that only an access token has, and tokens that are none for us."""
    return (
        claims("missing_claim", "no sub", {"sub": ABSENT}),
        claims("missing_claim", "sub is empty", {"sub": ""}),
        claims("client_not_allowed", "no client", {"azp": ABSENT}),
        claims("client_not_allowed", "client of somebody else", {"azp": "another-app"}),
        claims("client_not_allowed", "client is empty", {"azp": ""}),
        claims("client_not_allowed", "client in another case", {"azp": CLI.upper()}),
        claims("client_not_allowed", "two clients", {"azp": CLI, "client_id": "other"}),
        claims("client_not_allowed", "the vault's client", {"azp": "ata-vault"}),
        claims("client_not_allowed", "the management client", {"azp": "ata-mgmt"}),
        claims("bad_claim", "client is a list", {"azp": [CLI]}),
        claims("bad_claim", "scope is a list", {"scope": ["openid"]}),
        claims("bad_claim", "permissions are text", {"permissions": "write:events"}),
        claims("bad_claim", "permissions hold a number", {"permissions": [1]}),
        claims("bad_claim", "roles are text", {ROLES: "admin"}),
        claims("bad_claim", "roles are an object", {ROLES: {"admin": True}}),
        claims("bad_claim", "jti is a number", {"jti": 5}),
        claims("confirmation", "bound to a certificate", {"cnf": {"x5t#S256": "x"}}),
        claims("confirmation", "bound to nothing", {"cnf": {}}),
        claims("confirmation", "bound to text", {"cnf": "jkt"}),
        claims("confirmation", "bound to an empty thumbprint", {"cnf": {"jkt": ""}}),
        claims("authorization_details", "an approval for this API",
               {"authorization_details": DETAILS}),
        claims("authorization_details", "empty details", {"authorization_details": []}),
        claims("authorization_details", "details that are null", {"authorization_details": None}),
        Attack("an ID token", an_id_token, "audience"),
        Attack("an approval token", an_approval_token, "audience"),
        Attack("a My Account token", a_my_account_token, "audience"),
        Attack("a management token", a_management_token, "audience"),
        claims("logout_token", "a logout token for this API", {"events": {EVENT: {}}}),
        header("type", "typ of a logout token", typ="logout+jwt"),
        written("malformed", "too long", lambda token: f"{token}{'A' * 64_000}"),
        written("encrypted", "two tokens", lambda token: f"{token} {token}"),
        written("malformed", "with a tab inside", lambda token: f"{token[:9]}\t{token[9:]}"),
        written("malformed", "another alphabet", lambda token: f"{token[:9]}é{token[9:]}"),
        written("malformed", "opaque", lambda _: "x9Jk2LQ"),
        written("malformed", "only dots", lambda _: ".."),
    )  # fmt: skip


def _table(now: float, issuer: str) -> dict[str, Attack]:
    found = (*FORGERIES, *common(now, issuer, API), *access_token_claims())
    named = {attack.name: attack for attack in found}
    assert len(named) == len(found), "two attacks of one name"
    return named


NAMES = tuple(_table(0, "the issuer"))


def call(
    token: str, *, scheme: str = "Bearer", at: int = 0, client: Client | None = None
) -> Answer:
    method, path, body = CALLS[at % len(CALLS)]
    sent: dict[str, Any] = {"HTTP_HOST": HOST}
    if token or scheme:
        sent["HTTP_AUTHORIZATION"] = f"{scheme} {token}"
    if body is not None:
        sent |= {"data": body, "content_type": "application/json"}
    answer: Answer = getattr(client or Client(), method.lower())(path, **sent)
    return answer


def assert_unauthorized(answer: Answer, code: str, reason: str = "") -> None:
    """RFC 6750 section 3 and RFC 9457, and nothing of it is kept."""
    assert answer.status_code == 401, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"].split()[0] == "Bearer"
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert (body["status"], body["code"]) == (401, code)
    assert body.get("reason", "") == reason
    assert body["detail"] and body["request_id"] == answer["X-Request-Id"]
    assert "Set-Cookie" not in answer and not answer.cookies
    _assert_told(code, reason)
    assert not Person.objects.exists() and not CommandLineSignIn.objects.exists()


def _assert_told(code: str, reason: str) -> None:
    """One event for what was refused, by nobody that is proven; none for what is everyday."""
    everyday = code in {"token_missing", "token_expired", "subject_token_expired"}
    said = [(e["action"], e["actor"]["sub"], e["data"]["code"]) for e in events()]
    assert said == ([] if everyday else [("access.refused", "", code)])
    assert {e["data"].get("reason", "") for e in events()} <= {reason}


def test_there_are_enough_of_them() -> None:
    assert len(NAMES) >= 150


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_access_token_is_a_401_that_says_which_check_failed(
    provider: Provider, name: str
) -> None:
    attack = _table(time.time(), provider.issuer)[name]
    forge = good(provider)
    attack.bend(forge)
    token = forge.token()
    answer = call(token, at=NAMES.index(name))
    code = "token_refused"
    if attack.expected == "expired":
        subject = "/auth/token" in CALLS[NAMES.index(name) % len(CALLS)][1]
        code = "subject_token_expired" if subject else "token_expired"
    assert_unauthorized(answer, code, attack.expected)
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]
    if len(token) > 40:
        assert token not in answer.content.decode()


@pytest.mark.parametrize("at", range(len(CALLS)))
def test_the_good_token_of_this_table_is_let_in(provider: Provider, at: int) -> None:
    assert call(good(provider).token(), at=at).status_code not in {401, 500}


@pytest.mark.parametrize("at", range(len(CALLS)))
def test_without_a_token_there_is_nothing(provider: Provider, at: int) -> None:
    assert_unauthorized(call("", scheme="", at=at), "token_missing")
    assert provider.asked == [], "the issuer is not asked for nothing"


@pytest.mark.parametrize(
    "scheme", ["", "Basic", "Bearer", "Bearer ", "bearer", "Token", "Digest", "Bearer\t", "null"]
)
def test_a_scheme_without_a_token_or_of_another_kind_is_no_token(
    provider: Provider, scheme: str
) -> None:
    token = "b2x1Om9sdQ==" if scheme in {"Basic", "Token", "Digest", ""} else ""
    assert_unauthorized(call(token, scheme=scheme), "token_missing")


def test_a_token_elsewhere_than_in_its_header_is_no_token(provider: Provider) -> None:
    token = good(provider).token()
    client = Client()
    client.cookies["access_token"] = token
    for path in (f"/v1/whoami?access_token={token}", "/v1/whoami"):
        assert_unauthorized(client.get(path, HTTP_HOST=HOST), "token_missing")


def test_a_session_of_the_pages_opens_no_api(provider: Provider) -> None:
    browser = Browser()
    browser.sign_in()
    before = len(events())
    for at in range(len(CALLS)):
        answer = call("", scheme="", at=at, client=browser.client)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")
    tried = events()[before:]
    assert {e["action"] for e in tried} == {"access.refused"} and len(tried) == len(CALLS)
    assert {e["actor"]["sub"] for e in tried} == {""}
    assert {e["on_behalf_of"]["sub"] for e in tried} == {SUB}


@pytest.mark.parametrize(
    "members", [{ROLES: ABSENT, "roles": ["admin"]}, {ROLES: ABSENT, "https://x.example/roles": 1}]
)
def test_roles_of_another_namespace_count_for_nothing(
    provider: Provider, members: dict[str, Any]
) -> None:
    forge = good(provider)
    forge.claims.update(members)
    answer = call(forge.token())
    assert (answer.status_code, answer.json()["roles"]) == (200, [])


@pytest.mark.parametrize(
    ("member", "seconds", "status"),
    [("exp", -59, 200), ("iat", 60, 200), ("exp", -60, 401), ("iat", 61, 401), ("nbf", 61, 401)],
)
def test_clocks_may_differ_by_a_minute_and_no_more(
    provider: Provider, member: str, seconds: int, status: int
) -> None:
    with time_machine.travel(int(time.time()), tick=False):
        forge = good(provider)
        forge.claims[member] = int(time.time()) + seconds
        assert call(forge.token()).status_code == status


def _session(provider: Provider, id_token: Any) -> Answer:
    return Client().post(
        "/v1/session",
        {"id_token": id_token},
        content_type="application/json",
        HTTP_HOST=HOST,
        HTTP_AUTHORIZATION=f"Bearer {good(provider).token()}",
    )


@pytest.mark.parametrize(
    "members",
    [
        {"aud": CLIENT},
        {"sub": "auth0|somebody-else"},
        {"nonce": "of-a-browser"},
        {"exp": 5},
        {"exp": 2**52},
        {"iss": "https://evil.example/"},
        {"events": {EVENT: {}}, "jti": "j-1", "sid": "s-1"},
        {"sub": "auth0|a\0b"},
        {ROLES: "admin"},
    ],
    ids=str,
)
def test_an_id_token_that_is_not_the_callers_is_kept_nowhere(
    provider: Provider, members: dict[str, Any]
) -> None:
    now = int(time.time())
    forge = Forge({"iss": provider.issuer, "sub": SUB, "aud": CLI, "iat": now, "exp": now + 600})
    assert forge.key is KEY
    forge.claims.update(members)
    answer = _session(provider, forge.token())
    assert (answer.status_code, answer.json()["code"]) == (422, "id_token_refused")
    assert not CommandLineSignIn.objects.exists()
    [said] = events()
    assert (said["action"], said["data"]["code"]) == ("access.refused", "id_token_refused")


@pytest.mark.parametrize(
    "lie",
    [
        says({"error": "server_error"}, 500),
        says({"keys": []}),
        says(["keys"]),
        Page(b"<h1>Oops</h1>", type="text/html"),
        Page(b"", 302, headers=(("Location", "http://localhost:9/jwks.json"),)),
    ],
    ids=["500", "no keys", "a list", "HTML", "elsewhere"],
)
def test_keys_that_cannot_be_read_are_a_503_that_says_when_to_come_back(
    provider: Provider, lie: Page
) -> None:
    provider.lies["/.well-known/jwks.json"] = lambda _honest: lie
    answer = call(good(provider).token())
    assert (answer.status_code, answer.json()["code"]) == (503, "issuer_unreachable")
    assert answer["Retry-After"]
    assert not EventRow.objects.exists()

"""Forms from elsewhere, frames, caches, cookies, strangers: asked of every route there is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from django.test import Client
from django.urls import resolve

from approvals import auth0_clients
from http_client.client import HttpClient
from portal.env import BASE_DIR
from tests.attacks.sign_in.doors import Door, doors
from tests.attacks.sign_in.for_strangers import PAGES
from tests.attacks.sign_in.production import PRODUCTION
from tests.attacks.sign_in.visiting import HOST, Answer
from tests.support.pages import signed_in

DOORS = doors()
UNSAFE = ("post", "put", "patch", "delete")
# Who proves itself by a token in the request and has no cookie to abuse.
WITHOUT_CSRF = {
    "oidc/backchannel-logout/": "the issuer, by a signed logout token",
    "services/collector/event": "the ingest token of a gateway, in a header",
    "v1/": "a bearer token in a header",
}
# Who may come in without having signed in.
FOR_STRANGERS = set(PAGES)
ASKS_THE_ISSUER = {"oidc/authenticate/", "oidc/backchannel-logout/", "readyz"}  # nobody is there
PUBLIC = ("get", "v1/openapi.json")  # the same document for everybody
SHARED = ("log/", "healthz", "readyz", "metrics")  # what a cache may keep, or decides by itself


@pytest.fixture(autouse=True)
def _no_issuer(
    db: None,
    settings: Any,
    tmp_path: Any,
    patient: HttpClient,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    settings.VAR_DIR = tmp_path
    nobody = {"AUTH0_ISSUER": "http://localhost:9/"}  # the tenant of other tests may be up
    settings.ENV = settings.ENV.model_copy(update=nobody)
    monkeypatch.setattr(auth0_clients, "outbound", lambda: patient)
    auth0_clients.auth0.cache_clear()
    yield
    auth0_clients.auth0.cache_clear()


@pytest.fixture
def everybody() -> Client:
    """A person with every role, so that no route hides behind a 403."""
    return signed_in("operator", "operator", "auditor", "admin", csrf=True)


def _exempt(door: Door) -> bool:
    return any(
        door.pattern == known or (known.endswith("v1/") and door.pattern.startswith(known))
        for known in WITHOUT_CSRF
    )


def test_only_the_listed_routes_do_without_a_csrf_token() -> None:
    open_ = {door.pattern for door in DOORS if getattr(door.view, "csrf_exempt", False)}
    assert {pattern for pattern in open_ if not pattern.startswith("v1/")} == {
        "oidc/backchannel-logout/",
        "services/collector/event",
    }


def test_samples_match_their_routes() -> None:
    for door in DOORS:
        assert resolve(door.path).route == door.pattern


@pytest.mark.parametrize("door", [d for d in DOORS if not _exempt(d)], ids=str)
def test_every_unsafe_request_without_a_csrf_token_is_refused(
    door: Door, everybody: Client
) -> None:
    for method in UNSAFE:
        answer = getattr(everybody, method)(door.path, HTTP_HOST=HOST)
        assert answer.status_code == 403, (method, answer.content[:200])
        assert "came from another site" in answer.content.decode()


@pytest.mark.parametrize("door", [d for d in DOORS if d.pattern.startswith("v1/")], ids=str)
def test_no_call_of_the_api_is_opened_by_the_cookie_of_a_page(
    door: Door, everybody: Client
) -> None:
    for method in ("get", *UNSAFE):
        answer = getattr(everybody, method)(door.path, HTTP_HOST=HOST)
        if method == "get" and door.pattern in FOR_STRANGERS:
            continue
        # 415: a door for devices, which reads JSON alone and has no use for a cookie.
        refused = {401, 403, 404, 405, *({415} if "/outposts/" in door.pattern else ())}
        assert answer.status_code in refused, (method, answer.content[:200])
        if door.pattern != "v1/docs" and answer.status_code == 403:
            assert answer.json()["code"] == "csrf"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"HTTP_ORIGIN": "https://evil.example"},
        {"HTTP_ORIGIN": "null"},
        {"HTTP_REFERER": "https://evil.example/"},
        {"HTTP_X_CSRFTOKEN": "a" * 64},
        {"HTTP_X_CSRFTOKEN": "\0"},
        {"HTTP_HX_REQUEST": "true"},
        {"HTTP_X_REQUESTED_WITH": "XMLHttpRequest"},
        {"HTTP_X_HTTP_METHOD_OVERRIDE": "GET"},
        {"HTTP_SEC_FETCH_SITE": "cross-site"},
    ],
    ids=str,
)
def test_no_header_talks_a_form_through(everybody: Client, headers: dict[str, Any]) -> None:
    answer = everybody.post("/account/sessions/end-others/", HTTP_HOST=HOST, **headers)
    assert answer.status_code == 403


def test_a_right_token_from_another_origin_is_refused(everybody: Client) -> None:
    page = everybody.get("/account/", HTTP_HOST=HOST).content.decode()
    token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    assert token
    for origin in ("https://evil.example", f"http://{HOST}.evil.example", "null"):
        answer = everybody.post(
            "/account/sessions/end-others/",
            {"csrfmiddlewaretoken": token},
            HTTP_HOST=HOST,
            HTTP_ORIGIN=origin,
        )
        assert answer.status_code == 403, origin
    here: dict[str, Any] = {"HTTP_HOST": HOST, "HTTP_ORIGIN": django_settings.PORTAL_URL}
    data = {"csrfmiddlewaretoken": token}
    assert everybody.post("/account/sessions/end-others/", data, **here).status_code == 302


@pytest.mark.parametrize("door", DOORS, ids=str)
def test_a_stranger_sees_only_what_is_listed(door: Door) -> None:
    answer = Client().get(door.path, HTTP_HOST=HOST)
    if door.pattern in FOR_STRANGERS:
        assert answer.status_code in {200, 302, 401, 404, 405, 409, 503}
        if answer.status_code == 302:
            assert door.pattern == "oidc/callback/"
    elif door.pattern.startswith("v1/"):
        assert answer.status_code in {401, 405}
    else:
        assert answer.status_code == 302
        assert answer["Location"].startswith("/oidc/authenticate/?next=")


# Headers.


def assert_guarded(answer: Answer) -> None:
    """What every answer has, whatever its status."""
    policy = {
        name: set(rest)
        for name, *rest in (part.split() for part in answer["Content-Security-Policy"].split(";"))
    }
    for name in ("default-src", "frame-ancestors", "base-uri"):
        assert policy[name] == {"'none'"}, name
    text = answer["Content-Security-Policy"]
    assert "unsafe" not in text and "*" not in text and "http:" not in text.split("form-action")[0]
    assert all("data:" not in found for name, found in policy.items() if name != "img-src")
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] in {"same-origin", "no-referrer"}
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Cache-Control"]
    assert answer["X-Request-Id"]
    assert "Access-Control-Allow-Origin" not in answer
    assert "Server" not in answer and "X-Powered-By" not in answer


def assert_private(answer: Answer) -> None:
    """No cache keeps it, neither one on the way nor that of the browser behind the back button."""
    rules = {part.strip() for part in answer["Cache-Control"].split(",")}
    assert {"no-store", "private"} <= rules or rules == {"no-store"}, rules


@pytest.mark.parametrize("door", DOORS, ids=str)
@pytest.mark.parametrize("who", ["a stranger", "everybody"])
def test_every_answer_of_every_route_is_guarded(door: Door, who: str) -> None:
    client = (
        Client()
        if who == "a stranger"
        else signed_in("operator", "operator", "auditor", "admin", csrf=True)
    )
    for method in ("get", "post"):
        answer = getattr(client, method)(door.path, HTTP_HOST=HOST)
        assert answer.status_code < 500 or door.pattern in ASKS_THE_ISSUER, answer.content[:300]
        assert_guarded(answer)
        if not door.pattern.startswith(SHARED) and (method, door.pattern) != PUBLIC:
            assert_private(answer)


def test_errors_of_the_outer_layers_are_guarded_too(everybody: Client) -> None:
    ended = signed_in("auditor", "auditor")
    ended.cookies[django_settings.SESSION_COOKIE_NAME] = "gone"
    answers = {
        "unknown host": everybody.get("/account/", HTTP_HOST="evil.example"),
        "nothing there": everybody.get("/nothing/", HTTP_HOST=HOST),
        "nothing there in the API": Client().get("/v1/nothing", HTTP_HOST=HOST),
        "no slash": everybody.get("/account", HTTP_HOST=HOST),
        "no token": everybody.post("/account/sessions/end-others/", HTTP_HOST=HOST),
        "bad cookie": ended.get("/account/", HTTP_HOST=HOST),
        "too large": everybody.post(
            "/account/sessions/end-others/", {"x": "y" * 3_000_000}, HTTP_HOST=HOST
        ),
    }
    for name, answer in answers.items():
        assert 300 <= answer.status_code < 500, name
        assert_guarded(answer)
        assert_private(answer)


def test_our_own_mistake_is_guarded_and_tells_nothing(everybody: Client) -> None:
    everybody.raise_request_exception = False

    def broken(execute: Any, sql: str, *rest: Any) -> Any:
        if "approvals" in sql:
            raise OperationalError("password of the database: hunter2")
        return execute(sql, *rest)

    with connection.execute_wrapper(broken):
        answer = everybody.get("/approvals/", HTTP_HOST=HOST)
    assert answer.status_code == 500
    assert "hunter2" not in answer.content.decode()
    assert_guarded(answer)
    assert_private(answer)


# Cookies.


def test_cookies_stay_away_from_scripts_and_other_sites(everybody: Client) -> None:
    everybody.get("/account/", HTTP_HOST=HOST)
    page = Client()
    page.get("/oidc/callback/?code=c&state=s", HTTP_HOST=HOST)
    found = {**everybody.cookies, **page.cookies}
    for name in (django_settings.SESSION_COOKIE_NAME, django_settings.CSRF_COOKIE_NAME):
        cookie = found[name]
        assert cookie["httponly"], name
        assert cookie["samesite"] == "Lax", name
        assert cookie["path"] == "/" and not cookie["domain"], name


_PROGRAM = """
import json, django
django.setup()
from django.conf import settings
from django.core import checks
from django.core.exceptions import DisallowedHost
from django.test import Client, RequestFactory
from django.urls import Resolver404, resolve
far = dict(HTTP_HOST="portal.acme.example", HTTP_X_FORWARDED_PROTO="https")
alive = Client().get("/healthz", **far)
def refused(host):
    try:
        return not RequestFactory().get("/", HTTP_HOST=host, HTTP_X_FORWARDED_HOST=
                                        "portal.acme.example").get_host()
    except DisallowedHost:
        return True
def mounted(path):
    try:
        return bool(resolve(path))
    except Resolver404:
        return False
print(json.dumps({
    "names": [settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME],
    "flags": [[getattr(settings, f"{k}_COOKIE_{n}") for n in ("SECURE", "HTTPONLY", "SAMESITE",
               "PATH", "DOMAIN")] for k in ("SESSION", "CSRF")],
    "debug": settings.DEBUG, "headers": dict(alive.headers), "status": alive.status_code,
    "let in": [host for host in ("localhost", "127.0.0.1", "testserver", "evil.example",
               "acme.example", "x.portal.acme.example", "portal.acme.example.evil.example")
               if not refused(host)],
    "warnings": [w.id for w in checks.run_checks(
                 app_configs=[], include_deployment_checks=True)],
    "styleguide": mounted("/styleguide/"),
    "demo": any(map(mounted, ("/demo/finding/", "/demo/tamper/", "/demo/remove/"))),
}))
"""


ACCEPTED = {
    "security.W008",  # the proxy in front redirects to https
    "security.W005",  # neighbours under the same domain are not ours to bind
    "security.W021",  # nor to preload
    "mail.E001",  # no mail is sent yet: docs/deploy.md
}


def test_production_keeps_its_cookies_to_itself_and_its_host(tmp_path: Any) -> None:
    inherited = {k: os.environ[k] for k in ("PATH", "HOME", "LANG") if k in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        cwd=BASE_DIR,
        env=inherited
        | PRODUCTION
        | {"VAR_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "portal.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["names"] == ["__Host-ata_session", "__Host-ata_csrf"]
    assert told["flags"] == [[True, True, "Lax", "/", None]] * 2
    assert told["debug"] is False
    assert told["status"] == 200
    assert told["headers"]["Strict-Transport-Security"].startswith("max-age=31536000")
    assert told["let in"] == []
    assert told["styleguide"] is False
    assert told["demo"] is False
    assert set(told["warnings"]) <= ACCEPTED

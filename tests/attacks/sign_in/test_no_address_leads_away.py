"""Open redirects, hosts, line breaks in headers, bodies without measure."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.conf import settings as django_settings
from django.test import Client

from audit.models import EventRow
from tests.attacks.sign_in.provider import Provider
from tests.attacks.sign_in.visiting import HOST, START, Answer, Browser, at_the_provider
from tests.support.pages import signed_in

PORTAL = django_settings.PORTAL_URL
SCHEME = urlsplit(PORTAL).scheme

LEAVING = [
    "https://evil.example/",
    "http://evil.example",
    "//evil.example/",
    "///evil.example",
    "////evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "\x1b//evil.example",
    "\u2028//evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "http:\\\\evil.example",
    "HTTPS://EVIL.EXAMPLE/",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://evil.example/x",
    "{scheme}://{here}@evil.example/",
    "{scheme}://{here}:x@evil.example/",
    "{scheme}://{here}.evil.example/",
    "{scheme}://evil.example/{here}",
    "{scheme}://evil.example#{here}",
    "{scheme}://evil.example?{here}",
    "{scheme}://{name}:1/",
    "{scheme}://{here}%00.evil.example/",
    "{scheme}://evil.example\\@{here}/",
    "//evil.example/%2f..",
    "https://[::1]/",
    "https://[evil.example",
    "http://0x7f000001/",
    "//\u212avil.example/",
]
STAYING = {
    "/%2f%2fevil.example": "/%2f%2fevil.example",
    "/%5cevil.example": "/%5cevil.example",
    "/%09/evil.example": "/%09/evil.example",
    "/account/?next=//evil.example": "/account/?next=//evil.example",
    "/account/#//evil.example": "/account/#//evil.example",
    "/.//evil.example": "/.//evil.example",
    "{portal}/account/": "{portal}/account/",
}


def at_home(text: str) -> str:
    """With our scheme, host and address filled in: the port differs from process to process."""
    for name, value in _HOME.items():
        text = text.replace("{" + name + "}", value)
    return text


_HOME = {"scheme": SCHEME, "here": HOST, "portal": PORTAL, "name": HOST.partition(":")[0]}


@pytest.mark.parametrize("following", LEAVING)
def test_a_next_that_leaves_the_portal_leads_home(
    provider: Provider, browser: Browser, following: str
) -> None:
    answer = browser.sign_in(f"?next={quote(at_home(following), safe='')}")
    assert answer["Location"] == "/"
    assert browser.signed_in


@pytest.mark.parametrize("following", STAYING)
def test_a_strange_next_that_stays_is_followed_as_a_path_of_ours(
    provider: Provider, browser: Browser, following: str
) -> None:
    answer = browser.sign_in(f"?next={quote(at_home(following), safe='')}")
    assert answer["Location"] == at_home(STAYING[following])


@pytest.mark.parametrize(
    "following",
    ["/x\r\nSet-Cookie: a=b", "/x\nLocation: //evil.example", "/x%0d%0aA: b", "/é\u2028"],
)
def test_line_breaks_in_a_next_make_no_header(
    provider: Provider, browser: Browser, following: str
) -> None:
    answer = browser.sign_in(f"?next={quote(following, safe='')}")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/") and "\n" not in answer["Location"]
    assert "a" not in answer.cookies
    assert set(answer.cookies) <= {
        django_settings.SESSION_COOKIE_NAME,
        django_settings.CSRF_COOKIE_NAME,
    }


def test_a_next_without_end_is_forgotten(provider: Provider, browser: Browser) -> None:
    assert browser.sign_in("?next=/" + "x" * 5000)["Location"] == "/"


def test_only_the_last_of_two_nexts_counts_and_it_is_judged(
    provider: Provider, browser: Browser
) -> None:
    assert browser.sign_in("?next=/account/&next=//evil.example")["Location"] == "/"


@pytest.mark.parametrize("page", ["//evil.example/", "/\\evil.example", "/account/"])
def test_where_a_stranger_wanted_to_go_is_judged_too(
    provider: Provider, browser: Browser, page: str
) -> None:
    """A fragment tells its page in a header; a page tells itself in its address."""
    answer = browser.get(
        "/approvals/waiting/", HTTP_HX_REQUEST="true", HTTP_HX_CURRENT_URL=f"https://x{page}"
    )
    back = browser.get(at_the_provider(browser.get(answer["HX-Redirect"])["Location"]))
    assert urlsplit(back["Location"]).netloc in {"", HOST}
    assert not back["Location"].startswith(("//", "/\\"))


@pytest.mark.parametrize(
    "page", ["//evil.example/account/", "//evil.example", "/\\evil.example/", "/%0d%0aX:y"]
)
def test_no_path_of_ours_is_sent_on_to_somebody_else(page: str, db: None) -> None:
    for client in (Client(), signed_in("auditor", "auditor")):
        answer = client.get(page, HTTP_HOST=HOST)
        location = answer.get("Location", "/")
        assert not location.startswith(("//", "/\\", "http")), location
        assert "\n" not in location


# Hosts. What the browser or a proxy says about our name is never believed.

FOREIGN = [
    "evil.example",
    "{here}.evil.example",
    "evil.example:80",
    "localhost.evil.example",
    "a.localhost",
    "[::1]",
    "127.0.0.2",
    "169.254.169.254",
    "{here}@evil.example",
    "evil.example#localhost",
    "evil.example/localhost",
    "local host",
    "",
    "localhost:port",
    "*",
]


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("path", [START, "/account/", "/v1/whoami", "/log/key"])
def test_a_foreign_host_is_refused_everywhere(db: None, host: str, path: str) -> None:
    answer = Client().get(path, HTTP_HOST=at_home(host))
    assert answer.status_code == 400
    assert "evil.example" not in answer.content.decode()
    assert "Location" not in answer


@pytest.mark.parametrize(
    "header",
    [
        "HTTP_X_FORWARDED_HOST",
        "HTTP_X_FORWARDED_SERVER",
        "HTTP_X_HOST",
        "HTTP_FORWARDED",
        "HTTP_X_ORIGINAL_URL",
        "HTTP_X_REWRITE_URL",
        "HTTP_X_FORWARDED_PORT",
    ],
)
def test_a_host_that_a_proxy_would_say_changes_nothing(
    provider: Provider, browser: Browser, header: str
) -> None:
    said: dict[str, Any] = {
        header: "host=evil.example" if header[5:] == "FORWARDED" else "evil.example"
    }
    answer = browser.get(START, **said)
    assert f"redirect_uri={quote(PORTAL, safe='')}%2Foidc%2Fcallback%2F" in answer["Location"]
    assert "evil.example" not in answer["Location"]
    page = browser.get(at_the_provider(answer["Location"]), **said)
    assert page["Location"] == "/"
    assert "evil.example" not in browser.get("/account/", **said).content.decode()


def test_plain_http_behind_no_proxy_cannot_call_itself_secure(db: None) -> None:
    """Only production trusts `X-Forwarded-Proto`, and there the proxy sets it (docs/deploy.md)."""
    answer = Client().get("/healthz", HTTP_HOST=HOST, HTTP_X_FORWARDED_PROTO="https")
    assert "Strict-Transport-Security" not in answer


# Header injection.

BREAKS = ["a\r\nSet-Cookie: evil=1", "a\nX-Evil: 1", "a\rX-Evil: 1", "a\0b", "é" * 20, "x" * 5000]


@pytest.mark.parametrize("text", BREAKS)
def test_no_value_of_a_request_becomes_a_header(
    provider: Provider, browser: Browser, text: str
) -> None:
    browser.sign_in()
    sent = quote(text, safe="")
    answers = [
        browser.get(f"/audit/?q={sent}"),
        browser.get(f"/account/?cursor={sent}"),
        browser.get(f"{START}?login_hint={sent}&next={sent}"),
        browser.get(f"/oidc/callback/?error={sent}&state=x"),
        browser.get(f"/enforcement/skill/{sent}/"),
        browser.get(f"/log/tile/0/{sent}"),
        browser.get("/account/", HTTP_X_REQUEST_ID=text),
        browser.get("/approvals/waiting/", HTTP_HX_REQUEST="true", HTTP_HX_CURRENT_URL=text),
        Client().get(f"/v1/auth/token?connection={sent}", HTTP_HOST=HOST, HTTP_AUTHORIZATION=text),
    ]
    for answer in answers:
        assert answer.status_code < 500
        assert "X-Evil" not in answer and "evil" not in answer.cookies
        for name, value in answer.items():
            assert "\n" not in value and "\r" not in value and "\0" not in value, name
        assert len(answer["X-Request-Id"]) <= 64


@pytest.mark.parametrize(
    "path",
    ["/account/%00", "/enforcement/skill/a%00b/", "/audit/?q=%00", "/account/?%00=x", "/v1/%00"],
)
def test_an_address_with_a_nul_is_refused_before_a_query_is_made_of_it(db: None, path: str) -> None:
    """PostgreSQL keeps no NUL; without this it would be a 500."""
    answer = signed_in("operator", "operator", "auditor").get(path, HTTP_HOST=HOST)
    assert answer.status_code == 400


@pytest.mark.parametrize("form", [{"reason": "a\0b"}, {"a\0b": "x"}])
def test_a_form_with_a_nul_is_refused(db: None, form: dict[str, str]) -> None:
    answer = signed_in("auditor", "auditor").post(
        "/account/sessions/end-others/", form, HTTP_HOST=HOST
    )
    assert answer.status_code == 400


def test_a_request_id_is_taken_only_when_it_is_one(db: None) -> None:
    for given in ("short", "with space in it", "x" * 65, "-begins-wrongly", "<script>1234"):
        assert (
            Client().get("/healthz", HTTP_HOST=HOST, HTTP_X_REQUEST_ID=given)["X-Request-Id"]
            != given
        )
    right = Client().get("/healthz", HTTP_HOST=HOST, HTTP_X_REQUEST_ID="a-good-id.0001")
    assert right["X-Request-Id"] == "a-good-id.0001"


# Bodies.

_MANY = 3_000_000


def _too_large(answer: Answer) -> None:
    assert answer.status_code == 413
    assert "too large" in answer.content.decode().lower()
    assert not EventRow.objects.exists()


@pytest.mark.parametrize(
    "path",
    ["/oidc/logout/", "/oidc/backchannel-logout/", "/account/sessions/end-others/", "/nothing/"],
)
@pytest.mark.parametrize("kind", ["form", "multipart", "file", "json", "unnamed"])
def test_a_form_beyond_measure_is_refused_before_it_is_read(db: None, path: str, kind: str) -> None:
    """Files count too: no form of ours takes one, and none may fill the disk."""
    boundary = "BoUnDaRy"
    file = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="f"; filename="f.bin"\r\n\r\n'
        f"{'x' * _MANY}\r\n--{boundary}--\r\n"
    )
    bodies = {
        "form": ("application/x-www-form-urlencoded", "a=" + "x" * _MANY),
        "multipart": (
            f"multipart/form-data; boundary={boundary}",
            file.replace("; filename", "; x"),
        ),
        "file": (f"multipart/form-data; boundary={boundary}", file),
        "json": ("application/json", '"' + "x" * _MANY + '"'),
        "unnamed": ("", "x" * _MANY),
    }
    of_type, body = bodies[kind]
    _too_large(Client().generic("POST", path, body, content_type=of_type, HTTP_HOST=HOST))


@pytest.mark.parametrize("path", ["/v1/decisions", "/v1/audit/events", "/v1/session"])
def test_a_call_beyond_measure_is_a_problem_in_words(provider: Provider, path: str) -> None:
    answer = Client().post(path, "x" * _MANY, content_type="application/json", HTTP_HOST=HOST)
    _too_large(answer)
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "too_large"


def test_more_fields_than_any_form_has_are_refused(db: None) -> None:
    body = "&".join(f"f{n}=1" for n in range(1200))
    client = signed_in("auditor", "auditor", csrf=True)
    client.get("/account/", HTTP_HOST=HOST)
    answer = client.post(
        "/account/sessions/end-others/", body, "application/x-www-form-urlencoded", HTTP_HOST=HOST
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("query", ["&".join(f"a{n}=1" for n in range(1200)), "q=" + "x" * 30_000])
def test_a_query_without_end_is_no_mistake_of_ours(db: None, query: str) -> None:
    for path in ("/audit/", START, "/oidc/callback/", "/connections/inventory/"):
        client = signed_in("auditor", "auditor")
        assert client.get(f"{path}?{query}", HTTP_HOST=HOST).status_code in {
            200,
            302,
            400,
            422,
            503,
        }

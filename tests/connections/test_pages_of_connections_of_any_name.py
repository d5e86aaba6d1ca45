"""Pages about connections and freezes lead where they say, whatever a name is."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import unquote, urlsplit

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import Resolver404, resolve

from approvals import clock
from connections.models import ConnectedAccount, Freeze, ManifestNeed
from tests.enforcement.browsing import ISSUER, browser
from tests.enforcement.test_pages_of_any_name_render import as_a_browser
from tests.support.sign_in import SUBS

pytestmark = pytest.mark.django_db
HOST = urlsplit(django_settings.PORTAL_URL).netloc
NAMES = ["..", ".", "a/b", "a/../b", "../../service/x", "%2E%2E", "a\nb", "?q#x"]


@pytest.fixture
def admin() -> Client:
    return browser("admin", "admin", "operator", "auditor")


def links(client: Client, page: str) -> list[str]:
    """Where links and forms of a page lead a browser."""
    got = client.get(page, HTTP_HOST=HOST)
    assert got.status_code == 200, page
    found = re.findall(r'(?:href|action)="(/connections/[^"?#]*)', got.content.decode())
    return [as_a_browser(unescape(link)) for link in found]


def leads(client: Client, page: str, view: str) -> list[tuple[str, dict[str, object]]]:
    """Links of a page to that view, and what they are about."""
    found = []
    for link in links(client, page):
        try:
            one = resolve(unquote(link))
        except Resolver404:
            pytest.fail(f"{page} links to {link}, where nothing is", pytrace=False)
        if one.url_name == view:
            found.append((link, one.kwargs))
    return found


@pytest.fixture
def account(request: pytest.FixtureRequest) -> ConnectedAccount:
    now = clock.now()
    return ConnectedAccount.objects.create(
        iss=ISSUER, sub=SUBS["admin"], connection=request.param, auth0_id="cac_1", label="own",
        scopes=["repo"], state="needs_reconnect", state_since=now, source="management",
        seen_at=now, watched_since=now,
    )  # fmt: skip


@pytest.mark.parametrize("account", NAMES, indirect=True, ids=ascii)
def test_settings_of_a_connection_of_any_name_are_set_or_refused_in_words(
    admin: Client, account: ConnectedAccount
) -> None:
    [(link, about)] = leads(admin, "/connections/settings/", "setting")
    assert about == {"connection": account.connection}
    assert admin.get(link, HTTP_HOST=HOST).status_code == 200
    said = admin.post(link, {"wake": "use", "sleeps": "on", "idle": "7"}, HTTP_HOST=HOST)
    assert said.status_code == 422 and "Name a connection" in said.content.decode()


@pytest.mark.parametrize("account", NAMES, indirect=True, ids=ascii)
def test_rules_of_a_connection_of_any_name_are_set_or_refused_in_words(
    admin: Client, account: ConnectedAccount
) -> None:
    [(link, about)] = leads(admin, "/connections/scopes/", "scope-rules")
    assert about == {"connection": account.connection}
    rules = {"excess": "refuse", "allow_for_s": "300"}
    said = admin.post(link, rules, HTTP_HOST=HOST, follow=True)
    assert said.status_code == 200 and "Nothing was changed." in said.content.decode()


@pytest.mark.parametrize("account", NAMES, indirect=True, ids=ascii)
def test_a_connection_of_any_name_is_connected_again(
    admin: Client, account: ConnectedAccount, github_mcp: object
) -> None:
    ManifestNeed.objects.update(connection=account.connection)
    for page in ("/connections/", f"/connections/{account.pk}/"):
        found = leads(admin, page, "connect")
        assert found
        for link, about in found:
            assert about == {"connection": account.connection}
            assert admin.get(link, HTTP_HOST=HOST).status_code in {200, 404}


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("kind", ["agent", "person", "service"])
def test_what_is_frozen_is_unfrozen_whatever_its_name(admin: Client, kind: str, name: str) -> None:
    said = {"kind": kind, f"name_{kind}": name, "new": "on", "reason": "x"}
    done = admin.post("/connections/freeze/now/", said, HTTP_HOST=HOST, follow=True)
    assert done.status_code in {200, 422}
    if not Freeze.objects.exists():
        assert "Nothing was frozen" in done.content.decode() or "no " in done.content.decode()
        Freeze.objects.create(kind=kind, name=name, by="auth0|x", since="2026-11-28T20:00:00Z")
    [(link, about)] = leads(admin, "/connections/freeze/", "unfreeze")
    assert about == {"kind": kind, "name": name}
    done = admin.post(link, {"reason": "x"}, HTTP_HOST=HOST, follow=True)
    assert done.status_code == 200, "it waits for an approval, or says why not"

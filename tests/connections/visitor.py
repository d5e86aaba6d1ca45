"""A person in one browser that visits the portal (in this process) and the tenant (over HTTP)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.test import Client

from approvals import auth0_clients
from approvals.models import Person
from auth0_client.grants.device import Granted
from tests.support.sign_in import API, SUBS
from tests.support.tenant import Browser, LocalTenant
from tests.tenant.vault_actors import Member, MyAccount

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse

type Answer = _MonkeyPatchedWSGIResponse
"""What Django's test client returns; its type exists for the type checker only."""

type Page = httpx.Response | Answer

_of_themselves: dict[tuple[str, str], str] = {}
"""Tokens that people have got for their own accounts, by tenant and person."""


def subject(who: str) -> str:
    """The subject of an account by the first part of its e-mail address."""
    return SUBS[who]


def know(*who: str, **roles: str) -> None:
    """Put people into the directory, as a sign-in or a sync would."""
    for one in who:
        name = re.sub(r"\d", "", one)
        role = [name] if name in {"auditor", "operator", "admin"} else []
        Person.objects.update_or_create(
            iss=settings.ENV.issuer,
            sub=SUBS[one],
            defaults={
                "name": NAMES[one],
                "email": f"{one}@acme.example",
                "roles": role,
                "updated": "2026-01-01T00:00:00Z",
            },
        )


NAMES = {
    "auditor": "Ada Auditor",
    "operator": "Olu Operator",
    "operator2": "Oona Operator",
    "admin": "Amir Admin",
    "admin2": "Anya Admin",
    "member1": "Mia Member",
    "member2": "Milo Member",
}


@dataclass
class Visitor:
    """Follows redirects between the portal and the tenant as a browser would."""

    tenant: LocalTenant
    who: str
    client: Client = field(default_factory=Client)
    browser: Browser = field(init=False)
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.browser = self.tenant.browser()

    def sign_in(self) -> Visitor:
        """Sign in to the portal at the tenant."""
        self.follow(self.client.get("/oidc/authenticate/", HTTP_HOST=_host()))
        return self

    def get(self, path: str, **headers: Any) -> Answer:
        """A page of the portal, without following."""
        return self.client.get(path, HTTP_HOST=_host(), **headers)

    def post(self, path: str, data: dict[str, str] | None = None, **headers: Any) -> Answer:
        """A form of the portal, without following."""
        return self.client.post(path, data or {}, HTTP_HOST=_host(), **headers)

    def follow(self, page: Page, **consent: str) -> Page:
        """Follow redirects and answer the tenant's own pages until the portal shows one.

        `consent` goes to the provider's page: `answer=allow|cancel`, `other=<account>`.
        """
        for _ in range(20):
            target = _next(page)
            if target is not None:
                page = self.open(target)
            elif isinstance(page, httpx.Response):
                page = self._answer(page, consent)
            else:
                return page
        raise AssertionError(f"going in circles: {self.trace}")

    def open(self, url: str) -> Page:
        """One address, wherever it is."""
        self.trace.append(url)
        parts = urlsplit(url)
        if parts.netloc == urlsplit(self.tenant.url).netloc:
            return self.browser.http.get(url)
        return self.get(parts.path + (f"?{parts.query}" if parts.query else ""))

    def _answer(self, page: httpx.Response, consent: dict[str, str]) -> httpx.Response:
        assert page.status_code == 200, page.text[:500]
        if 'name="sub"' in page.text:
            return self._submit(page, sub=SUBS[self.who], mfa="on")
        assert consent, f"the tenant asks something: {page.text[:800]}"
        return self._submit(page, **consent)

    def _submit(self, page: httpx.Response, **fields: str) -> httpx.Response:
        action = re.search(r'<form method="post" action="([^"]*)"', page.text)
        assert action, page.text[:800]
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
        data = {name: unescape(value) for name, value in hidden} | fields
        headers = {"Referer": str(page.url), "Origin": self.tenant.url}
        return self.browser.http.post(unescape(action[1]), data=data, headers=headers)


def _host() -> str:
    return urlsplit(settings.PORTAL_URL).netloc


def _next(page: Page) -> str | None:
    if isinstance(page, httpx.Response):
        return str(page.url.join(page.headers["location"])) if page.is_redirect else None
    if page.status_code in {301, 302, 303}:
        location = page["Location"]
        return location if "://" in location else settings.PORTAL_URL + location
    refresh = page.get("Refresh", "")
    return refresh.partition("url=")[2] or None


def device_token(tenant: LocalTenant, who: str) -> str:
    """An access token of the command line, by a real device flow."""
    device = auth0_clients.auth0().device
    started = device.start(scope="openid offline_access", audience=API)
    browser = tenant.browser()
    assert started.verification_uri_complete
    page = browser.sign_in(browser.get(started.verification_uri_complete), SUBS[who])
    browser.submit(page, action="confirm")
    browser.http.close()
    granted = device.poll(started.device_code)
    assert isinstance(granted, Granted), granted
    return granted.tokens.access_token


@dataclass(frozen=True)
class Gateway:
    """Calls the portal's API with one token."""

    token: str
    client: Client = field(default_factory=Client)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """A call; `headers` by their HTTP names with underscores."""
        sent = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        if self.token:
            sent["HTTP_AUTHORIZATION"] = f"Bearer {self.token}"
        kwargs: dict[str, Any] = {"HTTP_HOST": _host(), **sent}
        if body is not None:
            kwargs |= {"data": body, "content_type": "application/json"}
        answer: Answer = getattr(self.client, method.lower())(path, **kwargs)
        return answer

    def exchange(
        self, connection: str = "github", skill: str = "mcp:github-mcp", scopes: str = ""
    ) -> Answer:
        """`GET /v1/auth/token`."""
        headers = {"ata_agent": "release-bot"}
        if skill:
            headers["ata_skill"] = skill
        if scopes:
            headers["ata_scopes"] = scopes
        return self.call("GET", f"/v1/auth/token?connection={connection}", **headers)


@contextmanager
def at_vault(tenant: LocalTenant, who: str, *, fresh: bool = False) -> Iterator[MyAccount]:
    """Somebody's connected accounts in their own hands; they sign in the first time, when that has
    ended, and when they need a browser that is signed in (`fresh`)."""
    browser, key = tenant.browser(), (tenant.url, who)
    member = Member(tenant, browser, who)
    mine = MyAccount(member, _of_themselves.get(key, ""))
    try:
        if fresh or not mine.token or mine.call("GET", "accounts").status_code == 401:
            mine = member.me()
            _of_themselves[key] = mine.token
        yield mine
    finally:
        browser.http.close()


def empty_vault(tenant: LocalTenant, who: str) -> None:
    """Delete every connected account of a person at the tenant, with their own token."""
    with at_vault(tenant, who) as mine:
        for account in mine.accounts():
            assert mine.call("DELETE", f"accounts/{account['id']}").status_code == 204


def fill_vault(tenant: LocalTenant, who: str, connection: str, login: str, *scopes: str) -> str:
    """Connect an account at the tenant, past the portal; returns its Auth0 id."""
    with at_vault(tenant, who, fresh=True) as mine:
        done = mine.connect(connection, login, **({"scopes": list(scopes)} if scopes else {}))
    assert done.status_code == 201, done.text
    return str(done.json()["id"])

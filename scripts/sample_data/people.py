"""People of the sample data: each has a browser at the local tenant, a command line and a phone.

Only the standard library and no code of ours beyond the environment: they act from outside.
"""

from __future__ import annotations

import http.cookiejar
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from html import unescape
from typing import Any

from portal.env import env, kept_secret

_PATIENCE_S = 60.0


class Person:
    """Somebody with a browser at the tenant and a command line at the portal."""

    def __init__(self, name: str) -> None:
        self.email = f"{name}@acme.example"
        jar = http.cookiejar.CookieJar()
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        self.sub = ""
        self.token = ""

    def sign_in(self) -> None:
        """The device flow: start, sign in at the tenant, confirm the code, collect the tokens."""
        started = self._form(
            "oauth/device/code",
            client_id=env.AUTH0_CLI_CLIENT_ID,
            scope="openid profile email offline_access",
            audience=env.AUTH0_API_AUDIENCE,
        )
        page = self._open(started["verification_uri_complete"])
        if 'name="sub"' in page.text:
            page = self._submit(page, sub=_sub_of(page.text, self.email), mfa="on")
        self._submit(page, action="confirm")
        time.sleep(started["interval"])
        tokens = self._form(
            "oauth/token",
            grant_type="urn:ietf:params:oauth:grant-type:device_code",
            device_code=started["device_code"],
            client_id=env.AUTH0_CLI_CLIENT_ID,
        )
        self.token = tokens["access_token"]
        self.sub = self.call("POST", "session", {"id_token": tokens["id_token"]})["sub"]

    def call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """One call of `/v1`, sent again while the portal says that it is too busy (503)."""
        request = urllib.request.Request(  # noqa: S310
            f"{env.portal_url}/v1/{path}",
            data=json.dumps(body).encode() if body is not None else None,
            method=method,
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                **(headers or {}),
            },
        )
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                    found: dict[str, Any] = json.load(answer)
                return found
            except urllib.error.HTTPError as busy:
                if busy.code != 503 or time.monotonic() > until:
                    raise
                time.sleep(float(busy.headers.get("Retry-After") or 1))

    def _form(self, path: str, **fields: str) -> dict[str, Any]:
        data = urllib.parse.urlencode(fields).encode()
        with urllib.request.urlopen(env.issuer + path, data, timeout=30) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
        return found

    def _open(self, url: str, data: bytes | None = None, referer: str = "") -> Page:
        headers = {"Referer": referer, "Origin": env.issuer.rstrip("/")} if referer else {}
        request = urllib.request.Request(url, data=data, headers=headers)  # noqa: S310
        with self._browser.open(request, timeout=30) as answer:
            return Page(answer.url, answer.read().decode())

    def _submit(self, page: Page, **fields: str) -> Page:
        action, hidden = page.form()
        data = urllib.parse.urlencode(hidden | fields).encode()
        return self._open(urllib.parse.urljoin(page.url, action), data, page.url)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the tenant."""

    url: str
    text: str

    def form(self) -> tuple[str, dict[str, str]]:
        """Where its main form posts to, and the hidden fields of that form."""
        inside = self.text.partition("<main")[2] or self.text
        form = re.search(r'<form method="post" action="([^"]*)".*?</form>', inside, re.DOTALL)
        if form is None:
            raise RuntimeError(f"no form on {self.url}")
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[0])
        return unescape(form[1]), {name: unescape(value) for name, value in hidden}


def _sub_of(page: str, email: str) -> str:
    for button in re.findall(
        r'<button[^>]*name="sub" value="([^"]+)".*?</button>', page, re.DOTALL
    ):
        whole = page[page.index(f'value="{button}"') :]
        if email in whole[: whole.index("</button>")]:
            return unescape(button)
    raise RuntimeError(f"{email} is not offered on the sign-in page")


class Phones:
    """Every phone at once, by the tenant's own form endpoints and its loopback control token."""

    def __init__(self) -> None:
        self._token = kept_secret(env.VAR_DIR, "TENANT_CONTROL_TOKEN")

    def answer(self, sub: str, code: str, verdict: str) -> bool:
        """Approve or deny the request that shows `code` on this phone, once it is there."""
        for _ in range(60):
            consent = self._find(sub, code)
            if consent:
                return self._post(f"phone/{urllib.parse.quote(sub, safe='')}/{consent}/{verdict}")
            time.sleep(0.25)
        return False

    def _find(self, sub: str, code: str) -> str:
        page = self._get(f"phone/{urllib.parse.quote(sub, safe='')}/feed")
        for part in page.split("<article")[1:]:
            card = part.partition("</article>")[0]  # what follows the last one is no question
            if code in card and (found := re.search(r'action="[^"]*/([^/"]+)/approve"', card)):
                return found[1]
        return ""

    def _get(self, path: str) -> str:
        request = urllib.request.Request(  # noqa: S310
            env.issuer + path, headers={"Tenant-Control-Token": self._token}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return str(answer.read().decode())

    def _post(self, path: str) -> bool:
        request = urllib.request.Request(  # noqa: S310
            env.issuer + path, data=b"", headers={"Tenant-Control-Token": self._token}
        )
        try:
            with urllib.request.urlopen(request, timeout=30):  # noqa: S310
                return True
        except urllib.error.HTTPError as refused:
            return refused.code == 409  # already answered

"""The parties of a backchannel request, over HTTP: the application that asks, the phone asked."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import httpx

from local.tenant.directory.demo_accounts import ACCOUNTS
from tests.support.tenant import Browser, LocalTenant

SUBS = {account.email.partition("@")[0]: account.sub for account in ACCOUNTS}
APPROVALS = "https://ata.local/approvals"
INTENT_TYPE = "urn:auth0:schemas:authorization-details:v1:ata-intent"
INTENT_HASH = "9f3c71d0" * 8
DETAILS: list[dict[str, Any]] = [
    {
        "type": INTENT_TYPE,
        "instruction": "Block skill pdf-exfil on all gateways",
        "properties": {
            "intent_hash": {
                "display": True,
                "name": "Intent",
                "display_order": 3,
                "value": INTENT_HASH,
            },
            "verb": {"display": True, "name": "Act", "display_order": 1, "value": "skill.block"},
            "target": {
                "display": True,
                "name": "Target",
                "display_order": 2,
                "value": "<b>pdf-exfil</b>",
            },
            "secret_note": {"display": False, "name": "Unseen", "value": "not for the screen"},
        },
    }
]


@dataclass(frozen=True, slots=True)
class Asker:
    """The web application."""

    tenant: LocalTenant
    client_id: str = "ata-web"

    def start(self, who: str = "operator", /, **changes: str | None) -> httpx.Response:
        """`POST /bc-authorize` asking `who`; a None value leaves the parameter out."""
        hint = {"format": "iss_sub", "iss": self.tenant.issuer, "sub": SUBS[who]}
        form: dict[str, str | None] = {
            "client_id": self.client_id,
            "client_secret": self.tenant.secrets.web,
            "login_hint": json.dumps(hint),
            "scope": "openid",
            "binding_message": "42-17-08",
            "audience": APPROVALS,
            "authorization_details": json.dumps(DETAILS),
        }
        form |= changes
        sent = {name: value for name, value in form.items() if value is not None}
        return httpx.post(f"{self.tenant.url}/bc-authorize", data=sent)

    def ask(self, who: str = "operator", /, **changes: str | None) -> str:
        """Start and return the `auth_req_id`."""
        answer = self.start(who, **changes)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["auth_req_id"])

    def poll(self, auth_req_id: str) -> httpx.Response:
        """One poll."""
        return httpx.post(
            f"{self.tenant.url}/oauth/token",
            data={
                "grant_type": "urn:openid:params:grant-type:ciba",
                "auth_req_id": auth_req_id,
                "client_id": self.client_id,
                "client_secret": self.tenant.secrets.web,
            },
        )

    def logged(self, code: str) -> list[dict[str, Any]]:
        """Tenant log events of one type, newest first, through the Management API."""
        answer = httpx.get(
            f"{self.tenant.url}/api/v2/logs",
            params={"q": f'type:"{code}"', "sort": "date:-1", "per_page": "50"},
            headers={"Authorization": f"Bearer {management_token(self.tenant)}"},
        )
        assert answer.status_code == 200, answer.text
        return list(answer.json())


@dataclass(frozen=True, slots=True)
class Phone:
    """A person's phone in a browser of its own."""

    browser: Browser
    who: str

    @property
    def path(self) -> str:
        return f"/phone/{SUBS[self.who]}/"

    def pick_up(self) -> httpx.Response:
        return self.browser.submit(self.browser.get(self.path))

    def waiting(self) -> list[str]:
        """Ids of the open questions on the screen."""
        return re.findall(
            r'<article class="ask" id="(cns_[^"]+)"', self.browser.get(self.path).text
        )

    def approve(self) -> httpx.Response:
        return self.browser.submit(self.browser.get(self.path))

    def deny(self, reason: str = "") -> httpx.Response:
        page = self.browser.get(self.path)
        deny = re.search(r'formaction="([^"]+)"', page.text)
        assert deny, page.text
        csrf = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert csrf
        answer = self.browser.http.post(
            deny[1],
            data={"csrfmiddlewaretoken": csrf[1], "reason": reason},
            headers={"Referer": str(page.url), "Origin": self.browser.url},
        )
        return self.browser.get(str(answer.headers["location"]))


def management_token(tenant: LocalTenant) -> str:
    """A client-credentials token for the Management API."""
    answer = httpx.post(
        f"{tenant.url}/oauth/token",
        json={
            "grant_type": "client_credentials",
            "client_id": "ata-mgmt",
            "client_secret": tenant.secrets.mgmt,
            "audience": f"{tenant.issuer}api/v2/",
        },
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])

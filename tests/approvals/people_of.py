"""The cast of the pipeline's tests, and their phones at the tenant."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import httpx
from django.conf import settings

from approvals import people_and_roles
from approvals.models import Person
from audit.recording.actors import Actor
from tests.support.sign_in import SUBS
from tests.support.tenant import LocalTenant

CONTROL = "control-token-of-the-tests"
NAMES = {
    "operator": "Olu Operator",
    "operator2": "Oona Operator",
    "auditor": "Ada Auditor",
    "admin": "Amir Admin",
    "member1": "Mia Member",
    "member2": "Milo Member",
}


def known(who: str, *roles: str, on_call: int = 100) -> Person:
    """A person in the directory."""
    person = people_and_roles.note_person(
        iss=settings.ENV.issuer,
        sub=SUBS[who],
        name=NAMES[who],
        email=f"{who}@acme.example",
        roles=roles,
    )
    Person.objects.filter(pk=person.pk).update(on_call=on_call)
    return person


def acting(who: str, *roles: str) -> Actor:
    """A person as they act on the web, right after a sign-in with a second factor."""
    return replace(known(who, *roles).as_actor(via="web"), fresh=True)


@dataclass(frozen=True, slots=True)
class Phones:
    """Everybody's phone at the tenant, answered with its control token."""

    tenant: LocalTenant

    def page(self, who: str) -> str:
        """What a person's phone shows."""
        page = httpx.get(f"{self.tenant.url}/phone/{SUBS[who]}/", headers=self._headers())
        assert page.status_code == 200, page.text[:300]
        return page.text

    def waiting(self, who: str) -> dict[str, str]:
        """Open requests on a person's phone: code → consent id."""
        cards = re.split(r'(?=<article class="ask" id=")', self.page(who))[1:]
        found = {}
        for card in cards:
            consent = re.match(r'<article class="ask" id="(cns_[^"]+)"', card)
            code = re.search(r"\d\d-\d\d-\d\d", card)
            if consent and code:
                found[code[0]] = consent[1]
        return found

    def answer(self, who: str, code: str, word: str, reason: str = "") -> None:
        """Approve or deny the request that shows `code`."""
        consent = self.waiting(who)[code]
        url = f"{self.tenant.url}/phone/{SUBS[who]}/{consent}/{word}"
        done = httpx.post(url, data={"reason": reason}, headers=self._headers())
        assert done.status_code == 204, done.text[:300]

    @staticmethod
    def _headers() -> dict[str, str]:
        return {"Tenant-Control-Token": CONTROL}

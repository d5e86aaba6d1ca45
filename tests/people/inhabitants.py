"""Somebody with an account, an application and a live token, for pages of people."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

from django.conf import settings
from django.test import Client

from approvals import clock
from approvals.models import Passkey, Person
from audit.recording.actors import Actor
from connections.models import AppAccess, ConnectedAccount, State
from tests.support.sign_in import SUBS


def person(who: str) -> Person:
    """The row of the directory of somebody who signed in."""
    return Person.objects.get(iss=settings.ENV.issuer, sub=SUBS[who])


def actor(who: str, *, fresh: bool = True) -> Actor:
    """Somebody who acts in a browser with the roles of the directory."""
    return replace(person(who).as_actor("web"), fresh=fresh)


def account(who: str, label: str = "octo", *, live_s: float = 0) -> ConnectedAccount:
    """A connected GitHub account, whose last token works for so many seconds more."""
    now = clock.now()
    until = now + timedelta(seconds=live_s) if live_s else None
    return ConnectedAccount.objects.create(
        iss=settings.ENV.issuer, sub=SUBS[who], connection="github", auth0_id=f"cac_{label}",
        label=label, state=State.CONNECTED, state_since=now, source="management", seen_at=now,
        watched_since=now, last_token_expires_at=until,
    )  # fmt: skip


def application(who: str, name: str = "ATA CLI") -> AppAccess:
    """A refresh token by which an application acts as somebody."""
    now = clock.now()
    return AppAccess.objects.create(
        iss=settings.ENV.issuer, sub=SUBS[who], kind="refresh_token", auth0_id=f"rt_{name}",
        client_id="cli", client_name=name, state_since=now, first_seen=now, seen_at=now,
    )  # fmt: skip


def text(client: Client, url: str) -> str:
    """What a page says, in one line."""
    answer = client.get(url)
    assert answer.status_code == 200, answer.status_code
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def passkey(who: str) -> Passkey:
    """A passkey of somebody's own."""
    return Passkey.objects.create(
        handle=f"key-of-{who}"[:22], credential_id=f"c-{who}", public_key=b"k", algorithm=-7,
        person=person(who), rp_id="localhost", name="Laptop", attestation="none",
        enrolled=clock.now(), enrolled_by="x",
    )  # fmt: skip

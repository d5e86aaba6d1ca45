"""A signed-in browser for page tests, without the sign-in itself (tests/accounts covers that)."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from accounts.models import SignedInSession, User
from accounts.sessions.hashed_key_store import stored_key
from accounts.sessions.service import SESSION_ID
from approvals import people_and_roles
from approvals.views import open_work_for_person
from portal.pages import context, ledger_status
from tests.support.sign_in import SUBS
from ui import outage_banners

NAMES = {
    "auditor": "Ada Auditor",
    "operator": "Olu Operator",
    "operator2": "Oona Operator",
    "admin": "Amir Admin",
    "admin2": "Anya Admin",
    "member1": "Mia Member",
    "member2": "Milo Member",
}


def signed_in(who: str, *roles: str, csrf: bool = False, amr: tuple[str, ...] = ("mfa",)) -> Client:
    """A client with a live session of that person; `csrf` makes it check tokens as servers do."""
    now = datetime.now(UTC)
    user, _ = User.objects.update_or_create(
        iss=settings.ENV.issuer,
        sub=SUBS[who],
        defaults={"name": NAMES[who], "email": f"{who}@acme.example", "roles": [*roles]},
    )
    people_and_roles.note_person(
        iss=user.iss, sub=user.sub, name=user.name, email=user.email, roles=roles
    )
    client = Client(enforce_csrf_checks=csrf)
    client.force_login(user, backend="accounts.oidc_backend.OperatorBackend")
    session = client.session
    session[SESSION_ID] = secrets.token_hex(8)
    session.save()
    SignedInSession.objects.create(
        user=user,
        session_key=stored_key(session.session_key),
        public_id=session[SESSION_ID],
        auth_time=now,
        auth_time_said=True,
        amr=[*amr],
        ip="127.0.0.1",
        user_agent=f"Browser of {who}",
        created=now,
        last_seen=now,
    )
    return client


def keep_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what surrounds every page longer than its two seconds, which a busy machine exceeds."""
    cache.clear()  # what an earlier test left there ends in two seconds
    for module in (context, ledger_status, outage_banners, open_work_for_person):
        monkeypatch.setattr(module, "_FOR_S", 300)

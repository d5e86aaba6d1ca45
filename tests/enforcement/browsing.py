"""A signed-in browser for page tests, without the sign-in itself."""

from __future__ import annotations

from datetime import UTC, datetime

from django.test import Client

from accounts.models import SignedInSession, User
from accounts.sessions.hashed_key_store import stored_key
from accounts.sessions.service import SESSION_ID
from approvals import people_and_roles
from tests.support.sign_in import SUBS

ISSUER = "https://issuer.test/"


def browser(who: str, *roles: str, name: str = "", csrf: bool = False) -> Client:
    """A client with a live session of that person; `csrf` makes it check tokens as servers do."""
    now = datetime.now(UTC)
    user, _ = User.objects.update_or_create(
        iss=ISSUER,
        sub=SUBS[who],
        defaults={"name": name or who.title(), "email": f"{who}@acme.example", "roles": [*roles]},
    )
    people_and_roles.note_person(
        iss=ISSUER, sub=user.sub, name=user.name, email=user.email, roles=roles
    )
    client = Client(enforce_csrf_checks=csrf)
    client.force_login(user, backend="accounts.oidc_backend.OperatorBackend")
    session = client.session
    session[SESSION_ID] = f"s-{who}"
    session.save()
    SignedInSession.objects.create(
        user=user,
        session_key=stored_key(session.session_key),
        public_id=f"s-{who}",
        auth_time=now,
        created=now,
        last_seen=now,
    )
    return client

"""A browser of a signed-in person, without a browser engine."""

from __future__ import annotations

import secrets

from django.test import Client

from accounts.models import SignedInSession, User
from accounts.sessions.hashed_key_store import stored_key
from accounts.sessions.service import SESSION_ID
from approvals import clock
from audit.recording.actors import Actor


def browser_of(person: Actor, *, csrf: bool = False) -> Client:
    """A client that signed in as `person` just now with a second factor."""
    user, _ = User.objects.update_or_create(
        iss=person.iss,
        sub=person.sub,
        defaults={"name": person.name, "email": person.email, "roles": sorted(person.roles)},
    )
    client = Client(enforce_csrf_checks=csrf)
    client.force_login(user, backend="accounts.oidc_backend.OperatorBackend")
    now = clock.now()
    signed_in = SignedInSession.objects.create(
        user=user,
        session_key=stored_key(client.session.session_key),
        public_id=secrets.token_hex(8),
        auth_time=now,
        auth_time_said=True,
        amr=["mfa"],
        created=now,
        last_seen=now,
    )
    session = client.session
    session[SESSION_ID] = signed_in.public_id
    session.save()
    return client


def text_of(response: object) -> str:
    """The body of a response as text."""
    return response.content.decode()  # type: ignore[attr-defined,no-any-return]

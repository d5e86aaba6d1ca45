"""A break-glass session: short, never renewed, and labelled in everything it does."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib import auth
from django.db import transaction
from django.http import HttpRequest

from accounts.break_glass.open_until import open_until
from accounts.models import BreakGlassAccount, SignedInSession, User
from accounts.sessions import service
from accounts.sessions.hashed_key_store import stored_key
from approvals import clock
from audit.recording.actors import Target
from audit.recording.record import record

LASTS = timedelta(minutes=30)
ACR = "urn:ata:break-glass"
KIND = "account"
ROLES = ("auditor", "operator")


def begin(request: HttpRequest, account: BreakGlassAccount, factor: str) -> SignedInSession:
    """Log the account in for at most half an hour; `breakglass.used` is recorded."""
    now = clock.now()
    ends = min(now + LASTS, open_until() or now)
    with transaction.atomic():
        user, _ = User.objects.update_or_create(
            iss=settings.PORTAL_URL,
            sub=subject(account.name),
            defaults={
                "name": f"{account.name} (break-glass)",
                "roles": list(ROLES),
                "last_seen": now,
            },
        )
        end_all(account.name)
        service.forget_browser(request)
        request.session.flush()
        auth.login(request, user, backend="accounts.oidc_backend.OperatorBackend")
        request.session.set_expiry(ends)
        request.session.save()
        session = SignedInSession.objects.create(
            user=user,
            session_key=stored_key(request.session.session_key),
            public_id=secrets.token_hex(8),
            auth_time=now,
            auth_time_said=False,  # it is we who say it
            amr=["pwd", "mfa", factor],
            acr=ACR,
            ip=request.META.get("REMOTE_ADDR") or None,
            user_agent=request.headers.get("User-Agent", "")[:300],
            created=now,
            last_seen=now,
            ends_at=ends,
        )
        request.session[service.SESSION_ID] = session.public_id
        record(
            service.actor_of(request, user, session),
            "breakglass.used",
            target=Target(KIND, account.name),
            data={"factor": factor, "until": ends.isoformat()},
            private={"ip": session.ip or "", "user_agent": session.user_agent},
        )
    return session


def end_all(name: str) -> None:
    """End every session of an account, wherever its browser is."""
    found = SignedInSession.objects.filter(user__iss=settings.PORTAL_URL, user__sub=subject(name))
    for session in found:
        service.end(session)


def subject(name: str) -> str:
    """The subject of an account; its issuer is the portal itself."""
    return f"breakglass|{name}"

"""Sign-in sessions: one per browser, named by ``sid``, carried by the ``tenant_session`` cookie."""

from __future__ import annotations

from datetime import timedelta

from allauth.idp.oidc.models import Client
from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import rotate_token

from local.tenant import clock
from local.tenant.ids import new_id
from local.tenant.models import LoginSession, Person
from local.tenant.oauth import backchannel_logout
from local.tenant.tenant_log import log_events

_SID = "sid"


def current(request: HttpRequest) -> LoginSession | None:
    """The live session of this browser, or None when nobody is signed in."""
    sid = request.session.get(_SID)
    if not sid:
        return None
    session = LoginSession.objects.select_related("person").filter(sid=sid).first()
    if session is None or not session.is_live(clock.now()) or session.person.blocked:
        return None
    return session


def sign_in(request: HttpRequest, person: Person, *, mfa: bool) -> LoginSession:
    """Sign a person in at the tenant in this browser.

    Signing in again as the same person re-authenticates the running session (same ``sid``); as
    another person it ends that session and starts a new one.
    """
    now = clock.now()
    session = current(request)
    if session is not None and session.person_id == person.pk:
        session.authenticated_at = session.last_seen_at = now
        session.mfa = mfa
        session.save(update_fields=["authenticated_at", "last_seen_at", "mfa"])
    else:
        if session is not None:
            _close(session)
            request.session.flush()
        session = _open(request, person, mfa=mfa)
    request.session[_SID] = session.sid
    request.session.cycle_key()
    rotate_token(request)
    person.last_login = now
    person.logins_count += 1
    person.save(update_fields=["last_login", "logins_count"])
    return session


def visit(session: LoginSession, client: Client) -> None:
    """Note that ``client`` received a token of this session, so that logout reaches it."""
    session.last_seen_at = clock.now()
    session.save(update_fields=["last_seen_at"])
    session.clients.add(client)


def sign_out(request: HttpRequest) -> LoginSession | None:
    """End this browser's session and tell its clients; returns the session that ended."""
    session = current(request)
    if session is not None:
        end(session)
        log_events.write("slo", person=session.person, description="User successfully logged out")
    request.session.flush()
    return session


def end(session: LoginSession) -> None:
    """End a session, wherever its browser is, and send logout tokens to its clients."""
    if session.ended_at is not None:
        return
    _close(session)
    backchannel_logout.announce(session)


def _close(session: LoginSession) -> None:
    session.ended_at = clock.now()
    session.save(update_fields=["ended_at"])


def _open(request: HttpRequest, person: Person, *, mfa: bool) -> LoginSession:
    now = clock.now()
    return LoginSession.objects.create(
        sid=new_id("S_", 32),
        person=person,
        created_at=now,
        authenticated_at=now,
        last_seen_at=now,
        expires_at=now + timedelta(seconds=settings.SESSION_COOKIE_AGE),
        mfa=mfa,
        ip=str(request.META.get("REMOTE_ADDR", "")),
        user_agent=request.headers.get("User-Agent", "")[:400],
    )

"""Signed-in sessions: begin, look up, list, end. Nothing about a token is kept in the session."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.contrib import auth
from django.contrib.sessions.models import Session
from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from accounts.break_glass.open_until import open_until
from accounts.models import SignedInSession, User
from accounts.oidc_backend import SignIn
from accounts.recent_sign_in.requirement import is_fresh
from accounts.sessions.hashed_key_store import stored_key
from approvals import clock
from audit.db.storage_error_kinds import is_not_stored
from audit.recording.actors import Actor, EvidenceRef, Target
from audit.recording.record import record
from ui.request_id import request_id

TOUCH_EVERY = timedelta(minutes=1)
SESSION_ID = "ata_session_id"


def begin(request: HttpRequest, user: User, sign_in: SignIn) -> SignedInSession:
    """Log `user` in under a fresh session key and record the sign-in.

    The person signed in in this browser before, the same one included, no longer is.
    """
    forget_browser(request)
    before = request.session.session_key
    auth.login(request, user, backend="accounts.oidc_backend.OperatorBackend")
    if request.session.session_key == before:  # Django keeps the key for the same person
        request.session.cycle_key()
    key = request.session.session_key
    if key is None:
        request.session.create()
        key = request.session.session_key or ""
    now = clock.now()
    claims = sign_in.claims
    session = SignedInSession.objects.create(
        user=user,
        session_key=stored_key(key),
        public_id=secrets.token_hex(8),
        sid=claims.sid or "",
        auth_time=datetime.fromtimestamp(claims.auth_time or claims.issued_at, UTC),
        auth_time_said=claims.auth_time is not None,
        amr=list(claims.amr),
        acr=claims.acr or "",
        id_token_digest=sign_in.evidence.digest,
        ip=_ip(request),
        user_agent=request.headers.get("User-Agent", "")[:300],
        created=now,
        last_seen=now,
    )
    request.session[SESSION_ID] = session.public_id
    record(
        actor_of(request, user, session),
        "operator.signed_in",
        data={"amr": list(claims.amr), "auth_time": session.auth_time.isoformat()},
        private={"ip": session.ip or "", "user_agent": session.user_agent},
        evidence=[sign_in.evidence],
    )
    return session


def forget_browser(request: HttpRequest) -> None:
    """End the session of the person signed in in this browser."""
    SignedInSession.objects.filter(public_id=request.session.pop(SESSION_ID, "")).delete()


def current(request: HttpRequest) -> SignedInSession | None:
    """The live row of this browser session; None when it was ended elsewhere."""
    public_id = request.session.get(SESSION_ID)
    if not public_id:
        return None
    session = SignedInSession.objects.select_related("user").filter(public_id=public_id).first()
    if session is None or session.session_key != stored_key(request.session.session_key):
        return None
    now = clock.now()
    if session.ends_at is not None and (now >= session.ends_at or open_until() is None):
        end(session)
        return None
    if now - session.last_seen > TOUCH_EVERY:
        _touch(session, now)
    return session


def _touch(session: SignedInSession, now: datetime) -> None:
    """Note the use; people who only read go on where nothing can be stored."""
    try:
        SignedInSession.objects.filter(pk=session.pk).update(last_seen=now)
    except DatabaseError as error:
        if not is_not_stored(error):
            raise


def actor_of(
    request: HttpRequest, user: User, session: SignedInSession | None, via: str = "web"
) -> Actor:
    """Who acts in this request, with the evidence of their sign-in."""
    kept = session.id_token_digest if session else ""
    return Actor(
        iss=user.iss,
        sub=user.sub,
        name=user.name,
        email=user.email,
        roles=frozenset(user.roles),
        via=via,
        session=session.public_id if session else "",
        request=request_id(request),
        ip=_ip(request) or "",
        evidence=(EvidenceRef("id_token", kept),) if kept else (),
        fresh=is_fresh(session),
    )


type Sessions = QuerySet[SignedInSession]


def of(user: User) -> Sessions:
    """Live sessions of a person, the newest use first; one that ran out is none."""
    return live(SignedInSession.objects.filter(user=user)).order_by("-last_seen")


def live(found: Sessions) -> Sessions:
    """Those whose browser's session has not run out."""
    browsers = Session.objects.filter(
        session_key=OuterRef("session_key"), expire_date__gt=clock.now()
    )
    return found.filter(Exists(browsers))


def revoke(
    actor: Actor,
    ended: Sequence[SignedInSession],
    *,
    by: str = "the person, in the portal",
    reason: str = "",
) -> None:
    """End sessions of a person; one `session.revoked` each. `by` says who does, in words."""
    with transaction.atomic():
        for session in ended:
            end(session)
            record(
                actor,
                "session.revoked",
                target=Target("session", session.public_id),
                reason=reason,
                data={"by": by},
                private={"ip": session.ip or "", "user_agent": session.user_agent},
            )


def end(session: SignedInSession) -> None:
    """Remove a session, wherever its browser is."""
    Session.objects.filter(session_key=session.session_key).delete()
    session.delete()


def end_matching(*, iss: str, sid: str = "", sub: str = "") -> int:
    """Back-channel logout: end the session `sid`, all of `sub`, or what is both. Returns how many.

    A token that names a session and a person ends nothing of anybody else's.
    """
    found = SignedInSession.objects.filter(user__iss=iss)
    if sid:
        found = found.filter(sid=sid)
    if sub:
        found = found.filter(user__sub=sub)
    ended = list(found) if sid or sub else []
    for session in ended:
        end(session)
    return len(ended)


def _ip(request: HttpRequest) -> str | None:
    value: str | None = request.META.get("REMOTE_ADDR")
    return value or None
